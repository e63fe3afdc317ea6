//! The time of the simulated platform, passed to [`Sandbox::start`](crate::Sandbox::start).

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Wall time and monotonic time, read from two functions. A test passes a clock that it can move.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
    monotonic: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Clock {
    /// A clock that reads wall time (Unix seconds) and monotonic time from these functions.
    pub fn new(
        now: impl Fn() -> i64 + Send + Sync + 'static,
        monotonic: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), monotonic: Arc::new(monotonic) }
    }

    /// Unix seconds: for lifetimes of tokens and sessions.
    pub(crate) fn now(&self) -> i64 {
        (self.now)()
    }

    /// Monotonic time: for limits per second or minute, and for durations.
    pub(crate) fn monotonic(&self) -> Instant {
        (self.monotonic)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clock").finish_non_exhaustive()
    }
}
