//! The responses of ECOM and of a Head, in every combination, with every response to the calls that
//! follow.

use std::fmt::Write as _;

use tandem::flow::{
    Access, BridgeMode, Dw, DwChange, EcomPage, Handoff, Intent, LogoutResponse, Outcome,
    PageResponse, ProbeResponse, Provenance, TokenChange, reconcile,
};
use tandem::model::{Customer, Grant};
use tandem::timestamp::Timestamp;

use crate::describe;
use crate::facts::{
    FRESH, Guest, MODES, NOW, Registered, Start, dws, fresh, guest, held_dw, held_refresh, nothing,
    other_guest, other_shopper, shopper,
};
use crate::responses::{Responses, dw_cookies, granted, without_refresh};
use crate::walk::{Call, Path, is_access_refused, walk_on};

pub(crate) const PAGES: [EcomPage; 6] = [
    EcomPage::Ordinary,
    EcomPage::Login,
    EcomPage::Password,
    EcomPage::Logout,
    EcomPage::Ended,
    EcomPage::Redirected,
];

/// A shopper whose tokens and DW session match.
fn paired(mode: BridgeMode, customer: &Customer) -> Start {
    let mut facts = nothing(mode);
    facts.access = fresh(customer.clone());
    facts.refresh = Some(held_refresh(customer.kind));
    facts.dw = Dw::Live { held: held_dw(), owner: customer.clone() };
    Start { facts, intent: Intent::Ecom }
}

/// A grant that was issued `later` seconds after the browser's token.
fn handed_over(customer: Customer, later: i64) -> Handoff {
    let mut grant = granted("handed-over", customer);
    grant.claims.issued_at = Timestamp::from_unix(NOW + FRESH - 1_800 + later);
    Handoff::Grant(grant)
}

pub(crate) fn handoffs() -> Vec<(&'static str, Option<Handoff>)> {
    let alone = |handoff: Handoff| match handoff {
        Handoff::Grant(grant) => Handoff::Grant(without_refresh(grant)),
        other => other,
    };
    vec![
        ("nothing", None),
        ("tokens of a guest", Some(handed_over(guest(), 10))),
        ("tokens of another guest", Some(handed_over(other_guest(), 10))),
        ("tokens of a shopper", Some(handed_over(shopper(), 10))),
        ("tokens of another shopper", Some(handed_over(other_shopper(), 0))),
        ("a shopper's access token alone", Some(alone(handed_over(shopper(), 10)))),
        ("older tokens of another shopper", Some(handed_over(other_shopper(), -10))),
        ("the value refresh", Some(Handoff::Refresh(None))),
        ("a shopper's refresh token", Some(Handoff::Refresh(Some(held_refresh(Registered))))),
        ("a guest's refresh token", Some(Handoff::Refresh(Some(held_refresh(Guest))))),
        ("an unverifiable token", Some(Handoff::Unverifiable)),
        ("a logout", Some(Handoff::LoggedOut)),
    ]
}

struct Case {
    start: Start,
    response: PageResponse,
    content: &'static str,
}

/// Every response of ECOM, and every response of a Head.
fn cases() -> Vec<Case> {
    ecom_cases().into_iter().chain(head_cases()).collect()
}

/// Responses of a Head, whatever the DW session is: a Head takes part in none.
fn head_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in MODES {
        for customer in [guest(), shopper()] {
            for dw_before in dws() {
                for (content, handoff) in handoffs() {
                    for (dw, deletes_refresh) in [
                        (None, false),
                        (None, true),
                        (Some(dw_cookies("offered")), false),
                        (Some(dw_cookies("offered")), true),
                    ] {
                        let mut start = paired(mode, &customer);
                        start.facts.dw = dw_before.clone();
                        let (by, page) = (Provenance::Head, EcomPage::Ordinary);
                        let handoff = handoff.clone();
                        let response = PageResponse { by, deletes_refresh, handoff, dw, page };
                        cases.push(Case { start, response, content });
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
                for (content, handoff) in handoffs() {
                    for dw in [None, Some(dw_cookies("offered"))] {
                        let start = paired(mode, &customer);
                        let handoff = handoff.clone();
                        let by = Provenance::Ecom;
                        let response =
                            PageResponse { by, deletes_refresh: false, handoff, dw, page };
                        cases.push(Case { start, response, content });
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
    assert!(paths > 0, "no path was walked");
}

fn is_by_head(case: &Case) -> bool {
    case.response.by == Provenance::Head
}

fn customer_before(case: &Case) -> &Customer {
    let Access::Fresh(held) = &case.start.facts.access else { panic!("no fresh token") };
    &held.claims.customer
}

fn granted_to(path: &Path<'_>) -> Option<Grant> {
    match &path.decision.tokens {
        TokenChange::Set(grant) => Some(Grant::clone(grant)),
        TokenChange::Keep | TokenChange::Drop => None,
    }
}

/// The customer that OCAPI has named for the session in the probe call.
fn probed_owner(path: &Path<'_>) -> Option<Customer> {
    path.calls.iter().find_map(|call| match call {
        Call::Probe(_, ProbeResponse::Alive { owner, .. }) => Some(owner.clone()),
        _ => None,
    })
}

#[test]
fn promise_1_the_cookies_name_one_shopper_after_every_response() {
    walk_every(|case, path| {
        let before = customer_before(case);
        let tokens = match &path.decision.tokens {
            TokenChange::Keep => Some(before.clone()),
            TokenChange::Set(grant) => Some(grant.claims.customer.clone()),
            TokenChange::Drop => None,
        };
        let dw = match &path.decision.dw {
            DwChange::Keep if is_by_head(case) => dw_owner(&case.start.facts.dw),
            // ECOM set another session, and nothing of it was accepted: the cookie is corrected.
            DwChange::Keep if case.response.dw.is_some() => None,
            DwChange::Keep => probed_owner(path).or(Some(before.clone())),
            DwChange::Confirm(Some(owner)) | DwChange::Set { owner: Some(owner), .. } => {
                Some(owner.clone())
            }
            DwChange::Set { owner: None, .. }
            | DwChange::Confirm(None)
            | DwChange::Drop
            | DwChange::Failed(_)
            | DwChange::Recheck => None,
        };
        // If the pair was split before and has not changed, the next page corrects it.
        let unchanged =
            path.decision.tokens == TokenChange::Keep && path.decision.dw == DwChange::Keep;
        let one = tokens.is_none() || dw.is_none() || tokens == dw;
        let split_before = is_by_head(case) && unchanged;
        assert!(one || split_before, "{} {:?} {path}", case.content, case.response.page);
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
fn promise_19_a_head_sets_only_the_shoppers_dw_session_and_confirms_none() {
    walk_cases(head_cases(), |case, path| {
        let classic = case.start.facts.policy.mode == BridgeMode::Classic;
        match &path.decision.dw {
            DwChange::Keep | DwChange::Drop => {}
            DwChange::Set { cookies, owner: Some(owner) } => {
                assert_eq!(case.response.dw.as_ref(), Some(cookies), "{path}");
                let shopper = granted_to(path).map(|grant| grant.claims.customer);
                assert_eq!(shopper.as_ref(), Some(owner), "{path}");
                assert!(!classic || probed_owner(path).as_ref() == Some(owner), "{path}");
            }
            DwChange::Set { owner: None, .. }
            | DwChange::Confirm(_)
            | DwChange::Recheck
            | DwChange::Failed(_) => {
                panic!("{} by a Head: {path}", case.content)
            }
        }
    });
}

#[test]
fn promise_19_a_heads_new_shopper_keeps_no_foreign_dw_session() {
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
fn kind_36_a_head_that_deletes_the_refresh_token_reports_no_expiry() {
    walk_cases(head_cases(), |case, path| {
        let logs_out = case.response.handoff == Some(Handoff::LoggedOut);
        if case.response.deletes_refresh && (logs_out || granted_to(path).is_some()) {
            assert!(!path.decision.session_expired, "{} {path}", case.content);
        }
    });
}

fn is_checked_with_slas(path: &Path<'_>) -> bool {
    matches!(path.calls.first(), Some(Call::Refresh(call, _)) if call.kind == Registered)
}

#[test]
fn promise_2_a_guest_handoff_ends_a_registered_session_only_after_slas() {
    walk_every(|case, path| {
        let is_downgrade = granted_to(path).is_some_and(|it| it.claims.customer.kind == Guest);
        let ordinary = case.response.page != EcomPage::Logout;
        if customer_before(case).kind == Registered && is_downgrade && ordinary {
            assert!(is_checked_with_slas(path), "{} {path}", case.content);
        }
    });
}

#[test]
fn promise_2_a_logout_by_a_non_logout_page_is_reported_as_expiry() {
    walk_cases(ecom_cases(), |case, path| {
        let out = matches!(path.decision.outcome, Outcome::LoggedOut { .. });
        // There ECOM itself has logged the shopper out, as OCAPI confirms.
        let asked = path.any(|call| matches!(call, Call::Probe(..)));
        if customer_before(case).kind == Registered
            && out
            && !asked
            && case.response.page != EcomPage::Logout
        {
            assert!(path.decision.session_expired, "{} {path}", case.content);
        }
    });
}

#[test]
fn promise_2_no_response_silently_makes_a_registered_shopper_a_guest() {
    walk_every(|case, path| {
        let becomes = granted_to(path).is_some_and(|it| it.claims.customer.kind == Guest);
        if customer_before(case).kind == Registered && becomes {
            let head = is_by_head(case) && case.response.deletes_refresh;
            let wanted = head || case.response.page == EcomPage::Logout;
            let noticed = path.decision.session_expired || wanted;
            assert!(noticed, "{} {path}", case.content);
        }
    });
}

#[test]
fn promise_15_kind_41_a_look_after_a_form_that_fails_changes_nothing() {
    let cases = ecom_cases()
        .into_iter()
        .filter(|case| case.response.page == EcomPage::Redirected && case.response.dw.is_none());
    walk_cases(cases.collect(), |case, path| {
        if path.any(|call| matches!(call, Call::Probe(_, ProbeResponse::Failed(_)))) {
            assert_eq!(path.decision.dw, DwChange::Keep, "{} {path}", case.content);
            assert_eq!(path.decision.tokens, TokenChange::Keep, "{} {path}", case.content);
        }
    });
}

#[test]
fn of_two_tokens_the_newer_one_wins() {
    walk_every(|case, path| {
        if let Some(Handoff::Grant(grant)) = &case.response.handoff {
            let older = case.content.starts_with("older");
            let taken = granted_to(path).is_some_and(|set| set.access == grant.access);
            // A registered shopper's own refresh token is checked first.
            assert!(taken != older || is_checked_with_slas(path), "{} {path}", case.content);
        }
    });
}

#[test]
fn promise_10_an_ecom_logout_ends_both_sessions_whatever_slas_responds() {
    walk_cases(ecom_cases(), |case, path| {
        let no_handoff = case.response.handoff.is_none();
        let no_handoff = no_handoff || case.response.handoff == Some(Handoff::Unverifiable);
        let hybrid = case.start.facts.policy.mode == BridgeMode::HybridAuth;
        let unreadable = hybrid && case.response.handoff == Some(Handoff::Unverifiable);
        let logs_out = case.response.handoff == Some(Handoff::LoggedOut)
            || (no_handoff
                && !unreadable
                && case.response.page == EcomPage::Logout
                && customer_before(case).kind == Registered);
        if logs_out {
            assert_eq!(path.decision.tokens, TokenChange::Drop, "{path}");
            assert_eq!(path.decision.dw, DwChange::Drop, "{path}");
            assert!(matches!(path.decision.outcome, Outcome::LoggedOut { .. }), "{path}");
            let logouts = path.count(|call| {
                matches!(call, Call::Logout(_, response) if **response != LogoutResponse::AccessRefused)
            });
            let refused = path.any(is_access_refused);
            assert!(logouts == usize::from(no_handoff) || (refused && no_handoff), "{path}");
        }
    });
}

#[test]
fn a_response_creates_no_session_and_costs_at_most_two_calls() {
    walk_every(|case, path| {
        let begun = path.any(|call| matches!(call, Call::Guest(..) | Call::Bridge(..)));
        // A logout with a refused access token is repeated with another one.
        let repeated = usize::from(path.any(is_access_refused));
        // OCAPI is asked before a logout that nobody has announced.
        let asks = [EcomPage::Ended, EcomPage::Redirected].contains(&case.response.page);
        let asked = usize::from(asks);
        let most = 2 + repeated + asked;
        assert!(!begun && path.calls.len() <= most, "{} {path}", case.content);
        let ordinary = case.response.page == EcomPage::Ordinary;
        if ordinary && case.response.handoff.is_none() && case.response.dw.is_none() {
            assert!(path.calls.is_empty(), "{path}");
        }
    });
}

#[test]
fn attack_13_another_customers_session_is_accepted_only_on_login_pages() {
    walk_every(|case, path| {
        let login_pages = [EcomPage::Login, EcomPage::Password, EcomPage::Redirected];
        let may_log_in = login_pages.contains(&case.response.page);
        if case.response.handoff.is_none() && !may_log_in {
            assert_eq!(granted_to(path), None, "{path}");
        }
    });
}

#[test]
fn kind_43_a_dw_session_renews_the_tokens_of_its_shopper_only_after_a_password_page() {
    walk_every(|case, path| {
        for call in path.calls {
            let Call::Adopt(call, _) = call else { continue };
            let shopper = customer_before(case);
            let own = call.owner.as_ref() == Some(shopper);
            assert!(call.kind == Registered, "{path}");
            assert!(!own || case.response.page == EcomPage::Password, "{path}");
        }
    });
}

#[test]
fn kind_43_only_a_renewal_a_moment_ago_makes_a_dw_session_vouch() {
    for page in PAGES {
        let recent = [0, 1, 5].map(Some);
        assert!(recent.iter().all(|age| page.with_renewal(*age) == page), "{page:?}");
        let late = [6, 60, 3600].map(Some);
        for age in late.into_iter().chain([None]) {
            assert_ne!(page.with_renewal(age), EcomPage::Password, "{age:?}");
            assert!(page == EcomPage::Password || page.with_renewal(age) == page, "{age:?}");
        }
    }
}

#[test]
fn kind_43_a_registered_shopper_keeps_tokens_whatever_follows_a_password_page() {
    walk_every(|case, path| {
        let silent = case.response.handoff.is_none() && case.response.dw.is_none();
        let shopper = customer_before(case);
        let is_own = case.response.page == EcomPage::Password && shopper.kind == Registered;
        let other = path.any(|call| match call {
            Call::Probe(_, ProbeResponse::Alive { owner, .. }) => owner != shopper,
            _ => false,
        });
        if silent && is_own && !is_by_head(case) && !other {
            assert_ne!(path.decision.tokens, TokenChange::Drop, "{path}");
            assert!(!path.decision.session_expired, "{path}");
            assert!(
                granted_to(path).is_none_or(|grant| grant.claims.customer == *shopper),
                "{path}"
            );
        }
    });
}

#[test]
fn kind_40_a_session_that_ecom_ended_is_a_logout_only_if_the_next_one_is_a_guests() {
    walk_every(|case, path| {
        let PageResponse { handoff, dw, page, .. } = &case.response;
        let registered = customer_before(case).kind == Registered;
        if *page != EcomPage::Ended || handoff.is_some() || dw.is_none() || !registered {
            return;
        }
        let is_guests = path.any(|call| match call {
            Call::Probe(_, ProbeResponse::Alive { owner, .. }) => owner.kind == Guest,
            _ => false,
        });
        let logged_out = matches!(path.decision.outcome, Outcome::LoggedOut { .. });
        assert_eq!(logged_out, is_guests, "{path}");
        assert_eq!(path.decision.tokens == TokenChange::Drop, is_guests, "{path}");
        assert!(!path.decision.session_expired, "{path}");
    });
}

#[test]
fn kind_41_after_a_redirected_form_ocapi_says_whether_the_shopper_has_changed() {
    walk_every(|case, path| {
        let silent = case.response.handoff.is_none() && case.response.dw.is_none();
        if case.response.page != EcomPage::Redirected || !silent || is_by_head(case) {
            return;
        }
        let shopper = customer_before(case);
        let owner = path.calls.iter().find_map(|call| match call {
            Call::Probe(_, ProbeResponse::Alive { owner, .. }) => Some(owner),
            _ => None,
        });
        let same = owner.is_none_or(|owner| owner == shopper);
        assert!(!same || path.decision.tokens == TokenChange::Keep, "{path}");
        let left = owner.is_some_and(|owner| owner.kind == Guest) && shopper.kind == Registered;
        let logged_out = matches!(path.decision.outcome, Outcome::LoggedOut { .. });
        assert_eq!(logged_out, left, "{path}");
    });
}

#[test]
fn hybrid_auth_makes_no_probe_and_an_adopt_call_only_after_a_password_page() {
    walk_every(|case, path| {
        if case.start.facts.policy.mode == BridgeMode::HybridAuth {
            assert!(!path.any(|call| matches!(call, Call::Probe(..))), "{path}");
            let adopts = path.any(|call| matches!(call, Call::Adopt(..)));
            assert!(!adopts || case.response.page == EcomPage::Password, "{path}");
        }
    });
}

#[test]
fn the_table_of_ecom_responses_is_as_reviewed() {
    let mut table = String::new();
    let classic = |case: &Case| case.start.facts.policy.mode == BridgeMode::Classic;
    for case in ecom_cases().into_iter().filter(classic) {
        let Case { response: PageResponse { page, dw, .. }, content, .. } = &case;
        let other = if dw.is_some() { ", in another DW session" } else { "" };
        let _ = write!(
            table,
            "{}",
            described(&case, &format!("{page:?} page hands over {content}{other}"))
        );
    }
    insta::assert_snapshot!("reconcile", table);
}

#[test]
fn the_table_of_head_responses_is_as_reviewed() {
    let mut table = String::new();
    let for_reading = |case: &Case| {
        let facts = &case.start.facts;
        let paired = matches!(&facts.dw, Dw::Live { owner, .. } if owner == customer_before(case));
        facts.policy.mode == BridgeMode::Classic && paired
    };
    for case in head_cases().into_iter().filter(for_reading) {
        let Case { response: PageResponse { dw, deletes_refresh, .. }, content, .. } = &case;
        let other = if dw.is_some() { " and a DW session" } else { "" };
        let deletes = if *deletes_refresh { ", and deletes the refresh cookie" } else { "" };
        let title = format!("Head hands over {content}{other}{deletes}");
        let _ = write!(table, "{}", described(&case, &title));
    }
    insta::assert_snapshot!("reconcile_a_head", table);
}

/// A case and every typical path from it.
fn described(case: &Case, title: &str) -> String {
    let mut table = String::new();
    let Start { facts, .. } = &case.start;
    let (policy, browser_state) = (describe::policy(facts), describe::browser_state(facts));
    let _ = writeln!(table, "\n{policy}: {browser_state}\n{title}");
    let step = reconcile(facts.clone(), case.response.clone());
    walk_on(&case.start, step, &Responses::typical(), |path| {
        let (calls, decision) = (describe::calls(path.calls), describe::decision(path.decision));
        let _ = writeln!(table, "  {calls:<58} -> {decision}");
    });
    table
}
