//! How much a journey may ask: every path ends, and no call is made that was not needed.

use tandem::flow::{
    Access, BridgeMode, BridgeTime, Dw, DwProof, GuestResponse, Intent, ProbeResponse, Step,
};
use tandem::flow::{DwChange, HeldRefresh, RefreshCall, RefreshResponse, TokenChange, decide};
use tandem::ids::AccessToken;
use tandem::model::Customer;

use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, MODES, Registered, Start};
use crate::facts::{held_dw, indifferent, starts};
use crate::responses::Responses;
use crate::walk::{Called, Path, walk, walk_all};

fn longest(intents: &[Intent]) -> usize {
    let mut longest = 0;
    walk_all(starts(intents), |path| longest = longest.max(path.called.len()));
    longest
}

#[test]
fn every_arrival_ends_within_five_questions() {
    assert_eq!(longest(&ENSURE_SESSION), 5);
}

#[test]
fn every_login_ends_within_five_questions() {
    assert_eq!(longest(&LOGINS), 5);
}

#[test]
fn every_logout_ends_within_four_questions() {
    assert_eq!(longest(&LOGOUTS), 4);
}

/// What [`starts`] leaves out really is left out for nothing.
#[test]
fn what_is_said_not_to_matter_does_not_matter() {
    let decisions = |start: &Start| {
        let mut decisions = Vec::new();
        walk(start, &Responses::typical(), |path| {
            decisions.push((path.called.len(), path.decision.clone()));
        });
        decisions
    };
    for intents in [&ENSURE_SESSION[..2], &LOGINS[..1], &LOGOUTS[..1]] {
        for start in starts(intents) {
            assert_eq!(decisions(&start), decisions(&indifferent(&start)), "{start:?}");
        }
    }
}

/// A kind of question, and how often a journey may ask it.
fn allowance(called: &Called<'_>) -> (usize, u8) {
    match called {
        Called::Refresh(..) => (0, 1),
        Called::Guest(call, _) if call.usid.is_some() => (1, 1),
        Called::Guest(..) => (2, 1),
        Called::Probe(..) => (3, 1),
        Called::Adopt(..) => (4, 1),
        // The second one is for the token of a refresh in between.
        Called::Bridge(..) => (5, 2),
        Called::Login(..) => (6, 1),
        Called::CheckBasket(..) => (7, 1),
        Called::TransferBasket(..) => (8, 1),
        Called::Logout(..) => (9, 1),
    }
}

#[test]
fn no_journey_asks_the_same_more_often_than_promised() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let mut counts = [0_u8; 10];
            let fallbacks = u8::try_from(path.start.facts.fallbacks.len()).expect("a few");
            for called in path.called {
                let (kind, most) = allowance(called);
                let most = if kind == 0 { most + fallbacks } else { most };
                counts[kind] += 1;
                assert!(counts[kind] <= most, "{path}");
            }
        });
    }
}

/// Refused, or a guest's tokens for a registered shopper's.
fn is_refused(call: &RefreshCall, response: &RefreshResponse) -> bool {
    match response {
        RefreshResponse::Refused => true,
        RefreshResponse::Granted(grant) => {
            call.kind == Registered && grant.claims.customer.kind == Guest
        }
        RefreshResponse::Unavailable(_) => false,
    }
}

#[test]
fn promise_3_a_journey_presents_each_refresh_token_once_and_another_only_after_a_refusal() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let facts = &path.start.facts;
            let mut held = facts.refresh.iter().chain(&facts.fallbacks);
            let mut refused = true;
            for called in path.called {
                if let Called::Refresh(call, response) = called {
                    let presented = HeldRefresh {
                        kind: call.kind,
                        token: call.token.clone(),
                        provenance: call.provenance,
                    };
                    assert_eq!(Some(&presented), held.next(), "{path}");
                    assert!(refused, "another one before the first was refused: {path}");
                    refused = is_refused(call, response);
                }
            }
        });
    }
}

#[test]
fn hybrid_auth_and_none_never_call_ocapi() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        let without_ocapi =
            starts(intents).filter(|start| start.facts.policy.mode != BridgeMode::Classic);
        walk_all(without_ocapi, |path| {
            let ocapi = |called: &Called<'_>| {
                matches!(called, Called::Probe(..) | Called::Adopt(..) | Called::Bridge(..))
            };
            assert!(!path.any(ocapi), "{path}");
        });
    }
}

fn bridged_tokens(path: &Path<'_>) -> Vec<AccessToken> {
    let token = |called: &Called<'_>| match called {
        Called::Bridge(call, _) => Some(call.access.clone()),
        _ => None,
    };
    path.called.iter().filter_map(token).collect()
}

#[test]
fn promise_4_one_access_token_makes_at_most_one_dw_session() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let tokens = bridged_tokens(path);
            let spent = path.start.valid().filter(|_| path.start.facts.bridged);
            assert!(spent.is_none_or(|spent| !tokens.contains(&spent.token)), "{path}");
            assert!(tokens.len() < 2 || tokens[0] != tokens[1], "{path}");
        });
    }
}

#[test]
fn promise_4_no_bridge_while_the_dw_session_lives_and_is_the_same_customers() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let mut living = known_to_live(path.start);
        let mut customer = path.start.valid().map(|held| held.claims.customer.clone());
        for called in path.called {
            match called {
                Called::Probe(_, ProbeResponse::Alive { owner, .. }) => {
                    living = Some(owner.clone());
                }
                Called::Probe(_, ProbeResponse::Dead) => living = None,
                // Whoever the browser has not been until now has no DW session in it.
                Called::Guest(call, GuestResponse::Granted(grant)) => {
                    let before = path.start.claims().map(|claims| &claims.customer);
                    let same = call.usid.is_some() && before == Some(&grant.claims.customer);
                    living = living.filter(|_| same);
                }
                Called::Bridge(..) => {
                    assert!(living.is_none() || living != customer, "{path}");
                }
                _ => {}
            }
            customer = called.grant().map(|grant| grant.claims.customer.clone()).or(customer);
        }
    });
}

fn known_to_live(start: &Start) -> Option<Customer> {
    match &start.facts.dw {
        Dw::Live { owner, .. } => Some(owner.clone()),
        _ => None,
    }
}

#[test]
fn promise_5_a_warm_request_asks_nothing_and_changes_nothing() {
    let mut warm = 0;
    for start in starts(&ENSURE_SESSION).filter(is_warm) {
        let Step::Done(decision) = decide(start.facts.clone(), start.intent) else {
            panic!("a warm request asked something: {start:?}");
        };
        assert_eq!((&decision.tokens, &decision.dw), (&TokenChange::Keep, &DwChange::Keep));
        warm += 1;
    }
    assert!(warm > 500, "{warm}");
}

/// Valid tokens, and a DW session where one is needed.
fn is_warm(start: &Start) -> bool {
    let facts = &start.facts;
    let Access::Fresh(held) = &facts.access else { return false };
    if facts.dnt_changed && facts.refresh.is_some() {
        return false;
    }
    let own = |owner: &Customer| *owner == held.claims.customer;
    let paired = match &facts.dw {
        Dw::Live { owner, .. } => own(owner),
        Dw::Unverified { owner, .. } => {
            let trusted = facts.policy.mode != BridgeMode::Classic;
            let unneeded = start.intent != Intent::Ecom && is_patient(start);
            owner.as_ref().map_or(trusted, |owner| own(owner) && (trusted || unneeded))
        }
        Dw::Absent | Dw::Dead => false,
    };
    paired && !start.is_outranked()
}

/// Nothing waits for a DW session.
fn is_patient(start: &Start) -> bool {
    start.intent == Intent::Api
        || start.facts.policy.time == BridgeTime::OnDemand
        || start.facts.bridge_resting
}

#[test]
fn promise_5_the_head_asks_nothing_where_it_does_not_wait_for_a_dw_session() {
    let heads = starts(&[Intent::Head, Intent::Renew, Intent::Api]).filter(|start| {
        let absent = matches!(start.facts.dw, Dw::Absent | Dw::Dead);
        let fresh = matches!(start.facts.access, Access::Fresh(_)) && !start.is_outranked();
        let classic = start.facts.policy.mode == BridgeMode::Classic;
        absent && fresh && !start.facts.dnt_changed && (!classic || is_patient(start))
    });
    for start in heads {
        assert!(matches!(decide(start.facts.clone(), start.intent), Step::Done(_)), "{start:?}");
    }
}

#[test]
fn a_fresh_access_token_is_refreshed_only_for_a_better_one_or_for_a_dw_session() {
    for mode in MODES {
        let fresh = starts(&ENSURE_SESSION).filter(|start| {
            matches!(start.facts.access, Access::Fresh(_)) && start.facts.policy.mode == mode
        });
        walk_all(fresh, |path| {
            let Some(at) =
                path.called.iter().position(|called| matches!(called, Called::Refresh(..)))
            else {
                return;
            };
            let refused = matches!(
                at.checked_sub(1).map(|before| &path.called[before]),
                Some(Called::Bridge(..))
            );
            let start = path.start;
            let spent = mode == BridgeMode::Classic && start.facts.bridged;
            let unpaired = mode == BridgeMode::HybridAuth && start.intent == Intent::Ecom;
            let tracking = start.facts.dnt_changed;
            assert!(start.is_outranked() || refused || spent || unpaired || tracking, "{path}");
        });
    }
}

#[test]
fn a_guest_refresh_token_never_stands_in_for_a_registered_shopper() {
    for intents in [&ENSURE_SESSION[..], &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let registered =
                path.start.claims().is_some_and(|claims| claims.customer.kind == Registered);
            let guest = |called: &Called<'_>| matches!(called, Called::Refresh(call, _) if call.kind == Guest);
            // Once the own one has been refused, the shopper is told and a guest.
            let stays = match &path.decision.tokens {
                TokenChange::Set(grant) => grant.claims.customer.kind == Registered,
                TokenChange::Keep => true,
                TokenChange::Drop => false,
            };
            let told = path.decision.session_expired || stays;
            let after = !path.start.facts.fallbacks.is_empty() && told;
            assert!(!registered || !path.any(guest) || after, "{path}");
        });
    }
}

#[test]
fn only_the_dw_session_that_the_browser_presents_is_asked_about() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        for called in path.called {
            match called {
                Called::Probe(call, _) => assert_eq!(call.dw, held_dw(), "{path}"),
                Called::Adopt(call, _) => {
                    let signature = path.start.facts.signature.clone();
                    let session = DwProof::Session(held_dw().dwsid);
                    let proof = signature.map_or(session, DwProof::Signature);
                    assert_eq!(call.proof, proof, "{path}");
                }
                _ => {}
            }
        }
    });
}

#[test]
fn a_registered_refresh_token_beside_a_guests_tokens_is_used_at_once() {
    for start in starts(&ENSURE_SESSION).filter(Start::is_outranked) {
        let Step::Refresh(call) = decide(start.facts.clone(), start.intent) else {
            panic!("the guest goes on: {start:?}");
        };
        assert_eq!(call.kind, Registered);
    }
}

#[test]
fn a_call_of_an_api_makes_no_dw_session_and_no_tokens_for_one() {
    walk_all(starts(&[Intent::Api]), |path| {
        let made = path.any(|called| matches!(called, Called::Bridge(..) | Called::Adopt(..)));
        assert!(!made, "{path}");
    });
}

#[test]
fn another_do_not_track_choice_exchanges_a_good_token_once() {
    let changed = starts(&ENSURE_SESSION).filter(|start| {
        let anothers = start.is_registered() && start.refresh_kind() == Some(Guest);
        start.facts.dnt_changed && !anothers
    });
    walk_all(changed, |path| {
        assert!(matches!(path.called.first(), Some(Called::Refresh(..))), "{path}");
        assert_eq!(path.count(|called| matches!(called, Called::Refresh(..))), 1, "{path}");
    });
}
