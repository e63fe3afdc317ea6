//! What ECOM says by an answer, in every combination, with every answer to what is asked then.

use std::fmt::Write as _;

use tandem::flow::{
    Access, BridgeMode, Dw, DwChange, EcomPage, Handoff, Intent, Outcome, PageResponse,
    ProbeResponse, Provenance, TokenChange, reconcile,
};
use tandem::model::{Customer, Grant};
use tandem::timestamp::Timestamp;

use crate::describe;
use crate::facts::{
    FRESH, Guest, MODES, NOW, Registered, Start, dws, fresh, guest, held_dw, held_refresh, nothing,
    other_guest, other_shopper, shopper,
};
use crate::responses::{Responses, dw_cookies, granted, without_refresh};
use crate::walk::{Called, Path, walk_on};

pub(crate) const PAGES: [EcomPage; 3] = [EcomPage::Ordinary, EcomPage::Login, EcomPage::Logout];

/// A shopper in whose session ECOM has just answered.
fn in_step(mode: BridgeMode, customer: &Customer) -> Start {
    let mut facts = nothing(mode);
    facts.access = fresh(customer.clone());
    facts.refresh = Some(held_refresh(customer.kind));
    facts.dw = Dw::Live { held: held_dw(), owner: customer.clone() };
    Start { facts, intent: Intent::Ecom }
}

/// A grant that ECOM made so many seconds after the token in hand.
fn handed(customer: Customer, later: i64) -> Handoff {
    let mut grant = granted("handed", customer);
    grant.claims.issued_at = Timestamp::from_unix(NOW + FRESH - 1_800 + later);
    Handoff::Grant(grant)
}

pub(crate) fn handoffs() -> Vec<(&'static str, Option<Handoff>)> {
    let alone = |over: Handoff| match over {
        Handoff::Grant(grant) => Handoff::Grant(without_refresh(grant)),
        other => other,
    };
    vec![
        ("nothing", None),
        ("tokens of a guest", Some(handed(guest(), 10))),
        ("tokens of another guest", Some(handed(other_guest(), 10))),
        ("tokens of a shopper", Some(handed(shopper(), 10))),
        ("tokens of another shopper", Some(handed(other_shopper(), 0))),
        ("a shopper's access token alone", Some(alone(handed(shopper(), 10)))),
        ("older tokens of another shopper", Some(handed(other_shopper(), -10))),
        ("the word refresh", Some(Handoff::Refresh(None))),
        ("a shopper's refresh token", Some(Handoff::Refresh(Some(held_refresh(Registered))))),
        ("a guest's refresh token", Some(Handoff::Refresh(Some(held_refresh(Guest))))),
        ("a token that cannot be read", Some(Handoff::Unverifiable)),
        ("that the shopper has left", Some(Handoff::LoggedOut)),
    ]
}

struct Case {
    start: Start,
    response: PageResponse,
    word: &'static str,
}

/// Everything that ECOM may say, and everything that a Head may.
fn cases() -> Vec<Case> {
    ecom_cases().into_iter().chain(head_cases()).collect()
}

/// A Head responds whatever the DW session is, and has a part in none.
fn head_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in MODES {
        for customer in [guest(), shopper()] {
            for dw_before in dws() {
                for (word, handoff) in handoffs() {
                    for (dw, deletes_refresh) in [
                        (None, false),
                        (None, true),
                        (Some(dw_cookies("offered")), false),
                        (Some(dw_cookies("offered")), true),
                    ] {
                        let mut start = in_step(mode, &customer);
                        start.facts.dw = dw_before.clone();
                        let (by, page) = (Provenance::Head, EcomPage::Ordinary);
                        let handoff = handoff.clone();
                        let response = PageResponse { by, deletes_refresh, handoff, dw, page };
                        cases.push(Case { start, response, word });
                    }
                }
            }
        }
    }
    cases
}

fn ecom_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [BridgeMode::Classic, BridgeMode::HybridAuth] {
        for customer in [guest(), shopper()] {
            for page in PAGES {
                for (word, handoff) in handoffs() {
                    for dw in [None, Some(dw_cookies("offered"))] {
                        let start = in_step(mode, &customer);
                        let handoff = handoff.clone();
                        let by = Provenance::Ecom;
                        let response =
                            PageResponse { by, deletes_refresh: false, handoff, dw, page };
                        cases.push(Case { start, response, word });
                    }
                }
            }
        }
    }
    cases
}

fn walk_every(visit: impl FnMut(&Case, &Path<'_>)) {
    walk_cases(cases(), visit);
}

fn walk_cases(cases: Vec<Case>, mut visit: impl FnMut(&Case, &Path<'_>)) {
    let (responses, mut paths) = (Responses::every(), 0);
    for case in cases {
        let step = reconcile(case.start.facts.clone(), case.response.clone());
        walk_on(&case.start, step, &responses, |path| {
            paths += 1;
            visit(&case, path);
        });
    }
    assert!(paths > 0, "nothing was walked");
}

fn is_by_head(case: &Case) -> bool {
    case.response.by == Provenance::Head
}

fn customer_before(case: &Case) -> &Customer {
    let Access::Fresh(held) = &case.start.facts.access else { panic!("in step") };
    &held.claims.customer
}

fn granted_to(path: &Path<'_>) -> Option<Grant> {
    match &path.decision.tokens {
        TokenChange::Set(grant) => Some(Grant::clone(grant)),
        TokenChange::Keep | TokenChange::Drop => None,
    }
}

/// Whom OCAPI has named when it was asked about the browser's own session.
fn said_of_ours(path: &Path<'_>) -> Option<Customer> {
    path.called.iter().find_map(|called| match called {
        Called::Probe(_, ProbeResponse::Alive { owner, .. }) => Some(owner.clone()),
        _ => None,
    })
}

#[test]
fn promise_1_the_cookies_name_one_shopper_after_whatever_ecom_has_said() {
    walk_every(|case, path| {
        let before = customer_before(case);
        let tokens = match &path.decision.tokens {
            TokenChange::Keep => Some(before.clone()),
            TokenChange::Set(grant) => Some(grant.claims.customer.clone()),
            TokenChange::Drop => None,
        };
        let dw = match &path.decision.dw {
            DwChange::Keep if is_by_head(case) => dw_owner(&case.start.facts.dw),
            // Another session than ours, and nothing taken over from it: the page is put right.
            DwChange::Keep if case.response.dw.is_some() => None,
            DwChange::Keep => said_of_ours(path).or(Some(before.clone())),
            DwChange::Confirm(Some(owner)) | DwChange::Set { owner: Some(owner), .. } => {
                Some(owner.clone())
            }
            DwChange::Set { owner: None, .. }
            | DwChange::Confirm(None)
            | DwChange::Drop
            | DwChange::Failed(_)
            | DwChange::Recheck => None,
        };
        // What was split before and has not been touched is put right by the next page.
        let untouched =
            path.decision.tokens == TokenChange::Keep && path.decision.dw == DwChange::Keep;
        let one = tokens.is_none() || dw.is_none() || tokens == dw;
        let split_before = is_by_head(case) && untouched;
        assert!(one || split_before, "{} {:?} {path}", case.word, case.response.page);
    });
}

fn dw_owner(dw: &Dw) -> Option<Customer> {
    match dw {
        Dw::Live { owner, .. } => Some(owner.clone()),
        Dw::Unverified { owner, .. } => owner.clone(),
        Dw::Absent | Dw::Dead => None,
    }
}

#[test]
fn promise_19_a_head_never_confirms_a_dw_session_and_sets_one_only_if_it_is_the_shoppers_own() {
    walk_cases(head_cases(), |case, path| {
        let classic = case.start.facts.policy.mode == BridgeMode::Classic;
        match &path.decision.dw {
            DwChange::Keep | DwChange::Drop => {}
            DwChange::Set { cookies, owner: Some(owner) } => {
                assert_eq!(case.response.dw.as_ref(), Some(cookies), "{path}");
                let shopper = granted_to(path).map(|grant| grant.claims.customer);
                assert_eq!(shopper.as_ref(), Some(owner), "{path}");
                assert!(!classic || said_of_ours(path).as_ref() == Some(owner), "{path}");
            }
            DwChange::Set { owner: None, .. }
            | DwChange::Confirm(_)
            | DwChange::Recheck
            | DwChange::Failed(_) => {
                panic!("{} by a Head: {path}", case.word)
            }
        }
    });
}

#[test]
fn promise_19_another_shopper_by_a_head_keeps_no_dw_session() {
    walk_cases(head_cases(), |case, path| {
        let Some(grant) = granted_to(path) else { return };
        let owner = dw_owner(&case.start.facts.dw);
        let changed = grant.claims.customer != *customer_before(case);
        let unknown = matches!(case.start.facts.dw, Dw::Unverified { owner: None, .. });
        if path.decision.dw == DwChange::Keep {
            assert!(owner.is_none_or(|owner| owner == grant.claims.customer), "{path}");
            assert!(!(unknown && changed), "{path}");
        }
    });
}

#[test]
fn kind_36_a_head_that_takes_the_refresh_token_away_tells_of_no_expiry() {
    walk_cases(head_cases(), |case, path| {
        let left = case.response.handoff == Some(Handoff::LoggedOut);
        if case.response.deletes_refresh && (left || granted_to(path).is_some()) {
            assert!(!path.decision.session_expired, "{} {path}", case.word);
        }
    });
}

fn is_contested(path: &Path<'_>) -> bool {
    matches!(path.called.first(), Some(Called::Refresh(call, _)) if call.kind == Registered)
}

#[test]
fn promise_2_a_guest_handed_over_ends_a_registered_session_only_if_slas_ends_it() {
    walk_every(|case, path| {
        let demoted = granted_to(path).is_some_and(|it| it.claims.customer.kind == Guest);
        let ordinary = case.response.page != EcomPage::Logout;
        if customer_before(case).kind == Registered && demoted && ordinary {
            assert!(is_contested(path), "{} {path}", case.word);
        }
    });
}

#[test]
fn promise_2_a_shopper_whom_a_page_logs_out_unasked_is_told() {
    walk_cases(ecom_cases(), |case, path| {
        let out = matches!(path.decision.outcome, Outcome::LoggedOut { .. });
        if customer_before(case).kind == Registered && out && case.response.page != EcomPage::Logout
        {
            assert!(path.decision.session_expired, "{} {path}", case.word);
        }
    });
}

#[test]
fn promise_2_nobody_silently_becomes_a_guest_by_ecoms_doing() {
    walk_every(|case, path| {
        let becomes = granted_to(path).is_some_and(|it| it.claims.customer.kind == Guest);
        if customer_before(case).kind == Registered && becomes {
            let head = is_by_head(case) && case.response.deletes_refresh;
            let wanted = head || case.response.page == EcomPage::Logout;
            let told = path.decision.session_expired || wanted;
            assert!(told, "{} {path}", case.word);
        }
    });
}

#[test]
fn of_two_tokens_the_newer_one_wins() {
    walk_every(|case, path| {
        if let Some(Handoff::Grant(grant)) = &case.response.handoff {
            let older = case.word.starts_with("older");
            let taken = granted_to(path).is_some_and(|set| set.access == grant.access);
            // A registered shopper's own refresh token is heard first.
            assert!(taken != older || is_contested(path), "{} {path}", case.word);
        }
    });
}

#[test]
fn promise_10_a_logout_on_ecom_ends_both_worlds_whatever_slas_says() {
    walk_cases(ecom_cases(), |case, path| {
        let silent = case.response.handoff.is_none();
        let silent = silent || case.response.handoff == Some(Handoff::Unverifiable);
        let hybrid = case.start.facts.policy.mode == BridgeMode::HybridAuth;
        let unreadable = hybrid && case.response.handoff == Some(Handoff::Unverifiable);
        let left = case.response.handoff == Some(Handoff::LoggedOut)
            || (silent
                && !unreadable
                && case.response.page == EcomPage::Logout
                && customer_before(case).kind == Registered);
        if left {
            assert_eq!(path.decision.tokens, TokenChange::Drop, "{path}");
            assert_eq!(path.decision.dw, DwChange::Drop, "{path}");
            assert!(matches!(path.decision.outcome, Outcome::LoggedOut { .. }), "{path}");
            let called = path.count(|called| matches!(called, Called::Logout(..)));
            assert_eq!(called, usize::from(silent), "{path}");
        }
    });
}

#[test]
fn an_answer_of_ecom_begins_no_session_and_costs_at_most_two_questions() {
    walk_every(|case, path| {
        let begun = path.any(|called| matches!(called, Called::Guest(..) | Called::Bridge(..)));
        assert!(!begun && path.called.len() <= 2, "{} {path}", case.word);
        let ordinary = case.response.page == EcomPage::Ordinary;
        if ordinary && case.response.handoff.is_none() && case.response.dw.is_none() {
            assert!(path.called.is_empty(), "{path}");
        }
    });
}

#[test]
fn attack_13_somebody_elses_session_is_taken_for_the_shoppers_only_where_shoppers_sign_in() {
    walk_every(|case, path| {
        if case.response.handoff.is_none() && case.response.page != EcomPage::Login {
            assert_eq!(granted_to(path), None, "{path}");
        }
    });
}

#[test]
fn hybrid_auth_is_never_asked_about_its_sessions() {
    walk_every(|case, path| {
        if case.start.facts.policy.mode == BridgeMode::HybridAuth {
            let called = path.any(|called| matches!(called, Called::Probe(..) | Called::Adopt(..)));
            assert!(!called, "{path}");
        }
    });
}

#[test]
fn what_ecom_says_is_heeded_as_reviewed() {
    let mut table = String::new();
    let classic = |case: &Case| case.start.facts.policy.mode == BridgeMode::Classic;
    for case in ecom_cases().into_iter().filter(classic) {
        let Case { response: PageResponse { page, dw, .. }, word, .. } = &case;
        let other = if dw.is_some() { ", in another DW session" } else { "" };
        let _ = write!(table, "{}", described(&case, &format!("{page:?} page says {word}{other}")));
    }
    insta::assert_snapshot!("reconcile", table);
}

#[test]
fn what_a_head_says_is_heeded_as_reviewed() {
    let mut table = String::new();
    let for_reading = |case: &Case| {
        let facts = &case.start.facts;
        let in_step = matches!(&facts.dw, Dw::Live { owner, .. } if owner == customer_before(case));
        facts.policy.mode == BridgeMode::Classic && in_step
    };
    for case in head_cases().into_iter().filter(for_reading) {
        let Case { response: PageResponse { dw, deletes_refresh, .. }, word, .. } = &case;
        let other = if dw.is_some() { " and a DW session" } else { "" };
        let deletes = if *deletes_refresh { ", and deletes the refresh cookie" } else { "" };
        let title = format!("Head says {word}{other}{deletes}");
        let _ = write!(table, "{}", described(&case, &title));
    }
    insta::assert_snapshot!("reconcile_a_head", table);
}

/// A case and every typical way it may end.
fn described(case: &Case, title: &str) -> String {
    let mut table = String::new();
    let Start { facts, .. } = &case.start;
    let (policy, browser_state) = (describe::policy(facts), describe::browser_state(facts));
    let _ = writeln!(table, "\n{policy}: {browser_state}\n{title}");
    let step = reconcile(facts.clone(), case.response.clone());
    walk_on(&case.start, step, &Responses::typical(), |path| {
        let (called, decision) = (describe::called(path.called), describe::decision(path.decision));
        let _ = writeln!(table, "  {called:<58} -> {decision}");
    });
    table
}
