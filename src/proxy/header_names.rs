//! The names of headers that a browser has no business sending through us.

use http::HeaderName;

/// Whether a browser's header of this name never goes on.
///
/// Servers that make variables of headers (CGI, WSGI, PHP, some Java ones) read every character but
/// letters and digits as the same one: a name that becomes a known one that way does not pass either.
pub(super) fn stays_here(name: &HeaderName) -> bool {
    let name = name.as_str();
    if is_ours(name) {
        return true;
    }
    if is_plain(name) {
        return false;
    }
    let dashed = dashed(name);
    is_ours(&dashed) || is_spoken_for(&dashed)
}

/// Whether a field of this name may follow a body (RFC 9110 section 6.5.1): one that frames the
/// message, routes it, or tells who sends it may not.
pub(super) fn may_trail(name: &HeaderName) -> bool {
    !stays_here(name) && !is_spoken_for(&dashed(name.as_str()))
}

/// Letters and digits with single dashes between them: every server reads the same name.
pub(super) fn is_plain(name: &str) -> bool {
    let strange = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-';
    !name.bytes().any(strange)
        && !name.contains("--")
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// The name as the most generous of those servers reads it.
pub(super) fn dashed(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Headers that browsers may send under this very name, but not under one that looks like it.
fn is_spoken_for(dashed: &str) -> bool {
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
    const BEGINNINGS: [&str; 7] =
        ["accept", "access-control-", "content-", "dpop", "if-", "sec-", "x-xsrf-"];
    NAMES.contains(&dashed) || BEGINNINGS.iter().any(|beginning| dashed.starts_with(beginning))
}

fn is_ours(dashed: &str) -> bool {
    is_for_one_hop(dashed)
        || STRIPPED.contains(&dashed)
        || CREDENTIALS.contains(&dashed)
        || PREFIXES.iter().any(|prefix| dashed.starts_with(prefix))
}

/// RFC 9110 section 7.6.1, and what older implementations add. `Host` is the upstream's. `Expect` is
/// answered here, as soon as the upstream wants the body. `Trailer` is said anew where there can be
/// trailers.
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
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// No header whose name begins like this goes on. Most are how clouds, gateways and identity-aware
/// proxies tell the server behind them who the client is (App Engine, AWS, Azure, Cloudflare Access,
/// Google IAP, Kong, Kubernetes, `mod_auth_openidc`, Pomerium, Tailscale, authentik, Grafana); the rest
/// is what frameworks tell themselves.
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

/// Tokens of the client by names that several gateways and libraries use, and our OCAPI client.
const CREDENTIALS: [&str; 4] =
    ["sfdc-client-auth", "x-access-token", "x-dw-client-id", "x-id-token"];

/// Whatever a browser says under these names never goes on; those of `PREFIXES` that are known to
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
    // Credentials that only we send.
    "-sfdc-client-auth",
    "sfdc-dwsid",
    "sfdc-refresh-token",
    "x-grant-type",
    "x-slas-client-auth",
];
