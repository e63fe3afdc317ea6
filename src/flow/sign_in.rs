//! Login with B2C Commerce credentials: guest → registered, with the guest's basket.
//!
//! The order is token → transfer → `/sessions`, so that the new DW session starts with the merged
//! basket; between login and transfer no other token call is made, because that would break the
//! chain by which the platform finds the guest's basket.

use super::asks::{PeekBasketAsk, SignInAsk, TransferBasketAsk};
use super::journey::{Goal, Journey, Tokens};
use super::{
    BasketAnswer, Cause, DwChange, Facts, GuestBasket, Outcome, RefreshAnswer, SignInAnswer, Step,
    Trouble, bridge,
};
use crate::ids::{AccessToken, CustomerId, Usid};
use crate::model::CustomerType;

pub(super) fn begin(facts: Facts, basket: GuestBasket) -> Step {
    let journey = Journey::new(facts, Goal::SignIn { basket, basket_lost: false });
    match journey.unused_refresh() {
        // Without a live guest token there is neither usid nor basket to carry over.
        Some(refresh) if journey.access().is_none() && refresh.kind == CustomerType::Guest => {
            journey.ask_refresh(refresh)
        }
        _ => look_into_basket(journey),
    }
}

pub(super) fn refreshed(mut journey: Journey, answer: RefreshAnswer) -> Step {
    match answer {
        RefreshAnswer::Granted(grant) => {
            journey.tokens = Tokens::Renewed(grant);
            look_into_basket(journey)
        }
        RefreshAnswer::Refused => {
            journey.tokens = Tokens::Dropped;
            ask_sign_in(journey)
        }
        RefreshAnswer::Unavailable(trouble) => {
            journey.ended(Outcome::Unavailable(trouble), DwChange::Keep)
        }
    }
}

fn look_into_basket(journey: Journey) -> Step {
    match (journey.goal, guest(&journey)) {
        (Goal::SignIn { basket: GuestBasket::Unknown, .. }, Some((access, customer))) => {
            Step::PeekBasket(PeekBasketAsk { access, customer, journey: Box::new(journey) })
        }
        _ => ask_sign_in(journey),
    }
}

pub(super) fn peeked(mut journey: Journey, answer: BasketAnswer) -> Step {
    let basket = match answer {
        BasketAnswer::No => GuestBasket::Empty,
        // Better one call too many than a basket left behind.
        BasketAnswer::Yes | BasketAnswer::Failed => GuestBasket::HasItems,
    };
    journey.goal = Goal::SignIn { basket, basket_lost: false };
    ask_sign_in(journey)
}

fn ask_sign_in(mut journey: Journey) -> Step {
    let usid = guest_usid(&journey);
    if usid.is_none() {
        journey.goal = Goal::SignIn { basket: GuestBasket::Empty, basket_lost: false };
    }
    Step::SignIn(SignInAsk { usid, journey: Box::new(journey) })
}

pub(super) fn signed_in(mut journey: Journey, answer: SignInAnswer) -> Step {
    let refused = match answer {
        SignInAnswer::Granted(grant) if grant.claims.customer.kind == CustomerType::Registered => {
            journey.tokens = Tokens::New(grant);
            return transfer(journey);
        }
        SignInAnswer::Granted(_) => {
            Outcome::Unavailable(Trouble { cause: Cause::Unavailable, retry_after: None })
        }
        SignInAnswer::BadCredentials => Outcome::BadCredentials,
        SignInAnswer::Conflict => Outcome::LoginConflict,
        SignInAnswer::Unavailable(trouble) => Outcome::Unavailable(trouble),
    };
    let dw = bridge::unasked(&journey);
    journey.ended(refused, dw)
}

fn transfer(journey: Journey) -> Step {
    match (journey.goal, journey.access().cloned()) {
        (Goal::SignIn { basket: GuestBasket::HasItems, .. }, Some(access)) => {
            Step::TransferBasket(TransferBasketAsk { access, journey: Box::new(journey) })
        }
        _ => bridge::settle(journey),
    }
}

/// A basket that could not be moved must not fail the login.
pub(super) fn transferred(mut journey: Journey, answer: BasketAnswer) -> Step {
    let basket_lost = answer == BasketAnswer::Failed;
    journey.goal = Goal::SignIn { basket: GuestBasket::HasItems, basket_lost };
    bridge::settle(journey)
}

/// The guest whose session is about to become the shopper's.
fn guest(journey: &Journey) -> Option<(AccessToken, CustomerId)> {
    let guest = journey.customer().filter(|customer| customer.kind == CustomerType::Guest)?;
    Some((journey.access()?.clone(), guest.id.clone()))
}

fn guest_usid(journey: &Journey) -> Option<Usid> {
    let claims = match &journey.tokens {
        Tokens::Kept(held) => &held.as_ref()?.claims,
        Tokens::Renewed(grant) | Tokens::New(grant) => &grant.claims,
        Tokens::Dropped => return None,
    };
    super::guest_usid(claims)
}
