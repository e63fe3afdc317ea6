//! The credentials that a shopper has logged out of, recorded in the browser's sealed cookie.

use serde::{Deserialize, Serialize};

use crate::ids::Tag;
use crate::timestamp::Timestamp;

/// Credentials that this browser held when its shopper logged out: tags of tokens, of `dwsid` and
/// of `usid`, each with the moment of the logout. The latest ones come last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoggedOut(Vec<(Tag, Timestamp)>);

impl LoggedOut {
    /// Enough entries for more than one logout. The oldest ones are removed, so that the cookie
    /// stays small.
    const MAX_ENTRIES: usize = 12;
    /// Seconds after which no credential of a session can be valid: the longest lifetime of a
    /// refresh token.
    pub const LIFE: i64 = 90 * 24 * 60 * 60;

    /// Adds the credentials that a logout at `now` ends.
    pub fn add(&mut self, tags: impl IntoIterator<Item = Tag>, now: Timestamp) {
        for tag in tags {
            self.0.retain(|(known, at)| *known != tag && now.since(*at) < Self::LIFE);
            self.0.push((tag, now));
        }
        let surplus = self.0.len().saturating_sub(Self::MAX_ENTRIES);
        self.0.drain(..surplus);
    }

    /// Whether a credential was logged out.
    #[must_use]
    pub fn has(&self, tag: Tag) -> bool {
        self.0.iter().any(|(known, _)| *known == tag)
    }

    /// Whether a token of the SLAS session `usid` that was issued at `issued` was logged out.
    #[must_use]
    pub fn has_session(&self, usid: Tag, issued: Timestamp) -> bool {
        self.0.iter().any(|(known, at)| *known == usid && issued <= *at)
    }

    /// Whether there was no logout.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
