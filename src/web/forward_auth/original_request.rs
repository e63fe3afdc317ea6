//! What a gateway says about the request it asks about: read strictly, or not at all.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::header_values::single;
use crate::problem::Problem;
use crate::web::forward_auth::dialect::AUTH;

const NGINX_METHOD: &str = "x-original-method";
/// Path and query as they stood in the request line.
pub(crate) const NGINX_URI: &str = "x-original-uri";
const TRAEFIK_METHOD: &str = "x-forwarded-method";
const TRAEFIK_URI: &str = "x-forwarded-uri";
const TRAEFIK_HOST: &str = "x-forwarded-host";

const UNCLEAR: Problem = Problem::BadRequest("The question is not about one request.");

/// The request a question is about.
#[derive(Debug, PartialEq)]
pub(crate) struct Original {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    /// Where the question itself does not go to the host of the request.
    pub(crate) host: Option<HeaderValue>,
}

impl Original {
    pub(crate) fn nginx(asked_with: &Method, headers: &HeaderMap) -> Result<Self, Problem> {
        let method = method(asked_with, one(headers, NGINX_METHOD)?)?;
        Ok(Self { method, target: target(one(headers, NGINX_URI)?)?, host: None })
    }

    pub(crate) fn traefik(asked_with: &Method, headers: &HeaderMap) -> Result<Self, Problem> {
        let method = method(asked_with, one(headers, TRAEFIK_METHOD)?)?;
        let host = Some(one(headers, TRAEFIK_HOST)?.clone());
        Ok(Self { method, target: target(one(headers, TRAEFIK_URI)?)?, host })
    }

    /// Envoy asks with the request's own method, and its path behind ours.
    pub(crate) fn envoy(asked_with: &Method, uri: &Uri) -> Result<Self, Problem> {
        let asked = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
        let own = asked.strip_prefix(AUTH).ok_or(UNCLEAR)?;
        let own = HeaderValue::from_str(own).map_err(|_| UNCLEAR)?;
        Ok(Self { method: asked_with.clone(), target: target(&own)?, host: None })
    }
}

/// The header's one value.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h HeaderValue, Problem> {
    single(headers, name).ok_or(UNCLEAR)
}

/// A gateway asks with GET, or with the method of the request itself.
fn method(asked_with: &Method, named: &HeaderValue) -> Result<Method, Problem> {
    let named = Method::from_bytes(named.as_bytes()).map_err(|_| UNCLEAR)?;
    if *asked_with == Method::GET || *asked_with == named { Ok(named) } else { Err(UNCLEAR) }
}

/// Path and query, octet for octet. A `#` would end the path for some and not for others, and an
/// absolute address names a host.
pub(crate) fn target(text: &HeaderValue) -> Result<PathAndQuery, Problem> {
    let octets = text.as_bytes();
    let strange = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'#' | b'\\');
    if octets.first() != Some(&b'/') || octets.iter().any(strange) {
        return Err(UNCLEAR);
    }
    let target = PathAndQuery::try_from(octets).map_err(|_| UNCLEAR)?;
    if target.as_str().as_bytes() == octets { Ok(target) } else { Err(UNCLEAR) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nginx(asked_with: &Method, headers: &[(&'static str, &'static str)]) -> Option<Original> {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value))
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Original::nginx(asked_with, &map).ok()
    }

    #[test]
    fn attack_95_a_method_that_is_not_the_question_s_own_is_refused() {
        let about = |asked_with: &Method, method: &'static str| {
            let asked =
                nginx(asked_with, &[("x-original-method", method), ("x-original-uri", "/x")]);
            asked.map(|asked| asked.method)
        };
        assert_eq!(about(&Method::GET, "POST"), Some(Method::POST));
        assert_eq!(about(&Method::POST, "POST"), Some(Method::POST));
        assert_eq!(about(&Method::POST, "GET"), None);
        assert_eq!(about(&Method::HEAD, "GET"), None);
        assert_eq!(about(&Method::GET, "GET POST"), None);
        assert_eq!(about(&Method::GET, ""), None);
    }

    #[test]
    fn attack_95_a_question_about_two_requests_or_none_is_refused() {
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
    fn attack_95_only_path_and_query_are_an_address() {
        let text = |text: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            target(&value).ok().map(|target| target.as_str().to_owned())
        };
        for strange in [
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
            assert_eq!(text(strange), None, "{strange}");
        }
        for plain in ["/", "/%2e%2e/x", "//x", "/x;y=1?z=;?&a=//", "/'x'?q={}|"] {
            assert_eq!(text(plain).as_deref(), Some(plain));
        }
    }

    #[test]
    fn envoy_s_question_is_about_what_stands_behind_our_path() {
        let about = |uri: &'static str| {
            let asked = Original::envoy(&Method::PUT, &Uri::from_static(uri)).ok();
            asked.map(|asked| asked.target.as_str().to_owned())
        };
        assert_eq!(about("/bff/auth/"), Some("/".to_owned()));
        assert_eq!(about("/bff/auth/cart?x=/y"), Some("/cart?x=/y".to_owned()));
        assert_eq!(about("http://shop.test/bff/auth/cart"), Some("/cart".to_owned()));
        assert_eq!(about("/bff/auth"), None);
        assert_eq!(about("/bff/auth?x"), None);
    }
}
