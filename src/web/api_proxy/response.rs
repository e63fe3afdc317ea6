//! What comes back from an API.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE};
use serde::Deserialize;

use crate::problem::Problem;
use crate::web::headers::no_shared_store;

/// Longest refusal that is looked into, in octets.
const LONGEST_REFUSAL: usize = 64 * 1024;
/// By which SCAPI says that the shopper's password was changed elsewhere.
const CHANGED: &str = "Customer credentials changed after token was issued.";

/// Looks into a 401: whether it ends the session for good. `patience` is how long its body may
/// take.
///
/// One that is compressed is not looked into but taken for an ordinary one, which costs one renewal
/// and one more try; if the password was changed, SLAS or the second answer has the last word.
/// Asking APIs for plain answers instead would make all of them, and most are large, several times
/// as long for the sake of this one.
///
/// # Errors
///
/// When the body does not arrive whole or in time, or is longer than any refusal.
pub(crate) async fn unauthorized(
    response: Response,
    patience: Duration,
) -> Result<(Response, bool), Problem> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        detail: String,
    }
    if response.headers().contains_key(CONTENT_ENCODING) {
        return Ok((response, false));
    }
    let (mut parts, body) = response.into_parts();
    let read = axum::body::to_bytes(body, LONGEST_REFUSAL);
    let read = tokio::time::timeout(patience, read).await.map_err(|_| Problem::TooSlow)?;
    let body = read.map_err(|_| Problem::Unreachable)?;
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    Ok((Response::from_parts(parts, Body::from(body)), refusal.detail == CHANGED))
}

/// The answer was made for one shopper: nobody else's cache keeps it. Nor may an API set cookies,
/// or say whose scripts may read it.
pub(crate) fn make_private(headers: &mut HeaderMap) {
    headers.remove(SET_COOKIE);
    let cross_origin: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in cross_origin {
        headers.remove(name);
    }
    no_shared_store(headers);
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_refusal_is_understood_only_if_it_is_whole_plain_and_short() {
        const PATIENCE: Duration = Duration::from_millis(50);
        let text = format!("{{\"detail\":\"{CHANGED}\"}}");
        let said = unauthorized(Response::new(Body::from(text.clone())), PATIENCE).await;
        assert!(said.is_ok_and(|(_, says_changed)| says_changed));
        let mut zipped = Response::new(Body::from(vec![0x1f, 0x8b]));
        zipped.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let (kept, says_changed) = unauthorized(zipped, PATIENCE).await.unwrap();
        assert!(!says_changed);
        assert_eq!(kept.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(axum::body::to_bytes(kept.into_body(), 9).await.unwrap(), [0x1f, 0x8b][..]);
        let long = Body::from(text + &" ".repeat(LONGEST_REFUSAL));
        let said = unauthorized(Response::new(long), PATIENCE).await;
        assert!(matches!(said, Err(Problem::Unreachable)));
    }
}
