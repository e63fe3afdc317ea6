//! The session bridge: obtains tokens for a DW session that a page of ECOM vouches for.

use super::calls::{AdoptCall, AdoptPurpose, DwProof};
use super::state::{FlowState, Goal, Tokens};
use super::{
    AdoptResponse, BridgeRefusal, Dw, DwChange, Facts, Outcome, Step, UpstreamFailure, dw_session,
};
use crate::model::CustomerType;

/// A DW session that a caller claims for the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwClaim {
    /// The proof of the session for SLAS.
    pub proof: DwProof,
    /// Whether it is a guest's or a registered shopper's.
    pub kind: CustomerType,
    /// The shopper's login; `guest` for a guest.
    pub login: String,
}

/// Obtains tokens for the claimed session, whatever tokens the browser holds. There is one
/// exception: a guest's session never replaces a registered shopper's tokens.
#[must_use]
pub fn session_bridge(facts: Facts, claim: DwClaim) -> Step {
    let mut state = FlowState::new(facts, Goal::SessionBridge);
    // ECOM, which signed the session, may have changed its shopper: the recorded owner is out of
    // date.
    if let Some(held) = state.held_dw().cloned() {
        state.dw = Dw::Unverified { held, owner: None };
    }
    let DwClaim { proof, kind, login } = claim;
    if kind == CustomerType::Guest && state.is_registered() {
        // ECOM does not know yet that the shopper has logged in. The Head's tokens stay.
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
            // The earlier refresh token does not belong to these tokens.
            state.refreshed = true;
            state.tokens = Tokens::Renewed(grant);
            dw_session::align(state)
        }
        AdoptResponse::Granted(_) => {
            let failure = UpstreamFailure::UNAVAILABLE;
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
        AdoptResponse::Refused => {
            state.decide_with(Outcome::NotBridged(BridgeRefusal::ProofRefused), DwChange::Keep)
        }
        AdoptResponse::NotPermitted => {
            state.decide_with(Outcome::NotBridged(BridgeRefusal::ScopeMissing), DwChange::Keep)
        }
        AdoptResponse::Failed(failure) => {
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
    }
}
