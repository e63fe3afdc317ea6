//! ECOM first, and by its own word: tokens for a DW session that a page of ECOM vouches for.

use super::asks::{AdoptAsk, DwProof};
use super::journey::{Goal, Journey, Tokens};
use super::{AdoptAnswer, Cause, Dw, DwChange, Facts, Outcome, Step, Trouble, bridge};
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
pub fn bridge_over(facts: Facts, claim: DwClaim) -> Step {
    let mut journey = Journey::new(facts, Goal::BridgeOver);
    // Whoever signed the session may have changed its shopper, so our note of that is old.
    if let Some(held) = journey.held_dw().cloned() {
        journey.dw = Dw::Doubtful { held, owner: None };
    }
    let DwClaim { proof, kind, login } = claim;
    if kind == CustomerType::Guest && journey.is_registered() {
        // ECOM has not heard yet that the shopper has signed in. The Head's tokens stay.
        return journey.ended(Outcome::Ready, DwChange::Keep);
    }
    Step::Adopt(AdoptAsk { proof, kind, owner: None, login, journey: Box::new(journey) })
}

pub(super) fn adopted(mut journey: Journey, kind: CustomerType, answer: AdoptAnswer) -> Step {
    match answer {
        AdoptAnswer::Granted(grant) if grant.claims.customer.kind == kind => {
            // The refresh token of before is somebody else's by now.
            journey.refreshed = true;
            journey.tokens = Tokens::Renewed(grant);
            bridge::settle(journey)
        }
        AdoptAnswer::Granted(_) => {
            let trouble = Trouble { cause: Cause::Unavailable, retry_after: None };
            journey.ended(Outcome::Unavailable(trouble), DwChange::Keep)
        }
        AdoptAnswer::Refused => journey.ended(not_bridged(false), DwChange::Keep),
        AdoptAnswer::NotPermitted => journey.ended(not_bridged(true), DwChange::Keep),
        AdoptAnswer::Unavailable(trouble) => {
            journey.ended(Outcome::Unavailable(trouble), DwChange::Keep)
        }
    }
}

fn not_bridged(scope: bool) -> Outcome {
    Outcome::NotBridged { scope }
}
