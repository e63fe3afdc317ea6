//! The session bridge: tokens for a DW session that ECOM confirms, whatever the browser holds.

use tandem::flow::{
    AdoptResponse, BridgeMode, BridgeRefusal, DwChange, DwClaim, DwProof, Intent, Outcome, Step,
    TokenChange, session_bridge,
};
use tandem::model::CustomerType;

use crate::facts::{Guest, Registered, Start, signature, starts};
use crate::responses::Responses;
use crate::walk::{Call, Path, walk_on};

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
fn the_claim_is_checked_first_and_once_and_no_other_grant_is_used() {
    walk_every(|_, path| {
        assert!(matches!(path.calls.first(), Some(Call::Adopt(..))), "{path}");
        assert_eq!(path.count(|call| matches!(call, Call::Adopt(..))), 1, "{path}");
        assert!(!path.any(|call| matches!(call, Call::Refresh(..) | Call::Guest(..))), "{path}");
    });
}

#[test]
fn the_tokens_have_the_claimed_customer_type_or_nothing_changes() {
    walk_every(|kind, path| match (&path.decision.tokens, &path.decision.outcome) {
        (TokenChange::Set(grant), outcome) => {
            assert_eq!(grant.claims.customer.kind, kind, "{path}");
            let logged_in = matches!(outcome, Outcome::LoggedIn { .. });
            assert_eq!(logged_in, kind == Registered, "{path}");
        }
        (TokenChange::Keep, outcome) => {
            let failed = matches!(outcome, Outcome::NotBridged(_) | Outcome::Unavailable(_));
            assert!(failed && path.decision.dw == DwChange::Keep, "{path}");
        }
        (TokenChange::Drop, _) => panic!("{path}"),
    });
}

#[test]
fn promise_1_the_browsers_dw_session_stays_only_for_the_same_shopper() {
    walk_every(|_, path| {
        let TokenChange::Set(grant) = &path.decision.tokens else { return };
        match &path.decision.dw {
            DwChange::Set { owner: Some(owner), .. } | DwChange::Confirm(Some(owner)) => {
                assert_eq!(*owner, grant.claims.customer, "{path}");
            }
            DwChange::Drop | DwChange::Failed(_) => {}
            DwChange::Set { owner: None, .. } | DwChange::Confirm(None) => {
                panic!("the DW session has no owner: {path}")
            }
            // OCAPI was unavailable.
            DwChange::Keep | DwChange::Recheck => {
                assert!(path.any(|call| matches!(call, Call::Probe(..))), "{path}");
            }
        }
    });
}

#[test]
fn promise_2_an_ecom_guest_session_does_not_replace_a_registered_shopper() {
    for start in starts(&[Intent::Head]).filter(Start::is_registered) {
        let Step::Done(decision) = session_bridge(start.facts.clone(), claim(Guest)) else {
            panic!("makes a call: {start:?}")
        };
        assert_eq!((&decision.tokens, &decision.dw), (&TokenChange::Keep, &DwChange::Keep));
        assert_eq!(decision.outcome, Outcome::Ready);
    }
}

#[test]
fn a_missing_scope_is_distinguished_from_a_refusal() {
    let outcome_of = |response: AdoptResponse| {
        let start = starts(&[Intent::Head]).next().expect("a start");
        let Step::Adopt(call) = session_bridge(start.facts, claim(Guest)) else {
            panic!("makes no adopt call")
        };
        let Step::Done(decision) = call.resume(response) else { panic!("not done") };
        decision.outcome
    };
    assert_eq!(
        outcome_of(AdoptResponse::NotPermitted),
        Outcome::NotBridged(BridgeRefusal::ScopeMissing)
    );
    assert_eq!(
        outcome_of(AdoptResponse::Refused),
        Outcome::NotBridged(BridgeRefusal::ProofRefused)
    );
}
