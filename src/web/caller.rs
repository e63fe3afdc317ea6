//! Who calls the façade or an API: a page of this shop, a server, or nobody we answer. Pure.

use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};

use crate::config;
use crate::problem::Problem;
use crate::route::{Authorization, Route};
use crate::web::csrf;
use crate::web::request_kind::is_navigation;

/// Headers that a page of another origin cannot add without asking first.
const NOT_FOR_STRANGERS: [&str; 3] = ["authorization", "x-bff", "x-site-id"];

/// Whether this is no browser: those say at least one of these with every call of a script.
pub(crate) fn is_server(headers: &HeaderMap) -> bool {
    !headers.contains_key("sec-fetch-site") && !headers.contains_key(ORIGIN)
}

/// Whether a call may change state at `site`.
///
/// As [`guard::may_change_state`], but a server has no pages: it is let in where it brings no
/// cookies that could be misused, or a header that a stranger's page cannot add.
pub(crate) fn may_change_state(
    method: &Method,
    headers: &HeaderMap,
    site: &config::SiteConfig,
) -> Result<(), Problem> {
    if is_server(headers) && (!headers.contains_key(COOKIE) || is_own(headers)) {
        return Ok(());
    }
    csrf::may_change_state(method, headers, site)
}

/// Refuses what a browser asks for without a script: a link, an address that was typed in, a
/// picture. Some calls of SLAS change state by GET, and a script's `fetch` says what it is.
pub(crate) fn is_no_link(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let script = |mode: &str| matches!(mode, "cors" | "same-origin");
    let by_hand = text("sec-fetch-site") == Some("none");
    if by_hand || is_navigation(headers) || !text("sec-fetch-mode").is_none_or(script) {
        return Err(Problem::CsrfRejected);
    }
    Ok(())
}

/// Whether there is a header that a stranger's page cannot add.
fn is_own(headers: &HeaderMap) -> bool {
    NOT_FOR_STRANGERS.iter().any(|name| headers.contains_key(*name))
}

/// Whether `x-site-id`, where it is sent, names this site: it only confirms what host and path say.
pub(crate) fn means_site(headers: &HeaderMap, site: &config::SiteConfig) -> Result<(), Problem> {
    let foreign = |value: &HeaderValue| value.as_bytes() != site.id.as_str().as_bytes();
    if headers.get_all("x-site-id").iter().any(foreign) {
        return Err(Problem::BadRequest("The header x-site-id names another site."));
    }
    Ok(())
}

/// What of a browser's own `Authorization` a page's upstream may have: a staging password, not a
/// token, unless the operator's rule says otherwise.
pub(crate) fn own_authorization(route: &Route, headers: &HeaderMap) -> Option<HeaderValue> {
    match route.authorization {
        Authorization::None => None,
        Authorization::Basic => authorization(headers, "Basic"),
        Authorization::Any => {
            let mut values = headers.get_all(AUTHORIZATION).iter();
            let mut value = values.next().filter(|_| values.next().is_none())?.clone();
            value.set_sensitive(true);
            Some(value)
        }
    }
}

/// The one `Authorization` of that scheme, marked sensitive.
pub(crate) fn authorization(headers: &HeaderMap, scheme: &str) -> Option<HeaderValue> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (named, rest) = value.to_str().ok()?.split_once(' ')?;
    if !named.eq_ignore_ascii_case(scheme) || rest.trim().is_empty() {
        return None;
    }
    // SCAPI refuses another spelling of the scheme.
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", rest.trim())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
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
    fn only_a_script_is_no_link() {
        for script in [
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")][..],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "same-origin")],
            &[("sec-fetch-mode", "cors"), ("accept", "*/*")],
            &[("authorization", "Bearer x")],
        ] {
            assert_eq!(is_no_link(&headers(script)), Ok(()), "{script:?}");
        }
        for link in [
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "cors")][..],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "no-cors")],
            &[("accept", "text/html,*/*;q=0.8")],
        ] {
            assert_eq!(is_no_link(&headers(link)), Err(Problem::CsrfRejected), "{link:?}");
        }
    }

    #[test]
    fn attack_57_two_credentials_or_another_scheme_are_none() {
        let mut twice = headers(&[("authorization", "Bearer a")]);
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(authorization(&twice, "Bearer"), None);
        for value in ["Bearer", "Bearer ", "Basic eDp5", "Bearerx y"] {
            assert_eq!(authorization(&headers(&[("authorization", value)]), "Bearer"), None);
        }
        let one = authorization(&headers(&[("authorization", "bearer  x.y.z ")]), "Bearer");
        assert_eq!(one.unwrap(), "Bearer x.y.z");
    }
}
