//! May this request change state? Pure rules.

use http::header::{COOKIE, ORIGIN, SEC_WEBSOCKET_KEY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use crate::header_values::{Occurrence, first_text, occurrence};
use crate::problem::Problem;
use crate::proxy::websocket;
use crate::route::{Csrf, Route};
use crate::site::SiteAtHost;
use crate::web::request_kind::is_navigation;

/// Headers that a page of another origin cannot add without a preflight.
const NOT_CROSS_ORIGIN: [&str; 3] = ["authorization", "x-bff", "x-site-id"];

/// Whether a request may change state on `route`, or open a WebSocket there.
pub(crate) fn check_route(route: &Route, site: &SiteAtHost, parts: &Parts) -> Result<(), Problem> {
    let (method, headers) = (&parts.method, &parts.headers);
    match route.csrf {
        Csrf::SameOrigin if route.kind.is_pages() => may_change_state(method, headers, site)?,
        Csrf::SameOrigin => call_may_change_state(method, headers, site)?,
        Csrf::Upstream => {}
    }
    if websocket::is_handshake(parts) { check_websocket(headers, site) } else { Ok(()) }
}

/// Whether a WebSocket may be opened whose connection is the gateway's: of its handshake, `Connection` and
/// `Upgrade` do not reach us.
pub(crate) fn check_gateway_websocket(
    headers: &HeaderMap,
    site: &SiteAtHost,
) -> Result<(), Problem> {
    if headers.contains_key(SEC_WEBSOCKET_KEY) { check_websocket(headers, site) } else { Ok(()) }
}

fn check_websocket(headers: &HeaderMap, site: &SiteAtHost) -> Result<(), Problem> {
    websocket::check_origin(headers, &site.public_origin, &site.config.cors_origins)
}

/// Whether a request with `headers` may change state at `site`.
///
/// `Sec-Fetch-Site` decides where the browser sends it, else `Origin`, else our own header, which
/// no page of another origin can add without a preflight. `SameSite` alone would not do: sibling
/// sub-domains are the same site.
pub(crate) fn may_change_state(
    method: &Method,
    headers: &HeaderMap,
    site: &SiteAtHost,
) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let origin = text(headers, ORIGIN)?;
    let listed =
        |origin: &str| site.config.cors_origins.iter().any(|known| known.as_str() == origin);
    let relation = text(headers, HeaderName::from_static("sec-fetch-site"))?;
    let allowed = match (relation, origin) {
        (Some("same-origin" | "none"), _) => true,
        (Some(_), Some(origin)) => listed(origin),
        (Some(_), None) => false,
        (None, Some(origin)) => origin == site.public_origin.as_str() || listed(origin),
        (None, None) => headers.get("x-bff").is_some_and(|value| value == "1"),
    };
    if allowed { Ok(()) } else { Err(Problem::CsrfRejected) }
}

/// The text of a header that occurs at most once. No browser repeats one of these.
fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    match occurrence(headers, name) {
        Occurrence::Absent => Ok(None),
        Occurrence::Once(value) => value.to_str().map(Some).map_err(|_| Problem::CsrfRejected),
        Occurrence::Repeated => Err(Problem::CsrfRejected),
    }
}

/// Whether a call of SLAS or an API may change state at `site`.
///
/// The rule is that of [`may_change_state`], except for a server. It has no pages: its call is accepted without cookies that
/// another site could misuse, or with a header that a page of another origin cannot add.
fn call_may_change_state(
    method: &Method,
    headers: &HeaderMap,
    site: &SiteAtHost,
) -> Result<(), Problem> {
    let has_own_header = || NOT_CROSS_ORIGIN.iter().any(|name| headers.contains_key(*name));
    if is_server(headers) && (!headers.contains_key(COOKIE) || has_own_header()) {
        return Ok(());
    }
    may_change_state(method, headers, site)
}

/// Whether an operation of SLAS that changes state may be called. Some are called by GET, so the
/// method counts for nothing, and a link must not log a shopper out.
pub(crate) fn check_slas_call(
    method: &Method,
    headers: &HeaderMap,
    site: &SiteAtHost,
) -> Result<(), Problem> {
    call_may_change_state(&Method::POST, headers, site)?;
    if method.is_safe() && !is_script(headers) {
        return Err(Problem::CsrfRejected);
    }
    Ok(())
}

/// Whether the caller is not a browser: browsers send at least one of these with every call of a
/// script.
pub(crate) fn is_server(headers: &HeaderMap) -> bool {
    !headers.contains_key("sec-fetch-site") && !headers.contains_key(ORIGIN)
}

/// Whether a request may come from a script: not from a link, a typed address or a picture.
fn is_script(headers: &HeaderMap) -> bool {
    let typed = first_text(headers, "sec-fetch-site") == Some("none");
    let mode = first_text(headers, "sec-fetch-mode");
    let fetched = mode.is_none_or(|mode| matches!(mode, "cors" | "same-origin"));
    fetched && !typed && !is_navigation(headers)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_browser_is_never_taken_for_a_server() {
        assert!(is_server(&headers(&[("cookie", "a=b"), ("sec-fetch-mode", "cors")])));
        assert!(!is_server(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(!is_server(&headers(&[("origin", "null")])));
    }

    #[test]
    fn a_link_or_a_typed_address_is_no_script() {
        for script in [
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")][..],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "same-origin")],
            &[("sec-fetch-mode", "cors"), ("accept", "*/*")],
            &[("authorization", "Bearer x")],
        ] {
            assert!(is_script(&headers(script)), "{script:?}");
        }
        for link in [
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "cors")][..],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "no-cors")],
            &[("accept", "text/html,*/*;q=0.8")],
        ] {
            assert!(!is_script(&headers(link)), "{link:?}");
        }
    }
}
