//! The DW side of the pair: keep it, confirm it, replace it, or let it go.

use super::asks::{BridgeAsk, ProbeAsk};
use super::journey::{Goal, Journey, Tokens};
use super::{
    BridgeAnswer, BridgeMode, BridgeTime, Cause, Dw, DwChange, Intent, Outcome, ProbeAnswer, Step,
    Trouble,
};
use crate::model::{Customer, DwCookies};

/// With good tokens in hand, brings the DW session in step with them.
pub(super) fn settle(journey: Journey) -> Step {
    let Some(customer) = journey.customer().cloned() else {
        return journey.reached(DwChange::Keep);
    };
    match journey.facts.policy.mode {
        BridgeMode::None => settle_alone(journey, &customer),
        BridgeMode::HybridAuth => settle_hybrid(journey, customer),
        BridgeMode::Classic => settle_classic(journey, customer),
    }
}

/// As [`settle`], when the tokens still work but could not be refreshed.
pub(super) fn settle_without_refresh(journey: Journey, trouble: Trouble) -> Step {
    match settle(journey) {
        // The refresh was the remedy for a missing DW session: say why there is none.
        Step::Done(mut ending) => {
            if let Outcome::NoDwSession(reason) = &mut ending.outcome {
                *reason = trouble;
            }
            Step::Done(ending)
        }
        step => step,
    }
}

fn settle_alone(journey: Journey, customer: &Customer) -> Step {
    let gone = is_new(&journey) || is_anothers(&journey, customer);
    journey.reached(if gone { DwChange::Drop } else { DwChange::Keep })
}

/// The DW session where there are no good tokens, but perhaps old ones that say who the shopper was.
pub(super) fn set_aside(journey: Journey) -> Step {
    let was = journey.facts.customer();
    let gone = was.is_some_and(|customer| is_anothers(&journey, customer));
    journey.reached(if gone { DwChange::Drop } else { DwChange::Keep })
}

/// The DW session when a journey ends early and nothing more can be asked about it.
pub(super) fn unasked(journey: &Journey) -> DwChange {
    let Tokens::Renewed(grant) = &journey.tokens else {
        let dropped = matches!(journey.tokens, Tokens::Dropped);
        return if dropped { DwChange::Drop } else { DwChange::Keep };
    };
    let owner = grant.claims.customer.clone();
    match granted_dw(journey) {
        Some(cookies) => DwChange::Set { cookies, owner },
        None if is_anothers(journey, &owner) => DwChange::Drop,
        None => DwChange::Keep,
    }
}

/// The DW session that the platform of a Hybrid Auth tenant set on a token answer.
fn granted_dw(journey: &Journey) -> Option<DwCookies> {
    match &journey.tokens {
        Tokens::Renewed(grant) | Tokens::New(grant)
            if journey.facts.policy.mode == BridgeMode::HybridAuth =>
        {
            grant.dw.clone()
        }
        _ => None,
    }
}

fn is_anothers(journey: &Journey, customer: &Customer) -> bool {
    journey.dw_owner().is_some_and(|owner| owner != customer)
}

/// The platform bridges by itself and says so on token answers.
fn settle_hybrid(journey: Journey, customer: Customer) -> Step {
    if let Some(cookies) = granted_dw(&journey) {
        return journey.reached(DwChange::Set { cookies, owner: customer });
    }
    let unusable = journey.held_dw().is_none() || is_anothers(&journey, &customer);
    if !is_new(&journey) && !unusable {
        return journey.reached(DwChange::Keep);
    }
    match journey.unused_refresh() {
        Some(refresh) if !is_new(&journey) && journey.goal == Goal::Arrive(Intent::Ecom) => {
            journey.ask_refresh(refresh)
        }
        _ => journey.reached(DwChange::Drop),
    }
}

fn settle_classic(journey: Journey, customer: Customer) -> Step {
    match &journey.dw {
        Dw::Live { owner, .. } if *owner == customer && !is_new(&journey) => {
            let change =
                if journey.confirmed { DwChange::Confirm(customer) } else { DwChange::Keep };
            journey.reached(change)
        }
        Dw::Doubtful { owner: Some(owner), .. }
            if *owner == customer && !is_new(&journey) && !is_wanted(&journey) =>
        {
            journey.reached(DwChange::Keep)
        }
        Dw::Doubtful { held, owner }
            if !is_new(&journey) && owner.as_ref().is_none_or(|owner| *owner == customer) =>
        {
            let dw = held.clone();
            Step::Probe(ProbeAsk { dw, journey: Box::new(journey) })
        }
        _ if is_wanted(&journey) => ask_bridge(journey, customer),
        _ => journey.reached(DwChange::Drop),
    }
}

/// The shopper is somebody the browser has not been until now: no old DW session is theirs.
fn is_new(journey: &Journey) -> bool {
    matches!(journey.tokens, Tokens::New(_))
}

fn is_wanted(journey: &Journey) -> bool {
    let api = journey.goal == Goal::Arrive(Intent::Api);
    let landing = journey.facts.policy.time == BridgeTime::Landing && !api;
    let resting = journey.facts.bridge_resting && !is_new(journey);
    journey.goal == Goal::Arrive(Intent::Ecom) || (landing && !resting)
}

/// One access token makes at most one DW session. Where that one is lost, a refreshed token makes
/// the next.
fn ask_bridge(journey: Journey, owner: Customer) -> Step {
    let spent = journey.facts.bridged && matches!(journey.tokens, Tokens::Kept(_));
    match (journey.access().cloned(), journey.unused_refresh()) {
        (Some(access), _) if !spent => {
            Step::Bridge(BridgeAsk { access, owner, journey: Box::new(journey) })
        }
        (_, Some(refresh)) => journey.ask_refresh(refresh),
        _ => without_dw(journey, Trouble { cause: Cause::Unavailable, retry_after: None }),
    }
}

pub(super) fn bridged(journey: Journey, owner: Customer, answer: BridgeAnswer) -> Step {
    let arriving = matches!(journey.goal, Goal::Arrive(_));
    match (answer, journey.unused_refresh()) {
        (BridgeAnswer::Bridged(cookies), _) => journey.reached(DwChange::Set { cookies, owner }),
        (BridgeAnswer::TokenRefused, Some(refresh)) if arriving && !is_new(&journey) => {
            spend_access(journey).ask_refresh(refresh)
        }
        // Even a token fresh from SLAS is refused: OCAPI does not know our client.
        (BridgeAnswer::TokenRefused, _) => {
            without_dw(journey, Trouble { cause: Cause::Misconfigured, retry_after: None })
        }
        (BridgeAnswer::Unavailable(trouble), _) => without_dw(journey, trouble),
    }
}

/// OCAPI has just refused the access token: it is not shown there again. It may still be good for
/// everything else.
fn spend_access(mut journey: Journey) -> Journey {
    journey.facts.bridged = true;
    journey
}

/// The shopper keeps the SLAS session; a `dwsid` that is not theirs must not survive.
fn without_dw(journey: Journey, trouble: Trouble) -> Step {
    if journey.goal == Goal::Arrive(Intent::Ecom) {
        journey.ended(Outcome::NoDwSession(trouble), DwChange::Missing(trouble))
    } else {
        journey.reached(DwChange::Missing(trouble))
    }
}

/// OCAPI has spoken about the DW session that came with good tokens.
pub(super) fn probed(mut journey: Journey, answer: ProbeAnswer) -> Step {
    match answer {
        ProbeAnswer::Alive { owner, .. } => {
            let held = journey.held_dw().cloned();
            journey.dw = held.map_or(Dw::Absent, |held| Dw::Live { held, owner });
            journey.confirmed = true;
            settle(journey)
        }
        ProbeAnswer::Unavailable(trouble) if trouble.cause != Cause::Misconfigured => {
            if journey.goal == Goal::Arrive(Intent::Ecom) {
                journey.ended(Outcome::NoDwSession(trouble), DwChange::Keep)
            } else {
                journey.reached(DwChange::Keep)
            }
        }
        ProbeAnswer::Dead | ProbeAnswer::Unavailable(_) => {
            journey.dw = Dw::Dead;
            settle(journey)
        }
    }
}
