//! Time limits for work that may take long as long as it makes progress.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Bytes of an upload per time limit that count as progress: otherwise single bytes could hold a
/// permit for ever.
pub(super) const MIN_PROGRESS: u64 = 1024;

/// A counter of progress, shared by its clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Adds `amount`.
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The sum so far; wraps around.
    fn sum(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether the sum has grown by `least` since it was `before`.
    fn has_grown(&self, before: u64, least: u64) -> bool {
        self.sum().wrapping_sub(before) >= least
    }

    /// The output of `work`; `None` once it has neither ended nor progressed by `least` within
    /// `limit`, which is noticed within twice that time.
    pub(super) async fn watch<T>(
        &self,
        limit: Duration,
        least: u64,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let before = self.sum();
            match tokio::time::timeout(limit, work.as_mut()).await {
                Ok(output) => return Some(output),
                Err(_) if self.has_grown(before, least) => {}
                Err(_) => return None,
            }
        }
    }
}

/// A time limit that restarts as long as an upload makes progress.
pub(super) struct StallTimer {
    limit: Duration,
    progress: Progress,
    before: u64,
    sleep: Pin<Box<Sleep>>,
}

impl StallTimer {
    pub(super) fn new(limit: Duration, progress: &Progress) -> Self {
        let (progress, before) = (progress.clone(), progress.sum());
        Self { limit, progress, before, sleep: Box::pin(sleep(limit)) }
    }

    /// Ready when the limit is reached.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            if !self.progress.has_grown(self.before, MIN_PROGRESS) {
                return Poll::Ready(());
            }
            *self = Self::new(self.limit, &self.progress);
        }
    }
}
