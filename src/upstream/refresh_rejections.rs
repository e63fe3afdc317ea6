//! Rejections of refresh tokens that do not name the token.
//!
//! SLAS rejects a refresh in many words: the account is locked, the session is gone, the client is
//! unknown. Whether such a rejection is about the token or about Tandem's client shows in what SLAS
//! responds to other calls of the same client.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::expiring_map::SharedMap;
use crate::ids::Tag;

/// The most memory for the rejected tokens of one site, in bytes.
pub const LIMIT: usize = 4 * 1024 * 1024;
/// How long a rejection is remembered.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What a rejection may be about besides the token: it decides which other call clears that up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing that SLAS has said: it is about the token if it is made twice.
    None,
    /// The client, its credentials or settings: any other call of the client clears it up, but only
    /// one that is made after the rejection. The secret may just have expired.
    Client,
    /// What a refresh needs and other calls do not (the grant type, a scope, a service behind
    /// SLAS): only the refresh of another token clears it up.
    Refresh,
}

/// What follows from a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The token has ended.
    Ended,
    /// The token has ended if another call of the client succeeds now.
    Doubtful,
    /// Nothing: the rejection may be about Tandem's client or the state of SLAS.
    Open,
}

/// The rejected tokens of one site, and the last calls of its client.
pub struct RefreshRejections {
    /// When each token was first rejected.
    first: SharedMap<Tag, Instant>,
    calls: Mutex<LastCalls>,
}

/// When calls of the client last succeeded and failed.
#[derive(Default)]
struct LastCalls {
    succeeded: Option<Instant>,
    refreshed: Option<Instant>,
    failed: Option<Instant>,
}

impl RefreshRejections {
    /// No rejections yet. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        Self { first: SharedMap::new(LIMIT, gauge), calls: Mutex::default() }
    }

    /// Records a rejection of the token and returns what follows from it.
    pub(super) fn reject(&self, token: Tag, doubt: Doubt, now: Instant) -> Verdict {
        let first = self.first.lock().get(&token, now).copied();
        let Some(first) = first else {
            self.first.lock().insert(token, now, 0, now + LIFETIME, now);
            return match doubt {
                Doubt::None | Doubt::Client => Verdict::Doubtful,
                Doubt::Refresh => Verdict::Open,
            };
        };
        let calls = self.calls();
        let works = calls.succeeded >= Some(first) && calls.succeeded >= calls.failed;
        let fails = calls.failed >= Some(first) && !works;
        match doubt {
            Doubt::None if fails => Verdict::Doubtful,
            Doubt::None => Verdict::Ended,
            Doubt::Client if works => Verdict::Ended,
            Doubt::Client => Verdict::Doubtful,
            Doubt::Refresh if calls.refreshed >= Some(first) => Verdict::Ended,
            Doubt::Refresh => Verdict::Open,
        }
    }

    /// Records that SLAS exchanged the token: earlier rejections were not about it.
    pub(super) fn refreshed(&self, token: Tag, now: Instant) {
        self.first.lock().remove(&token);
        self.calls().refreshed = Some(now);
        self.succeeded(now);
    }

    /// Records that SLAS issued tokens to the client.
    pub(super) fn succeeded(&self, now: Instant) {
        self.calls().succeeded = Some(now);
    }

    /// Records that SLAS issued no tokens for a call in which only the client can be wrong.
    pub(super) fn failed(&self, now: Instant) {
        self.calls().failed = Some(now);
    }

    fn calls(&self) -> MutexGuard<'_, LastCalls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use super::*;
    use crate::ids::RefreshToken;

    const DOUBTS: [Doubt; 3] = [Doubt::None, Doubt::Client, Doubt::Refresh];

    /// The verdict on a rejection that is made again a minute after the first one, with something
    /// between the two.
    fn second(doubt: Doubt, between: impl FnOnce(&RefreshRejections, Instant)) -> Verdict {
        let (rejections, start) = (RefreshRejections::new(&Gauge::default()), Instant::now());
        rejections.succeeded(start);
        let token = RefreshToken::parse("a").unwrap().tag();
        let now = start + Duration::from_secs(1);
        assert_ne!(rejections.reject(token, doubt, now), Verdict::Ended, "said once");
        between(&rejections, now + Duration::from_secs(30));
        rejections.reject(token, doubt, now + Duration::from_secs(60))
    }

    #[test]
    fn kind_44_a_token_ends_if_it_is_rejected_twice_and_nothing_else_explains_it() {
        use Verdict::{Doubtful, Ended, Open};
        let verdicts =
            |between: fn(&RefreshRejections, Instant)| DOUBTS.map(|d| second(d, between));
        assert_eq!(verdicts(|_, _| ()), [Ended, Doubtful, Open]);
        assert_eq!(verdicts(RefreshRejections::failed), [Doubtful, Doubtful, Open]);
        assert_eq!(verdicts(RefreshRejections::succeeded), [Ended, Ended, Open]);
        let other = RefreshToken::parse("b").unwrap().tag();
        for doubt in DOUBTS {
            let verdict = second(doubt, |rejections, now| rejections.refreshed(other, now));
            assert_eq!(verdict, Ended, "{doubt:?}: another token was exchanged meanwhile");
        }
    }

    #[test]
    fn kind_44_an_exchange_of_the_token_clears_it() {
        let token = RefreshToken::parse("a").unwrap().tag();
        for doubt in DOUBTS {
            let verdict = second(doubt, |rejections, now| rejections.refreshed(token, now));
            assert_ne!(verdict, Verdict::Ended, "{doubt:?}");
        }
    }

    #[test]
    fn promise_2_kind_44_what_succeeded_before_the_rejection_proves_nothing_of_the_client() {
        let (rejections, now) = (RefreshRejections::new(&Gauge::default()), Instant::now());
        let token = RefreshToken::parse("a").unwrap().tag();
        rejections.succeeded(now);
        let later = now + Duration::from_secs(1);
        for _ in 0..5 {
            assert_eq!(rejections.reject(token, Doubt::Client, later), Verdict::Doubtful);
        }
    }
}
