//! Which headers of a request cross the proxy.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HeaderName, TE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Version};

use super::Outgoing;
use super::header_names::{self, dashed, may_trail, stays_here};
use crate::client_ip::ClientAddress;
use crate::config::Origin;

/// The headers as they go on: what may pass of the browser's, then ours.
pub(super) fn build_request(outgoing: &Outgoing<'_>) -> HeaderMap {
    let theirs = &outgoing.parts.headers;
    let nominated = nominated(theirs);
    let mut headers = HeaderMap::with_capacity(theirs.keys_len() + outgoing.set.keys_len() + 6);
    for (name, value) in theirs {
        let passes = !stays_here(name)
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
        // Behind TLS it may be HTTP/2, which knows no `Connection`.
        if !outgoing.to.is_https() {
            headers.insert(CONNECTION, HeaderValue::from_static("TE"));
        }
    }
    // Ours last: no `Connection: cookie` of the browser can take them away.
    if let Some(cookies) = &outgoing.cookies {
        headers.insert(COOKIE, cookies.clone());
    }
    if !outgoing.request_id.is_empty() {
        set(&mut headers, "x-request-id", outgoing.request_id);
    }
    tell_where_it_comes_from(&mut headers, outgoing);
    for name in outgoing.set.keys() {
        headers.remove(name);
    }
    for (name, value) in &outgoing.set {
        headers.append(name, value.clone());
    }
    headers
}

/// As with the names that always stay here, one that only looks like it is removed too.
fn is_removed(name: &HeaderName, removed: &[HeaderName]) -> bool {
    let alike = |other: &HeaderName| dashed(other.as_str()) == dashed(name.as_str());
    removed.contains(name) || (!header_names::is_plain(name.as_str()) && removed.iter().any(alike))
}

fn tell_where_it_comes_from(headers: &mut HeaderMap, outgoing: &Outgoing<'_>) {
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

/// Whether the browser takes trailers, said for this hop: over HTTP/2 by `TE` alone, over HTTP/1.1
/// only if `Connection` says so too (RFC 9110 section 10.1.4). It is then said anew for the next.
fn accepts_trailers(outgoing: &Outgoing<'_>) -> bool {
    let headers = &outgoing.parts.headers;
    let said = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    let for_this_hop = outgoing.parts.version == Version::HTTP_2
        || tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("te"));
    said && for_this_hop
}

/// The trailers that the browser announces and that may go on; none where the body cannot have any.
fn announced_trailers(outgoing: &Outgoing<'_>) -> Option<HeaderValue> {
    let headers = &outgoing.parts.headers;
    if !may_have_trailers(outgoing) || !headers.contains_key(TRAILER) {
        return None;
    }
    let names = tokens(headers, &TRAILER).filter_map(|name| name.parse::<HeaderName>().ok());
    let passing: Vec<String> = names.filter(may_trail).map(|name| name.to_string()).collect();
    (!passing.is_empty()).then(|| HeaderValue::from_str(&passing.join(", ")).ok()).flatten()
}

/// Whether the request's body may be followed by trailers that concern this upstream: only one of
/// unknown length may (RFC 9112 section 7.1.2, RFC 9113 section 8.1).
pub(super) fn may_have_trailers(outgoing: &Outgoing<'_>) -> bool {
    let parts = outgoing.parts;
    let of_unknown_length = parts.headers.contains_key(TRANSFER_ENCODING)
        || (parts.version == Version::HTTP_2 && !parts.method.is_safe());
    of_unknown_length
        && !parts.headers.contains_key(CONTENT_LENGTH)
        && !outgoing.remove.contains(&TRAILER)
}

/// The members of a comma-separated header, in all its lines.
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

/// What `Connection` names is for one hop only (RFC 9110 section 7.6.1).
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

    /// What an upstream gets of these headers, one per line, sorted.
    fn onward_of(version: Version, headers: &[(&str, &str)]) -> Vec<String> {
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
        let build_request = build_request(&outgoing);
        let mut lines: Vec<_> = build_request
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
    fn attacks_50_53_56_and_58_what_only_we_may_say_is_dropped_and_said_anew() {
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
        assert_eq!(onward_of(Version::HTTP_11, &headers), OURS);
    }

    #[test]
    fn attack_55_a_name_that_only_looks_like_one_of_ours_is_dropped() {
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
        assert_eq!(onward_of(Version::HTTP_11, &headers), OURS);
    }

    #[test]
    fn attacks_59_and_60_hop_by_hop_headers_end_here_and_ours_cannot_be_named_away() {
        let build_request = onward_of(
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
        assert_eq!(build_request, OURS);
    }

    #[test]
    fn what_is_between_browser_and_upstream_passes_as_it_is() {
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
        let build_request = onward_of(Version::HTTP_11, &headers);
        let passed: Vec<_> =
            build_request.iter().filter(|line| !OURS.contains(&line.as_str())).collect();
        assert_eq!(passed, plain.iter().collect::<Vec<_>>());
    }

    #[test]
    fn kind_21_only_trailers_that_are_no_header_of_ours_are_announced() {
        let announced = |length: (&str, &str), names: &str| {
            let lines = onward_of(Version::HTTP_11, &[length, ("trailer", names)]);
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
    fn a_browser_that_takes_trailers_is_said_to_take_them() {
        let accepts = |version, headers: &[(&str, &str)]| {
            onward_of(version, headers).contains(&"te: trailers".to_owned())
        };
        assert!(accepts(Version::HTTP_2, &[("te", "trailers")]));
        assert!(accepts(Version::HTTP_11, &[("te", "trailers"), ("connection", "keep-alive, TE")]));
        assert!(!accepts(Version::HTTP_11, &[("te", "trailers")]));
        assert!(!accepts(Version::HTTP_2, &[("te", "gzip")]));
    }
}
