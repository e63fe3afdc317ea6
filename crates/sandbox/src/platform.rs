//! What all simulated hosts share: options, clock and state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::clock::Clock;
use super::options::Options;
use super::state::State;

/// The shared platform, as handlers hold it.
pub(super) type Shared = Arc<Platform>;

/// The simulated platform behind all listeners.
pub(super) struct Platform {
    pub(super) options: Options,
    pub(super) clock: Clock,
    origin: (i64, Instant),
    state: Mutex<State>,
}

impl Platform {
    pub(super) fn new(options: Options, clock: Clock) -> Self {
        let origin = (clock.now().saturating_mul(1000), clock.monotonic());
        let state = Mutex::new(State::new(&options));
        Self { options, clock, origin, state }
    }

    /// The locked state. A panic in one request must not fail later ones.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unix seconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Unix milliseconds that never run backwards, for the call log.
    pub(super) fn now_ms(&self) -> i64 {
        let (started_ms, started) = self.origin;
        let passed = self.clock.monotonic().saturating_duration_since(started).as_millis();
        started_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}
