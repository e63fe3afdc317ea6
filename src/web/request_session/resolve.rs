//! The way on from an ending, by what ECOM's answer has shown since.

use crate::cookies::facts;
use crate::cookies::response_cookies::UpstreamRefresh;
use crate::flow::{
    self, Access, Decision, Dw, DwChange, DwClaim, Facts, HeldDw, HeldRefresh, Intent, Outcome,
    PageResponse, Provenance, Step, TokenChange,
};
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::web::request_session::{RequestSession, SessionUpdate};

impl RequestSession {
    /// As [`travel`](Self::travel), to ECOM, from where `before` ended: its DW session has turned
    /// out to be dead.
    pub(crate) async fn rebridge(&self, before: &Decision) -> Result<SessionUpdate, Problem> {
        let mut facts = self.facts_after(before);
        facts.dw = Dw::Dead;
        if before.tokens == TokenChange::Keep {
            // Whatever token made the dead session must not make another one.
            facts.bridged = true;
        }
        let mut decision = self.decide(facts, Intent::Ecom, None).await?;
        if decision.tokens == TokenChange::Keep {
            decision.tokens = before.tokens.clone();
        }
        decision.session_expired |= before.session_expired;
        self.commit(decision, None)
    }

    /// The facts of this request for a caller who has been told that the access token no longer
    /// works: it counts only if it cannot be renewed.
    pub(crate) fn facts_to_renew(&self) -> Facts {
        let mut facts = self.facts(None);
        if let Access::Fresh(held) = facts.access {
            facts.access = Access::Expiring(held);
        }
        facts
    }

    /// What the browser holds after `before`.
    pub(crate) fn facts_after(&self, before: &Decision) -> Facts {
        let mut facts = self.facts(None);
        facts.dw = Self::dw_after(&before.dw, facts.dw);
        if matches!(before.dw, DwChange::Set { .. } | DwChange::Confirm(_)) {
            facts.dw_provenance = Provenance::Seal;
        }
        match &before.tokens {
            TokenChange::Set(grant) => {
                let (access, claims) = (grant.access.clone(), grant.claims.clone());
                // Another request may have had a session made for the same tokens.
                facts.bridged = self.site.bridges.peek(&access.tag(), |_| ()).is_some();
                let kind = claims.customer.kind;
                facts.access = facts::classify_access(access, claims, self.site.clock.now());
                facts.known = Some(grant.claims.customer.clone());
                facts.fallbacks.clear();
                if let Some(refresh) = &grant.refresh {
                    let token = refresh.token.clone();
                    facts.refresh = Some(HeldRefresh { kind, token, provenance: Provenance::Seal });
                }
            }
            TokenChange::Keep => {}
            TokenChange::Drop => {
                facts.access = Access::None;
                facts.refresh = None;
                facts.fallbacks.clear();
            }
        }
        facts
    }

    fn dw_after(change: &DwChange, before: Dw) -> Dw {
        match (change, before) {
            (DwChange::Keep, before) => before,
            (DwChange::Set { cookies, owner }, _) => {
                Dw::Live { held: HeldDw::of(cookies), owner: owner.clone() }
            }
            (DwChange::Confirm(owner), Dw::Live { held, .. } | Dw::Unverified { held, .. }) => {
                Dw::Live { held, owner: owner.clone() }
            }
            (DwChange::Recheck, Dw::Live { held, .. } | Dw::Unverified { held, .. }) => {
                Dw::Unverified { held, owner: None }
            }
            _ => Dw::Absent,
        }
    }

    /// Leaves a refresh token that an upstream handed over, and that cannot be exchanged now, to the
    /// next request. It may be the only one that still works.
    pub(crate) fn defer_refresh_token(
        &self,
        offered: &UpstreamRefresh,
        update: &mut SessionUpdate,
    ) {
        update.changes.defer_refresh_token(&self.site.names, offered);
        self.seal(&mut update.changes);
    }

    /// Gets tokens for a DW session that ECOM vouches for.
    pub(crate) async fn session_bridge(&self, claim: DwClaim) -> Result<SessionUpdate, Problem> {
        let decision =
            self.run(flow::session_bridge(self.facts(None), claim), "bridge_over", None).await;
        self.commit(decision, None)
    }

    /// As [`travel_on`](Self::travel_on), from where `before` ended, by what ECOM has just said.
    pub(crate) async fn reconcile(
        &self,
        before: &Decision,
        says: PageResponse,
        remember: Option<bool>,
    ) -> Result<SessionUpdate, Problem> {
        let step = flow::reconcile(self.facts_after(before), says);
        if matches!(step, Step::Logout(_)) {
            // First of all, so that no request under way can bring the session back.
            self.revoke_presented(Reason::LoggedOut);
        }
        let mut decision = self.run(step, "ecom_says", None).await;
        if decision.tokens == TokenChange::Keep {
            decision.tokens = before.tokens.clone();
        }
        decision.dw = after(before.dw.clone(), decision.dw);
        decision.session_expired |= before.session_expired;
        let update = self.commit(decision, remember)?;
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

/// What becomes of the DW session by two changes, one after the other. A session that was made by
/// the first still has to reach the browser.
fn after(first: DwChange, second: DwChange) -> DwChange {
    match (first, second) {
        (first, DwChange::Keep) => first,
        (DwChange::Set { cookies, .. }, DwChange::Confirm(owner)) => {
            DwChange::Set { cookies, owner }
        }
        (set @ DwChange::Set { .. }, DwChange::Recheck) => set,
        (_, second) => second,
    }
}
