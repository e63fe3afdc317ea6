//! Which headers cross a proxy.

use http::header::{
    CONNECTION, COOKIE, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

use crate::config::Origin;

/// RFC 9110 section 7.6.1: these, and whatever `Connection` names, are for one hop only.
/// `Keep-Alive` and `Proxy-Connection` are the same in older implementations.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// A browser has no business sending these: they are a proxy's word about the client.
const FORWARDING: [HeaderName; 19] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("x-forwarded-method"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-forwarded-uri"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-middleware-subrequest"),
    HeaderName::from_static("sfdc_dwsid"),
    HeaderName::from_static("x-dw-http-method-override"),
];

/// A method is what the request line says: what was judged as a GET must not become a DELETE.
const METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

/// The headers of a request as they go on to `origin`, still without cookies.
pub(super) fn onward(headers: &HeaderMap, origin: &Origin, public_origin: &Origin) -> HeaderMap {
    let mut headers = headers.clone();
    strip_hop_by_hop(&mut headers);
    for name in FORWARDING.iter().chain(&METHOD_OVERRIDES) {
        headers.remove(name);
    }
    headers.remove(COOKIE);
    set(&mut headers, HOST, origin.authority());
    set(&mut headers, HeaderName::from_static("x-forwarded-host"), public_origin.authority());
    let scheme = if public_origin.is_https() { "https" } else { "http" };
    set(&mut headers, HeaderName::from_static("x-forwarded-proto"), scheme);
    headers
}

/// Removes what was meant for this hop only.
///
/// The names in `Connection` are looked at first: removing it would lose them. Headers that we
/// add ourselves are added afterwards, so that no `Connection: cookie` can remove them.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_59_and_60_hop_by_hop_headers_end_here_and_ours_cannot_be_named_away() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret, Host, X-Forwarded-Proto"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-client-ip", "6.6.6.6"),
            ("x-original-url", "/admin"),
            ("x-middleware-subrequest", "1"),
            ("sfdc_dwsid", "planted"),
            ("accept", "text/html"),
            ("host", "evil.test"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let upstream = Origin::parse("http://127.0.0.1:3000").unwrap();
        let public = Origin::parse("https://shop.test").unwrap();
        let onward = onward(&headers, &upstream, &public);
        let mut names: Vec<String> = onward
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "accept: text/html",
                "host: 127.0.0.1:3000",
                "x-forwarded-host: shop.test",
                "x-forwarded-proto: https"
            ]
        );
    }
}
