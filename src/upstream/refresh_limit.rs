//! A limit on exchanges per refresh token: SLAS accepts one token three times in 60 seconds and
//! responds 429 after that, so Tandem does not make such a call.

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::expiring_map::SharedMap;
use crate::ids::Tag;

/// The most exchanges of one token in one [`WINDOW`].
const EXCHANGES: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// The most memory for the counts of one site, in bytes.
pub const LIMIT: usize = 32 * 1024 * 1024;

/// Counts exchanges per refresh token.
pub struct RefreshLimit(SharedMap<Tag, Vec<Instant>>);

impl RefreshLimit {
    /// No exchanges yet. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        Self(SharedMap::new(LIMIT, gauge))
    }

    /// Counts one exchange of the token, or returns how long none is permitted.
    pub fn acquire(&self, token: Tag, now: Instant) -> Result<(), Duration> {
        let mut exchanges = self.0.lock();
        let recent = |moment: &Instant| now.saturating_duration_since(*moment) < WINDOW;
        let mut moments = exchanges.get(&token, now).cloned().unwrap_or_default();
        moments.retain(recent);
        match moments.first() {
            Some(first) if moments.len() >= EXCHANGES => {
                Err(WINDOW.saturating_sub(now.saturating_duration_since(*first)))
            }
            _ => {
                moments.push(now);
                let bytes = EXCHANGES * size_of::<Instant>();
                exchanges.insert(token, moments, bytes, now + WINDOW, now);
                Ok(())
            }
        }
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
}
