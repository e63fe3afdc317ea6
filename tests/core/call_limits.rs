//! Limits on upstream calls: every path ends, and no flow makes a call that it does not need.

use tandem::flow::{
    Access, BridgeMode, BridgeTime, Dw, DwProof, GuestResponse, Intent, ProbeResponse, Step,
};
use tandem::flow::{DwChange, HeldRefresh, RefreshCall, RefreshResponse, TokenChange, decide};
use tandem::ids::AccessToken;
use tandem::model::Customer;

use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, MODES, Registered, Start};
use crate::facts::{held_dw, starts, with_irrelevant_changes};
use crate::responses::Responses;
use crate::walk::{Call, Path, walk, walk_all};

fn longest(intents: &[Intent]) -> usize {
    let mut longest = 0;
    walk_all(starts(intents), |path| longest = longest.max(path.calls.len()));
    longest
}

#[test]
fn ensuring_a_session_takes_at_most_five_calls() {
    assert_eq!(longest(&ENSURE_SESSION), 5);
}

#[test]
fn a_login_takes_at_most_five_calls() {
    assert_eq!(longest(&LOGINS), 5);
}

#[test]
fn a_logout_takes_at_most_five_calls() {
    assert_eq!(longest(&LOGOUTS), 5);
}

/// The combinations that [`starts`] leaves out make no difference.
#[test]
fn facts_that_starts_leaves_out_do_not_change_a_decision() {
    let decisions = |start: &Start| {
        let mut decisions = Vec::new();
        walk(start, &Responses::typical(), |path| {
            decisions.push((path.calls.len(), path.decision.clone()));
        });
        decisions
    };
    for intents in [&ENSURE_SESSION[..2], &LOGINS[..1], &LOGOUTS[..1]] {
        for start in starts(intents) {
            assert_eq!(decisions(&start), decisions(&with_irrelevant_changes(&start)), "{start:?}");
        }
    }
}

/// A kind of call, and how often one flow may make it.
fn limit(call: &Call<'_>) -> (usize, u8) {
    match call {
        Call::Refresh(..) => (0, 1),
        Call::Guest(call, _) if call.usid.is_some() => (1, 1),
        Call::Guest(..) => (2, 1),
        Call::Probe(..) => (3, 1),
        Call::Adopt(..) => (4, 1),
        // The second call uses the token of a refresh in between.
        Call::Bridge(..) => (5, 2),
        Call::Login(..) => (6, 1),
        Call::CheckBasket(..) => (7, 1),
        Call::TransferBasket(..) => (8, 1),
        // The second call uses the token of a refresh in between.
        Call::Logout(..) => (9, 2),
    }
}

#[test]
fn no_flow_repeats_a_call_more_often_than_promised() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let mut counts = [0_u8; 10];
            let fallbacks = u8::try_from(path.start.facts.fallbacks.len()).expect("a few");
            for call in path.calls {
                let (kind, max) = limit(call);
                let max = if kind == 0 { max + fallbacks } else { max };
                counts[kind] += 1;
                assert!(counts[kind] <= max, "{path}");
            }
        });
    }
}

/// SLAS refused the token, or granted guest tokens for a registered shopper's token.
fn is_refused(call: &RefreshCall, response: &RefreshResponse) -> bool {
    match response {
        // Another token is exchanged to find out.
        RefreshResponse::Refused | RefreshResponse::Doubtful(_) => true,
        RefreshResponse::Granted(grant) => {
            call.kind == Registered && grant.claims.customer.kind == Guest
        }
        RefreshResponse::Failed(_) => false,
    }
}

#[test]
fn promise_3_a_flow_uses_a_second_refresh_token_only_after_a_refusal() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let facts = &path.start.facts;
            let mut held = facts.refresh.iter().chain(&facts.fallbacks);
            let mut refused = true;
            for call in path.calls {
                if let Call::Refresh(call, response) = call {
                    let presented = HeldRefresh {
                        kind: call.kind,
                        token: call.token.clone(),
                        provenance: call.provenance,
                    };
                    assert_eq!(Some(&presented), held.next(), "{path}");
                    assert!(refused, "a second token before the first was refused: {path}");
                    refused = is_refused(call, response);
                }
            }
        });
    }
}

#[test]
fn hybrid_auth_and_none_never_call_ocapi() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        let no_ocapi_mode =
            starts(intents).filter(|start| start.facts.policy.mode != BridgeMode::Classic);
        walk_all(no_ocapi_mode, |path| {
            let ocapi = |call: &Call<'_>| {
                matches!(call, Call::Probe(..) | Call::Adopt(..) | Call::Bridge(..))
            };
            assert!(!path.any(ocapi), "{path}");
        });
    }
}

fn bridged_tokens(path: &Path<'_>) -> Vec<AccessToken> {
    let token = |call: &Call<'_>| match call {
        Call::Bridge(call, _) => Some(call.access.clone()),
        _ => None,
    };
    path.calls.iter().filter_map(token).collect()
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
fn promise_4_no_bridge_while_the_customers_dw_session_is_alive() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let mut alive = known_alive(path.start);
        let mut customer = path.start.valid().map(|held| held.claims.customer.clone());
        for call in path.calls {
            match call {
                Call::Probe(_, ProbeResponse::Alive { owner, .. }) => {
                    alive = Some(owner.clone());
                }
                Call::Probe(_, ProbeResponse::Dead) => alive = None,
                // A customer who is new to this browser has no DW session in it.
                Call::Guest(call, GuestResponse::Granted(grant)) => {
                    let before = path.start.claims().map(|claims| &claims.customer);
                    let same = call.usid.is_some() && before == Some(&grant.claims.customer);
                    alive = alive.filter(|_| same);
                }
                Call::Bridge(..) => {
                    assert!(alive.is_none() || alive != customer, "{path}");
                }
                _ => {}
            }
            customer = call.grant().map(|grant| grant.claims.customer.clone()).or(customer);
        }
    });
}

fn known_alive(start: &Start) -> Option<Customer> {
    match &start.facts.dw {
        Dw::Live { owner, .. } => Some(owner.clone()),
        _ => None,
    }
}

#[test]
fn promise_5_a_warm_request_makes_no_call_and_changes_nothing() {
    let mut warm = 0;
    for start in starts(&ENSURE_SESSION).filter(is_warm) {
        let Step::Done(decision) = decide(start.facts.clone(), start.intent) else {
            panic!("a warm request makes a call: {start:?}");
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
            let unneeded = start.intent != Intent::Ecom && needs_no_dw(start);
            owner.as_ref().map_or(trusted, |owner| own(owner) && (trusted || unneeded))
        }
        Dw::Absent | Dw::Dead => false,
    };
    paired && !start.has_better_refresh()
}

/// The request needs no DW session now.
fn needs_no_dw(start: &Start) -> bool {
    start.intent == Intent::Api
        || start.facts.policy.time == BridgeTime::OnDemand
        || start.facts.bridge_resting
}

#[test]
fn promise_5_a_head_request_that_needs_no_dw_session_makes_no_call() {
    let heads = starts(&[Intent::Head, Intent::Renew, Intent::Api]).filter(|start| {
        let absent = matches!(start.facts.dw, Dw::Absent | Dw::Dead);
        let fresh = matches!(start.facts.access, Access::Fresh(_)) && !start.has_better_refresh();
        let classic = start.facts.policy.mode == BridgeMode::Classic;
        absent && fresh && !start.facts.dnt_changed && (!classic || needs_no_dw(start))
    });
    for start in heads {
        assert!(matches!(decide(start.facts.clone(), start.intent), Step::Done(_)), "{start:?}");
    }
}

#[test]
fn a_fresh_token_is_refreshed_only_to_upgrade_bridge_or_apply_dnt() {
    for mode in MODES {
        let fresh = starts(&ENSURE_SESSION).filter(|start| {
            matches!(start.facts.access, Access::Fresh(_)) && start.facts.policy.mode == mode
        });
        walk_all(fresh, |path| {
            let Some(at) = path.calls.iter().position(|call| matches!(call, Call::Refresh(..)))
            else {
                return;
            };
            let refused = matches!(
                at.checked_sub(1).map(|before| &path.calls[before]),
                Some(Call::Bridge(..))
            );
            let start = path.start;
            let spent = mode == BridgeMode::Classic && start.facts.bridged;
            let unpaired = mode == BridgeMode::HybridAuth && start.intent == Intent::Ecom;
            let tracking = start.facts.dnt_changed;
            assert!(
                start.has_better_refresh() || refused || spent || unpaired || tracking,
                "{path}"
            );
        });
    }
}

#[test]
fn a_guest_refresh_token_never_renews_a_registered_session() {
    for intents in [&ENSURE_SESSION[..], &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let registered =
                path.start.claims().is_some_and(|claims| claims.customer.kind == Registered);
            let guest =
                |call: &Call<'_>| matches!(call, Call::Refresh(call, _) if call.kind == Guest);
            // After a refusal of the registered token, the caller is told and the shopper is a guest.
            let stays_registered = match &path.decision.tokens {
                TokenChange::Set(grant) => grant.claims.customer.kind == Registered,
                TokenChange::Keep => true,
                TokenChange::Drop => false,
            };
            let noticed = path.decision.session_expired || stays_registered;
            let fell_back = !path.start.facts.fallbacks.is_empty() && noticed;
            assert!(!registered || !path.any(guest) || fell_back, "{path}");
        });
    }
}

#[test]
fn probe_and_adopt_calls_name_the_dw_session_of_the_browser() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        for call in path.calls {
            match call {
                Call::Probe(call, _) => assert_eq!(call.dw, held_dw(), "{path}"),
                Call::Adopt(call, _) => {
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
fn a_registered_refresh_token_beside_guest_tokens_is_used_first() {
    for start in starts(&ENSURE_SESSION).filter(Start::has_better_refresh) {
        let Step::Refresh(call) = decide(start.facts.clone(), start.intent) else {
            panic!("the shopper stays a guest: {start:?}");
        };
        assert_eq!(call.kind, Registered);
    }
}

#[test]
fn an_api_request_makes_no_bridge_and_no_adopt_call() {
    walk_all(starts(&[Intent::Api]), |path| {
        let made = path.any(|call| matches!(call, Call::Bridge(..) | Call::Adopt(..)));
        assert!(!made, "{path}");
    });
}

#[test]
fn a_changed_do_not_track_choice_refreshes_a_fresh_token_once() {
    let changed = starts(&ENSURE_SESSION).filter(|start| {
        let mismatched = start.is_registered() && start.refresh_kind() == Some(Guest);
        start.facts.dnt_changed && !mismatched
    });
    walk_all(changed, |path| {
        assert!(matches!(path.calls.first(), Some(Call::Refresh(..))), "{path}");
        assert_eq!(path.count(|call| matches!(call, Call::Refresh(..))), 1, "{path}");
    });
}
