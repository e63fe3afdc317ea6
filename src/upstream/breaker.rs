//! A circuit breaker (closed, open, half-open). It has no clock: callers pass the time.

use std::time::{Duration, Instant};

/// Consecutive failures that open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open before one trial call passes.
const OPEN: Duration = Duration::from_secs(5);
/// How long the result of a trial call is awaited before another one passes.
const TRIAL: Duration = Duration::from_secs(20);
/// The longest `Retry-After` that is respected.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// A circuit breaker that also respects `Retry-After`.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Consecutive failures.
    failures: u32,
    /// No call before this moment.
    open_until: Option<Instant>,
    /// A trial call has passed, and its result is not known yet.
    on_trial: bool,
}

impl Breaker {
    /// Lets a call pass, or returns how long none will.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.open_until {
            None => Ok(()),
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // One trial call passes; the others are rejected until its result is known.
                self.on_trial = true;
                self.open_until = Some(now + TRIAL);
                Ok(())
            }
        }
    }

    /// The upstream responded.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        if self.on_trial {
            *self = Self::default();
        }
    }

    /// The upstream did not respond, or with an error of its own.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures += 1;
        if self.on_trial || self.failures >= FAILURES {
            self.on_trial = false;
            self.open_until = Some(now + OPEN);
        }
    }

    /// The upstream accepts no call for `retry_after`.
    pub(super) fn hold(&mut self, now: Instant, retry_after: Duration) {
        let until = now + retry_after.min(LONGEST_HOLD);
        self.open_until = Some(self.open_until.map_or(until, |earlier| earlier.max(until)));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use super::*;

    fn failing(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES).for_each(|_| breaker.failed(now));
        breaker
    }

    #[test]
    fn fault_10_consecutive_failures_open_the_breaker_and_one_trial_call_passes() {
        let now = Instant::now();
        let mut breaker = failing(now);
        assert!(breaker.admit(now).is_err());
        let later = now + OPEN;
        assert!(breaker.admit(later).is_ok(), "the trial call");
        assert!(breaker.admit(later).is_err(), "only one");
        breaker.failed(later);
        assert!(breaker.admit(later).is_err());
        assert!(breaker.admit(later + OPEN).is_ok());
        breaker.succeeded();
        assert!(breaker.admit(later + OPEN).is_ok());
    }

    #[test]
    fn single_failures_between_successes_do_not_open_the_breaker() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(now);
            breaker.succeeded();
        }
        assert!(breaker.admit(now).is_ok());
    }

    #[test]
    fn fault_8_retry_after_is_respected_up_to_a_limit() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.hold(now, Duration::from_secs(20));
        assert!(breaker.admit(now + Duration::from_secs(19)).is_err());
        assert!(breaker.admit(now + Duration::from_secs(20)).is_ok());
        breaker.hold(now, Duration::from_secs(86_400));
        assert!(breaker.admit(now + LONGEST_HOLD).is_ok());
    }

    #[test]
    fn a_trial_call_without_a_result_does_not_keep_the_breaker_open() {
        let now = Instant::now();
        let mut breaker = failing(now);
        assert!(breaker.admit(now + OPEN).is_ok());
        assert!(breaker.admit(now + OPEN + TRIAL).is_ok());
    }
}
