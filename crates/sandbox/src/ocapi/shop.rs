//! What the old shop API is for: products to read, and a basket of the token's customer.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Refusal;
use super::{Answered, auth, check_place, sessions};
use crate::ask::Ask;
use crate::catalog;
use crate::platform::Platform;
use crate::state::{Basket, Customer, State};

/// Pieces of one product that a basket takes.
const QUANTITY_LIMIT: u32 = 999;

/// A product, for who names a client or shows a token.
pub(super) fn product(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    if ask.headers.contains_key(header::AUTHORIZATION) {
        sessions::customer_of(platform, &platform.state(), ask)?;
    } else {
        auth::client_id(platform, ask)?;
    }
    let message = "No product with this ID is online.";
    let missing = || Refusal::new(StatusCode::NOT_FOUND, "ProductNotFoundException", message);
    let product = catalog::find(ask.path("product")).ok_or_else(missing)?;
    let body = json!({"_v": "24.5", "_type": "product", "id": product.id, "name": product.name,
                      "short_description": product.blurb, "currency": "USD",
                      "price": catalog::amount(product.cents)});
    Ok(Json(body).into_response())
}

pub(super) fn create_basket(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    if customer.basket.is_some() {
        let message = "The customer already has a basket.";
        let kind = "CustomerBasketsQuotaExceededException";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, kind, message));
    }
    customer.basket = Some(Basket::new());
    document(customer)
}

pub(super) fn get_basket(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    named_basket(customer, ask)?;
    document(customer)
}

pub(super) fn add_items(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    let basket = named_basket(customer, ask)?;
    let bad = || {
        let message = "The body is no list of known products with a quantity.";
        Refusal::new(StatusCode::BAD_REQUEST, "MalformedDocumentException", message)
    };
    let items: Vec<Item> = ask.json().ok_or_else(bad)?;
    let known = |item: Item| {
        let product = catalog::find(&item.product_id)?;
        (1..=QUANTITY_LIMIT).contains(&item.quantity).then_some((product, item.quantity))
    };
    let items: Option<Vec<_>> = items.into_iter().map(known).collect();
    for (product, quantity) in items.ok_or_else(bad)? {
        basket.add(product, quantity);
    }
    document(customer)
}

#[derive(Deserialize)]
struct Item {
    product_id: String,
    quantity: u32,
}

/// The customer of the Bearer token.
fn customer<'a>(
    platform: &Platform,
    state: &'a mut State,
    ask: &Ask,
) -> Result<&'a mut Customer, Refusal> {
    let id = sessions::customer_of(platform, state, ask)?;
    state.customers.get_mut(&id).ok_or_else(Refusal::authentication)
}

/// The basket of the path, which must be the customer's own.
fn named_basket<'a>(customer: &'a mut Customer, ask: &Ask) -> Result<&'a mut Basket, Refusal> {
    let own = customer.basket.as_mut().filter(|basket| basket.id == ask.path("basket"));
    let message = "No basket with this ID was found.";
    own.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "BasketNotFoundException", message))
}

fn document(customer: &Customer) -> Answered {
    let basket = customer.basket.as_ref().ok_or_else(Refusal::authentication)?;
    let items: Vec<Value> = basket
        .lines
        .iter()
        .map(|line| {
            json!({"_type": "product_item", "item_id": line.id, "product_id": line.product.id,
                   "quantity": line.quantity, "price": catalog::amount(line.cents())})
        })
        .collect();
    let body = json!({"_v": "24.5", "_type": "basket", "basket_id": basket.id, "currency": "USD",
                      "customer_info": {"customer_id": customer.id, "email": customer.login()},
                      "product_items": items,
                      "product_sub_total": catalog::amount(basket.total_cents())});
    Ok::<Response, Refusal>(Json(body).into_response())
}
