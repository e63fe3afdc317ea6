//! The body of a request: streamed, or short enough to be buffered.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::request::Parts;
use hyper::body::Body as _;

use crate::problem::Problem;

/// Longest body that is buffered, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A body.
pub(crate) enum ReplayBody {
    /// Read completely.
    Buffered(Bytes),
    /// As it arrives.
    Streamed(Body),
}

impl ReplayBody {
    /// One that is not buffered.
    pub(crate) fn streamed(body: Body) -> Self {
        Self::Streamed(body)
    }

    /// Reads `body` within `timeout`, if its declared length is short.
    pub(crate) async fn read(
        body: Body,
        parts: &Parts,
        timeout: Duration,
    ) -> Result<Self, Problem> {
        if body.is_end_stream() {
            return Ok(Self::Buffered(Bytes::new()));
        }
        // `Expect: 100-continue`: the client waits until the API wants the body.
        let client_waits = parts.headers.contains_key(http::header::EXPECT);
        match body.size_hint().exact() {
            Some(length) if length <= LONGEST && !client_waits => {
                let read = axum::body::to_bytes(body, usize::MAX);
                let read = tokio::time::timeout(timeout, read).await;
                let incomplete =
                    Problem::BadRequest("The request body could not be read completely.");
                Ok(Self::Buffered(read.map_err(|_| Problem::TimedOut)?.map_err(|_| incomplete)?))
            }
            _ => Ok(Self::Streamed(body)),
        }
    }

    /// Its bytes, if it is buffered.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Buffered(bytes) => Some(bytes),
            Self::Streamed(_) => None,
        }
    }

    /// A copy for a retry, if it is buffered.
    pub(crate) fn to_repeat(&self) -> Option<Self> {
        match self {
            Self::Buffered(bytes) => Some(Self::Buffered(bytes.clone())),
            Self::Streamed(_) => None,
        }
    }

    pub(crate) fn into_body(self) -> Body {
        match self {
            Self::Buffered(bytes) if bytes.is_empty() => Body::empty(),
            Self::Buffered(bytes) => Body::from(bytes),
            Self::Streamed(body) => body,
        }
    }
}
