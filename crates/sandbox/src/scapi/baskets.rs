//! List, create, read, fill and delete baskets.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::ScapiProblem;
use super::{HandlerResult, caller};
use crate::catalog::{self, Product};
use crate::platform::Platform;
use crate::request::Request;
use crate::state::{Basket, Customer, State};

/// The largest quantity of one product in a basket.
pub(crate) const QUANTITY_LIMIT: u32 = 999;

pub(super) fn list(platform: &Platform, request: &Request) -> HandlerResult {
    let state = platform.state();
    let claims = caller(platform, &state, request)?;
    if request.path("customer") != claims.customer_id() {
        return Err(ScapiProblem::bad_request("The customer is invalid."));
    }
    let customer = state.customers.get(claims.customer_id());
    let baskets: Vec<Value> = customer.and_then(document).into_iter().collect();
    Ok(Json(json!({"total": baskets.len(), "baskets": baskets})).into_response())
}

pub(super) fn create(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    if !request.has_type("application/json") {
        return Err(ScapiProblem::unsupported_media_type());
    }
    if let Some(basket) = &customer.basket {
        return Err(ScapiProblem::quota(&basket.id));
    }
    customer.basket = Some(Basket::new());
    Ok(basket_response(customer))
}

pub(super) fn get(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    named_basket(customer, request)?;
    Ok(basket_response(customer))
}

pub(super) fn delete(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    named_basket(customer, request)?;
    customer.basket = None;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn add_items(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    let basket = named_basket(customer, request)?;
    for (product, quantity) in read_items(request)? {
        basket.add(product, quantity);
    }
    Ok(basket_response(customer))
}

/// Sets the quantity of an item; 0 takes it out.
pub(super) fn change_item(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    let basket = named_basket(customer, request)?;
    if !request.has_type("application/json") {
        return Err(ScapiProblem::unsupported_media_type());
    }
    let change: Option<Change> = request.json();
    let quantity = change.map(|change| change.quantity).filter(|count| *count <= QUANTITY_LIMIT);
    let quantity = quantity.ok_or_else(|| ScapiProblem::bad_request("The quantity is invalid."))?;
    set_quantity(basket, request, quantity)?;
    Ok(basket_response(customer))
}

pub(super) fn remove_item(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    set_quantity(named_basket(customer, request)?, request, 0)?;
    Ok(basket_response(customer))
}

fn set_quantity(basket: &mut Basket, request: &Request, quantity: u32) -> Result<(), ScapiProblem> {
    let id = request.path("item");
    let item = basket.items.iter_mut().find(|item| item.id == id);
    item.ok_or_else(|| ScapiProblem::item_not_found(id))?.quantity = quantity;
    basket.items.retain(|item| item.quantity > 0);
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

fn read_items(request: &Request) -> Result<Vec<(&'static Product, u32)>, ScapiProblem> {
    if !request.has_type("application/json") {
        return Err(ScapiProblem::unsupported_media_type());
    }
    let items: Option<Vec<Item>> = request.json();
    let items =
        items.ok_or_else(|| ScapiProblem::bad_request("The body must be a list of items."))?;
    let known = |item: Item| {
        let product = catalog::find(&item.product_id);
        let product = product.filter(|_| (1..=QUANTITY_LIMIT).contains(&item.quantity));
        product.map(|product| (product, item.quantity))
    };
    let items: Option<Vec<_>> = items.into_iter().map(known).collect();
    items.ok_or_else(|| {
        ScapiProblem::bad_request("A product is unknown or its quantity is invalid.")
    })
}

/// The customer of the Bearer token.
fn customer<'a>(
    platform: &Platform,
    state: &'a mut State,
    request: &Request,
) -> Result<&'a mut Customer, ScapiProblem> {
    let claims = caller(platform, state, request)?;
    let customer = state.customers.get_mut(claims.customer_id());
    customer.ok_or_else(|| ScapiProblem::bad_request("The customer is invalid."))
}

/// The basket of the path, which must be the customer's own.
fn named_basket<'a>(
    customer: &'a mut Customer,
    request: &Request,
) -> Result<&'a mut Basket, ScapiProblem> {
    let id = request.path("basket");
    let basket = customer.basket.as_mut().filter(|basket| basket.id == id);
    basket.ok_or_else(|| ScapiProblem::basket_not_found(id))
}

/// 200 with the customer's basket, or 204 if there is none.
pub(super) fn basket_response(customer: &Customer) -> Response {
    match document(customer) {
        Some(document) => Json(document).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn document(customer: &Customer) -> Option<Value> {
    let basket = customer.basket.as_ref()?;
    let items = basket.items.iter().map(|item| {
        json!({"itemId": item.id, "productId": item.product.id, "productName": item.product.name,
               "quantity": item.quantity, "basePrice": catalog::amount(item.product.cents),
               "price": catalog::amount(item.cents())})
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
