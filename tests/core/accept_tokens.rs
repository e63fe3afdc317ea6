//! Tokens that a Head fetched itself: whatever the browser held, the session pair belongs to one
//! shopper.

use tandem::flow::{
    BridgeMode, Decision, Dw, DwChange, Outcome, TokenChange, TokenSource, accept_tokens,
};
use tandem::model::Customer;

use crate::facts::{
    ENSURE_SESSION, Registered, Start, guest, other_guest, other_shopper, shopper, starts,
};
use crate::responses::{dw_cookies, granted};

fn customers() -> [Customer; 4] {
    [guest(), other_guest(), shopper(), other_shopper()]
}

fn with_sources(customer: &Customer) -> [(Customer, TokenSource); 2] {
    [TokenSource::Grant, TokenSource::Refresh].map(|source| (customer.clone(), source))
}

fn accept(start: &Start, customer: &Customer, source: TokenSource) -> Decision {
    accept_tokens(start.facts.clone(), granted("received", customer.clone()), source)
}

#[test]
fn promise_1_new_tokens_keep_only_a_dw_session_of_the_same_customer() {
    for start in starts(&ENSURE_SESSION[..1]) {
        for customer in customers() {
            let decision = accept(&start, &customer, TokenSource::Grant);
            assert!(matches!(&decision.tokens, TokenChange::Set(grant)
                if grant.claims.customer == customer));
            let owner = match &start.facts.dw {
                Dw::Live { owner, .. } | Dw::Unverified { owner: Some(owner), .. } => Some(owner),
                Dw::Unverified { owner: None, .. } | Dw::Absent | Dw::Dead => None,
            };
            let is_kept = decision.dw == DwChange::Keep;
            assert!(!is_kept || owner.is_none_or(|owner| *owner == customer), "{start:?}");
            assert!(is_kept || decision.dw == DwChange::Drop, "{start:?}");
            let same = start.claims().is_some_and(|claims| claims.customer == customer);
            assert!(
                same || !is_kept,
                "a new shopper keeps another shopper's DW session: {start:?}"
            );
        }
    }
}

#[test]
fn kind_42_granted_tokens_of_a_registered_shopper_are_a_login_and_refreshed_ones_of_a_new_one() {
    for start in starts(&ENSURE_SESSION[..1]) {
        for (customer, source) in customers().iter().flat_map(with_sources) {
            let decision = accept(&start, &customer, source);
            let same = start.claims().is_some_and(|claims| claims.customer == customer);
            let logged_in = matches!(decision.outcome, Outcome::LoggedIn { .. });
            let new = !same || source == TokenSource::Grant;
            assert_eq!(logged_in, new && customer.kind == Registered, "{start:?}");
            // A Head replaces a registered shopper by a guest only when that session has ended.
            let ended = start.is_registered() && customer.kind != Registered;
            assert_eq!(decision.session_expired, ended, "{start:?}");
        }
    }
}

#[test]
fn a_dw_session_beside_the_tokens_is_accepted_only_in_hybrid_auth() {
    for start in starts(&ENSURE_SESSION[..1]) {
        let mut grant = granted("received", shopper());
        grant.dw = Some(dw_cookies("with-tokens"));
        let decision = accept_tokens(start.facts.clone(), grant, TokenSource::Grant);
        let hybrid = start.facts.policy.mode == BridgeMode::HybridAuth;
        let set =
            matches!(&decision.dw, DwChange::Set { owner: Some(owner), .. } if *owner == shopper());
        assert_eq!(set, hybrid, "{start:?}");
    }
}
