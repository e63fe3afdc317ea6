//! The shopper's profile and basket, identified by the access token of the `token` cookie.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{HeadError, check_same_origin};
use crate::catalog;
use crate::platform::Platform;
use crate::request::Request;
use crate::slas::access_token::{self, Claims};
use crate::state::{Basket, LineItem, State};

/// The largest quantity that one request can add.
const QUANTITY_LIMIT: u32 = 99;

pub(super) fn me(platform: &Platform, request: &Request) -> Result<Response, HeadError> {
    let state = platform.state();
    let claims = caller(platform, &state, request)?;
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

pub(super) fn add(platform: &Platform, request: &Request) -> Result<Response, HeadError> {
    check_same_origin(request)?;
    let mut state = platform.state();
    let claims = caller(platform, &state, request)?;
    let bad = || HeadError { status: StatusCode::BAD_REQUEST, code: "bad_request" };
    let item: Item = request.json().ok_or_else(bad)?;
    let product = catalog::find(&item.product_id).ok_or_else(bad)?;
    if !(1..=QUANTITY_LIMIT).contains(&item.quantity) {
        return Err(bad());
    }
    let customer = state.customers.get_mut(claims.customer_id()).ok_or_else(unknown)?;
    let basket = customer.basket.get_or_insert_with(Basket::new);
    basket.add(product, item.quantity);
    Ok(Json(document(Some(basket))).into_response())
}

fn caller(platform: &Platform, state: &State, request: &Request) -> Result<Claims, HeadError> {
    let token = request.cookie("token").ok_or_else(unknown)?;
    let claims = access_token::verify(&platform.options, state, &token, platform.now());
    claims.map_err(|_| unknown())
}

fn unknown() -> HeadError {
    HeadError { status: StatusCode::UNAUTHORIZED, code: "no_valid_token" }
}

fn document(basket: Option<&Basket>) -> Value {
    let items = basket.map_or(&[][..], |basket| &basket.items).iter().map(item);
    json!({
        "items": items.collect::<Vec<_>>(),
        "count": basket.map_or(0, Basket::count),
        "total": catalog::amount(basket.map_or(0, Basket::total_cents)),
    })
}

fn item(item: &LineItem) -> Value {
    json!({"product_id": item.product.id, "name": item.product.name, "quantity": item.quantity,
           "price": catalog::amount(item.product.cents)})
}
