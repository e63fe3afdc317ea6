//! Access tokens that an API has rejected although they were valid: a session gets one new token for
//! that in a minute, because an API that rejects every token would cost a refresh per call.

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use crate::expiring_map::SharedMap;
use crate::ids::Tag;

/// A session gets the next new token after this time.
const PAUSE: Duration = Duration::from_secs(60);

/// The most memory for the rejected tokens of one site, in bytes.
pub const LIMIT: usize = 4 * 1024 * 1024;

/// The token of each session that was last renewed because an API had rejected it.
pub struct ApiRejections(SharedMap<Tag, Tag>);

impl ApiRejections {
    /// No rejections yet. `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(gauge: &Gauge) -> Self {
        Self(SharedMap::new(LIMIT, gauge))
    }

    /// Records that an API has rejected `token` and returns whether it may be renewed. Concurrent
    /// calls with the same token share one renewal, so each of them may.
    #[must_use]
    pub fn may_renew(&self, session: Tag, token: Tag, now: Instant) -> bool {
        let mut renewed = self.0.lock();
        if let Some(earlier) = renewed.get(&session, now) {
            return *earlier == token;
        }
        renewed.insert(session, token, 0, now + PAUSE, now);
        true
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use super::*;
    use crate::ids::AccessToken;

    fn tag(text: &str) -> Tag {
        AccessToken::parse(text).unwrap().tag()
    }

    #[test]
    fn kind_47_a_session_gets_one_new_token_in_a_minute() {
        let (rejections, now) = (ApiRejections::new(&Gauge::default()), Instant::now());
        let [session, other, first, second] = ["s", "o", "a", "b"].map(tag);
        assert!(rejections.may_renew(session, first, now));
        assert!(rejections.may_renew(session, first, now), "a concurrent call");
        assert!(!rejections.may_renew(session, second, now + PAUSE / 2));
        assert!(rejections.may_renew(other, second, now), "another session");
        assert!(rejections.may_renew(session, second, now + PAUSE));
    }
}
