//! Login with B2C Commerce credentials: guest → registered, with the guest's basket.
//!
//! The order is token → transfer → `/sessions`, so that the new DW session starts with the merged
//! basket; between login and transfer no other token call is made, because that would break the
//! chain by which the platform finds the guest's basket.

use super::calls::{CheckBasketCall, LoginCall, RefreshPurpose, TransferBasketCall};
use super::state::{FlowState, Goal, Tokens};
use super::{
    CheckBasketResponse, DwChange, Facts, GuestBasket, LoginResponse, Outcome, RefreshResponse,
    Step, TransferBasketResponse, UpstreamFailure, dw_session,
};
use crate::ids::{AccessToken, CustomerId, Usid};
use crate::model::CustomerType;

pub(super) fn begin(facts: Facts, basket: GuestBasket) -> Step {
    let state = FlowState::new(facts, Goal::Login { basket, basket_lost: false });
    match state.unused_refresh() {
        // Without a valid guest token there is neither usid nor basket to carry over.
        Some(refresh) if state.access().is_none() && refresh.kind == CustomerType::Guest => {
            state.refresh(refresh, RefreshPurpose::Login)
        }
        _ => check_basket(state),
    }
}

pub(super) fn refreshed(mut state: FlowState, response: RefreshResponse) -> Step {
    match response {
        RefreshResponse::Granted(grant) => {
            state.tokens = Tokens::Renewed(grant);
            check_basket(state)
        }
        RefreshResponse::Refused => {
            state.tokens = Tokens::Dropped;
            log_in(state)
        }
        RefreshResponse::Doubtful(failure) | RefreshResponse::Failed(failure) => {
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
    }
}

fn check_basket(state: FlowState) -> Step {
    match (&state.goal, guest(&state)) {
        (Goal::Login { basket: GuestBasket::Unknown, .. }, Some((access, customer))) => {
            Step::CheckBasket(CheckBasketCall { access, customer, state: Box::new(state) })
        }
        _ => log_in(state),
    }
}

pub(super) fn basket_checked(mut state: FlowState, response: CheckBasketResponse) -> Step {
    let basket = match response {
        CheckBasketResponse::Empty => GuestBasket::Empty,
        // An unnecessary call is better than a lost basket.
        CheckBasketResponse::HasItems | CheckBasketResponse::Failed => GuestBasket::HasItems,
    };
    state.goal = Goal::Login { basket, basket_lost: false };
    log_in(state)
}

fn log_in(mut state: FlowState) -> Step {
    let usid = guest_usid(&state);
    if usid.is_none() {
        state.goal = Goal::Login { basket: GuestBasket::Empty, basket_lost: false };
    }
    Step::Login(LoginCall { usid, state: Box::new(state) })
}

pub(super) fn logged_in(mut state: FlowState, response: LoginResponse) -> Step {
    let refused = match response {
        LoginResponse::Granted(grant) if grant.claims.customer.is_registered() => {
            state.tokens = Tokens::New(grant);
            return transfer(state);
        }
        LoginResponse::Granted(_) => Outcome::Unavailable(UpstreamFailure::UNAVAILABLE),
        LoginResponse::BadCredentials => Outcome::BadCredentials,
        LoginResponse::Conflict => Outcome::LoginConflict,
        LoginResponse::Failed(failure) => Outcome::Unavailable(failure),
    };
    let dw = dw_session::without_call(&state);
    state.decide_with(refused, dw)
}

fn transfer(state: FlowState) -> Step {
    match (&state.goal, state.access().cloned()) {
        (Goal::Login { basket: GuestBasket::HasItems, .. }, Some(access)) => {
            Step::TransferBasket(TransferBasketCall { access, state: Box::new(state) })
        }
        _ => dw_session::align(state),
    }
}

/// A basket that could not be moved must not fail the login.
pub(super) fn transferred(mut state: FlowState, response: TransferBasketResponse) -> Step {
    let basket_lost = response == TransferBasketResponse::Failed;
    state.goal = Goal::Login { basket: GuestBasket::HasItems, basket_lost };
    dw_session::align(state)
}

/// The guest whose session the login takes over.
fn guest(state: &FlowState) -> Option<(AccessToken, CustomerId)> {
    let guest = state.customer().filter(|customer| customer.is_guest())?;
    Some((state.access()?.clone(), guest.id.clone()))
}

fn guest_usid(state: &FlowState) -> Option<Usid> {
    let claims = match &state.tokens {
        Tokens::Kept(held) => &held.as_ref()?.claims,
        Tokens::Renewed(grant) | Tokens::New(grant) => &grant.claims,
        Tokens::Dropped => return None,
    };
    super::guest_usid(claims)
}
