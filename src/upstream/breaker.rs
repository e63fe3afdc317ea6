//! Closed, open, probing: whether an upstream may be called now. A pure machine; time comes in.

use std::time::{Duration, Instant};

/// This many failures in a row open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open before one call may probe.
const OPEN: Duration = Duration::from_secs(5);
/// A probe that has not come back by then is given up on.
const PROBE: Duration = Duration::from_secs(20);
/// An upstream's wish to be left alone is honoured for at most so long.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// A circuit breaker that also honours `Retry-After`.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// No call before this moment.
    shut_until: Option<Instant>,
    probing: bool,
}

impl Breaker {
    /// Lets a call through, or says how long there will be none.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.shut_until {
            None => Ok(()),
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // One call probes; the others wait for what it finds.
                self.probing = true;
                self.shut_until = Some(now + PROBE);
                Ok(())
            }
        }
    }

    /// The upstream answered.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        if self.probing {
            *self = Self::default();
        }
    }

    /// The upstream did not answer, or only that it cannot.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures += 1;
        if self.probing || self.failures >= FAILURES {
            self.probing = false;
            self.shut_until = Some(now + OPEN);
        }
    }

    /// The upstream wants to be left alone.
    pub(super) fn hold(&mut self, now: Instant, wish: Duration) {
        let until = now + wish.min(LONGEST_HOLD);
        self.shut_until = Some(self.shut_until.map_or(until, |known| known.max(until)));
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
    fn fault_10_a_row_of_failures_opens_it_and_one_call_probes() {
        let now = Instant::now();
        let mut breaker = failing(now);
        assert!(breaker.admit(now).is_err());
        let later = now + OPEN;
        assert!(breaker.admit(later).is_ok(), "the probe");
        assert!(breaker.admit(later).is_err(), "only one");
        breaker.failed(later);
        assert!(breaker.admit(later).is_err());
        assert!(breaker.admit(later + OPEN).is_ok());
        breaker.succeeded();
        assert!(breaker.admit(later + OPEN).is_ok());
    }

    #[test]
    fn single_failures_between_successes_do_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.failed(now);
            breaker.succeeded();
        }
        assert!(breaker.admit(now).is_ok());
    }

    #[test]
    fn fault_8_retry_after_is_honoured_but_not_for_ever() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.hold(now, Duration::from_secs(20));
        assert!(breaker.admit(now + Duration::from_secs(19)).is_err());
        assert!(breaker.admit(now + Duration::from_secs(20)).is_ok());
        breaker.hold(now, Duration::from_secs(86_400));
        assert!(breaker.admit(now + LONGEST_HOLD).is_ok());
    }

    #[test]
    fn a_probe_that_never_comes_back_does_not_shut_it_for_ever() {
        let now = Instant::now();
        let mut breaker = failing(now);
        assert!(breaker.admit(now + OPEN).is_ok());
        assert!(breaker.admit(now + OPEN + PROBE).is_ok());
    }
}
