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

use super::concurrency::Permit;

/// For an upload that has been answered and does not move by [`LEAST`].
const LINGER: Duration = Duration::from_secs(2);

/// Octets of an upload that count as moving, within one time limit: otherwise one octet now and
/// then would keep a place at the upstream for ever.
pub(super) const LEAST: u64 = 1024;

/// Counts how far something has come; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Further by `distance`.
    pub(super) fn add(&self, distance: u64) {
        self.0.fetch_add(distance, Ordering::Relaxed);
    }

    /// How far it has come; wraps around.
    pub(super) fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it has come `least` further than `before`.
    pub(super) fn is_beyond(&self, before: u64, least: u64) -> bool {
        self.so_far().wrapping_sub(before) >= least
    }

    /// The outcome of `work`; `None` once it has neither ended nor come `least` further within
    /// `limit`, which is noticed within twice that time.
    pub(super) async fn watch<T>(
        &self,
        limit: Duration,
        least: u64,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let before = self.so_far();
            match tokio::time::timeout(limit, work.as_mut()).await {
                Ok(outcome) => return Some(outcome),
                Err(_) if self.is_beyond(before, least) => {}
                Err(_) => return None,
            }
        }
    }

    /// `body`, whose octets are counted and which keeps `place` until it is through, and what to
    /// hold until the answer is.
    pub(super) fn upload(&self, body: Body, permit: &Permit) -> (Body, Option<DropGuard>) {
        if body.is_end_stream() {
            return (body, None);
        }
        let answered = CancellationToken::new();
        let upload = Upload {
            body,
            progress: self.clone(),
            answered: Box::pin(answered.clone().cancelled_owned()),
            lingering: None,
            _place: permit.clone(),
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
    lingering: Option<StallTimer>,
    /// It may outlast the answer, and its stream at the upstream with it.
    _place: Permit,
}

impl Upload {
    fn count(&self, frame: &Frame<Bytes>) {
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.progress.add(u64::try_from(length).unwrap_or(LEAST));
        // From here on the upstream gets its whole time for the answer, however short the body was.
        if self.body.is_end_stream() {
            self.progress.add(LEAST);
        }
    }
}

/// A time limit that begins anew as long as an upload moves.
pub(super) struct StallTimer {
    limit: Duration,
    progress: Progress,
    before: u64,
    sleep: Pin<Box<Sleep>>,
}

impl StallTimer {
    pub(super) fn new(limit: Duration, progress: &Progress) -> Self {
        let (progress, before) = (progress.clone(), progress.so_far());
        Self { limit, progress, before, sleep: Box::pin(sleep(limit)) }
    }

    /// Ready once it is at an end.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            if !self.progress.is_beyond(self.before, LEAST) {
                return Poll::Ready(());
            }
            *self = Self::new(self.limit, &self.progress);
        }
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            match &frame {
                Some(Ok(frame)) => self.count(frame),
                Some(Err(_)) => {}
                None => self.progress.add(LEAST),
            }
            return Poll::Ready(frame);
        }
        let upload = &mut *self;
        ready!(upload.answered.as_mut().poll(context));
        let begin = || StallTimer::new(LINGER, &upload.progress);
        ready!(upload.lingering.get_or_insert_with(begin).poll(context));
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
