//! Accepts tokens that a Head has obtained itself, through the SLAS proxy.
//!
//! The decision needs no call: the Head may have more to do with these tokens (it transfers the
//! guest's basket itself) before the next page makes a DW session for them.

use super::state::{FlowState, Goal};
use super::{BridgeMode, Decision, DwChange, Facts, Intent, Outcome, TokenChange};
use crate::model::Grant;

/// How a Head obtained tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// By a login, or as a new guest: they are newer than anything that the browser holds.
    Grant,
    /// By a refresh token.
    Refresh,
}

/// The decision when `grant`, obtained from `source`, replaces the tokens of the browser.
#[must_use]
pub fn accept_tokens(facts: Facts, grant: Box<Grant>, source: TokenSource) -> Decision {
    let shopper = &grant.claims.customer;
    let changed = facts.customer() != Some(shopper);
    let hybrid = facts.policy.mode == BridgeMode::HybridAuth;
    let state = FlowState::new(facts, Goal::EnsureSession(Intent::Api));
    let dw_is_foreign = changed || state.dw_owner().is_some_and(|owner| owner != shopper);
    let dw = match grant.dw.clone().filter(|_| hybrid) {
        Some(cookies) => DwChange::Set { cookies, owner: Some(shopper.clone()) },
        None if dw_is_foreign => DwChange::Drop,
        None => DwChange::Keep,
    };
    // A Head requests guest tokens when a registered session is over: report the expiry.
    let expired = shopper.is_guest() && state.is_registered();
    // The same shopper logs in again after a changed password.
    let logged_in = shopper.is_registered() && (changed || source == TokenSource::Grant);
    Decision {
        outcome: if logged_in { Outcome::LoggedIn { basket_lost: false } } else { Outcome::Ready },
        tokens: TokenChange::Set(grant),
        dw,
        session_expired: expired,
        guest_adoption_refused: false,
    }
}
