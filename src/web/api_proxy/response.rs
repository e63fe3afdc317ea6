//! The responses of APIs.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE};
use serde::Deserialize;

use crate::problem::Problem;
use crate::web::headers::no_shared_store;

/// Longest body of a 401 that is read, in bytes.
const LONGEST_REJECTION: usize = 64 * 1024;
/// The detail of a 401 of SCAPI after the shopper's password was changed elsewhere.
const CHANGED: &str = "Customer credentials changed after token was issued.";

/// What an API has rejected with a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// The access token: a new one may be accepted.
    Token,
    /// The shopper's credentials, which have changed since the session began: it has ended.
    Credentials,
}

/// Reads a 401 within `timeout`.
///
/// A compressed one is not read but treated as an ordinary one, which costs one renewal and one
/// retry; after a changed password, SLAS or the second response decides. Requesting uncompressed
/// responses from APIs would make all of them several times as long for the sake of this one.
///
/// # Errors
///
/// When the body is incomplete, late or too long.
pub(crate) async fn unauthorized(
    response: Response,
    timeout: Duration,
) -> Result<(Response, Rejected), Problem> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Rejection {
        detail: String,
    }
    if response.headers().contains_key(CONTENT_ENCODING) {
        return Ok((response, Rejected::Token));
    }
    let (mut parts, body) = response.into_parts();
    let read = axum::body::to_bytes(body, LONGEST_REJECTION);
    let read = tokio::time::timeout(timeout, read).await.map_err(|_| Problem::TooSlow)?;
    let body = read.map_err(|_| Problem::Unreachable)?;
    let rejection: Rejection = serde_json::from_slice(&body).unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    let changed = rejection.detail == CHANGED;
    let rejected = if changed { Rejected::Credentials } else { Rejected::Token };
    Ok((Response::from_parts(parts, Body::from(body)), rejected))
}

/// Keeps a response for one shopper out of shared caches.
pub(crate) fn make_private(headers: &mut HeaderMap) {
    make_public(headers);
    no_shared_store(headers);
}

/// A response to a request without credentials, which caches may store as the API says. An API may
/// neither set cookies nor decide which origins read the response.
pub(crate) fn make_public(headers: &mut HeaderMap) {
    headers.remove(SET_COOKIE);
    let cross_origin: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in cross_origin {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_401_is_read_only_if_it_is_complete_uncompressed_and_short() {
        const TIMEOUT: Duration = Duration::from_millis(50);
        let text = format!("{{\"detail\":\"{CHANGED}\"}}");
        let read = unauthorized(Response::new(Body::from(text.clone())), TIMEOUT).await;
        assert!(read.is_ok_and(|(_, rejected)| rejected == Rejected::Credentials));
        let mut zipped = Response::new(Body::from(vec![0x1f, 0x8b]));
        zipped.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let (unread, rejected) = unauthorized(zipped, TIMEOUT).await.unwrap();
        assert_eq!(rejected, Rejected::Token);
        assert_eq!(unread.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(axum::body::to_bytes(unread.into_body(), 9).await.unwrap(), [0x1f, 0x8b][..]);
        let long = Body::from(text + &" ".repeat(LONGEST_REJECTION));
        let read = unauthorized(Response::new(long), TIMEOUT).await;
        assert!(matches!(read, Err(Problem::Unreachable)));
    }
}
