//! A clock that a test can move forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Clock;

/// The system's time, which a test can move forward.
#[derive(Clone, Default)]
pub(super) struct MovableClock(Arc<AtomicU64>);

impl MovableClock {
    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    fn moved(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl From<MovableClock> for Clock {
    #[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
    fn from(clock: MovableClock) -> Self {
        let other = clock.clone();
        let now = move || {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            i64::try_from((since_epoch + clock.moved()).as_secs()).unwrap()
        };
        Self::new(now, move || Instant::now() + other.moved())
    }
}
