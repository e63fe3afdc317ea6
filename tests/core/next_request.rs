//! The next request: what one journey makes, the next finds, so that there is no loop and no
//! call is made twice.

use tandem::flow::{
    Access, BridgeMode, Decision, Dw, DwChange, Intent, Outcome, ProbeResponse, RefreshResponse,
    Step, TokenChange, decide,
};

use crate::browser::{Browser, now};
use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, Registered, Start, starts};
use crate::responses::Responses;
use crate::walk::{Called, Path, walk};

/// Visits every path together with the browser after it and the next decision about `intent`.
fn next(
    starts: impl Iterator<Item = Start>,
    intent: impl Fn(&Start) -> Intent,
    mut visit: impl FnMut(&Path<'_>, &Browser, &Step),
) {
    let responses = Responses::typical();
    for start in starts.filter(|start| !matches!(start.facts.access, Access::Expired(_))) {
        let browser = Browser::of(&start);
        // Many paths from one start have the same ending.
        let mut decisions: Vec<Decision> = Vec::new();
        walk(&start, &responses, |path| {
            if decisions.contains(path.decision) {
                return;
            }
            decisions.push(path.decision.clone());
            let browser = browser.after(path.decision);
            let retired =
                start.facts.guest_adoption_retired || path.decision.guest_adoption_refused;
            let step = decide(browser.facts(&start.facts, retired), intent(&start));
            visit(path, &browser, &step);
        });
    }
}

#[test]
fn the_judge_reads_in_a_browsers_cookies_the_facts_they_stand_for() {
    // A seal names the token in hand, and with it no other counts.
    let readable = starts(&[Intent::Head])
        .filter(|start| !matches!(start.facts.access, Access::Expired(_)))
        .filter(|start| start.facts.fallbacks.is_empty());
    for start in readable {
        let mut found = Browser::of(&start).facts(&start.facts, start.facts.guest_adoption_retired);
        if let (Dw::Unverified { .. }, Dw::Unverified { .. }) = (&found.dw, &start.facts.dw) {
            found.dw = start.facts.dw.clone();
            found.dw_provenance = start.facts.dw_provenance;
        }
        // The starts name no customer by a seal.
        found.known = None;
        assert_eq!(found, start.facts);
    }
}

/// What was wanted could not be had, and is worth asking for again.
fn is_unfinished(path: &Path<'_>) -> bool {
    let facts = &path.start.facts;
    let decision = path.decision;
    let outage = path.any(|called| {
        matches!(
            called,
            Called::Refresh(_, RefreshResponse::Unavailable(_))
                | Called::Probe(_, ProbeResponse::Unavailable(_))
        )
    });
    let unpaired = facts.policy.mode == BridgeMode::HybridAuth && decision.dw == DwChange::Drop;
    outage || unpaired || !matches!(decision.outcome, Outcome::Ready)
}

#[test]
fn no_loop_what_an_arrival_has_made_the_next_one_finds_and_asks_nothing() {
    next(
        starts(&ENSURE_SESSION),
        |start| start.intent,
        |path, _, step| {
            let found = matches!(step, Step::Done(decision)
                if decision.tokens == TokenChange::Keep && decision.dw == DwChange::Keep);
            let absent = matches!(step, Step::Done(decision)
                if decision.tokens == TokenChange::Keep && decision.dw == DwChange::Drop);
            assert!(found || absent || is_unfinished(path), "{path}\n  then {step:?}");
        },
    );
}

#[test]
fn no_loop_the_head_waits_for_nothing_after_a_login() {
    next(
        starts(&LOGINS[..1]),
        |_| Intent::Head,
        |path, browser, step| {
            if matches!(path.decision.outcome, Outcome::LoggedIn { .. }) {
                assert!(matches!(step, Step::Done(_)), "{path}");
                assert!(browser.jar.0.contains_key("cc-nx"), "{path}");
                assert!(!browser.jar.0.contains_key("cc-nx-g"), "{path}");
                assert_ne!(browser.jar.0.get("dwsid").map(String::as_str), Some("held-dwsid"));
            }
        },
    );
}

#[test]
fn promise_10_nothing_in_the_browser_can_bring_the_shopper_back_after_logout() {
    next(
        starts(&LOGOUTS[..1]),
        |_| Intent::Head,
        |path, browser, step| {
            assert!(!browser.jar.0.contains_key("cc-nx"), "{path}");
            assert_ne!(browser.jar.0.get("dwsid").map(String::as_str), Some("held-dwsid"));
            let guest =
                browser.access.as_ref().is_none_or(|(_, claims)| claims.customer.kind == Guest);
            assert!(guest, "{path}");
            assert!(matches!(step, Step::Done(_) | Step::Guest(_)), "{path}");
        },
    );
}

#[test]
fn promise_1_the_judge_never_finds_a_live_dw_session_of_somebody_else_in_what_was_written() {
    next(
        starts(&ENSURE_SESSION[..2]),
        |start| start.intent,
        |path, browser, _| {
            let facts = browser.facts(&path.start.facts, false);
            let Dw::Live { owner, .. } = &facts.dw else { return };
            let Access::Fresh(held) = &facts.access else { return };
            let left = matches!(path.decision.outcome, Outcome::Unavailable(_));
            assert!(*owner == held.claims.customer || left, "{path}");
        },
    );
}

#[test]
fn a_registered_session_that_ended_is_remembered_until_it_has_been_told() {
    next(
        starts(&ENSURE_SESSION).filter(|start| start.refresh_kind() == Some(Registered)),
        |start| start.intent,
        |path, browser, _| {
            let noted = browser.state.session_expired_at == Some(now());
            assert_eq!(noted, path.decision.session_expired, "{path}");
        },
    );
}

#[test]
fn promise_4_the_token_that_made_a_dw_session_is_remembered_as_spent() {
    let classic = starts(&ENSURE_SESSION[..2]).filter(|start| {
        start.facts.policy.mode == BridgeMode::Classic && !start.facts.bridge_resting
    });
    next(
        classic,
        |start| start.intent,
        |path, browser, _| {
            let made = matches!(path.decision.dw, DwChange::Set { .. });
            let spent = browser.facts(&path.start.facts, false).bridged;
            assert!(spent || !made, "{path}");
        },
    );
}
