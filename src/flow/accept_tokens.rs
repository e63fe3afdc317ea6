//! Tokens that a head has fetched by itself, through the SLAS façade.
//!
//! No question is asked: the head may have more to do with these tokens (it moves the guest's
//! basket itself) before a DW session is made for them, by the next page.

use super::state::{FlowState, Goal};
use super::{BridgeMode, Decision, DwChange, Facts, Intent, Outcome, TokenChange};
use crate::model::{CustomerType, Grant};

/// What becomes of the browser's state when `grant` takes the place of its tokens.
#[must_use]
pub fn accept_tokens(facts: Facts, grant: Box<Grant>) -> Decision {
    let shopper = &grant.claims.customer;
    let changed = facts.customer() != Some(shopper);
    let hybrid = facts.policy.mode == BridgeMode::HybridAuth;
    let state = FlowState::new(facts, Goal::EnsureSession(Intent::Api));
    let strange = changed || state.dw_owner().is_some_and(|owner| owner != shopper);
    let dw = match grant.dw.clone().filter(|_| hybrid) {
        Some(cookies) => DwChange::Set { cookies, owner: Some(shopper.clone()) },
        None if strange => DwChange::Drop,
        None => DwChange::Keep,
    };
    // Heads become guests when a registered session is over: that is told.
    let over = shopper.kind == CustomerType::Guest && state.is_registered();
    let signed_in = changed && shopper.kind == CustomerType::Registered;
    Decision {
        outcome: if signed_in { Outcome::LoggedIn { basket_lost: false } } else { Outcome::Ready },
        tokens: TokenChange::Set(grant),
        dw,
        session_expired: over,
        guest_adoption_refused: false,
    }
}
