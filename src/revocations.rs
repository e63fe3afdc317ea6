//! Credentials that login and logout have revoked, although the browser may still send them.
//!
//! A request in progress during a logout must not restore the session with its `Set-Cookie`, and a
//! guest's refresh in progress during a login must not turn the shopper into a guest again. So login
//! and logout revoke what they replace: single credentials by fingerprint, and a logout also the whole
//! SLAS session, with all tokens that were issued in it.
//!
//! Only credentials that are known to have been issued are stored: those that our sealed cookie
//! contains, or that SLAS or a signature has confirmed in the request. A client that invents
//! credentials uses no memory.

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::expiring_map::SharedMap;
use crate::ids::Tag;
use crate::model::Claims;
use crate::timestamp::Timestamp;

/// A DW session, which cannot be ended early, expires after six hours; an access token expires sooner,
/// and the refresh token has been revoked.
const LOGGED_OUT: Duration = Duration::from_secs(6 * 60 * 60);
/// Responses to requests from before the login arrive within this time.
const SUPERSEDED: Duration = Duration::from_secs(10 * 60);
/// Bytes for the revoked credentials of one site, and as many for its ended sessions, at most.
pub const LIMIT: usize = 32 * 1024 * 1024;

/// Why a credential is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The shopper has logged out: the credential counts as absent.
    LoggedOut,
    /// The guest has logged in: the credential still works, but changes nothing in the browser.
    Superseded,
}

/// The revoked credentials of one site.
pub struct Revocations {
    credentials: SharedMap<Tag, (Reason, Instant)>,
    /// By `usid`: the issue time up to which its tokens have ended, and when they ended.
    sessions: SharedMap<Tag, (Timestamp, Instant)>,
}

impl Revocations {
    /// Nothing is revoked. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        let (credentials, sessions) = (SharedMap::new(LIMIT, gauge), SharedMap::new(LIMIT, gauge));
        Self { credentials, sessions }
    }

    /// Revokes `tags`. A credential that has been logged out stays logged out.
    pub fn revoke(&self, tags: impl IntoIterator<Item = Tag>, reason: Reason, now: Instant) {
        let mut credentials = self.credentials.lock();
        for tag in tags {
            let known = credentials.get(&tag, now).map(|(known, _)| *known);
            if known == Some(Reason::LoggedOut) && reason == Reason::Superseded {
                continue;
            }
            credentials.insert(tag, (reason, now), 0, now + life(reason), now);
        }
    }

    /// Ends the SLAS session `usid`, with every token that was issued up to `issued`.
    pub fn end_session(&self, usid: Tag, issued: Timestamp, now: Instant) {
        let mut sessions = self.sessions.lock();
        let known = sessions.get(&usid, now).map(|(known, _)| *known);
        let issued = known.map_or(issued, |known| known.max(issued));
        sessions.insert(usid, (issued, now), 0, now + LOGGED_OUT, now);
    }

    /// Why and since when `tag` is revoked, if it is.
    #[must_use]
    pub fn find(&self, tag: Tag, now: Instant) -> Option<(Reason, Instant)> {
        self.credentials.lock().get(&tag, now).copied()
    }

    /// When the SLAS session `usid` ended for a token issued at `issued`, if it has.
    #[must_use]
    pub fn session_ended(&self, usid: Tag, issued: Timestamp, now: Instant) -> Option<Instant> {
        let sessions = self.sessions.lock();
        let (last, at) = sessions.get(&usid, now)?;
        (issued <= *last).then_some(*at)
    }

    /// Whether the SLAS session of a token has ended.
    #[must_use]
    pub fn has_ended(&self, claims: &Claims, now: Instant) -> bool {
        self.session_ended(claims.usid.tag(), claims.issued_at, now).is_some()
    }

    /// Whether any of `tags` was revoked at or after `since`.
    #[must_use]
    pub fn any_since(&self, tags: &[Tag], since: Instant, now: Instant) -> bool {
        let credentials = self.credentials.lock();
        let revoked = |tag: &Tag| credentials.get(tag, now).is_some_and(|(_, at)| *at >= since);
        tags.iter().any(revoked)
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
    fn a_revocation_lasts_as_long_as_the_credential_could_be_used() {
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
        assert!(ended(100), "an earlier time does not restore tokens");
        assert!(revocations.session_ended(usid, at(1), now + LOGGED_OUT).is_none());
    }
}
