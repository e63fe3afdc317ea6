//! Compares the facts after a decision with the browser after its cookies.
//!
//! Two things follow from a decision: the cookies, which the next request presents, and the facts
//! with which this request continues. They must never differ. Two decisions in a row must not differ
//! from the one that replaces both.

use tandem::flow::{Access, Decision, Facts, Intent, PageResponse, Provenance, reconcile};

use crate::browser::{Browser, now};
use crate::facts::{ENSURE_SESSION, LOGINS, LOGOUTS, Start, starts};
use crate::reconcile::{PAGES, handoffs};
use crate::responses::{Responses, dw_cookies};
use crate::walk::{walk, walk_on};

/// Starts that a browser's cookies can represent: an expired token has no cookie any more, and the
/// seal names only one refresh token.
fn readable(intents: &[Intent]) -> impl Iterator<Item = Start> {
    starts(intents).filter(|start| {
        !matches!(start.facts.access, Access::Expired(_)) && start.facts.fallbacks.is_empty()
    })
}

/// The facts of a browser on the site of `start`.
fn read(browser: &Browser, start: &Start, retired: bool) -> Facts {
    browser.facts(&start.facts, retired)
}

/// Every decision from `start`, once.
fn decisions(start: &Start, responses: &Responses) -> Vec<Decision> {
    let mut decisions = Vec::new();
    walk(start, responses, |path| {
        if !decisions.contains(path.decision) {
            decisions.push(path.decision.clone());
        }
    });
    decisions
}

#[test]
fn facts_after_a_decision_equal_those_read_back_from_its_cookies() {
    let responses = Responses::every();
    let intents = [&ENSURE_SESSION[..], &LOGINS[..1], &LOGOUTS[..1]].concat();
    let mut compared = 0;
    for start in readable(&intents) {
        let browser = Browser::of(&start);
        let before = read(&browser, &start, start.facts.guest_adoption_retired);
        for decision in decisions(&start, &responses) {
            let after = before.clone().after(&decision, now());
            let read_back = read(&browser.after(&decision), &start, after.guest_adoption_retired);
            assert_eq!(after, read_back, "{start:?}\n  {decision:?}");
            compared += 1;
        }
    }
    assert!(compared > 10_000, "{compared} decisions compared");
}

/// Every page response that concerns the shopper.
fn page_responses() -> Vec<PageResponse> {
    let mut all = Vec::new();
    for page in PAGES {
        for (_, handoff) in handoffs() {
            for dw in [None, Some(dw_cookies("offered"))] {
                let (by, handoff) = (Provenance::Ecom, handoff.clone());
                all.push(PageResponse { by, deletes_refresh: false, handoff, dw, page });
            }
        }
    }
    all
}

#[test]
fn two_decisions_and_their_combination_leave_the_same_facts_and_cookies() {
    let responses = Responses::typical();
    let mut compared = 0;
    for start in readable(&[Intent::Ecom]).step_by(97) {
        let browser = Browser::of(&start);
        let before = read(&browser, &start, start.facts.guest_adoption_retired);
        for first in decisions(&start, &responses) {
            let between = before.clone().after(&first, now());
            for response in page_responses() {
                let step = reconcile(between.clone(), response);
                walk_on(&start, step, &responses, |path| {
                    let second = path.decision.clone();
                    let both = second.clone().following(first.clone());
                    let stepwise = between.clone().after(&second, now());
                    let combined = before.clone().after(&both, now());
                    assert_eq!(
                        comparable(stepwise),
                        comparable(combined.clone()),
                        "{first:?}\n{second:?}"
                    );
                    let browser = browser.after(&both);
                    let read_back = read(&browser, &start, combined.guest_adoption_retired);
                    assert_eq!(combined, read_back, "{first:?}\n{second:?}");
                    compared += 1;
                });
            }
        }
    }
    assert!(compared > 1_000, "{compared} pairs of decisions compared");
}

/// Clears two facts that only limit calls, and may differ. A DW session from the first decision and
/// tokens from the second one reach the browser together, so the new token counts as the one that made
/// the session: at worst one more refresh. If the second decision drops a DW session that the first
/// one made or failed to make, the earlier delay before the next attempt applies: at worst one more
/// call.
fn comparable(facts: Facts) -> Facts {
    Facts { bridged: false, bridge_resting: false, ..facts }
}
