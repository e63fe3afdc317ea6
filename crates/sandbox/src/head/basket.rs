//! Who am I, and what is in my basket? The Head asks with the access token of the `token` cookie.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, check_same_site};
use crate::ask::Ask;
use crate::catalog;
use crate::platform::Platform;
use crate::slas::access::{self, Claims};
use crate::state::{Basket, Line, State};

/// Pieces that one click may add.
const QUANTITY_LIMIT: u32 = 99;

pub(super) fn me(platform: &Platform, ask: &Ask) -> Result<Response, Refusal> {
    let state = platform.state();
    let claims = caller(platform, &state, ask)?;
    let customer = state.customers.get(claims.customer_id()).ok_or_else(unknown)?;
    let body = json!({
        "customer_type": customer.kind(),
        "customer_id": customer.id,
        "login": customer.login(),
        "name": customer.name,
        "basket": document(customer.basket.as_ref()),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

#[derive(Deserialize)]
struct Item {
    product_id: String,
    quantity: u32,
}

pub(super) fn add(platform: &Platform, ask: &Ask) -> Result<Response, Refusal> {
    check_same_site(ask)?;
    let mut state = platform.state();
    let claims = caller(platform, &state, ask)?;
    let bad = || Refusal(StatusCode::BAD_REQUEST, "bad_request");
    let item: Item = ask.json().ok_or_else(bad)?;
    let product = catalog::find(&item.product_id).ok_or_else(bad)?;
    if !(1..=QUANTITY_LIMIT).contains(&item.quantity) {
        return Err(bad());
    }
    let customer = state.customers.get_mut(claims.customer_id()).ok_or_else(unknown)?;
    let basket = customer.basket.get_or_insert_with(Basket::new);
    basket.add(product, item.quantity);
    Ok(Json(document(Some(basket))).into_response())
}

fn caller(platform: &Platform, state: &State, ask: &Ask) -> Result<Claims, Refusal> {
    let token = ask.cookie("token").ok_or_else(unknown)?;
    let claims = access::verify(&platform.options, state, &token, platform.now());
    claims.map_err(|_| unknown())
}

fn unknown() -> Refusal {
    Refusal(StatusCode::UNAUTHORIZED, "no_valid_token")
}

fn document(basket: Option<&Basket>) -> Value {
    let items = basket.map_or(&[][..], |basket| &basket.lines).iter().map(item);
    json!({
        "items": items.collect::<Vec<_>>(),
        "count": basket.map_or(0, Basket::count),
        "total": catalog::amount(basket.map_or(0, Basket::total_cents)),
    })
}

fn item(line: &Line) -> Value {
    json!({"product_id": line.product.id, "name": line.product.name, "quantity": line.quantity,
           "price": catalog::amount(line.product.cents)})
}
