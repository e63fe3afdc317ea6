//! The names of headers that a browser has no business sending through us.

use http::HeaderName;

/// Whether a browser's header of this name never goes on.
///
/// Servers that make variables of headers (CGI, WSGI, PHP, some Java ones) read `_` and `.` as `-`
/// or the other way round: a name that becomes one of ours that way does not pass either.
pub(super) fn stays_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    if !name.contains(['_', '.']) {
        return is_ours(name);
    }
    let dashed = dashed(name);
    is_ours(&dashed) || is_spoken_for(&dashed)
}

/// The name as the most generous of those servers reads it.
pub(super) fn dashed(name: &str) -> String {
    name.replace(['_', '.'], "-")
}

/// Headers that browsers may send under this very name, but not under one that looks like it.
fn is_spoken_for(dashed: &str) -> bool {
    matches!(
        dashed,
        "authorization"
            | "content-length"
            | "content-type"
            | "cookie"
            | "origin"
            | "referer"
            | "x-request-id"
            | "correlation-id"
            | "x-site-id"
            | "x-bff"
    ) || dashed.starts_with("sec-")
}

fn is_ours(dashed: &str) -> bool {
    is_for_one_hop(dashed)
        || is_word_of_a_proxy(dashed)
        || is_method_override(dashed)
        || is_identity(dashed)
        || is_credential(dashed)
}

/// RFC 9110 section 7.6.1, and what older implementations add. `Trailer` is not one of them: it
/// announces fields that cross the proxy as the body does. `Host` is the upstream's. `Expect` is
/// answered here, as soon as the upstream wants the body.
fn is_for_one_hop(dashed: &str) -> bool {
    matches!(
        dashed,
        "connection"
            | "expect"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// A proxy's word about the client or about the request: only ours counts for what is behind us.
fn is_word_of_a_proxy(dashed: &str) -> bool {
    matches!(
        dashed,
        "cf-connecting-ip"
            | "cf-connecting-ipv6"
            | "cf-pseudo-ipv4"
            | "client-ip"
            | "cluster-client-ip"
            | "fastly-client-ip"
            | "forwarded"
            | "forwarded-for"
            | "proxy"
            | "remote-addr"
            | "true-client-ip"
            | "via"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "x-host"
            | "x-original-forwarded-for"
            | "x-original-host"
            | "x-original-uri"
            | "x-original-url"
            | "x-override-url"
            | "x-real-ip"
            | "x-remote-addr"
            | "x-rewrite-url"
            | "x-upstream"
    ) || dashed.starts_with("x-forwarded")
}

/// A method is what the request line says: what was judged as a GET must not become a DELETE.
fn is_method_override(dashed: &str) -> bool {
    matches!(
        dashed,
        "x-dw-http-method-override"
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
    )
}

/// Who somebody is, as gateways tell what is behind them, and what frameworks tell themselves.
fn is_identity(dashed: &str) -> bool {
    matches!(dashed, "remote-user" | "x-remote-user")
        || ["x-bff-", "x-auth-request-", "x-middleware-"]
            .iter()
            .any(|prefix| dashed.starts_with(prefix))
}

/// Credentials that only we send.
fn is_credential(dashed: &str) -> bool {
    matches!(
        dashed,
        "sfdc-dwsid"
            | "sfdc-refresh-token"
            | "-sfdc-client-auth"
            | "x-slas-client-auth"
            | "x-grant-type"
    )
}
