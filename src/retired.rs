//! Credentials whose time is over although the browser may still send them.
//!
//! A request that was under way while the shopper signed out must not bring the session back with
//! its `Set-Cookie`, and a guest's refresh that was under way during a login must not turn the
//! shopper into a guest again. So login and logout retire what they replace: by fingerprint, in
//! this process, for as long as it matters.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::forgetful::Forgetful;
use crate::ids::Tag;

/// A DW session, which nobody can end before its time, is dead after six hours; an access token
/// dies sooner, and the refresh token has been revoked.
const SIGNED_OUT: Duration = Duration::from_secs(6 * 60 * 60);
/// By then the browser has the answer to its login, or will never have it.
const SIGNED_IN: Duration = Duration::from_secs(30);

/// Why a credential is retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The shopper has signed out: it counts as absent.
    SignedOut,
    /// The guest has signed in: it still works, but changes nothing in the browser.
    SignedIn,
}

/// The retired credentials of one site.
#[derive(Default)]
pub struct Retired(Mutex<Forgetful<Tag, (Reason, Instant)>>);

impl Retired {
    /// Retires `tags` at the moment `now`. What has been signed out stays so.
    pub fn retire(&self, tags: impl IntoIterator<Item = Tag>, reason: Reason, now: Instant) {
        let mut retired = self.lock();
        for tag in tags {
            let signed_out = retired.get(&tag).is_some_and(|(known, at)| {
                *known == Reason::SignedOut && matters(*known, *at, now)
            });
            if signed_out && reason == Reason::SignedIn {
                continue;
            }
            retired.insert(tag, (reason, now), |(reason, at)| matters(*reason, *at, now));
        }
    }

    /// Why `tag` is retired, if it is.
    #[must_use]
    pub fn reason(&self, tag: Tag, now: Instant) -> Option<Reason> {
        let (reason, at) = *self.lock().get(&tag)?;
        matters(reason, at, now).then_some(reason)
    }

    /// Whether any of `tags` was retired at or after `since`.
    #[must_use]
    pub fn any_since(&self, tags: &[Tag], since: Instant) -> bool {
        let retired = self.lock();
        tags.iter().any(|tag| retired.get(tag).is_some_and(|(_, at)| *at >= since))
    }

    fn lock(&self) -> MutexGuard<'_, Forgetful<Tag, (Reason, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn matters(reason: Reason, at: Instant, now: Instant) -> bool {
    let life = match reason {
        Reason::SignedOut => SIGNED_OUT,
        Reason::SignedIn => SIGNED_IN,
    };
    now.saturating_duration_since(at) < life
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use super::*;
    use crate::ids::RefreshToken;

    #[test]
    fn a_retired_credential_is_remembered_for_as_long_as_it_matters() {
        let (retired, now) = (Retired::default(), Instant::now());
        let [guest, shopper] = ["g", "s"].map(|text| RefreshToken::parse(text).unwrap().tag());
        retired.retire([guest], Reason::SignedIn, now);
        retired.retire([shopper], Reason::SignedOut, now);
        assert_eq!(retired.reason(guest, now), Some(Reason::SignedIn));
        assert_eq!(retired.reason(guest, now + SIGNED_IN), None);
        assert_eq!(retired.reason(shopper, now + SIGNED_IN), Some(Reason::SignedOut));
        assert_eq!(retired.reason(shopper, now + SIGNED_OUT), None);
        retired.retire([shopper], Reason::SignedIn, now);
        assert_eq!(retired.reason(shopper, now), Some(Reason::SignedOut), "it stays signed out");
        assert!(retired.any_since(&[guest], now));
        assert!(!retired.any_since(&[guest], now + Duration::from_secs(1)));
    }
}
