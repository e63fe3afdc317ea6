//! Follow-up decisions of a request, from what an upstream's response has shown.

use crate::cookies::response_cookies::UpstreamRefresh;
use crate::flow::{
    self, Access, Decision, Dw, DwChange, DwClaim, Facts, Intent, Outcome, PageResponse, Step,
    TokenChange,
};
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::web::request_session::{RequestSession, SessionUpdate};

impl RequestSession {
    /// As [`resolve`](Self::resolve), to ECOM, after the decision `before`: its DW session has turned
    /// out to be dead.
    pub(crate) async fn rebridge(&self, before: &Decision) -> Result<SessionUpdate, Problem> {
        let mut facts = self.facts_after(before);
        facts.dw = Dw::Dead;
        if before.tokens == TokenChange::Keep {
            // The token that made the dead session must not make another one.
            facts.bridged = true;
        }
        let decision = self.decide(facts, Intent::Ecom, None).await?;
        // What `before` decided about the dead session no longer applies.
        let before = Decision { dw: DwChange::Keep, ..before.clone() };
        self.commit(decision.following(before), None)
    }

    /// The facts of this request after an upstream has rejected the access token: the token counts
    /// only if it cannot be renewed.
    pub(crate) fn facts_to_renew(&self) -> Facts {
        let mut facts = self.facts(None);
        if let Access::Fresh(held) = facts.access {
            facts.access = Access::Expiring(held);
        }
        facts
    }

    /// The facts of the browser after the decision `before`.
    pub(crate) fn facts_after(&self, before: &Decision) -> Facts {
        let mut facts = self.facts(None).after(before, self.site.clock.now());
        if let TokenChange::Set(grant) = &before.tokens {
            // Another request may have made a DW session for the same tokens.
            facts.bridged |= self.site.bridges.peek(&grant.access.tag(), |_| ()).is_some();
        }
        facts
    }

    /// Leaves a refresh token that an upstream handed over, and that cannot be exchanged now, for the
    /// next request. It may be the only one that is still valid.
    pub(crate) fn defer_refresh_token(
        &self,
        offered: &UpstreamRefresh,
        update: &mut SessionUpdate,
    ) {
        update.changes.defer_refresh_token(&self.site.names, offered);
        self.seal(&mut update.changes);
    }

    /// Obtains tokens for a DW session that ECOM confirms.
    pub(crate) async fn session_bridge(&self, claim: DwClaim) -> Result<SessionUpdate, Problem> {
        let decision =
            self.run(flow::session_bridge(self.facts(None), claim), "session_bridge", None).await;
        self.commit(decision, None)
    }

    /// Takes a page's response into account, after the decision `before`.
    pub(crate) async fn reconcile(
        &self,
        before: &Decision,
        response: PageResponse,
        remember: Option<bool>,
    ) -> Result<SessionUpdate, Problem> {
        let step = flow::reconcile(self.facts_after(before), response);
        if matches!(step, Step::Logout(_)) {
            // Before the calls, so that no request in progress can restore the session.
            self.revoke_presented(Reason::LoggedOut);
        }
        let decision = self.run(step, "reconcile", None).await;
        let update = self.commit(decision.following(before.clone()), remember)?;
        self.revoke_ended_by_page(&update.decision);
        Ok(update)
    }

    fn revoke_ended_by_page(&self, decision: &Decision) {
        let reason = match decision.outcome {
            Outcome::LoggedIn { .. } => Reason::Superseded,
            Outcome::LoggedOut { .. } => Reason::LoggedOut,
            _ => return,
        };
        self.revoke_all_but(reason, decision);
    }
}
