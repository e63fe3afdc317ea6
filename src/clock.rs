//! The only source of time and randomness.
//!
//! The pure core (`flow`, `cookies`) reads no clock: it is given [`Timestamp`]s. All other modules read
//! time here, so that a test (and the sandbox's inspector) can move it instead of waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;

pub use crate::timestamp::Timestamp;

/// Wall-clock time and monotonic time, which tests can move.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    moved_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Wall-clock time: for token lifetimes and all other times that other systems see.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the source of time")]
    pub fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix(millis.saturating_add(self.moved()) / 1000)
    }

    /// Monotonic time: for deadlines and caches, which a jump of the wall clock must not affect.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the source of time")]
    pub fn monotonic(&self) -> Instant {
        Instant::now() + Duration::from_millis(u64::try_from(self.moved()).unwrap_or_default())
    }

    /// Moves this clock and all its clones forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.moved_ms.fetch_add(by, Ordering::SeqCst);
    }

    fn moved(&self) -> i64 {
        self.moved_ms.load(Ordering::SeqCst)
    }
}

/// `N` bytes from the operating system's generator, for keys, nonces, verifiers and ids.
///
/// # Panics
///
/// If the system provides no randomness: a guessable PKCE verifier or nonce would be worse than the
/// failure of this one request.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "see `# Panics`")]
    rand::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}
