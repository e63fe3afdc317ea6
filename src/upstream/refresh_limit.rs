//! A limit on exchanges per refresh token: SLAS accepts one token three times in 60 seconds and
//! responds 429 after that, so Tandem does not make such a call.

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::expiring_map::SharedMap;
use crate::ids::Tag;

/// The most exchanges of one token in one [`WINDOW`].
const EXCHANGES: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// How long no exchange follows a repeated one that failed: the last exchange of the window is for
/// when SLAS may have recovered.
const PAUSE: Duration = Duration::from_secs(10);

/// The most memory for the counts of one site, in bytes.
pub const LIMIT: usize = 32 * 1024 * 1024;

/// Counts exchanges per refresh token.
pub struct RefreshLimit(SharedMap<Tag, Exchanges>);

/// The exchanges of one token.
#[derive(Clone, Default)]
struct Exchanges {
    /// Those of the last [`WINDOW`], in order.
    moments: Vec<Instant>,
    paused_until: Option<Instant>,
}

impl Exchanges {
    /// How long no exchange is permitted, if `most` have been made.
    fn wait(&self, most: usize, now: Instant) -> Option<Duration> {
        let paused = self.paused_until.map(|until| until.saturating_duration_since(now));
        let first = self.moments.first().filter(|_| self.moments.len() >= most);
        let full = first.map(|first| WINDOW.saturating_sub(now.saturating_duration_since(*first)));
        paused.max(full).filter(|wait| !wait.is_zero())
    }
}

impl RefreshLimit {
    /// No exchanges yet. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        Self(SharedMap::new(LIMIT, gauge))
    }

    /// Counts one exchange of the token, or returns how long none is permitted.
    pub fn acquire(&self, token: Tag, now: Instant) -> Result<(), Duration> {
        self.acquire_of(EXCHANGES, token, now)
    }

    /// Counts an exchange that repeats a failed one, unless it would be the last one permitted.
    pub fn acquire_repeat(&self, token: Tag, now: Instant) -> Result<(), Duration> {
        self.acquire_of(EXCHANGES - 1, token, now)
    }

    fn acquire_of(&self, most: usize, token: Tag, now: Instant) -> Result<(), Duration> {
        self.update(token, now, |exchanges| {
            if let Some(wait) = exchanges.wait(most, now) {
                return Err(wait);
            }
            exchanges.moments.push(now);
            Ok(())
        })
    }

    /// Takes back the last exchange of the token: the call was not made.
    pub fn release(&self, token: Tag, now: Instant) {
        self.update(token, now, |exchanges| {
            exchanges.moments.pop();
        });
    }

    /// Permits no exchange of the token for a few seconds: a repeated one has failed.
    pub fn pause(&self, token: Tag, now: Instant) {
        self.update(token, now, |exchanges| exchanges.paused_until = Some(now + PAUSE));
    }

    fn update<T>(&self, token: Tag, now: Instant, change: impl FnOnce(&mut Exchanges) -> T) -> T {
        let mut all = self.0.lock();
        let mut exchanges = all.get(&token, now).cloned().unwrap_or_default();
        exchanges.moments.retain(|moment| now.saturating_duration_since(*moment) < WINDOW);
        let result = change(&mut exchanges);
        let bytes = EXCHANGES * size_of::<Instant>();
        all.insert(token, exchanges, bytes, now + WINDOW, now);
        result
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use super::*;
    use crate::ids::RefreshToken;

    #[test]
    fn one_token_is_exchanged_at_most_three_times_in_any_minute() {
        let (limit, start) = (RefreshLimit::new(&Gauge::default()), Instant::now());
        let [a, b] = ["a", "b"].map(|text| RefreshToken::parse(text).unwrap().tag());
        let exchanged = (0..180)
            .filter(|second| limit.acquire(a, start + Duration::from_secs(*second)).is_ok())
            .count();
        assert_eq!(exchanged, 9);
        assert!(limit.acquire(b, start).is_ok());
    }

    #[test]
    fn kind_13_a_repeated_exchange_leaves_one_for_later() {
        let (limit, start) = (RefreshLimit::new(&Gauge::default()), Instant::now());
        let token = RefreshToken::parse("a").unwrap().tag();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(limit.acquire(token, start).is_ok());
        assert!(limit.acquire_repeat(token, start).is_ok());
        limit.pause(token, start);
        assert_eq!(limit.acquire(token, at(6)), Err(Duration::from_secs(4)));
        assert!(limit.acquire(token, at(12)).is_ok());
        assert!(limit.acquire_repeat(token, at(12)).is_err());
        assert_eq!(limit.acquire(token, at(13)), Err(Duration::from_secs(47)));
        // The second exchange of a window is repeated only if another one is left.
        assert!(limit.acquire(token, at(75)).is_ok());
        assert!(limit.acquire(token, at(76)).is_ok());
        assert!(limit.acquire_repeat(token, at(76)).is_err());
        assert!(limit.acquire(token, at(77)).is_ok());
    }

    #[test]
    fn kind_13_a_call_that_was_not_made_does_not_count() {
        let (limit, now) = (RefreshLimit::new(&Gauge::default()), Instant::now());
        let token = RefreshToken::parse("a").unwrap().tag();
        for _ in 0..10 {
            assert!(limit.acquire(token, now).is_ok());
            limit.release(token, now);
        }
    }
}
