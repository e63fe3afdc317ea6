//! Builds the headers of the upstream request.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HeaderName, TE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Version};

use super::Outgoing;
use super::header_names::{self, dashed, is_stripped, may_be_trailer};
use crate::client_ip::ClientAddress;
use crate::config::Origin;

/// The headers of the upstream request: those of the browser that may pass, then ours.
pub(super) fn build_request(outgoing: &Outgoing<'_>) -> HeaderMap {
    let received = &outgoing.parts.headers;
    let nominated = nominated(received);
    let mut headers = HeaderMap::with_capacity(received.keys_len() + outgoing.set.keys_len() + 6);
    for (name, value) in received {
        let passes = !is_stripped(name)
            && *name != COOKIE
            && *name != AUTHORIZATION
            && !nominated.contains(name)
            && !is_removed(name, outgoing.remove);
        if passes {
            headers.append(name, value.clone());
        }
    }
    if let Some(announced) = announced_trailers(outgoing) {
        headers.insert(TRAILER, announced);
    }
    if accepts_trailers(outgoing) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        // With TLS it may be HTTP/2, which has no `Connection`.
        if !outgoing.to.is_https() {
            headers.insert(CONNECTION, HeaderValue::from_static("TE"));
        }
    }
    // Ours come last: the browser's `Connection: cookie` must not remove them.
    if let Some(cookies) = &outgoing.cookies {
        headers.insert(COOKIE, cookies.clone());
    }
    if !outgoing.request_id.is_empty() {
        set(&mut headers, "x-request-id", outgoing.request_id);
    }
    set_forwarded(&mut headers, outgoing);
    if let Some(host) = outgoing.host {
        set(&mut headers, "host", host.authority());
    }
    for name in outgoing.set.keys() {
        headers.remove(name);
    }
    for (name, value) in &outgoing.set {
        headers.append(name, value.clone());
    }
    headers
}

/// Whether `removed` has this name, or one that some servers read alike.
fn is_removed(name: &HeaderName, removed: &[HeaderName]) -> bool {
    let alike = |other: &HeaderName| dashed(other.as_str()) == dashed(name.as_str());
    removed.contains(name) || (!header_names::is_plain(name.as_str()) && removed.iter().any(alike))
}

fn set_forwarded(headers: &mut HeaderMap, outgoing: &Outgoing<'_>) {
    let public: &Origin = outgoing.public_origin;
    set(headers, "x-forwarded-host", public.authority());
    set(headers, "x-forwarded-proto", if public.is_https() { "https" } else { "http" });
    if let Some(client) = outgoing.parts.extensions.get::<ClientAddress>() {
        set(headers, "x-forwarded-for", &client.forwarded_for());
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Whether the browser accepts trailers: over HTTP/2 with `TE` alone, over HTTP/1.1 only if
/// `Connection` has `TE` as well (RFC 9110 section 10.1.4). `TE` is hop-by-hop, so the upstream
/// request gets its own.
fn accepts_trailers(outgoing: &Outgoing<'_>) -> bool {
    let headers = &outgoing.parts.headers;
    let announced = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    let on_this_connection = outgoing.parts.version == Version::HTTP_2
        || tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("te"));
    announced && on_this_connection
}

/// The trailers that the browser announces and that may pass; none where the body cannot have any.
fn announced_trailers(outgoing: &Outgoing<'_>) -> Option<HeaderValue> {
    let headers = &outgoing.parts.headers;
    if !may_have_trailers(outgoing) || !headers.contains_key(TRAILER) {
        return None;
    }
    let names = tokens(headers, &TRAILER).filter_map(|name| name.parse::<HeaderName>().ok());
    let passing: Vec<String> = names.filter(may_be_trailer).map(|name| name.to_string()).collect();
    (!passing.is_empty()).then(|| HeaderValue::from_str(&passing.join(", ")).ok()).flatten()
}

/// Whether the body may have trailers for this upstream: only one of unknown length may (RFC 9112
/// section 7.1.2, RFC 9113 section 8.1).
pub(super) fn may_have_trailers(outgoing: &Outgoing<'_>) -> bool {
    let parts = outgoing.parts;
    let unknown_length = parts.headers.contains_key(TRANSFER_ENCODING)
        || (parts.version == Version::HTTP_2 && !parts.method.is_safe());
    unknown_length
        && !parts.headers.contains_key(CONTENT_LENGTH)
        && !outgoing.remove.contains(&TRAILER)
}

/// The members of a comma-separated header, from all its lines.
pub(super) fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The headers that `Connection` names: they are hop-by-hop (RFC 9110 section 7.6.1).
pub(super) fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    tokens(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use std::time::Duration;

    use super::*;
    use crate::client_ip::TrustedProxies;

    /// The headers of the upstream request, one per line, sorted.
    fn upstream_lines(version: Version, headers: &[(&str, &str)]) -> Vec<String> {
        let mut request = Request::builder().version(version).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer = "203.0.113.7".parse().unwrap();
        let client = TrustedProxies::default().client(peer, &parts.headers);
        parts.extensions.insert(client);
        let [to, public_origin] = ["http://127.0.0.1:3000", "https://shop.test"]
            .map(|origin| Origin::parse(origin).unwrap());
        let mut ours = HeaderMap::new();
        ours.insert("sfdc_dwsid", HeaderValue::from_static("ours"));
        let outgoing = Outgoing {
            to: &to,
            host: None,
            public_origin: &public_origin,
            allowed_origins: &[],
            parts: &parts,
            target: None,
            body: Body::empty(),
            cookies: Some(HeaderValue::from_static("dwsid=ours")),
            set: ours,
            remove: &[http::header::ORIGIN],
            timeout: Duration::ZERO,
            request_id: "0123",
        };
        let mut lines: Vec<_> = build_request(&outgoing)
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    const OURS: [&str; 6] = [
        "cookie: dwsid=ours",
        "sfdc_dwsid: ours",
        "x-forwarded-for: 203.0.113.7",
        "x-forwarded-host: shop.test",
        "x-forwarded-proto: https",
        "x-request-id: 0123",
    ];

    #[test]
    fn attacks_50_53_56_and_58_headers_that_only_tandem_may_set_are_replaced() {
        let hostile = [
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-uri",
            "x-forwarded-method",
            "x-forwarded-prefix",
            "x-forwarded-server",
            "forwarded",
            "x-real-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "x-client-ip",
            "x-upstream",
            "x-original-url",
            "x-rewrite-url",
            "sfdc_dwsid",
            "sfdc_refresh_token",
            "_sfdc_client_auth",
            "x-slas-client-auth",
            "x-grant-type",
            "x-bff-customer-id",
            "x-auth-request-user",
            "x-auth-request-email",
            "x-middleware-subrequest",
            "x-http-method-override",
            "x-method-override",
            "x-dw-http-method-override",
            "host",
            "cookie",
            "origin",
            "x-request-id",
            "proxy",
            "expect",
        ];
        let headers = hostile.map(|name| (name, "6.6.6.6"));
        assert_eq!(upstream_lines(Version::HTTP_11, &headers), OURS);
    }

    #[test]
    fn attack_55_a_name_that_servers_may_read_as_one_of_ours_is_removed() {
        let hostile = [
            "x_forwarded_for",
            "x.forwarded.for",
            "x-forwarded_for",
            "x_bff",
            "x.bff",
            "x_bff_customer_id",
            "sfdc-dwsid",
            "sfdc.dwsid",
            "x_slas_client_auth",
            "content_length",
            "transfer_encoding",
            "authorization_",
            "x_original_url",
            "cookie.",
            "x_auth_request_user",
            "accept_encoding",
            "if-_none-match",
            "--host",
        ];
        let headers = hostile.map(|name| (name, "6.6.6.6"));
        assert_eq!(upstream_lines(Version::HTTP_11, &headers), OURS);
    }

    #[test]
    fn attacks_59_and_60_hop_by_hop_headers_are_removed_and_connection_cannot_remove_ours() {
        let lines = upstream_lines(
            Version::HTTP_11,
            &[
                ("connection", "close, X-Secret, Host, Cookie, X-Forwarded-Proto"),
                ("connection", "X-Forwarded-For, sfdc_dwsid, X-Request-Id"),
                ("x-secret", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-authorization", "Basic eDp5"),
                ("te", "trailers"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAMAAABkAAQAAP__"),
            ],
        );
        assert_eq!(lines, OURS);
    }

    #[test]
    fn other_headers_pass_unchanged() {
        let plain = [
            "accept: text/html",
            "content-length: 5",
            "my_header: 1",
            "x-bff: 1",
            "x-site-id: RefArch",
            "x-twice: a",
            "x-twice: b",
        ];
        let headers = plain.map(|line| line.split_once(": ").unwrap());
        let lines = upstream_lines(Version::HTTP_11, &headers);
        let passed: Vec<_> = lines.iter().filter(|line| !OURS.contains(&line.as_str())).collect();
        assert_eq!(passed, plain.iter().collect::<Vec<_>>());
    }

    #[test]
    fn kind_21_only_trailers_that_may_pass_are_announced() {
        let announced = |length: (&str, &str), names: &str| {
            let lines = upstream_lines(Version::HTTP_11, &[length, ("trailer", names)]);
            lines.iter().find_map(|line| line.strip_prefix("trailer: ").map(str::to_owned))
        };
        let chunked = ("transfer-encoding", "chunked");
        let hostile = "authorization, x-sum, Cookie, x_forwarded_for, content-length, x-bff-usid";
        assert_eq!(announced(chunked, hostile).as_deref(), Some("x-sum"));
        assert_eq!(announced(chunked, "authorization"), None);
        assert_eq!(announced(("content-length", "5"), "x-sum"), None);
        assert_eq!(announced(("accept", "*/*"), "x-sum"), None);
    }

    #[test]
    fn te_trailers_is_sent_for_a_browser_that_accepts_trailers() {
        let accepts = |version, headers: &[(&str, &str)]| {
            upstream_lines(version, headers).contains(&"te: trailers".to_owned())
        };
        assert!(accepts(Version::HTTP_2, &[("te", "trailers")]));
        assert!(accepts(Version::HTTP_11, &[("te", "trailers"), ("connection", "keep-alive, TE")]));
        assert!(!accepts(Version::HTTP_11, &[("te", "trailers")]));
        assert!(!accepts(Version::HTTP_2, &[("te", "gzip")]));
    }
}
