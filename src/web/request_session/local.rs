//! Decisions for forward-auth: without an upstream call, and with at most one cookie.

use std::sync::Arc;

use http::HeaderValue;

use crate::cookies::facts;
use crate::flow::{self, Access, Decision, Intent, Outcome};
use crate::web::request_session::{RequestSession, SessionUpdate};

/// Longest `Set-Cookie` that every gateway relays, in bytes.
const MAX_SET_COOKIE: usize = 4000;

/// The update sets more cookies than our seal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoreThanOneCookie;

impl RequestSession {
    /// As [`resolve`](Self::resolve), but only if no upstream call is needed.
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

    /// The only cookie that `update` sets, if it sets any: our seal.
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
                cookie
                    .filter(|cookie| cookie.len() < MAX_SET_COOKIE)
                    .map(Some)
                    .ok_or(MoreThanOneCookie)
            }
            _ => Err(MoreThanOneCookie),
        }
    }

    /// Fetches the key of a token that could not be verified without it, for the next request. This
    /// request does not wait for it.
    pub(crate) fn fetch_keys(&self) {
        let token = facts::effective_access_token(&self.presented, &self.state);
        if let (Access::None, Some(token)) = (&self.access, token.cloned()) {
            let site = Arc::clone(&self.site);
            tokio::spawn(async move { site.verifier.verify(&token, None).await });
        }
    }
}
