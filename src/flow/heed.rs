//! What a response of ECOM, or of a Head, said about the shopper, and what follows from it.
//!
//! ECOM hands a shopper over together with the DW session it responds in. A Head has no part in
//! that session: it hands over tokens only, and a DW session of another customer goes.
//!
//! Shoppers sign in, register and sign out on ECOM's own pages too. Where the platform or a
//! cartridge says so with tokens, these are taken over; where it says nothing, the DW session is
//! asked whose it is now, but only after a page that could have changed it.

use super::asks::{AdoptAsk, DwProof, ProbeAsk};
use super::journey::{Goal, Journey, Tokens};
use super::{
    AdoptAnswer, BridgeMode, Dw, DwChange, Facts, HeldDw, HeldRefresh, Outcome, ProbeAnswer,
    RefreshAnswer, Speaker, Step, sign_out,
};
use crate::model::{Customer, CustomerType, DwCookies, Grant};

/// What a response says about the shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcomSays {
    /// Who has responded: [`Speaker::Ecom`] or [`Speaker::Head`].
    pub by: Speaker,
    /// It deletes the cookie of the refresh token in hand.
    pub deletes_refresh: bool,
    /// Tokens it hands over.
    pub handed: Option<HandOver>,
    /// A DW session other than the one it was asked in.
    pub dw: Option<DwCookies>,
    /// What the page is for.
    pub page: EcomPage,
}

/// How ECOM hands over who the shopper is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// By an access token, and perhaps a refresh token.
    Grant(Box<Grant>),
    /// By a refresh token alone, or by the word that the shopper's own is to be used.
    Renew(Option<HeldRefresh>),
    /// By an access token whose signature cannot be checked.
    Unreadable,
    /// By taking the refresh token away.
    Nobody,
}

/// What a page of ECOM is for, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EcomPage {
    /// Anything else.
    Ordinary,
    /// Shoppers sign in or register there.
    SignIn,
    /// Shoppers sign out there.
    SignOut,
}

/// Goes on from what the browser holds after the request that ECOM answered.
#[must_use]
pub fn heed(facts: Facts, says: EcomSays) -> Step {
    let EcomSays { by, deletes_refresh, handed, dw, page } = says;
    let journey = begin(facts, Goal::Heed { page, by, deletes_refresh }, dw);
    match handed {
        Some(HandOver::Grant(grant)) if !is_older(&journey.facts, &grant) => {
            take_over_or_ask(journey, grant)
        }
        Some(HandOver::Renew(Some(offered))) if is_demotion(&journey.facts, &offered, page) => {
            by_page(journey, page)
        }
        Some(HandOver::Unreadable)
            if journey.facts.policy.mode == BridgeMode::HybridAuth && by != Speaker::Head =>
        {
            // Session and tokens have changed together, and we cannot say whose they are.
            journey.ended(Outcome::Ready, DwChange::Drop)
        }
        Some(HandOver::Nobody) => left(journey),
        Some(HandOver::Renew(refresh)) => renew(journey, refresh),
        Some(HandOver::Grant(_) | HandOver::Unreadable) | None => by_page(journey, page),
    }
}

fn begin(facts: Facts, goal: Goal, dw: Option<DwCookies>) -> Journey {
    let mut journey = Journey::new(facts, goal);
    if let Some(cookies) = dw {
        journey.dw = Dw::Doubtful { held: HeldDw::of(&cookies), owner: None };
        journey.offered = Some(cookies);
    }
    journey
}

fn is_on(journey: &Journey, wanted: EcomPage) -> bool {
    matches!(journey.goal, Goal::Heed { page, .. } if page == wanted)
}

fn is_by_head(journey: &Journey) -> bool {
    matches!(journey.goal, Goal::Heed { by: Speaker::Head, .. })
}

/// Whether the shopper wanted to leave: on a page for that, or by a Head that takes its refresh
/// token away.
fn is_logout(journey: &Journey) -> bool {
    let head = matches!(journey.goal, Goal::Heed { by: Speaker::Head, deletes_refresh: true, .. });
    head || is_on(journey, EcomPage::SignOut)
}

/// Of two tokens the newer one is right: ECOM may have answered late.
fn is_older(facts: &Facts, grant: &Grant) -> bool {
    let issued = facts.held().map(|held| held.claims.issued_at);
    issued.is_some_and(|issued| grant.claims.issued_at < issued)
}

/// A guest's refresh token beside a registered shopper's: not by that does a shopper sign out.
fn is_demotion(facts: &Facts, offered: &HeldRefresh, page: EcomPage) -> bool {
    let registered = CustomerType::Registered;
    let held = facts.refresh.as_ref().is_some_and(|held| held.kind == registered);
    held && offered.kind == CustomerType::Guest && page != EcomPage::SignOut
}

/// ECOM makes guests of registered shoppers whenever it cannot renew their tokens, even by an
/// outage. Whether the shopper's session is over, their own refresh token says.
fn take_over_or_ask(mut journey: Journey, grant: Box<Grant>) -> Step {
    let guest = grant.claims.customer.kind == CustomerType::Guest;
    let leaves = is_on(&journey, EcomPage::SignOut);
    match journey.unused_refresh() {
        Some(own) if guest && !leaves && own.kind == CustomerType::Registered => {
            journey.demotion = Some(grant);
            journey.ask_refresh(own)
        }
        _ => take_over(journey, grant),
    }
}

/// The shopper's own refresh token has spoken about a guest's tokens that were handed over.
fn contested(mut journey: Journey, theirs: Box<Grant>, answer: RefreshAnswer) -> Step {
    // Whatever session ECOM answered in, it is a guest's. A Head answers in none.
    let own_stays = journey.offered.is_some() || is_by_head(&journey);
    let dw = if own_stays { DwChange::Keep } else { DwChange::Drop };
    match answer {
        RefreshAnswer::Granted(grant) if is_registered(&grant.claims.customer) => {
            let head = is_by_head(&journey).then(|| own_dw(&journey, &grant.claims.customer));
            journey.tokens = Tokens::Renewed(grant);
            journey.reached(head.unwrap_or(dw))
        }
        RefreshAnswer::Granted(_) | RefreshAnswer::Refused => take_over(journey, theirs),
        RefreshAnswer::Unavailable(_) => journey.reached(dw),
    }
}

/// The shopper is who the response says.
fn take_over(mut journey: Journey, grant: Box<Grant>) -> Step {
    let customer = grant.claims.customer.clone();
    let was_registered = journey.customer().is_some_and(is_registered);
    // Nobody silently becomes a guest, not even by ECOM's doing.
    let lost = was_registered && !is_registered(&customer);
    journey.session_expired = lost && !is_logout(&journey);
    journey.tokens = Tokens::New(grant);
    let unproven = is_by_head(&journey) && journey.facts.policy.mode == BridgeMode::Classic;
    if unproven && journey.offered.is_some() {
        return ask_whose(journey);
    }
    let dw = theirs(&journey, customer);
    taken_over(journey, dw)
}

fn taken_over(journey: Journey, dw: DwChange) -> Step {
    let before = journey.facts.held().map(|held| &held.claims.customer);
    let now = journey.customer();
    let registered = |customer: Option<&Customer>| customer.is_some_and(is_registered);
    let outcome = match (registered(before), registered(now)) {
        (_, true) if before != now => Outcome::SignedIn { basket_lost: false },
        (true, false) => Outcome::SignedOut { revoked: true },
        _ => Outcome::Ready,
    };
    journey.ended(outcome, dw)
}

/// The DW session after a response that says that the shopper is `owner`.
fn theirs(journey: &Journey, owner: Customer) -> DwChange {
    match (&journey.offered, journey.held_dw()) {
        (Some(cookies), _) => DwChange::Set { cookies: cookies.clone(), owner },
        // A Head does not know whose session that is.
        (None, _) if is_by_head(journey) => own_dw(journey, &owner),
        (None, Some(_)) => DwChange::Confirm(owner),
        (None, None) => DwChange::Keep,
    }
}

/// The DW session that the browser had: it stays only if it is `owner`'s, or if its shopper has not
/// changed.
fn own_dw(journey: &Journey, owner: &Customer) -> DwChange {
    let stays = match &journey.facts.dw {
        Dw::Live { owner: whose, .. } | Dw::Doubtful { owner: Some(whose), .. } => whose == owner,
        Dw::Doubtful { owner: None, .. } | Dw::Absent | Dw::Dead => {
            journey.facts.customer() == Some(owner)
        }
    };
    if stays { DwChange::Keep } else { DwChange::Drop }
}

/// The shopper has left on a page of ECOM's, or by a Head.
fn left(mut journey: Journey) -> Step {
    journey.session_expired = !is_logout(&journey) && journey.customer().is_some_and(is_registered);
    gone(journey)
}

fn gone(mut journey: Journey) -> Step {
    journey.tokens = Tokens::Dropped;
    journey.ended(Outcome::SignedOut { revoked: true }, DwChange::Drop)
}

fn renew(mut journey: Journey, offered: Option<HeldRefresh>) -> Step {
    journey.on_trial = offered.is_some();
    journey.facts.refresh = offered.or(journey.facts.refresh);
    match journey.unused_refresh() {
        Some(refresh) => journey.ask_refresh(refresh),
        None => expired(journey),
    }
}

/// The refresh token in hand was refused: the session is over, whoever found it out.
fn expired(mut journey: Journey) -> Step {
    journey.session_expired =
        !is_on(&journey, EcomPage::SignOut) && journey.customer().is_some_and(is_registered);
    gone(journey)
}

pub(super) fn refreshed(mut journey: Journey, answer: RefreshAnswer) -> Step {
    if let Some(theirs) = journey.demotion.take() {
        return contested(journey, theirs, answer);
    }
    let dw = if is_by_head(&journey) { DwChange::Keep } else { DwChange::Doubt };
    match answer {
        RefreshAnswer::Granted(grant) => take_over(journey, grant),
        // What was handed over is worth nothing; ours may still be good.
        RefreshAnswer::Refused if journey.on_trial => journey.reached(dw),
        RefreshAnswer::Refused => expired(journey),
        RefreshAnswer::Unavailable(trouble) => journey.ended(Outcome::Unavailable(trouble), dw),
    }
}

/// Nothing was handed over: what the page is for says what may have happened.
fn by_page(journey: Journey, page: EcomPage) -> Step {
    let classic = journey.facts.policy.mode == BridgeMode::Classic;
    let hybrid = journey.facts.policy.mode == BridgeMode::HybridAuth;
    let signed_in = journey.facts.customer().is_some_and(is_registered);
    let offered = journey.offered.is_some();
    match page {
        _ if is_by_head(&journey) => journey.reached(DwChange::Keep),
        EcomPage::SignOut if signed_in => {
            let mut facts = journey.facts;
            facts.policy.guest_after_logout = false;
            sign_out::begin(facts, false)
        }
        // The platform keeps its sessions in step with the token cookies by itself.
        EcomPage::Ordinary | EcomPage::SignIn if hybrid && offered => {
            let owner = journey.customer().cloned();
            let change = owner.map_or(DwChange::Keep, |owner| theirs(&journey, owner));
            journey.reached(change)
        }
        EcomPage::SignIn if classic => ask_whose(journey),
        EcomPage::Ordinary if classic && offered => ask_whose(journey),
        _ => journey.reached(DwChange::Keep),
    }
}

fn ask_whose(journey: Journey) -> Step {
    match journey.held_dw().cloned() {
        Some(dw) => Step::Probe(ProbeAsk { dw, journey: Box::new(journey) }),
        None => journey.reached(DwChange::Keep),
    }
}

pub(super) fn probed(journey: Journey, answer: ProbeAnswer) -> Step {
    if is_by_head(&journey) {
        return probed_for_head(journey, answer);
    }
    let ProbeAnswer::Alive { owner, login } = answer else {
        return unknown(journey);
    };
    if journey.customer() == Some(&owner) {
        let dw = theirs(&journey, owner);
        return journey.reached(dw);
    }
    let may_sign_in = is_on(&journey, EcomPage::SignIn);
    match (login, journey.held_dw().cloned()) {
        (Some(login), Some(dw)) if may_sign_in && is_registered(&owner) => {
            let (proof, kind) = (DwProof::Session(dw.dwsid), owner.kind);
            let journey = Box::new(journey);
            Step::Adopt(AdoptAsk { proof, kind, owner: Some(owner), login, journey })
        }
        _ if is_registered(&owner) && may_sign_in => leave_to_ecom(journey, owner),
        // Somebody else's session in the place of ours is none of the shopper's, nor is ours any
        // more if its customer has changed.
        _ if journey.offered.is_some() => journey.reached(DwChange::Keep),
        _ => journey.reached(DwChange::Drop),
    }
}

/// A Head has set a DW session beside tokens: it is taken only if it is of the same shopper.
fn probed_for_head(journey: Journey, answer: ProbeAnswer) -> Step {
    let Some(shopper) = journey.customer().cloned() else {
        return journey.reached(DwChange::Keep);
    };
    let change = match answer {
        ProbeAnswer::Alive { owner, .. } if owner == shopper => theirs(&journey, shopper),
        _ => own_dw(&journey, &shopper),
    };
    taken_over(journey, change)
}

/// Whose the session is now, nobody could say: it is asked again before it is next relied on.
fn unknown(journey: Journey) -> Step {
    let dw = if journey.offered.is_some() { DwChange::Keep } else { DwChange::Doubt };
    journey.reached(dw)
}

pub(super) fn adopted(mut journey: Journey, owner: Option<Customer>, answer: AdoptAnswer) -> Step {
    let Some(owner) = owner else { return unknown(journey) };
    match answer {
        AdoptAnswer::Granted(grant) if grant.claims.customer == owner => {
            journey.tokens = Tokens::New(grant);
            let dw = theirs(&journey, owner);
            journey.ended(Outcome::SignedIn { basket_lost: false }, dw)
        }
        AdoptAnswer::Granted(_)
        | AdoptAnswer::Refused
        | AdoptAnswer::NotPermitted
        | AdoptAnswer::Unavailable(_) => leave_to_ecom(journey, owner),
    }
}

/// The shopper has signed in on ECOM, but there are no tokens to go with it: the guest's go, so
/// that the cookies name one shopper, and the next page tries again.
fn leave_to_ecom(mut journey: Journey, owner: Customer) -> Step {
    journey.tokens = Tokens::Dropped;
    let dw = theirs(&journey, owner);
    journey.ended(Outcome::Ready, dw)
}

fn is_registered(customer: &Customer) -> bool {
    customer.kind == CustomerType::Registered
}
