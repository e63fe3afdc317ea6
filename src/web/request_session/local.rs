//! For forward-auth: what can be decided at once, without a call, and fits into one cookie.

use std::sync::Arc;

use http::HeaderValue;

use crate::cookies::facts;
use crate::flow::{self, Access, Decision, Intent, Outcome};
use crate::web::request_session::{RequestSession, SessionUpdate};

/// Longest `Set-Cookie` that every gateway relays, in octets.
const LONGEST: usize = 4000;

/// More has changed than one cookie of ours can tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoreThanOneCookie;

impl RequestSession {
    /// As [`travel`](Self::travel), but only where nobody has to be asked.
    pub(crate) fn resolve_locally(&self, intent: Intent) -> Option<SessionUpdate> {
        if self.is_late() {
            return self.commit(Decision::unchanged(Outcome::Ready), None).ok();
        }
        let flow::Step::Done(decision) = flow::decide(self.facts(None), intent) else {
            return None;
        };
        self.record(intent.label(), &decision, 0);
        self.commit(*decision, None).ok()
    }

    /// The one cookie that `travelled` sets, if it sets any: our own.
    pub(crate) fn single_cookie(
        &self,
        update: &SessionUpdate,
    ) -> Result<Option<HeaderValue>, MoreThanOneCookie> {
        let SessionUpdate { decision, changes } = update;
        let names = &self.site.names;
        match changes.cookies.as_slice() {
            _ if self.is_superseded(decision) => Ok(None),
            [] => Ok(None),
            [only] if names.is_seal(only.name().as_bytes()) => {
                let cookie = changes.headers(names).next();
                cookie.filter(|cookie| cookie.len() < LONGEST).map(Some).ok_or(MoreThanOneCookie)
            }
            _ => Err(MoreThanOneCookie),
        }
    }

    /// A token that could not be recognised for want of its key can be the next time. Nobody waits
    /// for that.
    pub(crate) fn fetch_keys(&self) {
        let token = facts::effective_access_token(&self.presented, &self.state);
        if let (Access::None, Some(token)) = (&self.access, token.cloned()) {
            let site = Arc::clone(&self.site);
            tokio::spawn(async move { site.verifier.verify(&token, None).await });
        }
    }
}
