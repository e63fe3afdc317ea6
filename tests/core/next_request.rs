//! The next request: it finds what the last one wrote, so that there is no loop and no call is made
//! twice.

use tandem::flow::{
    Access, BridgeMode, Decision, Dw, DwChange, Intent, Outcome, ProbeResponse, RefreshResponse,
    Step, TokenChange, decide,
};

use crate::browser::{Browser, now};
use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, Registered, Start, starts};
use crate::responses::Responses;
use crate::walk::{Call, Path, walk};

/// Visits every path together with the browser after it and the next step for `intent`.
fn next(
    starts: impl Iterator<Item = Start>,
    intent: impl Fn(&Start) -> Intent,
    mut visit: impl FnMut(&Path<'_>, &Browser, &Step),
) {
    let responses = Responses::typical();
    for start in starts.filter(|start| !matches!(start.facts.access, Access::Expired(_))) {
        let browser = Browser::of(&start);
        // Many paths from one start end with the same decision.
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
fn a_browsers_cookies_yield_the_facts_that_they_represent() {
    // The seal names one refresh token, and no other counts beside it.
    let readable = starts(&[Intent::Head])
        .filter(|start| !matches!(start.facts.access, Access::Expired(_)))
        .filter(|start| start.facts.fallbacks.is_empty());
    for start in readable {
        let mut read_back =
            Browser::of(&start).facts(&start.facts, start.facts.guest_adoption_retired);
        if let (Dw::Unverified { .. }, Dw::Unverified { .. }) = (&read_back.dw, &start.facts.dw) {
            read_back.dw = start.facts.dw.clone();
            read_back.dw_provenance = start.facts.dw_provenance;
        }
        // The starts have no customer named by a seal.
        read_back.known = None;
        assert_eq!(read_back, start.facts);
    }
}

/// The request did not get what it needed, and the next one should try again.
fn is_unfinished(path: &Path<'_>) -> bool {
    let facts = &path.start.facts;
    let decision = path.decision;
    let outage = path.any(|call| {
        matches!(
            call,
            Call::Refresh(_, RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_))
                | Call::Probe(_, ProbeResponse::Failed(_))
        )
    });
    let unpaired = facts.policy.mode == BridgeMode::HybridAuth && decision.dw == DwChange::Drop;
    outage || unpaired || !matches!(decision.outcome, Outcome::Ready)
}

#[test]
fn no_loop_the_next_request_finds_the_session_and_makes_no_call() {
    next(
        starts(&ENSURE_SESSION),
        |start| start.intent,
        |path, _, step| {
            let unchanged = matches!(step, Step::Done(decision)
                if decision.tokens == TokenChange::Keep && decision.dw == DwChange::Keep);
            let absent = matches!(step, Step::Done(decision)
                if decision.tokens == TokenChange::Keep && decision.dw == DwChange::Drop);
            assert!(unchanged || absent || is_unfinished(path), "{path}\n  then {step:?}");
        },
    );
}

#[test]
fn no_loop_a_head_request_after_a_login_makes_no_call() {
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
fn promise_10_no_cookie_restores_the_shopper_after_a_logout() {
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
fn promise_1_cookies_never_yield_a_live_dw_session_of_another_customer() {
    next(
        starts(&ENSURE_SESSION[..2]),
        |start| start.intent,
        |path, browser, _| {
            let facts = browser.facts(&path.start.facts, false);
            let Dw::Live { owner, .. } = &facts.dw else { return };
            let Access::Fresh(held) = &facts.access else { return };
            let outage = matches!(path.decision.outcome, Outcome::Unavailable(_));
            assert!(*owner == held.claims.customer || outage, "{path}");
        },
    );
}

#[test]
fn an_expired_registered_session_is_recorded_for_the_next_request() {
    next(
        starts(&ENSURE_SESSION).filter(|start| start.refresh_kind() == Some(Registered)),
        |start| start.intent,
        |path, browser, _| {
            let recorded = browser.state.session_expired_at == Some(now());
            assert_eq!(recorded, path.decision.session_expired, "{path}");
        },
    );
}

#[test]
fn promise_4_the_token_that_made_a_dw_session_is_recorded_as_spent() {
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
