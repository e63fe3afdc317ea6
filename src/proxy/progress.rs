//! Time limits for what may take long as long as it moves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

/// For an upload that has been answered and does not move.
const LINGER: Duration = Duration::from_secs(2);

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

    /// `body`, every piece of which is a step, and what to hold until the answer is through.
    pub(super) fn upload(&self, body: Body) -> (Body, Option<DropGuard>) {
        if body.is_end_stream() {
            return (body, None);
        }
        let answered = CancellationToken::new();
        let upload = Upload {
            body,
            progress: self.clone(),
            answered: Box::pin(answered.clone().cancelled_owned()),
            lingering: None,
        };
        (Body::new(upload), Some(answered.drop_guard()))
    }
}

/// A body on its way. Once the answer is through, nobody needs the rest of it: it may still come,
/// because many clients read no answer before they have sent everything, but not stand still.
struct Upload {
    body: Body,
    progress: Progress,
    answered: Pin<Box<WaitForCancellationFutureOwned>>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.progress.step();
            self.lingering = None;
            return Poll::Ready(frame);
        }
        ready!(self.answered.as_mut().poll(context));
        let lingering = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        ready!(lingering.as_mut().poll(context));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the answer is through");
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
