//! Decisions for forward-auth, without an upstream call.

use std::sync::Arc;

use http::HeaderMap;

use crate::cookies::facts;
use crate::flow::{self, Access, Decision, Intent, Outcome, TokenChange};
use crate::web::request_session::{RequestSession, SessionUpdate};

impl RequestSession {
    /// The update, if it needs no upstream call and the session is valid after it.
    pub(crate) fn ready(&self, intent: Intent) -> Option<SessionUpdate> {
        let update = self.resolve_locally(intent)?;
        if update.rejection().is_some() || update.decision().tokens != TokenChange::Keep {
            // The next request comes to the same decision.
            update.discard();
            return None;
        }
        Some(update)
    }

    /// Decides, and works out what changes in the browser. `None` if that needs an upstream call.
    fn resolve_locally(&self, intent: Intent) -> Option<SessionUpdate> {
        if self.is_late() {
            return self.commit(Decision::unchanged(Outcome::Ready), None).ok();
        }
        let flow::Step::Done(decision) = flow::decide(self.facts(None), intent) else {
            return None;
        };
        self.record(intent.label(), &decision, 0);
        self.commit(*decision, None).ok()
    }

    /// Fetches the key of a token that could not be verified without it, for the next request. This
    /// request does not wait for it.
    pub(crate) fn fetch_keys(&self, headers: &HeaderMap) {
        let bearer = || self.presented_bearer(headers).map(|(_, token)| token);
        let token = facts::effective_access_token(&self.presented, &self.state).cloned();
        if let (Access::None, Some(token)) = (&self.access, token.or_else(bearer)) {
            let site = Arc::clone(&self.site);
            tokio::spawn(async move { site.verifier.verify(&token, None).await });
        }
    }
}
