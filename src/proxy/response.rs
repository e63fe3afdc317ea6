//! Rewrites the headers of a response: hop-by-hop fields, credentials, and the upstream's origin.

use http::header::{
    ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_LOCATION, Entry, HeaderName, LINK, LOCATION,
    PROXY_AUTHENTICATE, REFRESH, TE, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue};

use super::request_headers::nominated;
use crate::config::Origin;

/// Headers that are removed: hop-by-hop ones (RFC 9110 section 7.6.1, and older implementations);
/// `Alt-Svc` (RFC 7838), which names another address of the *upstream*; and those in which upstreams
/// and gateways return credentials (OCAPI its token in `Authorization`), because scripts can read
/// every response header but `Set-Cookie`.
const REMOVED: [HeaderName; 21] = [
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

const HTTPS_PORT: &str = ":443";
const HTTP_PORT: &str = ":80";

/// Rewrites the response headers of an upstream, which makes addresses with the origins `own`, for a
/// browser that sees the origin `public`.
pub(super) fn rewrite_response(headers: &mut HeaderMap, own: &[&Origin], public: &Origin) {
    // `Connection` is read first, because it is removed as well.
    let nominated = nominated(headers);
    for name in nominated.iter().chain(&REMOVED).chain(&bearer_headers(headers)) {
        headers.remove(name);
    }
    let rewritten = |address: &[u8]| {
        own.iter().find_map(|upstream| at_public_origin(address, upstream, public))
    };
    for (name, rewrite) in REWRITTEN {
        let Entry::Occupied(mut entry) = headers.entry(name) else { continue };
        for value in entry.iter_mut() {
            let changed = rewrite(value.as_bytes(), &rewritten);
            if let Some(changed) = changed.and_then(|value| HeaderValue::from_bytes(&value).ok()) {
                *value = changed;
            }
        }
    }
}

/// An address of the upstream at the public origin; `None` for any other address.
type Rewritten<'a> = dyn Fn(&[u8]) -> Option<Vec<u8>> + 'a;

/// The headers that contain addresses, and how to rewrite their value.
type Rewrite = fn(&[u8], &Rewritten<'_>) -> Option<Vec<u8>>;
const REWRITTEN: [(HeaderName, Rewrite); 4] = [
    (LOCATION, |value, rewritten| rewritten(value)),
    (CONTENT_LOCATION, |value, rewritten| rewritten(value)),
    (REFRESH, refresh),
    (LINK, link),
];

/// `5; url=https://…`, as browsers read it (HTML section 7.10, "shared declarative refresh steps").
fn refresh(value: &[u8], rewritten: &Rewritten<'_>) -> Option<Vec<u8>> {
    let separator = value.iter().position(|byte| matches!(byte, b';' | b','))?;
    let mut begins = separator + 1;
    let spaces = |from: usize| value[from..].iter().take_while(|byte| byte.is_ascii_whitespace());
    begins += spaces(begins).count();
    if value[begins..].get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"url")) {
        let equals = begins + 3 + spaces(begins + 3).count();
        if value.get(equals) == Some(&b'=') {
            begins = equals + 1 + spaces(equals + 1).count();
        }
    }
    let quote = value.get(begins).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    begins += usize::from(quote.is_some());
    let (before, address) = value.split_at(begins);
    let end = address.iter().position(|byte| Some(*byte) == quote).unwrap_or(address.len());
    let (address, after) = address.split_at(end);
    Some([before, &rewritten(address)?, after].concat())
}

/// `<https://…>; rel=canonical, …` (RFC 8288 section 3).
fn link(value: &[u8], rewritten: &Rewritten<'_>) -> Option<Vec<u8>> {
    let mut result = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(begins) = rest.iter().position(|byte| *byte == b'<') {
        let (before, target) = rest.split_at(begins + 1);
        result.extend_from_slice(before);
        let Some(length) = target.iter().position(|byte| *byte == b'>') else {
            rest = target;
            break;
        };
        let (address, after) = target.split_at(length);
        let address = rewritten(address).unwrap_or_else(|| address.to_vec());
        result.extend_from_slice(&address);
        rest = after;
    }
    result.extend_from_slice(rest);
    (result != value).then_some(result)
}

/// The names of headers whose value is a bearer token.
fn bearer_headers(headers: &HeaderMap) -> Vec<HeaderName> {
    let is_token = |value: &HeaderValue| {
        let scheme = value.as_bytes().split_at_checked(b"Bearer ".len());
        scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
    };
    // A challenge also begins with the scheme.
    let found = headers.iter().filter(|(name, value)| *name != WWW_AUTHENTICATE && is_token(value));
    found.map(|(name, _)| name.clone()).collect()
}

/// `location` with the public origin in place of the upstream's; `None` if it has another origin.
///
/// Either scheme matches: an upstream behind a TLS terminator may assume plain http.
fn at_public_origin(location: &[u8], upstream: &Origin, public: &Origin) -> Option<Vec<u8>> {
    let (port, rest) = without_scheme(location)?;
    // Browsers read a backslash as a slash.
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'));
    let (authority, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let authority = std::str::from_utf8(authority).ok()?;
    let own_port = if upstream.is_https() { HTTPS_PORT } else { HTTP_PORT };
    let named = without_port(authority, port.unwrap_or(own_port));
    let own = without_port(upstream.authority(), own_port);
    if !named.eq_ignore_ascii_case(own) {
        return None;
    }
    Some([public.as_str().as_bytes(), rest].concat())
}

/// The default port of the scheme (`None`: the scheme of the page), and what follows `//`.
fn without_scheme(location: &[u8]) -> Option<(Option<&'static str>, &[u8])> {
    let known =
        [(&b"https://"[..], Some(HTTPS_PORT)), (b"http://", Some(HTTP_PORT)), (b"//", None)];
    known.into_iter().find_map(|(scheme, port)| {
        let (start, rest) = location.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some((port, rest))
    })
}

fn without_port<'a>(authority: &'a str, port: &str) -> &'a str {
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(location: &str, upstream: &str) -> String {
        let [upstream, public] =
            [upstream, "https://shop.test"].map(|origin| Origin::parse(origin).unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        rewrite_response(&mut headers, &[&upstream], &public);
        String::from_utf8(headers[LOCATION].as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_location_at_the_upstream_gets_the_public_origin_and_keeps_its_path_byte_for_byte() {
        let ecom = "https://ecom.example";
        for (location, expected) in [
            ("https://ecom.example/a/../b%2F?x=//y#z", "https://shop.test/a/../b%2F?x=//y#z"),
            ("http://ecom.example/", "https://shop.test/"),
            ("HTTPS://ECOM.example:443/x", "https://shop.test/x"),
            ("http://ecom.example:80/x", "https://shop.test/x"),
            ("//ecom.example/x", "https://shop.test/x"),
            ("https://ecom.example", "https://shop.test"),
            ("https://ecom.example?x", "https://shop.test?x"),
            ("https://ecom.example/\u{e9}", "https://shop.test/\u{e9}"),
        ] {
            assert_eq!(rewritten(location, ecom), expected);
        }
        let local = "http://127.0.0.1:3000";
        assert_eq!(rewritten("http://127.0.0.1:3000/x", local), "https://shop.test/x");
        assert_eq!(rewritten("https://127.0.0.1:3000/", local), "https://shop.test/");
    }

    #[test]
    fn kind_7_addresses_of_the_upstream_in_other_headers_get_the_public_origin() {
        let [upstream, named, public] =
            ["https://ecom.example", "https://www.shop.example", "https://shop.test"]
                .map(|origin| Origin::parse(origin).unwrap());
        let own = [&upstream, &named];
        for (name, value, expected) in [
            ("refresh", "5; url=https://ecom.example/a", "5; url=https://shop.test/a"),
            ("refresh", "0;URL='https://ecom.example/a'", "0;URL='https://shop.test/a'"),
            ("refresh", "0; url='https://ecom.example'", "0; url='https://shop.test'"),
            ("refresh", "0; https://ecom.example/a", "0; https://shop.test/a"),
            (
                "refresh",
                "0; https://pay.example/?returnurl=https://ecom.example/x",
                "0; https://pay.example/?returnurl=https://ecom.example/x",
            ),
            ("refresh", "5", "5"),
            ("refresh", "5;", "5;"),
            ("refresh", "5; url=/a", "5; url=/a"),
            (
                "link",
                "<https://ecom.example/a>; rel=canonical, </b>; rel=next, <https://cdn.example/c>",
                "<https://shop.test/a>; rel=canonical, </b>; rel=next, <https://cdn.example/c>",
            ),
            ("link", "<https://ecom.example/a", "<https://ecom.example/a"),
            ("location", "https://www.shop.example/a", "https://shop.test/a"),
            ("content-location", "https://other.example/a", "https://other.example/a"),
        ] {
            let value = HeaderValue::from_static(value);
            let mut headers = HeaderMap::from_iter([(name.parse::<HeaderName>().unwrap(), value)]);
            rewrite_response(&mut headers, &own, &public);
            assert_eq!(headers[name], expected, "{name}");
        }
    }

    #[test]
    fn any_other_location_stays_unchanged() {
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
            assert_eq!(rewritten(location, "https://ecom.example"), location);
        }
    }

    #[test]
    fn attack_60_hop_by_hop_headers_of_a_response_are_removed() {
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
        rewrite_response(&mut headers, &[&origin], &Origin::parse("https://shop.test").unwrap());
        let forwarded: Vec<_> = headers.iter().collect();
        assert_eq!(forwarded.len(), 2, "{forwarded:?}");
        assert_eq!(headers["trailer"], "x-sum");
        assert_eq!(headers[CONTENT_LOCATION], "https://shop.test/doc");
    }
}
