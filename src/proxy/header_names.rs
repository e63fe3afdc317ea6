//! The names of request headers that are never forwarded.

use http::HeaderName;

/// Whether a browser's header of this name is never forwarded.
///
/// Servers that turn headers into variables (CGI, WSGI, PHP, some Java ones) read every character but
/// letters and digits as the same one. So a name that they read as a listed one is stripped as well.
pub(super) fn is_stripped(name: &HeaderName) -> bool {
    let name = name.as_str();
    if is_listed(name) {
        return true;
    }
    if is_plain(name) {
        return false;
    }
    let dashed = dashed(name);
    is_listed(&dashed) || is_reserved(&dashed)
}

/// Whether a field of this name may follow a body (RFC 9110 section 6.5.1): not if it frames the
/// message, routes it, or identifies the sender.
pub(super) fn may_be_trailer(name: &HeaderName) -> bool {
    !is_stripped(name) && !is_reserved(&dashed(name.as_str()))
}

/// Letters and digits with single dashes between them: all servers read the same name.
pub(super) fn is_plain(name: &str) -> bool {
    let is_special = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-';
    !name.bytes().any(is_special)
        && !name.contains("--")
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// The name as the most lenient of those servers reads it.
pub(super) fn dashed(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Headers that browsers may send under this exact name only, not under one that is read alike.
fn is_reserved(dashed: &str) -> bool {
    const NAMES: [&str; 22] = [
        "authorization",
        "cache-control",
        "cookie",
        "correlation-id",
        "date",
        "dnt",
        "link",
        "max-forwards",
        "origin",
        "pragma",
        "priority",
        "range",
        "referer",
        "set-cookie",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-bff",
        "x-csrf-token",
        "x-request-id",
        "x-requested-with",
        "x-site-id",
    ];
    const RESERVED_PREFIXES: [&str; 7] =
        ["accept", "access-control-", "content-", "dpop", "if-", "sec-", "x-xsrf-"];
    NAMES.contains(&dashed) || RESERVED_PREFIXES.iter().any(|prefix| dashed.starts_with(prefix))
}

fn is_listed(dashed: &str) -> bool {
    is_hop_by_hop(dashed)
        || STRIPPED.contains(&dashed)
        || CREDENTIALS.contains(&dashed)
        || PREFIXES.iter().any(|prefix| dashed.starts_with(prefix))
}

/// RFC 9110 section 7.6.1, and what older implementations add. `Host` is set to the upstream's.
/// Tandem responds to `Expect` itself, once the upstream reads the body. `Trailer` is set again where
/// there may be trailers.
fn is_hop_by_hop(dashed: &str) -> bool {
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
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Headers with these prefixes are stripped. With most of them, clouds, gateways and identity-aware
/// proxies name the client to the server behind them (App Engine, AWS, Azure, Cloudflare Access,
/// Google IAP, Kong, Kubernetes, `mod_auth_openidc`, Pomerium, Tailscale, authentik, Grafana); the
/// others are internal to frameworks.
const PREFIXES: [&str; 31] = [
    "cf-access-",
    "oidc-",
    "remote-",
    "ssl-client-",
    "tailscale-user-",
    "x-amzn-mtls-",
    "x-amzn-oidc-",
    "x-apigateway-api-",
    "x-appengine-user-",
    "x-auth-request-",
    "x-authentik-",
    "x-bff-",
    "x-client-cert",
    "x-consumer-",
    "x-credential-identifier",
    "x-endpoint-api-",
    "x-envoy-",
    "x-forwarded",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-invoke-",
    "x-matched-path",
    "x-middleware-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-pomerium-",
    "x-remote-",
    "x-serverless-authorization",
    "x-ssl-client-",
    "x-userinfo",
    "x-webauth-",
];

/// Names in which gateways and libraries send tokens, and the one of our OCAPI client id.
const CREDENTIALS: [&str; 4] =
    ["sfdc-client-auth", "x-access-token", "x-dw-client-id", "x-id-token"];

/// Headers that are stripped, including all names under `PREFIXES` that some server is known to
/// trust. A gateway that forwards requests itself must strip them too. Names that every gateway sets
/// itself are not here.
pub const STRIPPED: &[&str] = &[
    // What a proxy says about the client or the request: upstreams must get only Tandem's values.
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
    // The method is that of the request line: a request checked as a GET must not become a DELETE.
    "x-dw-http-method-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // The identity of a client, from gateways, and headers that are internal to frameworks.
    "cf-access-authenticated-user-email",
    "cf-access-jwt-assertion",
    "remote-user",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-apigateway-api-userinfo",
    "x-auth-request-access-token",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-redirect",
    "x-auth-request-user",
    "x-bff-site",
    "x-endpoint-api-userinfo",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-goog-iap-jwt-assertion",
    "x-middleware-invoke",
    "x-middleware-next",
    "x-middleware-override-headers",
    "x-middleware-prefetch",
    "x-middleware-rewrite",
    "x-middleware-set-cookie",
    "x-middleware-subrequest",
    "x-middleware-subrequest-id",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-remote-user",
    // Credentials that only Tandem sends.
    "-sfdc-client-auth",
    "sfdc-dwsid",
    "sfdc-refresh-token",
    "x-grant-type",
    "x-slas-client-auth",
];
