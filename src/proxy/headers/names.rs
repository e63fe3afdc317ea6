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
        || STRIPPED.contains(&dashed)
        || PREFIXES.iter().any(|prefix| dashed.starts_with(prefix))
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

/// No header whose name begins like this goes on.
const PREFIXES: [&str; 4] = ["x-auth-request-", "x-bff-", "x-forwarded", "x-middleware-"];

/// Whatever a browser says under these names never goes on; those of [`PREFIXES`] that are known to
/// be believed by somebody are among them. A gateway that sends requests on itself must strip them
/// too. Those that every gateway sets itself are not here.
pub const STRIPPED: &[&str] = &[
    // A proxy's word about the client or about the request: only ours counts for what is behind us.
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "client-ip",
    "cluster-client-ip",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "proxy",
    "remote-addr",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-client-cert",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "x-forwarded-uri",
    "x-host",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-real-ip",
    "x-remote-addr",
    "x-rewrite-url",
    "x-upstream",
    // A method is what the request line says: what was judged as a GET must not become a DELETE.
    "x-dw-http-method-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // Who somebody is, as gateways tell what is behind them, and what frameworks tell themselves.
    "remote-user",
    "x-auth-request-access-token",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-redirect",
    "x-auth-request-user",
    "x-bff-site",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-middleware-invoke",
    "x-middleware-next",
    "x-middleware-override-headers",
    "x-middleware-prefetch",
    "x-middleware-rewrite",
    "x-middleware-set-cookie",
    "x-middleware-subrequest",
    "x-middleware-subrequest-id",
    "x-remote-user",
    // Credentials that only we send.
    "-sfdc-client-auth",
    "sfdc-dwsid",
    "sfdc-refresh-token",
    "x-grant-type",
    "x-slas-client-auth",
];
