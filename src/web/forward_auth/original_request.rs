//! Reads the original request of an auth subrequest, strictly.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::header_values::single;
use crate::problem::Problem;
use crate::web::forward_auth::dialect::AUTH;

const NGINX_METHOD: &str = "x-original-method";
/// Path and query of the original request line.
pub(crate) const NGINX_URI: &str = "x-original-uri";
const TRAEFIK_METHOD: &str = "x-forwarded-method";
const TRAEFIK_URI: &str = "x-forwarded-uri";
const TRAEFIK_HOST: &str = "x-forwarded-host";

const UNCLEAR: Problem = Problem::BadRequest("Forwarded headers are missing, repeated or invalid.");

/// The original request.
#[derive(Debug, PartialEq)]
pub(crate) struct Original {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    /// The host, where the subrequest itself has another one.
    pub(crate) host: Option<HeaderValue>,
}

impl Original {
    pub(crate) fn nginx(subrequest_method: &Method, headers: &HeaderMap) -> Result<Self, Problem> {
        let method = method(subrequest_method, one(headers, NGINX_METHOD)?)?;
        Ok(Self { method, target: target(one(headers, NGINX_URI)?)?, host: None })
    }

    pub(crate) fn traefik(
        subrequest_method: &Method,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let method = method(subrequest_method, one(headers, TRAEFIK_METHOD)?)?;
        let host = Some(one(headers, TRAEFIK_HOST)?.clone());
        Ok(Self { method, target: target(one(headers, TRAEFIK_URI)?)?, host })
    }

    /// Envoy uses the method of the original request, and appends its path to ours.
    pub(crate) fn envoy(subrequest_method: &Method, uri: &Uri) -> Result<Self, Problem> {
        let path = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
        let original = path.strip_prefix(AUTH).ok_or(UNCLEAR)?;
        let original = HeaderValue::from_str(original).map_err(|_| UNCLEAR)?;
        Ok(Self { method: subrequest_method.clone(), target: target(&original)?, host: None })
    }
}

/// The only value of a header.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h HeaderValue, Problem> {
    single(headers, name).ok_or(UNCLEAR)
}

/// The method of the original request: the subrequest has the same, or GET.
fn method(subrequest_method: &Method, named: &HeaderValue) -> Result<Method, Problem> {
    let named = Method::from_bytes(named.as_bytes()).map_err(|_| UNCLEAR)?;
    if *subrequest_method == Method::GET || *subrequest_method == named {
        Ok(named)
    } else {
        Err(UNCLEAR)
    }
}

/// Path and query, byte for byte. Some readers end a path at `#` and others do not, and an absolute
/// address has a host.
pub(crate) fn target(text: &HeaderValue) -> Result<PathAndQuery, Problem> {
    let bytes = text.as_bytes();
    let is_invalid = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'#' | b'\\');
    if bytes.first() != Some(&b'/') || bytes.iter().any(is_invalid) {
        return Err(UNCLEAR);
    }
    let target = PathAndQuery::try_from(bytes).map_err(|_| UNCLEAR)?;
    if target.as_str().as_bytes() == bytes { Ok(target) } else { Err(UNCLEAR) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nginx(
        subrequest_method: &Method,
        headers: &[(&'static str, &'static str)],
    ) -> Option<Original> {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value))
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Original::nginx(subrequest_method, &map).ok()
    }

    #[test]
    fn attack_95_a_method_that_contradicts_the_subrequest_is_rejected() {
        let original = |subrequest_method: &Method, method: &'static str| {
            let original = nginx(
                subrequest_method,
                &[("x-original-method", method), ("x-original-uri", "/x")],
            );
            original.map(|original| original.method)
        };
        assert_eq!(original(&Method::GET, "POST"), Some(Method::POST));
        assert_eq!(original(&Method::POST, "POST"), Some(Method::POST));
        assert_eq!(original(&Method::POST, "GET"), None);
        assert_eq!(original(&Method::HEAD, "GET"), None);
        assert_eq!(original(&Method::GET, "GET POST"), None);
        assert_eq!(original(&Method::GET, ""), None);
    }

    #[test]
    fn attack_95_a_subrequest_for_two_requests_or_none_is_rejected() {
        for headers in [
            &[][..],
            &[("x-original-method", "GET")],
            &[("x-original-uri", "/x")],
            &[("x-original-method", "GET"), ("x-original-uri", "/x"), ("x-original-uri", "/y")],
            &[("x-original-method", "GET"), ("x-original-method", "GET"), ("x-original-uri", "/x")],
        ] {
            assert_eq!(nginx(&Method::GET, headers), None, "{headers:?}");
        }
    }

    #[test]
    fn attack_95_only_path_and_query_are_a_target() {
        let text = |text: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            target(&value).ok().map(|target| target.as_str().to_owned())
        };
        for invalid in [
            "",
            "x",
            "*",
            "/x#/static/",
            "/x?y#z",
            "/x y",
            "/x\ty",
            "/\\evil.test",
            "/caf\u{e9}",
            "http://evil.test/",
            "/x?\u{e9}",
        ] {
            assert_eq!(text(invalid), None, "{invalid}");
        }
        for plain in ["/", "/%2e%2e/x", "//x", "/x;y=1?z=;?&a=//", "/'x'?q={}|"] {
            assert_eq!(text(plain).as_deref(), Some(plain));
        }
    }

    #[test]
    fn envoy_appends_the_original_path_to_ours() {
        let original = |uri: &'static str| {
            let original = Original::envoy(&Method::PUT, &Uri::from_static(uri)).ok();
            original.map(|original| original.target.as_str().to_owned())
        };
        assert_eq!(original("/bff/auth/"), Some("/".to_owned()));
        assert_eq!(original("/bff/auth/cart?x=/y"), Some("/cart?x=/y".to_owned()));
        assert_eq!(original("http://shop.test/bff/auth/cart"), Some("/cart".to_owned()));
        assert_eq!(original("/bff/auth"), None);
        assert_eq!(original("/bff/auth?x"), None);
    }
}
