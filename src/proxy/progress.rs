//! Time limits for what may take long as long as it moves.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, SizeHint};

/// Counts steps; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// One step forward.
    pub(super) fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The outcome of `work`; `None` once it has neither ended nor made a step for `limit`, which
    /// is noticed within twice that time.
    pub(super) async fn watch<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let before = self.0.load(Ordering::Relaxed);
            match tokio::time::timeout(limit, work.as_mut()).await {
                Ok(outcome) => return Some(outcome),
                Err(_) if self.0.load(Ordering::Relaxed) != before => {}
                Err(_) => return None,
            }
        }
    }

    /// `body`, every piece of which is a step.
    pub(super) fn upload(&self, body: Body) -> Body {
        if body.is_end_stream() { body } else { Body::new(Upload { body, progress: self.clone() }) }
    }
}

struct Upload {
    body: Body,
    progress: Progress,
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.progress.step();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
