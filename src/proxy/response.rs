//! Which headers of an answer cross the proxy, and which of them name us instead of the upstream.

use http::header::{
    ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_LOCATION, Entry, HeaderName, LOCATION,
    PROXY_AUTHENTICATE, TE, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue};

use super::request_headers::nominated;
use crate::config::Origin;

/// For one hop only (RFC 9110 section 7.6.1, and older implementations); `Alt-Svc` (RFC 7838) says
/// where else the *upstream* may be reached, which a browser would take for ours; and headers by
/// which upstreams and gateways hand out credentials, OCAPI its token by `Authorization`: scripts may
/// read every header of an answer but `Set-Cookie`.
const NOT_FOR_THE_BROWSER: [HeaderName; 21] = [
    ALT_SVC,
    AUTHORIZATION,
    HeaderName::from_static("authentication-info"),
    HeaderName::from_static("cf-access-jwt-assertion"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("sfdc_dwsid"),
    HeaderName::from_static("sfdc_refresh_token"),
    HeaderName::from_static("_sfdc_client_auth"),
    HeaderName::from_static("x-access-token"),
    HeaderName::from_static("x-auth-request-access-token"),
    HeaderName::from_static("x-forwarded-access-token"),
    HeaderName::from_static("x-id-token"),
    HeaderName::from_static("x-refresh-token"),
    HeaderName::from_static("x-slas-client-auth"),
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Makes the headers of the answer of `upstream` fit for a browser that knows us as `public`.
pub(super) fn rewrite_response(headers: &mut HeaderMap, upstream: &Origin, public: &Origin) {
    // The names in `Connection` are looked at first: removing it would lose them.
    let nominated = nominated(headers);
    for name in nominated.iter().chain(&NOT_FOR_THE_BROWSER).chain(&bearing(headers)) {
        headers.remove(name);
    }
    for name in [LOCATION, CONTENT_LOCATION] {
        let Entry::Occupied(mut entry) = headers.entry(name) else { continue };
        for value in entry.iter_mut() {
            if let Some(ours) = at_home(value.as_bytes(), upstream, public) {
                *value = ours;
            }
        }
    }
}

/// Headers of whatever name whose value is a Bearer token.
fn bearing(headers: &HeaderMap) -> Vec<HeaderName> {
    let is_token = |value: &HeaderValue| {
        let scheme = value.as_bytes().split_at_checked(b"Bearer ".len());
        scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
    };
    // A challenge names the scheme as well.
    let bearing =
        headers.iter().filter(|(name, value)| *name != WWW_AUTHENTICATE && is_token(value));
    bearing.map(|(name, _)| name.clone()).collect()
}

/// `location` with the public origin in place of the upstream's own; `None` if it names another.
///
/// By either scheme: an upstream behind a TLS terminator takes itself for plain http.
fn at_home(location: &[u8], upstream: &Origin, public: &Origin) -> Option<HeaderValue> {
    let (https, rest) = without_scheme(location)?;
    // Browsers read a backslash as a slash.
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    let (authority, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let authority = std::str::from_utf8(authority).ok()?;
    let named = without_default_port(authority, https.unwrap_or(upstream.is_https()));
    let own = without_default_port(upstream.authority(), upstream.is_https());
    if !named.eq_ignore_ascii_case(own) {
        return None;
    }
    HeaderValue::from_bytes(&[public.as_str().as_bytes(), rest].concat()).ok()
}

/// Whether the scheme is https (`None`: that of the page), and what follows `//`.
fn without_scheme(location: &[u8]) -> Option<(Option<bool>, &[u8])> {
    let known = [(&b"https://"[..], Some(true)), (b"http://", Some(false)), (b"//", None)];
    known.into_iter().find_map(|(scheme, https)| {
        let (start, rest) = location.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some((https, rest))
    })
}

fn without_default_port(authority: &str, https: bool) -> &str {
    authority.strip_suffix(if https { ":443" } else { ":80" }).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(location: &str, upstream: &str) -> String {
        let [upstream, public] =
            [upstream, "https://shop.test"].map(|origin| Origin::parse(origin).unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        rewrite_response(&mut headers, &upstream, &public);
        String::from_utf8(headers[LOCATION].as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_location_at_the_upstream_becomes_ours_with_the_same_octets_of_path() {
        let ecom = "https://ecom.example";
        for (location, ours) in [
            ("https://ecom.example/a/../b%2F?x=//y#z", "https://shop.test/a/../b%2F?x=//y#z"),
            ("http://ecom.example/", "https://shop.test/"),
            ("HTTPS://ECOM.example:443/x", "https://shop.test/x"),
            ("http://ecom.example:80/x", "https://shop.test/x"),
            ("//ecom.example/x", "https://shop.test/x"),
            ("https://ecom.example", "https://shop.test"),
            ("https://ecom.example?x", "https://shop.test?x"),
            ("https://ecom.example/\u{e9}", "https://shop.test/\u{e9}"),
        ] {
            assert_eq!(home(location, ecom), ours);
        }
        assert_eq!(home("http://127.0.0.1:3000/x", "http://127.0.0.1:3000"), "https://shop.test/x");
        assert_eq!(home("https://127.0.0.1:3000/", "http://127.0.0.1:3000"), "https://shop.test/");
    }

    #[test]
    fn any_other_location_stays_as_it_is() {
        for location in [
            "/x",
            "x",
            "",
            "https://login.example/x",
            "https://ecom.example.evil.test/x",
            "https://ecom.example@evil.test/x",
            "https://evil.test@ecom.example/x",
            "https://ecom.example:8443/x",
            "http://ecom.example:443/x",
            "https:/ecom.example/x",
            "ftp://ecom.example/x",
            "/x?to=https://ecom.example/",
        ] {
            assert_eq!(home(location, "https://ecom.example"), location);
        }
    }

    #[test]
    fn attack_60_hop_by_hop_headers_of_an_answer_end_here() {
        let origin = Origin::parse("https://ecom.example").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Internal"),
            ("x-internal", "1"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("alt-svc", "h3=\":443\""),
            ("trailer", "x-sum"),
            ("content-location", "https://ecom.example/doc"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        rewrite_response(&mut headers, &origin, &Origin::parse("https://shop.test").unwrap());
        let left: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(headers["trailer"], "x-sum");
        assert_eq!(headers[CONTENT_LOCATION], "https://shop.test/doc");
    }
}
