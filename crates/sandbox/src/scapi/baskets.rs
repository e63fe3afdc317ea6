//! Baskets one at a time: list, create, read, fill, delete.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Answered, caller};
use crate::ask::Ask;
use crate::catalog::{self, Product};
use crate::platform::Platform;
use crate::state::{Basket, Customer, State};

/// Pieces of one product that a basket takes.
const QUANTITY_LIMIT: u32 = 999;

pub(super) fn list(platform: &Platform, ask: &Ask) -> Answered {
    let state = platform.state();
    let claims = caller(platform, &state, ask)?;
    if ask.path("customer") != claims.customer_id() {
        return Err(Problem::bad_request("The customer is invalid."));
    }
    let customer = state.customers.get(claims.customer_id());
    let baskets: Vec<Value> = customer.and_then(document).into_iter().collect();
    Ok(Json(json!({"total": baskets.len(), "baskets": baskets})).into_response())
}

pub(super) fn create(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    if !ask.has_type("application/json") {
        return Err(Problem::unsupported_media_type());
    }
    if let Some(basket) = &customer.basket {
        return Err(Problem::quota(&basket.id));
    }
    customer.basket = Some(Basket::new());
    Ok(answer(customer))
}

pub(super) fn get(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    named_basket(customer, ask)?;
    Ok(answer(customer))
}

pub(super) fn delete(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    named_basket(customer, ask)?;
    customer.basket = None;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn add_items(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    let basket = named_basket(customer, ask)?;
    for (product, quantity) in wanted_items(ask)? {
        basket.add(product, quantity);
    }
    Ok(answer(customer))
}

/// Sets the quantity of a line; 0 takes it out.
pub(super) fn change_item(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    let basket = named_basket(customer, ask)?;
    if !ask.has_type("application/json") {
        return Err(Problem::unsupported_media_type());
    }
    let change: Option<Change> = ask.json();
    let quantity = change.map(|change| change.quantity).filter(|count| *count <= QUANTITY_LIMIT);
    let quantity = quantity.ok_or_else(|| Problem::bad_request("The quantity is wrong."))?;
    set_quantity(basket, ask, quantity)?;
    Ok(answer(customer))
}

pub(super) fn remove_item(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, ask)?;
    set_quantity(named_basket(customer, ask)?, ask, 0)?;
    Ok(answer(customer))
}

fn set_quantity(basket: &mut Basket, ask: &Ask, quantity: u32) -> Result<(), Problem> {
    let id = ask.path("item");
    let line = basket.lines.iter_mut().find(|line| line.id == id);
    line.ok_or_else(|| Problem::no_such_item(id))?.quantity = quantity;
    basket.lines.retain(|line| line.quantity > 0);
    Ok(())
}

#[derive(Deserialize)]
struct Change {
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    product_id: String,
    quantity: u32,
}

fn wanted_items(ask: &Ask) -> Result<Vec<(&'static Product, u32)>, Problem> {
    if !ask.has_type("application/json") {
        return Err(Problem::unsupported_media_type());
    }
    let items: Option<Vec<Item>> = ask.json();
    let items = items.ok_or_else(|| Problem::bad_request("The body is no list of items."))?;
    let known = |item: Item| {
        let product = catalog::find(&item.product_id);
        let product = product.filter(|_| (1..=QUANTITY_LIMIT).contains(&item.quantity));
        product.map(|product| (product, item.quantity))
    };
    let items: Option<Vec<_>> = items.into_iter().map(known).collect();
    items.ok_or_else(|| Problem::bad_request("A product is unknown or its quantity is wrong."))
}

/// The customer of the Bearer token.
fn customer<'a>(
    platform: &Platform,
    state: &'a mut State,
    ask: &Ask,
) -> Result<&'a mut Customer, Problem> {
    let claims = caller(platform, state, ask)?;
    let customer = state.customers.get_mut(claims.customer_id());
    customer.ok_or_else(|| Problem::bad_request("The customer is invalid."))
}

/// The basket of the path, which must be the customer's own.
fn named_basket<'a>(customer: &'a mut Customer, ask: &Ask) -> Result<&'a mut Basket, Problem> {
    let id = ask.path("basket");
    let basket = customer.basket.as_mut().filter(|basket| basket.id == id);
    basket.ok_or_else(|| Problem::no_such_basket(id))
}

/// 200 with the customer's basket, or 204 if there is none.
pub(super) fn answer(customer: &Customer) -> Response {
    match document(customer) {
        Some(document) => Json(document).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn document(customer: &Customer) -> Option<Value> {
    let basket = customer.basket.as_ref()?;
    let items = basket.lines.iter().map(|line| {
        json!({"itemId": line.id, "productId": line.product.id, "productName": line.product.name,
               "quantity": line.quantity, "basePrice": catalog::amount(line.product.cents),
               "price": catalog::amount(line.cents())})
    });
    Some(json!({
        "basketId": basket.id,
        "currency": "USD",
        "customerInfo": {"customerId": customer.id, "email": customer.login()},
        "productItems": items.collect::<Vec<_>>(),
        "productSubTotal": catalog::amount(basket.total_cents()),
        "productTotal": catalog::amount(basket.total_cents()),
    }))
}
