//! Decisions for an API call, and those that follow from an upstream's response.

use std::time::Duration;

use axum::response::{IntoResponse, Response};

use crate::cookies::set_cookie::CookieLife;
use crate::flow::{
    self, Access, Decision, Dw, DwChange, DwClaim, Facts, Intent, LogoutScope, Outcome,
    PageResponse, Policy, SessionEnd, TokenChange,
};
use crate::lifetimes::DW_USE_RECORD;
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::web::request_session::{RequestSession, SessionUpdate};

/// An access token that was renewed less than so many seconds ago is as good as a new one.
const JUST_RENEWED: i64 = 5;

impl RequestSession {
    /// Replaces the DW session of the decision `before`, which has turned out to be dead.
    pub(crate) async fn rebridge(&self, before: SessionUpdate) -> Result<SessionUpdate, Problem> {
        let before = before.into_decision();
        let mut facts = self.facts_after(&before);
        facts.dw = Dw::Dead;
        if before.tokens == TokenChange::Keep && facts.refresh.is_some() {
            // The token that made the dead session must not make another one.
            facts.bridged = true;
        }
        let decision = self.decide(facts, Intent::Ecom, None).await?.decision;
        // What `before` decided about the dead session no longer applies.
        let before = Decision { dw: DwChange::Keep, ..before };
        self.commit(decision.following(before), None)
    }

    /// Whether ECOM, or OCAPI, is known to have used the DW session of the decision `before` a short
    /// time ago, so that it was alive when the request was sent.
    pub(crate) fn has_recent_dw(&self, before: &Decision) -> bool {
        let used_at = self.state.dw.as_ref().map(|dw| dw.used_at);
        match &before.dw {
            DwChange::Set { .. } | DwChange::Confirm(Some(_)) => true,
            DwChange::Keep => {
                used_at.is_some_and(|at| self.site.clock.now().since(at) < 2 * DW_USE_RECORD)
            }
            DwChange::Recheck | DwChange::Confirm(None) | DwChange::Drop | DwChange::Failed(_) => {
                false
            }
        }
    }

    /// The browser's tokens for an API call, renewed if necessary; or the response to a browser that
    /// has none.
    pub(crate) async fn resolve_call(&self, facts: Facts) -> Result<SessionUpdate, Response> {
        let update = match self.resolve(facts, Intent::Api).await {
            // A login in another tab replaced the session: the call still works, and changes
            // nothing.
            Err(Problem::LoginConflict) => self.commit(Decision::unchanged(Outcome::Ready), None),
            update => update,
        };
        let update = update.map_err(IntoResponse::into_response)?;
        match update.rejection() {
            Some(problem) => Err((update, problem).into_response()),
            None => Ok(update),
        }
    }

    /// Whether the access token, which an API has rejected, may be renewed for that: not if it is the
    /// result of such a renewal, or of any other one just now.
    pub(crate) fn may_renew_rejected(&self) -> bool {
        let Some(held) = self.held() else { return false };
        let (token, claims) = (held.token.tag(), &held.claims);
        // Two devices of a shopper may share one `usid`: the lineage tells their sessions apart.
        let sealed = self.state.session.as_ref().filter(|_| self.state.access == Some(token));
        let lineage = sealed.map(|session| session.lineage);
        let age = self.site.clock.now().since(claims.issued_at);
        if lineage.is_some_and(|first| first != token) && age < JUST_RENEWED {
            return false;
        }
        let session = lineage.unwrap_or_else(|| claims.usid.tag());
        self.site.api_rejections.may_renew(session, token, self.site.clock.monotonic())
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

    /// Logs out. After `limit` only in this browser: a slow upstream must not keep the shopper
    /// logged in here.
    pub(crate) async fn log_out(
        &mut self,
        scope: LogoutScope,
        policy: Policy,
        limit: Duration,
    ) -> Result<SessionUpdate, Problem> {
        // Before the upstream calls, so that no concurrent request can restore the session.
        self.revoke_presented(Reason::LoggedOut);
        self.await_refresh().await;
        self.revoke_presented(Reason::LoggedOut);
        let facts = Facts { policy, ..self.facts(None) };
        tokio::time::timeout(limit, self.resolve(facts, Intent::Logout(scope)))
            .await
            .unwrap_or_else(|_| self.commit(Decision::logged_out_locally(), None))
    }

    /// An upstream has refused the credentials of this request for good. A login in another tab that
    /// has finished first is newer than that.
    pub(crate) fn end_refused(&self) -> Result<SessionUpdate, Problem> {
        let update = self.commit(Decision::refused(), None)?;
        self.revoke_presented(Reason::Refused);
        Ok(update)
    }

    /// Obtains tokens for a DW session that ECOM confirms.
    pub(crate) async fn session_bridge(&self, claim: DwClaim) -> Result<SessionUpdate, Problem> {
        let step = flow::session_bridge(self.facts(None), claim);
        let decision = self.run(step, "session_bridge", None).await.decision;
        self.commit(decision, None)
    }

    /// Takes a page's response into account, after the decision `before`.
    pub(crate) async fn reconcile(
        &self,
        before: SessionUpdate,
        response: PageResponse,
        life: Option<CookieLife>,
    ) -> Result<SessionUpdate, Problem> {
        let before = before.into_decision();
        let step = flow::reconcile(self.facts_after(&before), response);
        if step.ends_session() {
            // Before the calls, so that no request in progress can restore the session.
            self.revoke_presented(Reason::LoggedOut);
        }
        let decision = self.run(step, "reconcile", None).await.decision;
        let update = self.commit(decision.following(before), life)?;
        if let Some(end) = update.decision().end() {
            self.revoke_all_but(reason_of(end), update.decision());
        }
        Ok(update)
    }
}

fn reason_of(end: SessionEnd) -> Reason {
    match end {
        SessionEnd::Wish => Reason::LoggedOut,
        SessionEnd::Refusal => Reason::Refused,
    }
}
