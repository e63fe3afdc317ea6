//! Tokens that a head fetched by itself: whatever the browser held before, nobody is split.

use tandem::flow::{BridgeMode, Dw, DwChange, Outcome, TokenChange, accept_tokens};
use tandem::model::Customer;

use crate::facts::{
    ENSURE_SESSION, Registered, guest, other_guest, other_shopper, shopper, starts,
};
use crate::responses::{dw_cookies, granted};

fn everybody() -> [Customer; 4] {
    [guest(), other_guest(), shopper(), other_shopper()]
}

#[test]
fn promise_1_the_dw_session_stays_only_if_it_is_the_new_tokens_own() {
    for start in starts(&ENSURE_SESSION[..1]) {
        for customer in everybody() {
            let decision =
                accept_tokens(start.facts.clone(), granted("received", customer.clone()));
            assert!(matches!(&decision.tokens, TokenChange::Set(grant)
                if grant.claims.customer == customer));
            let owner = match &start.facts.dw {
                Dw::Live { owner, .. } | Dw::Unverified { owner: Some(owner), .. } => Some(owner),
                Dw::Unverified { owner: None, .. } | Dw::Absent | Dw::Dead => None,
            };
            let stays = decision.dw == DwChange::Keep;
            assert!(!stays || owner.is_none_or(|owner| *owner == customer), "{start:?}");
            assert!(stays || decision.dw == DwChange::Drop, "{start:?}");
            let same = start.claims().is_some_and(|claims| claims.customer == customer);
            assert!(same || !stays, "a new shopper keeps nobody's session: {start:?}");
        }
    }
}

#[test]
fn somebody_new_who_is_registered_has_logged_in_and_nobody_else_has() {
    for start in starts(&ENSURE_SESSION[..1]) {
        for customer in everybody() {
            let decision =
                accept_tokens(start.facts.clone(), granted("received", customer.clone()));
            let same = start.claims().is_some_and(|claims| claims.customer == customer);
            let logged_in = matches!(decision.outcome, Outcome::LoggedIn { .. });
            assert_eq!(logged_in, !same && customer.kind == Registered, "{start:?}");
            // A head makes a guest of a registered shopper only when that session is over.
            let over = start.is_registered() && customer.kind != Registered;
            assert_eq!(decision.session_expired, over, "{start:?}");
        }
    }
}

#[test]
fn a_dw_session_of_the_platform_is_taken_over_where_the_platform_makes_them() {
    for start in starts(&ENSURE_SESSION[..1]) {
        let mut grant = granted("received", shopper());
        grant.dw = Some(dw_cookies("with-tokens"));
        let decision = accept_tokens(start.facts.clone(), grant);
        let hybrid = start.facts.policy.mode == BridgeMode::HybridAuth;
        let set =
            matches!(&decision.dw, DwChange::Set { owner: Some(owner), .. } if *owner == shopper());
        assert_eq!(set, hybrid, "{start:?}");
    }
}
