//! Products, and the basket of the token's customer.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::OcapiFault;
use super::{HandlerResult, auth, check_access, sessions};
use crate::catalog;
use crate::platform::Platform;
use crate::request::Request;
use crate::state::{Basket, Customer, State};

/// The largest quantity of one product in a basket.
const QUANTITY_LIMIT: u32 = 999;

/// A product. The call must send a client id or a token.
pub(super) fn product(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    if request.headers.contains_key(header::AUTHORIZATION) {
        sessions::customer_of(platform, &platform.state(), request)?;
    } else {
        auth::client_id(platform, request)?;
    }
    let message = "No product with this ID is online.";
    let missing = || OcapiFault::new(StatusCode::NOT_FOUND, "ProductNotFoundException", message);
    let product = catalog::find(request.path("product")).ok_or_else(missing)?;
    let body = json!({"_v": "24.5", "_type": "product", "id": product.id, "name": product.name,
                      "short_description": product.blurb, "currency": "USD",
                      "price": catalog::amount(product.cents)});
    Ok(Json(body).into_response())
}

pub(super) fn create_basket(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    if customer.basket.is_some() {
        let message = "The customer already has a basket.";
        let kind = "CustomerBasketsQuotaExceededException";
        return Err(OcapiFault::new(StatusCode::BAD_REQUEST, kind, message));
    }
    customer.basket = Some(Basket::new());
    document(customer)
}

pub(super) fn get_basket(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    named_basket(customer, request)?;
    document(customer)
}

pub(super) fn add_items(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    let mut state = platform.state();
    let customer = customer(platform, &mut state, request)?;
    let basket = named_basket(customer, request)?;
    let bad = || {
        let message = "The body must be a list of known products with a quantity.";
        OcapiFault::new(StatusCode::BAD_REQUEST, "MalformedDocumentException", message)
    };
    let items: Vec<Item> = request.json().ok_or_else(bad)?;
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
    request: &Request,
) -> Result<&'a mut Customer, OcapiFault> {
    let id = sessions::customer_of(platform, state, request)?;
    state.customers.get_mut(&id).ok_or_else(OcapiFault::authentication)
}

/// The basket of the path, which must be the customer's own.
fn named_basket<'a>(
    customer: &'a mut Customer,
    request: &Request,
) -> Result<&'a mut Basket, OcapiFault> {
    let own = customer.basket.as_mut().filter(|basket| basket.id == request.path("basket"));
    let message = "No basket with this ID was found.";
    own.ok_or_else(|| OcapiFault::new(StatusCode::NOT_FOUND, "BasketNotFoundException", message))
}

fn document(customer: &Customer) -> HandlerResult {
    let basket = customer.basket.as_ref().ok_or_else(OcapiFault::authentication)?;
    let items: Vec<Value> = basket
        .items
        .iter()
        .map(|item| {
            json!({"_type": "product_item", "item_id": item.id, "product_id": item.product.id,
                   "quantity": item.quantity, "price": catalog::amount(item.cents())})
        })
        .collect();
    let body = json!({"_v": "24.5", "_type": "basket", "basket_id": basket.id, "currency": "USD",
                      "customer_info": {"customer_id": customer.id, "email": customer.login()},
                      "product_items": items,
                      "product_sub_total": catalog::amount(basket.total_cents())});
    Ok::<Response, OcapiFault>(Json(body).into_response())
}
