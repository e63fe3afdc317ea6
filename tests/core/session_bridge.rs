//! A DW session that ECOM vouches for, whatever the browser holds.

use tandem::flow::{
    AdoptResponse, BridgeMode, DwChange, DwClaim, DwProof, Intent, Outcome, Step, TokenChange,
    session_bridge,
};
use tandem::model::CustomerType;

use crate::facts::{Guest, Registered, Start, signature, starts};
use crate::responses::Responses;
use crate::walk::{Called, Path, walk_on};

fn claim(kind: CustomerType) -> DwClaim {
    let login = if kind == Guest { "guest" } else { "jo@example.com" };
    DwClaim { proof: DwProof::Signature(signature()), kind, login: login.to_owned() }
}

fn walk_every(mut visit: impl FnMut(CustomerType, &Path<'_>)) {
    let responses = Responses::typical();
    let with_ecom =
        |start: &Start| start.facts.policy.mode == BridgeMode::Classic && !start.facts.dnt_changed;
    for start in starts(&[Intent::Head]).filter(with_ecom) {
        for kind in [Guest, Registered] {
            if kind == Guest && start.is_registered() {
                continue;
            }
            let step = session_bridge(start.facts.clone(), claim(kind));
            walk_on(&start, step, &responses, |path| visit(kind, path));
        }
    }
}

#[test]
fn the_claim_is_asked_about_first_and_once_and_no_refresh_token_is_used_for_it() {
    walk_every(|_, path| {
        assert!(matches!(path.called.first(), Some(Called::Adopt(..))), "{path}");
        assert_eq!(path.count(|called| matches!(called, Called::Adopt(..))), 1, "{path}");
        assert!(
            !path.any(|called| matches!(called, Called::Refresh(..) | Called::Guest(..))),
            "{path}"
        );
    });
}

#[test]
fn the_tokens_are_of_the_kind_that_was_claimed_or_nothing_changes() {
    walk_every(|kind, path| match (&path.decision.tokens, &path.decision.outcome) {
        (TokenChange::Set(grant), outcome) => {
            assert_eq!(grant.claims.customer.kind, kind, "{path}");
            let logged_in = matches!(outcome, Outcome::LoggedIn { .. });
            assert_eq!(logged_in, kind == Registered, "{path}");
        }
        (TokenChange::Keep, outcome) => {
            let said = matches!(outcome, Outcome::NotBridged { .. } | Outcome::Unavailable(_));
            assert!(said && path.decision.dw == DwChange::Keep, "{path}");
        }
        (TokenChange::Drop, _) => panic!("{path}"),
    });
}

#[test]
fn promise_1_the_dw_session_in_the_browser_is_kept_only_if_it_is_the_same_shoppers() {
    walk_every(|_, path| {
        let TokenChange::Set(grant) = &path.decision.tokens else { return };
        match &path.decision.dw {
            DwChange::Set { owner: Some(owner), .. } | DwChange::Confirm(Some(owner)) => {
                assert_eq!(*owner, grant.claims.customer, "{path}");
            }
            DwChange::Drop | DwChange::Failed(_) => {}
            DwChange::Set { owner: None, .. } | DwChange::Confirm(None) => {
                panic!("whose is it? {path}")
            }
            // OCAPI could not be asked just now.
            DwChange::Keep | DwChange::Recheck => {
                assert!(path.any(|called| matches!(called, Called::Probe(..))), "{path}");
            }
        }
    });
}

#[test]
fn promise_2_a_guest_session_of_ecom_does_not_replace_a_registered_shopper() {
    for start in starts(&[Intent::Head]).filter(Start::is_registered) {
        let Step::Done(decision) = session_bridge(start.facts.clone(), claim(Guest)) else {
            panic!("asked: {start:?}")
        };
        assert_eq!((&decision.tokens, &decision.dw), (&TokenChange::Keep, &DwChange::Keep));
        assert_eq!(decision.outcome, Outcome::Ready);
    }
}

#[test]
fn a_missing_scope_is_told_apart_from_a_refusal() {
    let call = |response: AdoptResponse| {
        let start = starts(&[Intent::Head]).next().expect("a start");
        let Step::Adopt(call) = session_bridge(start.facts, claim(Guest)) else {
            panic!("not asked")
        };
        let Step::Done(decision) = call.resume(response) else { panic!("not done") };
        decision.outcome
    };
    assert_eq!(call(AdoptResponse::NotPermitted), Outcome::NotBridged { scope: true });
    assert_eq!(call(AdoptResponse::Refused), Outcome::NotBridged { scope: false });
}
