//! What ECOM said about the shopper by an answer, and what follows from it.
//!
//! Shoppers sign in, register and sign out on ECOM's own pages too. Where the platform or a
//! cartridge says so with tokens, these are taken over; where it says nothing, the DW session is
//! asked whose it is now, but only after a page that could have changed it.

use super::asks::{AdoptAsk, DwProof, ProbeAsk};
use super::journey::{Goal, Journey, Tokens};
use super::{
    AdoptAnswer, BridgeMode, Dw, DwChange, Facts, HeldDw, HeldRefresh, Outcome, ProbeAnswer,
    RefreshAnswer, Step, sign_out,
};
use crate::session::{Customer, CustomerType, DwCookies, Grant};

/// What an answer of ECOM says about the shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcomSays {
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
    let EcomSays { handed, dw, page } = says;
    match handed {
        Some(HandOver::Grant(grant)) if !is_older(&facts, &grant) => {
            take_over_or_ask(begin(facts, page, dw), grant)
        }
        Some(HandOver::Renew(Some(offered))) if is_demotion(&facts, &offered, page) => {
            by_page(facts, page, dw)
        }
        Some(HandOver::Unreadable) if facts.policy.mode == BridgeMode::HybridAuth => {
            // Session and tokens have changed together, and we cannot say whose they are.
            begin(facts, page, dw).ended(Outcome::Ready, DwChange::Drop)
        }
        Some(HandOver::Nobody) => gone(begin(facts, page, dw)),
        Some(HandOver::Renew(refresh)) => renew(facts, refresh, page, dw),
        Some(HandOver::Grant(_) | HandOver::Unreadable) | None => by_page(facts, page, dw),
    }
}

fn begin(facts: Facts, page: EcomPage, dw: Option<DwCookies>) -> Journey {
    let mut journey = Journey::new(facts, Goal::Heed(page));
    if let Some(cookies) = dw {
        journey.dw = Dw::Doubtful { held: HeldDw::of(&cookies), owner: None };
        journey.offered = Some(cookies);
    }
    journey
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
    let leaves = journey.goal == Goal::Heed(EcomPage::SignOut);
    match journey.unused_refresh() {
        Some(own) if guest && !leaves && own.kind == CustomerType::Registered => {
            journey.demotion = Some(grant);
            journey.ask_refresh(own)
        }
        _ => take_over(journey, grant),
    }
}

/// The shopper's own refresh token has spoken about a guest's tokens that ECOM handed over.
fn contested(mut journey: Journey, theirs: Box<Grant>, answer: RefreshAnswer) -> Step {
    // Whatever session ECOM answered in, it is a guest's.
    let dw = if journey.offered.is_some() { DwChange::Keep } else { DwChange::Drop };
    match answer {
        RefreshAnswer::Granted(grant) if is_registered(&grant.claims.customer) => {
            journey.tokens = Tokens::Renewed(grant);
            journey.reached(dw)
        }
        RefreshAnswer::Granted(_) | RefreshAnswer::Refused => take_over(journey, theirs),
        RefreshAnswer::Unavailable(_) => journey.reached(dw),
    }
}

/// The shopper is who ECOM says: in the session it served the answer in.
fn take_over(mut journey: Journey, grant: Box<Grant>) -> Step {
    let customer = grant.claims.customer.clone();
    let was_registered = journey.customer().is_some_and(is_registered);
    let became = journey.customer() != Some(&customer);
    // Nobody silently becomes a guest, not even by ECOM's doing.
    let lost = was_registered && !is_registered(&customer);
    journey.session_expired = lost && journey.goal != Goal::Heed(EcomPage::SignOut);
    journey.tokens = Tokens::New(grant);
    let outcome = match customer.kind {
        CustomerType::Registered if became => Outcome::SignedIn { basket_lost: false },
        CustomerType::Guest if lost => Outcome::SignedOut { revoked: true },
        _ => Outcome::Ready,
    };
    let dw = theirs(&journey, customer);
    journey.ended(outcome, dw)
}

/// The DW session ECOM served the answer in, which is `owner`'s.
fn theirs(journey: &Journey, owner: Customer) -> DwChange {
    match (&journey.offered, journey.held_dw()) {
        (Some(cookies), _) => DwChange::Set { cookies: cookies.clone(), owner },
        (None, Some(_)) => DwChange::Confirm(owner),
        (None, None) => DwChange::Keep,
    }
}

/// The shopper has left on a page of ECOM's.
fn gone(mut journey: Journey) -> Step {
    let leaves = journey.goal == Goal::Heed(EcomPage::SignOut);
    journey.session_expired = !leaves && journey.customer().is_some_and(is_registered);
    journey.tokens = Tokens::Dropped;
    journey.ended(Outcome::SignedOut { revoked: true }, DwChange::Drop)
}

fn renew(
    facts: Facts,
    offered: Option<HeldRefresh>,
    page: EcomPage,
    dw: Option<DwCookies>,
) -> Step {
    let mut journey = begin(facts, page, dw);
    journey.on_trial = offered.is_some();
    journey.facts.refresh = offered.or(journey.facts.refresh);
    match journey.unused_refresh() {
        Some(refresh) => journey.ask_refresh(refresh),
        None => gone(journey),
    }
}

pub(super) fn refreshed(mut journey: Journey, answer: RefreshAnswer) -> Step {
    if let Some(theirs) = journey.demotion.take() {
        return contested(journey, theirs, answer);
    }
    match answer {
        RefreshAnswer::Granted(grant) => take_over(journey, grant),
        // What ECOM handed over is worth nothing; ours may still be good.
        RefreshAnswer::Refused if journey.on_trial => journey.reached(DwChange::Doubt),
        RefreshAnswer::Refused => gone(journey),
        RefreshAnswer::Unavailable(trouble) => {
            journey.ended(Outcome::Unavailable(trouble), DwChange::Doubt)
        }
    }
}

/// ECOM handed over nothing: what the page is for says what may have happened.
fn by_page(facts: Facts, page: EcomPage, dw: Option<DwCookies>) -> Step {
    let classic = facts.policy.mode == BridgeMode::Classic;
    let hybrid = facts.policy.mode == BridgeMode::HybridAuth;
    let signed_in = facts.customer().is_some_and(is_registered);
    match page {
        EcomPage::SignOut if signed_in => {
            let mut facts = facts;
            facts.policy.guest_after_logout = false;
            sign_out::begin(facts, false)
        }
        // The platform keeps its sessions in step with the token cookies by itself.
        EcomPage::Ordinary | EcomPage::SignIn if hybrid && dw.is_some() => {
            let journey = begin(facts, page, dw);
            let owner = journey.customer().cloned();
            let change = owner.map_or(DwChange::Keep, |owner| theirs(&journey, owner));
            journey.reached(change)
        }
        EcomPage::SignIn if classic => ask_whose(begin(facts, page, dw)),
        EcomPage::Ordinary if classic && dw.is_some() => ask_whose(begin(facts, page, dw)),
        _ => begin(facts, page, dw).reached(DwChange::Keep),
    }
}

fn ask_whose(journey: Journey) -> Step {
    match journey.held_dw().cloned() {
        Some(dw) => Step::Probe(ProbeAsk { dw, journey: Box::new(journey) }),
        None => journey.reached(DwChange::Keep),
    }
}

pub(super) fn probed(journey: Journey, answer: ProbeAnswer) -> Step {
    let ProbeAnswer::Alive { owner, login } = answer else {
        return unknown(journey);
    };
    if journey.customer() == Some(&owner) {
        let dw = theirs(&journey, owner);
        return journey.reached(dw);
    }
    let may_sign_in = journey.goal == Goal::Heed(EcomPage::SignIn);
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
