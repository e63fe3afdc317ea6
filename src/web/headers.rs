//! Headers that several handlers read or write by the same rule.

use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::header_values::{PRIVATE_NO_STORE, sensitive, single};
use crate::problem::Problem;
use crate::route::{Authorization, Route};

/// Headers that instruct a cache before us more specifically than `Cache-Control` does (RFC 9213
/// and its older relatives): they would win over our `no-store`.
const SHARED_CACHE_CONTROLS: [&str; 8] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "expires",
    "netlify-cdn-cache-control",
    "surrogate-control",
    "vercel-cdn-cache-control",
    "x-accel-expires",
];

/// Forbids every cache to store the response.
pub(crate) fn no_store(headers: &mut HeaderMap) {
    remove_shared_cache_controls(headers);
    headers.insert(CACHE_CONTROL, PRIVATE_NO_STORE);
}

/// Forbids shared caches to store the response; the browser's own cache follows the upstream.
pub(crate) fn no_shared_store(headers: &mut HeaderMap) {
    remove_shared_cache_controls(headers);
    let lines: Vec<&str> =
        headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok()).collect();
    let private = private(&lines.join(","));
    headers.insert(CACHE_CONTROL, private);
}

fn remove_shared_cache_controls(headers: &mut HeaderMap) {
    for name in SHARED_CACHE_CONTROLS {
        headers.remove(name);
    }
}

/// The directives of `cache_control` that concern a browser's own cache, behind `private`.
fn private(cache_control: &str) -> HeaderValue {
    let shared = ["public", "private", "s-maxage", "proxy-revalidate"];
    let name = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default();
        name.trim().to_ascii_lowercase()
    };
    let own = cache_control
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !shared.contains(&name(directive).as_str()));
    let all: Vec<&str> = std::iter::once("private").chain(own).collect();
    HeaderValue::from_str(&all.join(", ")).unwrap_or(PRIVATE_NO_STORE)
}

/// Redirects to a path of this site; after a form, by a GET.
pub(crate) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response(),
        Err(_) => Problem::BadRequest("The target is not a path of this site.").into_response(),
    }
}

/// Path and query of an address.
pub(crate) fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// The browser's own `Authorization`, as far as an upstream of pages may have it: the password of a
/// staging instance, not a token, unless the operator's rule says otherwise.
pub(crate) fn own_authorization(route: &Route, headers: &HeaderMap) -> Option<HeaderValue> {
    match route.authorization {
        Authorization::None => None,
        Authorization::Basic => authorization(headers, "Basic"),
        Authorization::Any => {
            let mut value = single(headers, AUTHORIZATION)?.clone();
            value.set_sensitive(true);
            Some(value)
        }
    }
}

/// The only `Authorization`, if it has that scheme; marked sensitive.
pub(crate) fn authorization(headers: &HeaderMap, scheme: &str) -> Option<HeaderValue> {
    let value = single(headers, AUTHORIZATION)?;
    let (named, credentials) = value.to_str().ok()?.split_once(' ')?;
    if !named.eq_ignore_ascii_case(scheme) || credentials.trim().is_empty() {
        return None;
    }
    // SCAPI refuses another spelling of the scheme.
    Some(sensitive(&format!("{scheme} {}", credentials.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_57_two_credentials_or_another_scheme_are_none() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
        };
        let mut twice = headers("Bearer a");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(authorization(&twice, "Bearer"), None);
        for value in ["Bearer", "Bearer ", "Basic eDp5", "Bearerx y"] {
            assert_eq!(authorization(&headers(value), "Bearer"), None);
        }
        let once = authorization(&headers("bearer  x.y.z "), "Bearer").unwrap();
        assert_eq!(once, "Bearer x.y.z");
        assert!(once.is_sensitive());
    }

    #[test]
    fn a_response_for_one_shopper_is_stored_by_one_browser_only() {
        for (cache_control, expected) in [
            ("", "private"),
            ("public, max-age=300, s-maxage=600", "private, max-age=300"),
            ("no-store", "private, no-store"),
            ("Public,no-cache", "private, no-cache"),
        ] {
            assert_eq!(private(cache_control), expected, "{cache_control}");
        }
    }

    #[test]
    fn no_instruction_for_a_shared_cache_is_left_beside_no_store() {
        let mut headers = HeaderMap::new();
        for name in SHARED_CACHE_CONTROLS.into_iter().chain(["cache-control"]) {
            headers.insert(name, HeaderValue::from_static("public, max-age=300"));
        }
        no_store(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers[CACHE_CONTROL], "private, no-store");
    }
}
