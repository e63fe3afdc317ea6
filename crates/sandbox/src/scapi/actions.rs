//! Baskets from hand to hand: what a guest filled comes along when the shopper signs in.

use super::problem::Problem;
use super::{Answered, baskets, caller};
use crate::ask::Ask;
use crate::platform::Platform;
use crate::state::{Basket, Merge, State};

/// A registered shopper and the customer from whom the login took over the usid.
struct Heir {
    current: String,
    previous: String,
}

pub(super) fn transfer(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let heir = heir(platform, &state, ask)?;
    let merge = ask.query.is_true("merge");
    let existing = basket_of(&state, &heir.current);
    let source = basket_of(&state, &heir.previous);
    let result = match (existing, source) {
        (None, None) if merge => None,
        (existing, None) if merge => existing,
        (_, None) => return Err(Problem::no_source_basket(&heir.previous)),
        (Some(mut existing), Some(source)) if merge => {
            existing.absorb(&source, Merge::Sum);
            Some(existing)
        }
        (Some(_), Some(_)) if !ask.query.is_true("overrideExisting") => {
            return Err(Problem::basket_exists(&heir.current));
        }
        (_, source) => source,
    };
    hand_over(&mut state, &heir, result)
}

pub(super) fn merge(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let heir = heir(platform, &state, ask)?;
    if !ask.has_type("application/json") {
        return Err(Problem::unsupported_media_type());
    }
    let mode = Merge::from_name(ask.query.get("productItemMergeMode"));
    let mode = mode.ok_or_else(|| Problem::bad_request("Unknown productItemMergeMode."))?;
    let source = basket_of(&state, &heir.previous);
    let source = source.ok_or_else(|| Problem::no_source_basket(&heir.previous))?;
    let mut destination = match basket_of(&state, &heir.current) {
        Some(basket) => basket,
        None if ask.query.is_true("createDestinationBasket") => Basket::new(),
        None => return Err(Problem::no_destination_basket(&heir.current)),
    };
    destination.absorb(&source, mode);
    hand_over(&mut state, &heir, Some(destination))
}

fn heir(platform: &Platform, state: &State, ask: &Ask) -> Result<Heir, Problem> {
    let claims = caller(platform, state, ask)?;
    let current = claims.customer_id().to_owned();
    let registered = claims.login().is_some();
    let holds = state.grants.holder(claims.usid()) == Some(&current);
    let previous = state.grants.previous(claims.usid()).filter(|_| registered && holds);
    let previous = previous.ok_or_else(|| {
        Problem::forbidden(
            "Your access-token is valid, but it contains no previous customer to process this \
             action.",
        )
    })?;
    Ok(Heir { current, previous: previous.to_owned() })
}

fn basket_of(state: &State, customer_id: &str) -> Option<Basket> {
    state.customers.get(customer_id)?.basket.clone()
}

/// The previous customer loses the basket, the current one has the result.
fn hand_over(state: &mut State, heir: &Heir, basket: Option<Basket>) -> Answered {
    state.customers.take_basket(&heir.previous);
    let customer = state.customers.get_mut(&heir.current);
    let customer = customer.ok_or_else(|| Problem::bad_request("The customer is invalid."))?;
    customer.basket = basket;
    Ok(baskets::answer(customer))
}
