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
    /// An upstream has refused the credential for good: it counts as absent. A login that is under
    /// way is newer than that and goes on.
    Refused,
    /// The guest has logged in: the credential still works, but changes nothing in the browser.
    Superseded,
}

impl Reason {
    /// Whether the session of the credential is over.
    #[must_use]
    pub fn ends_session(self) -> bool {
        match self {
            Self::LoggedOut | Self::Refused => true,
            Self::Superseded => false,
        }
    }

    /// Of two reasons for one credential, that with the higher rank counts.
    fn rank(self) -> u8 {
        match self {
            Self::LoggedOut => 2,
            Self::Refused => 1,
            Self::Superseded => 0,
        }
    }
}

/// Why and when credentials or sessions were revoked.
pub type Revoked = (Reason, Instant);

/// The revoked credentials of one site.
pub struct Revocations {
    credentials: SharedMap<Tag, Revoked>,
    /// By `usid`: the issue time up to which its tokens have ended, and why and when they ended.
    sessions: SharedMap<Tag, (Timestamp, Revoked)>,
}

impl Revocations {
    /// Nothing is revoked. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        let (credentials, sessions) = (SharedMap::new(LIMIT, gauge), SharedMap::new(LIMIT, gauge));
        Self { credentials, sessions }
    }

    /// Revokes `tags`. A credential that has been logged out or refused stays so.
    pub fn revoke(&self, tags: impl IntoIterator<Item = Tag>, reason: Reason, now: Instant) {
        let mut credentials = self.credentials.lock();
        for tag in tags {
            let known = credentials.get(&tag, now).map(|(known, _)| *known);
            if known.is_some_and(|known| known.rank() > reason.rank()) {
                continue;
            }
            credentials.insert(tag, (reason, now), 0, now + life(reason), now);
        }
    }

    /// Restores what was refused: a login has vouched for it since. What was logged out stays so.
    pub fn restore_refused(&self, tag: Tag, now: Instant) {
        let mut credentials = self.credentials.lock();
        if credentials.get(&tag, now).is_some_and(|(reason, _)| *reason == Reason::Refused) {
            credentials.remove(&tag);
        }
    }

    /// Ends the SLAS session `usid`, with every token that was issued up to `issued`.
    pub fn end_session(&self, usid: Tag, issued: Timestamp, reason: Reason, now: Instant) {
        let mut sessions = self.sessions.lock();
        let known = sessions.get(&usid, now).map(|(known, _)| *known);
        let issued = known.map_or(issued, |known| known.max(issued));
        sessions.insert(usid, (issued, (reason, now)), 0, now + LOGGED_OUT, now);
    }

    /// Why and since when `tag` is revoked, if it is.
    #[must_use]
    pub fn find(&self, tag: Tag, now: Instant) -> Option<Revoked> {
        self.credentials.lock().get(&tag, now).copied()
    }

    /// Why and when the SLAS session `usid` ended for a token issued at `issued`, if it has.
    #[must_use]
    pub fn session_ended(&self, usid: Tag, issued: Timestamp, now: Instant) -> Option<Revoked> {
        let sessions = self.sessions.lock();
        let (last, revoked) = sessions.get(&usid, now)?;
        (issued <= *last).then_some(*revoked)
    }

    /// Whether the SLAS session of a token has ended.
    #[must_use]
    pub fn has_ended(&self, claims: &Claims, now: Instant) -> bool {
        self.session_ended(claims.usid.tag(), claims.issued_at, now).is_some()
    }

    /// Whether any of `tags` was revoked for a reason that `matches`.
    #[must_use]
    pub fn any(&self, tags: &[Tag], now: Instant, matches: impl Fn(&Revoked) -> bool) -> bool {
        let credentials = self.credentials.lock();
        tags.iter().any(|tag| credentials.get(tag, now).is_some_and(&matches))
    }
}

fn life(reason: Reason) -> Duration {
    match reason {
        Reason::LoggedOut | Reason::Refused => LOGGED_OUT,
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
        assert!(revocations.any(&[guest], now, |(_, at)| *at == now));
        assert!(!revocations.any(&[guest], now, |(_, at)| *at > now));
    }

    #[test]
    fn kind_42_what_was_refused_can_be_restored_and_what_was_logged_out_cannot() {
        let (revocations, now) = revocations();
        let [refused, left] = ["r", "l"].map(|text| RefreshToken::parse(text).unwrap().tag());
        revocations.revoke([refused, left], Reason::Refused, now);
        revocations.revoke([refused, left], Reason::Superseded, now);
        assert_eq!(revocations.find(refused, now), Some((Reason::Refused, now)));
        revocations.revoke([left], Reason::LoggedOut, now);
        revocations.revoke([left], Reason::Refused, now);
        for tag in [refused, left] {
            revocations.restore_refused(tag, now);
        }
        assert_eq!(revocations.find(refused, now), None);
        assert_eq!(revocations.find(left, now), Some((Reason::LoggedOut, now)));
    }

    #[test]
    fn kind_49_a_logout_ends_every_token_of_the_session_issued_until_then_and_none_after() {
        let (revocations, now) = revocations();
        let usid = Usid::parse("u").unwrap().tag();
        let at = Timestamp::from_unix;
        revocations.end_session(usid, at(100), Reason::LoggedOut, now);
        let ended = |issued| revocations.session_ended(usid, at(issued), now).is_some();
        assert!(ended(1) && ended(100));
        assert!(!ended(101), "a login after the logout may have the same usid");
        revocations.end_session(usid, at(50), Reason::LoggedOut, now);
        assert!(ended(100), "an earlier time does not restore tokens");
        assert!(revocations.session_ended(usid, at(1), now + LOGGED_OUT).is_none());
    }
}
