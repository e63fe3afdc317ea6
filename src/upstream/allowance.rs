//! SLAS takes one refresh token three times in 60 seconds and answers 429 from then on. We do not
//! even try.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::Tag;

/// Exchanges of one token ...
const EXCHANGES: usize = 3;
/// ... in this time.
const WINDOW: Duration = Duration::from_secs(60);
/// Forgotten tokens are swept out when so many have piled up.
const SWEEP: usize = 1024;

/// Counts exchanges per refresh token.
#[derive(Default)]
pub struct Allowance(Mutex<HashMap<Tag, Vec<Instant>>>);

impl Allowance {
    /// Takes one exchange of the token, or says how long none is left.
    pub fn take(&self, token: Tag, now: Instant) -> Result<(), Duration> {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |moment: &Instant| now.saturating_duration_since(*moment) < WINDOW;
        if exchanges.len() >= SWEEP && exchanges.len().is_power_of_two() {
            exchanges.retain(|_, moments| moments.iter().any(recent));
        }
        let moments = exchanges.entry(token).or_default();
        moments.retain(recent);
        match moments.first() {
            Some(first) if moments.len() >= EXCHANGES => {
                Err(WINDOW.saturating_sub(now.saturating_duration_since(*first)))
            }
            _ => {
                moments.push(now);
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
        let (allowance, start) = (Allowance::default(), Instant::now());
        let [a, b] = ["a", "b"].map(|text| RefreshToken::parse(text).unwrap().tag());
        let taken = (0..180)
            .filter(|second| allowance.take(a, start + Duration::from_secs(*second)).is_ok())
            .count();
        assert_eq!(taken, 9);
        assert!(allowance.take(b, start).is_ok());
    }
}
