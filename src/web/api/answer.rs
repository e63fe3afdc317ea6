//! What comes back from an API.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::web::arrival::SHARED_CACHES;

/// Longest refusal that is looked into, in octets.
const LONGEST_REFUSAL: usize = 64 * 1024;
/// By which SCAPI says that the shopper's password was changed elsewhere.
const CHANGED: &str = "Customer credentials changed after token was issued.";

/// Looks into a 401: whether it ends the session for good.
pub(super) async fn unauthorized(response: Response) -> (Response, bool) {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        detail: String,
    }
    let (mut parts, body) = response.into_parts();
    // A refusal is the API's own few words; a longer one has nothing to say to us or anybody.
    let body = axum::body::to_bytes(body, LONGEST_REFUSAL).await.unwrap_or_else(|_| Bytes::new());
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    (Response::from_parts(parts, Body::from(body)), refusal.detail == CHANGED)
}

/// The answer was made for one shopper: nobody else's cache keeps it. Nor may an API set cookies,
/// or say whose scripts may read it.
pub(super) fn make_private(headers: &mut HeaderMap) {
    headers.remove(SET_COOKIE);
    // OCAPI hands out a token of its own this way.
    headers.remove(http::header::AUTHORIZATION);
    let cross_origin: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in cross_origin {
        headers.remove(name);
    }
    for name in SHARED_CACHES {
        headers.remove(name);
    }
    let lines: Vec<&str> =
        headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok()).collect();
    let private = private(&lines.join(","));
    headers.insert(CACHE_CONTROL, private);
}

/// `Cache-Control` for one browser's cache only.
fn private(said: &str) -> HeaderValue {
    let shared = ["public", "private", "s-maxage", "proxy-revalidate"];
    let name = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default();
        name.trim().to_ascii_lowercase()
    };
    let own = said
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !shared.contains(&name(directive).as_str()));
    let all: Vec<&str> = std::iter::once("private").chain(own).collect();
    HeaderValue::from_str(&all.join(", "))
        .unwrap_or_else(|_| HeaderValue::from_static("private, no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_for_one_shopper_is_kept_by_one_browser_only() {
        for (said, kept) in [
            ("", "private"),
            ("public, max-age=300, s-maxage=600", "private, max-age=300"),
            ("no-store", "private, no-store"),
            ("Public,no-cache", "private, no-cache"),
        ] {
            assert_eq!(private(said), kept, "{said}");
        }
    }
}
