//! Transfer and merge: they move a guest's basket to the shopper after a login.

use super::problem::ScapiProblem;
use super::{HandlerResult, baskets, caller};
use crate::platform::Platform;
use crate::request::Request;
use crate::state::{Basket, MergeMode, State};

/// A registered shopper, and the guest that held the usid before the login.
struct Parties {
    shopper: String,
    guest: String,
}

pub(super) fn transfer(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let parties = parties(platform, &state, request)?;
    let merge = request.query.is_true("merge");
    let existing = basket_of(&state, &parties.shopper);
    let source = basket_of(&state, &parties.guest);
    let result = match (existing, source) {
        (None, None) if merge => None,
        (existing, None) if merge => existing,
        (_, None) => return Err(ScapiProblem::no_source_basket(&parties.guest)),
        (Some(mut existing), Some(source)) if merge => {
            existing.merge_from(&source, MergeMode::Sum);
            Some(existing)
        }
        (Some(_), Some(_)) if !request.query.is_true("overrideExisting") => {
            return Err(ScapiProblem::basket_exists(&parties.shopper));
        }
        (_, source) => source,
    };
    finish(&mut state, &parties, result)
}

pub(super) fn merge(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let parties = parties(platform, &state, request)?;
    if !request.has_type("application/json") {
        return Err(ScapiProblem::unsupported_media_type());
    }
    let mode = MergeMode::from_name(request.query.get("productItemMergeMode"));
    let mode = mode.ok_or_else(|| ScapiProblem::bad_request("Unknown productItemMergeMode."))?;
    let source = basket_of(&state, &parties.guest);
    let source = source.ok_or_else(|| ScapiProblem::no_source_basket(&parties.guest))?;
    let mut destination = match basket_of(&state, &parties.shopper) {
        Some(basket) => basket,
        None if request.query.is_true("createDestinationBasket") => Basket::new(),
        None => return Err(ScapiProblem::no_destination_basket(&parties.shopper)),
    };
    destination.merge_from(&source, mode);
    finish(&mut state, &parties, Some(destination))
}

fn parties(platform: &Platform, state: &State, request: &Request) -> Result<Parties, ScapiProblem> {
    let claims = caller(platform, state, request)?;
    let shopper = claims.customer_id().to_owned();
    let registered = claims.login().is_some();
    let holds = state.grants.usid_holder(claims.usid()) == Some(&shopper);
    let guest = state.grants.previous_usid_holder(claims.usid()).filter(|_| registered && holds);
    let guest = guest.ok_or_else(|| {
        ScapiProblem::forbidden(
            "Your access-token is valid, but it contains no previous customer to process this \
             action.",
        )
    })?;
    Ok(Parties { shopper, guest: guest.to_owned() })
}

fn basket_of(state: &State, customer_id: &str) -> Option<Basket> {
    state.customers.get(customer_id)?.basket.clone()
}

/// Removes the guest's basket and stores the result as the shopper's.
fn finish(state: &mut State, parties: &Parties, basket: Option<Basket>) -> HandlerResult {
    state.customers.take_basket(&parties.guest);
    let customer = state.customers.get_mut(&parties.shopper);
    let customer = customer.ok_or_else(|| ScapiProblem::bad_request("The customer is invalid."))?;
    customer.basket = basket;
    Ok(baskets::basket_response(customer))
}
