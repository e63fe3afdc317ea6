//! A body on its way to an API: streamed, or short enough to be sent twice.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::request::Parts;
use hyper::body::Body as _;

use crate::problem::Problem;

/// Longest body that is kept for a second try, in octets.
const LONGEST: u64 = 64 * 1024;

/// A body.
pub(crate) enum ReplayBody {
    /// Kept whole.
    Kept(Bytes),
    /// As it comes.
    Streamed(Body),
}

impl ReplayBody {
    /// One that is not kept.
    pub(crate) fn streamed(body: Body) -> Self {
        Self::Streamed(body)
    }

    /// Reads `body` if it says that it is short. `patience` is how long it may take.
    pub(crate) async fn read(
        body: Body,
        parts: &Parts,
        patience: Duration,
    ) -> Result<Self, Problem> {
        if body.is_end_stream() {
            return Ok(Self::Kept(Bytes::new()));
        }
        // `Expect: 100-continue`: the API has not asked for the body yet.
        let waits = parts.headers.contains_key(http::header::EXPECT);
        match body.size_hint().exact() {
            Some(length) if length <= LONGEST && !waits => {
                let read = axum::body::to_bytes(body, usize::MAX);
                let read = tokio::time::timeout(patience, read).await;
                let broken = Problem::BadRequest("The body does not arrive whole.");
                Ok(Self::Kept(read.map_err(|_| Problem::TimedOut)?.map_err(|_| broken)?))
            }
            _ => Ok(Self::Streamed(body)),
        }
    }

    /// The same once more, if it has been kept.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Kept(bytes) => Some(Self::Kept(bytes.clone())),
            Self::Streamed(_) => None,
        }
    }

    pub(crate) fn into_body(self) -> Body {
        match self {
            Self::Kept(bytes) if bytes.is_empty() => Body::empty(),
            Self::Kept(bytes) => Body::from(bytes),
            Self::Streamed(body) => body,
        }
    }
}
