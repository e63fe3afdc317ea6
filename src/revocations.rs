//! Credentials whose time is over although the browser may still send them.
//!
//! A request that was under way while the shopper logged out must not bring the session back with
//! its `Set-Cookie`, and a guest's refresh that was under way during a login must not turn the
//! shopper into a guest again. So login and logout revoke what they replace: single credentials by
//! fingerprint, and by a logout the whole SLAS session, whatever tokens of it are still about.
//!
//! Only what is known to have been issued is remembered: what our seal vouches for, or what SLAS or
//! a signature has confirmed in the request. A client that makes credentials up fills nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::expiring_map::ExpiringMap;
use crate::ids::Tag;
use crate::model::Claims;
use crate::timestamp::Timestamp;

/// A DW session, which nobody can end before its time, is dead after six hours; an access token
/// dies sooner, and the refresh token has been revoked.
const LOGGED_OUT: Duration = Duration::from_secs(6 * 60 * 60);
/// No response that a guest's request has led to comes later than this after the login.
const SUPERSEDED: Duration = Duration::from_secs(10 * 60);
/// Most that the revoked credentials, and again the ended sessions, of one site may take, in bytes.
pub const LIMIT: usize = 32 * 1024 * 1024;

/// Why a credential is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The shopper has logged out: it counts as absent.
    LoggedOut,
    /// The guest has logged in: it still works, but changes nothing in the browser.
    Superseded,
}

/// The revoked credentials of one site.
pub struct Revocations(Mutex<Maps>);

struct Maps {
    credentials: ExpiringMap<Tag, (Reason, Instant)>,
    /// By `usid`: tokens issued up to that moment have ended, at the other one.
    sessions: ExpiringMap<Tag, (Timestamp, Instant)>,
}

impl Revocations {
    /// Nothing is revoked. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        let credentials = ExpiringMap::new(LIMIT, gauge.clone());
        let sessions = ExpiringMap::new(LIMIT, gauge.clone());
        Self(Mutex::new(Maps { credentials, sessions }))
    }

    /// Revokes `tags` at the moment `now`. What has been logged out stays so.
    pub fn revoke(&self, tags: impl IntoIterator<Item = Tag>, reason: Reason, now: Instant) {
        let mut maps = self.lock();
        for tag in tags {
            let known = maps.credentials.get(&tag, now).map(|(known, _)| *known);
            if known == Some(Reason::LoggedOut) && reason == Reason::Superseded {
                continue;
            }
            maps.credentials.insert(tag, (reason, now), 0, now + life(reason), now);
        }
    }

    /// Ends the SLAS session `usid`: every token of it that was issued up to `issued`.
    pub fn end_session(&self, usid: Tag, issued: Timestamp, now: Instant) {
        let mut maps = self.lock();
        let known = maps.sessions.get(&usid, now).map(|(known, _)| *known);
        let issued = known.map_or(issued, |known| known.max(issued));
        maps.sessions.insert(usid, (issued, now), 0, now + LOGGED_OUT, now);
    }

    /// Why and since when `tag` is revoked, if it is.
    #[must_use]
    pub fn find(&self, tag: Tag, now: Instant) -> Option<(Reason, Instant)> {
        self.lock().credentials.get(&tag, now).copied()
    }

    /// Since when the SLAS session `usid` is over for a token issued at `issued`.
    #[must_use]
    pub fn session_ended(&self, usid: Tag, issued: Timestamp, now: Instant) -> Option<Instant> {
        let maps = self.lock();
        let (last, at) = maps.sessions.get(&usid, now)?;
        (issued <= *last).then_some(*at)
    }

    /// Whether the SLAS session of a token is over.
    #[must_use]
    pub fn has_ended(&self, claims: &Claims, now: Instant) -> bool {
        self.session_ended(claims.usid.tag(), claims.issued_at, now).is_some()
    }

    /// Whether any of `tags` was revoked at or after `since`.
    #[must_use]
    pub fn any_since(&self, tags: &[Tag], since: Instant, now: Instant) -> bool {
        let maps = self.lock();
        let revoked =
            |tag: &Tag| maps.credentials.get(tag, now).is_some_and(|(_, at)| *at >= since);
        tags.iter().any(revoked)
    }

    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn life(reason: Reason) -> Duration {
    match reason {
        Reason::LoggedOut => LOGGED_OUT,
        Reason::Superseded => SUPERSEDED,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use super::*;
    use crate::ids::{RefreshToken, Usid};

    fn revocations() -> (Revocations, Instant) {
        (Revocations::new(&Gauge::default()), Instant::now())
    }

    #[test]
    fn a_revoked_credential_is_remembered_for_as_long_as_it_matters() {
        let (revocations, now) = revocations();
        let [guest, shopper] = ["g", "s"].map(|text| RefreshToken::parse(text).unwrap().tag());
        let reason = |tag, now| revocations.find(tag, now).map(|(reason, _)| reason);
        revocations.revoke([guest], Reason::Superseded, now);
        revocations.revoke([shopper], Reason::LoggedOut, now);
        assert_eq!(reason(guest, now), Some(Reason::Superseded));
        assert_eq!(reason(guest, now + SUPERSEDED), None);
        assert_eq!(reason(shopper, now + SUPERSEDED), Some(Reason::LoggedOut));
        assert_eq!(reason(shopper, now + LOGGED_OUT), None);
        revocations.revoke([shopper], Reason::Superseded, now);
        assert_eq!(reason(shopper, now), Some(Reason::LoggedOut), "it stays logged out");
        assert!(revocations.any_since(&[guest], now, now));
        assert!(!revocations.any_since(&[guest], now + Duration::from_secs(1), now));
    }

    #[test]
    fn kind_49_a_logout_ends_every_token_of_the_session_issued_until_then_and_none_after() {
        let (revocations, now) = revocations();
        let usid = Usid::parse("u").unwrap().tag();
        let at = Timestamp::from_unix;
        revocations.end_session(usid, at(100), now);
        let ended = |issued| revocations.session_ended(usid, at(issued), now).is_some();
        assert!(ended(1) && ended(100));
        assert!(!ended(101), "a login after the logout may have the same usid");
        revocations.end_session(usid, at(50), now);
        assert!(ended(100), "what was ended stays so");
        assert!(revocations.session_ended(usid, at(1), now + LOGGED_OUT).is_none());
    }
}
