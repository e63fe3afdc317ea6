//! Landing and returning: from whatever the browser holds to good SLAS tokens.

use super::asks::{AdoptAsk, DwProof, ProbeAsk};
use super::journey::{Goal, Journey, Tokens};
use super::{
    Access, AdoptAnswer, BridgeMode, Cause, Dw, DwChange, Facts, GuestAnswer, Intent, Outcome,
    ProbeAnswer, RefreshAnswer, Speaker, Step, Trouble, bridge, guest_usid,
};
use crate::model::{Customer, CustomerType};

/// The `login_id` by which SLAS knows a guest.
const GUEST_LOGIN: &str = "guest";

pub(super) fn begin(facts: Facts, intent: Intent) -> Step {
    let journey = Journey::new(facts, Goal::Arrive(intent));
    let usable = match &journey.facts.access {
        Access::Fresh(_) => !journey.outranked() && !journey.wants_other_dnt(),
        Access::Ending(_) => journey.facts.refresh.is_none(),
        Access::Expired(_) | Access::None => false,
    };
    if usable {
        return bridge::settle(journey);
    }
    match journey.unused_refresh() {
        Some(refresh) => journey.ask_refresh(refresh),
        None => without_refresh(journey),
    }
}

fn without_refresh(journey: Journey) -> Step {
    match &journey.facts.access {
        Access::Expired(claims) if claims.customer.kind == CustomerType::Registered => {
            lose(journey, CustomerType::Registered)
        }
        Access::Fresh(_) => bridge::settle(journey),
        _ if journey.goal == Goal::Arrive(Intent::Api) => bridge::set_aside(journey),
        Access::Expired(claims) => {
            let usid = guest_usid(claims);
            journey.ask_guest(usid)
        }
        _ if journey.only_renews() => journey.reached(DwChange::Keep),
        _ => match journey.held_dw().cloned() {
            Some(dw) if journey.facts.policy.mode == BridgeMode::Classic => {
                Step::Probe(ProbeAsk { dw, journey: Box::new(journey) })
            }
            _ => journey.ask_guest(None),
        },
    }
}

/// The session is over: its tokens go, and a registered shopper is told.
fn lose(mut journey: Journey, kind: CustomerType) -> Step {
    journey.tokens = Tokens::Dropped;
    journey.session_expired |= kind == CustomerType::Registered;
    if journey.goal == Goal::Arrive(Intent::Api) {
        return journey.reached(DwChange::Drop);
    }
    if journey.facts.fallbacks.is_empty() {
        journey.ask_guest(None)
    } else {
        let next = journey.facts.fallbacks.remove(0);
        journey.ask_refresh(next)
    }
}

pub(super) fn refreshed(mut journey: Journey, kind: CustomerType, answer: RefreshAnswer) -> Step {
    match answer {
        // A registered shopper never silently becomes a guest, not even by the upstream's doing.
        RefreshAnswer::Granted(grant)
            if kind == CustomerType::Registered
                && grant.claims.customer.kind == CustomerType::Guest =>
        {
            lose(journey, kind)
        }
        RefreshAnswer::Granted(grant) => {
            // What stood in for the refused token may be a registered shopper's after all.
            journey.session_expired &= grant.claims.customer.kind == CustomerType::Guest;
            journey.tokens = Tokens::Renewed(grant);
            bridge::settle(journey)
        }
        RefreshAnswer::Refused => lose(journey, kind),
        RefreshAnswer::Unavailable(trouble)
            if journey.access().is_some() && !journey.outranked() =>
        {
            bridge::settle_without_refresh(journey, trouble)
        }
        RefreshAnswer::Unavailable(trouble) => unavailable(journey, trouble),
    }
}

/// Nothing can be said now, so nothing changes: not even where a registered session is known to be
/// over, for the guest's own token may still be good.
fn unavailable(mut journey: Journey, trouble: Trouble) -> Step {
    if journey.tokens == Tokens::Dropped {
        journey.tokens = Tokens::Kept(None);
        journey.session_expired = false;
    }
    journey.ended(Outcome::Unavailable(trouble), DwChange::Keep)
}

pub(super) fn guest(mut journey: Journey, sent_usid: bool, answer: GuestAnswer) -> Step {
    match answer {
        GuestAnswer::Granted(grant) if grant.claims.customer.kind == CustomerType::Guest => {
            let same = journey.facts.customer() == Some(&grant.claims.customer);
            journey.tokens =
                if sent_usid && same { Tokens::Renewed(grant) } else { Tokens::New(grant) };
            bridge::settle(journey)
        }
        // A usid that has become a registered shopper's is no guest's any more, and a shopper who
        // has just left must not come back.
        GuestAnswer::UsidTaken | GuestAnswer::Granted(_) if sent_usid => journey.ask_guest(None),
        GuestAnswer::UsidTaken | GuestAnswer::Granted(_) => {
            no_guest(journey, Trouble { cause: Cause::Unavailable, retry_after: None })
        }
        GuestAnswer::Unavailable(trouble) => no_guest(journey, trouble),
    }
}

fn no_guest(journey: Journey, trouble: Trouble) -> Step {
    match (journey.goal, &journey.tokens) {
        (Goal::SignOut { .. }, _) => journey.reached(DwChange::Drop),
        (_, Tokens::Dropped) => journey.ended(Outcome::Unavailable(trouble), DwChange::Drop),
        _ => journey.ended(Outcome::Unavailable(trouble), DwChange::Keep),
    }
}

/// The browser holds nothing but a DW session: the shopper met ECOM first.
pub(super) fn probed(mut journey: Journey, answer: ProbeAnswer) -> Step {
    match answer {
        // Where every page of ECOM passes through us, only we write a registered shopper's session
        // into the browser: without our seal beside it, somebody else has.
        ProbeAnswer::Alive { owner, .. } if is_planted(&journey, &owner) => {
            journey.dw = Dw::Dead;
            journey.ask_guest(None)
        }
        ProbeAnswer::Alive { owner, login } => {
            if let Some(held) = journey.held_dw().cloned() {
                journey.dw = Dw::Live { held, owner: owner.clone() };
            }
            adopt(journey, owner, login)
        }
        ProbeAnswer::Unavailable(trouble) if trouble.cause != Cause::Misconfigured => {
            journey.ended(Outcome::Unavailable(trouble), DwChange::Keep)
        }
        ProbeAnswer::Dead => {
            journey.dw = Dw::Dead;
            journey.ask_guest(None)
        }
        // Where OCAPI is not allowed to tell, waiting would not help.
        ProbeAnswer::Unavailable(_) => journey.ask_guest(None),
    }
}

fn is_planted(journey: &Journey, owner: &Customer) -> bool {
    owner.kind == CustomerType::Registered
        && journey.facts.dw_by == Speaker::Browser
        && journey.facts.signature.is_none()
}

/// Where no tokens can be had for the DW session, a new guest with a new one takes its place; it
/// stays until there is such a guest.
fn adopt(journey: Journey, owner: Customer, login: Option<String>) -> Step {
    let signature = journey.facts.signature.clone();
    let login = match owner.kind {
        CustomerType::Guest if signature.is_none() && journey.facts.guest_adoption_retired => None,
        CustomerType::Guest => Some(GUEST_LOGIN.to_owned()),
        CustomerType::Registered => login,
    };
    if let (Some(login), Some(dw)) = (login, journey.held_dw().cloned()) {
        let proof = signature.map_or(DwProof::Session(dw.dwsid), DwProof::Signature);
        let (kind, owner) = (owner.kind, Some(owner));
        return Step::Adopt(AdoptAsk { proof, kind, owner, login, journey: Box::new(journey) });
    }
    journey.ask_guest(None)
}

pub(super) fn adopted(mut journey: Journey, owner: Option<&Customer>, answer: AdoptAnswer) -> Step {
    let guest = owner.is_some_and(|owner| owner.kind == CustomerType::Guest);
    match answer {
        AdoptAnswer::Granted(grant) if Some(&grant.claims.customer) == owner => {
            journey.confirmed = true;
            journey.tokens = Tokens::Renewed(grant);
            bridge::settle(journey)
        }
        // Tokens of a guest nobody has been before are as good as any; the DW session is not. But
        // a signature that speaks of another session than the browser's may be anybody's.
        AdoptAnswer::Granted(grant)
            if journey.facts.signature.is_none()
                && guest
                && grant.claims.customer.kind == CustomerType::Guest =>
        {
            journey.tokens = Tokens::New(grant);
            bridge::settle(journey)
        }
        AdoptAnswer::Granted(_) => journey.ask_guest(None),
        AdoptAnswer::Refused | AdoptAnswer::NotPermitted => {
            let plain_guest = guest && journey.facts.signature.is_none();
            journey.guest_adoption_refused |= plain_guest;
            journey.ask_guest(None)
        }
        AdoptAnswer::Unavailable(trouble) => {
            journey.ended(Outcome::Unavailable(trouble), DwChange::Keep)
        }
    }
}
