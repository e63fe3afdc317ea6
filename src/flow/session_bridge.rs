//! ECOM first, and by its own word: tokens for a DW session that a page of ECOM vouches for.

use super::calls::{AdoptCall, AdoptPurpose, DwProof};
use super::state::{FlowState, Goal, Tokens};
use super::{
    AdoptResponse, Cause, Dw, DwChange, Facts, Outcome, Step, UpstreamFailure, dw_session,
};
use crate::model::CustomerType;

/// A DW session that a caller claims for the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwClaim {
    /// What shows it.
    pub proof: DwProof,
    /// Whether it is a guest's or a registered shopper's.
    pub kind: CustomerType,
    /// The shopper's login; `guest` for a guest.
    pub login: String,
}

/// Gets tokens for the claimed session, whatever tokens the browser holds.
#[must_use]
pub fn session_bridge(facts: Facts, claim: DwClaim) -> Step {
    let mut state = FlowState::new(facts, Goal::SessionBridge);
    // Whoever signed the session may have changed its shopper, so our note of that is old.
    if let Some(held) = state.held_dw().cloned() {
        state.dw = Dw::Unverified { held, owner: None };
    }
    let DwClaim { proof, kind, login } = claim;
    if kind == CustomerType::Guest && state.is_registered() {
        // ECOM has not heard yet that the shopper has signed in. The Head's tokens stay.
        return state.decide_with(Outcome::Ready, DwChange::Keep);
    }
    Step::Adopt(AdoptCall {
        proof,
        kind,
        owner: None,
        login,
        purpose: AdoptPurpose::SessionBridge,
        state: Box::new(state),
    })
}

pub(super) fn adopted(mut state: FlowState, kind: CustomerType, response: AdoptResponse) -> Step {
    match response {
        AdoptResponse::Granted(grant) if grant.claims.customer.kind == kind => {
            // The refresh token of before is somebody else's by now.
            state.refreshed = true;
            state.tokens = Tokens::Renewed(grant);
            dw_session::align(state)
        }
        AdoptResponse::Granted(_) => {
            let failure = UpstreamFailure { cause: Cause::Unavailable, retry_after: None };
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
        AdoptResponse::Refused => state.decide_with(not_bridged(false), DwChange::Keep),
        AdoptResponse::NotPermitted => state.decide_with(not_bridged(true), DwChange::Keep),
        AdoptResponse::Unavailable(failure) => {
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
    }
}

fn not_bridged(scope: bool) -> Outcome {
    Outcome::NotBridged { scope }
}
