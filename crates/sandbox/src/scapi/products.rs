//! One product, several products, and the product search.

use axum::Json;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::problem::ScapiProblem;
use super::{HandlerResult, caller};
use crate::catalog::{self, PRODUCTS, Product};
use crate::platform::Platform;
use crate::request::Request;

/// How many products one call can request.
const IDS_LIMIT: usize = 24;

pub(super) fn one(platform: &Platform, request: &Request) -> HandlerResult {
    caller(platform, &platform.state(), request)?;
    let id = request.path("product");
    let product = catalog::find(id).ok_or_else(|| ScapiProblem::product_not_found(id))?;
    Ok(Json(document(product)).into_response())
}

pub(super) fn several(platform: &Platform, request: &Request) -> HandlerResult {
    caller(platform, &platform.state(), request)?;
    let ids = request.query.get("ids").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    if !(1..=IDS_LIMIT).contains(&ids.len()) {
        return Err(ScapiProblem::bad_request(
            "The query parameter 'ids' must name 1 to 24 products.",
        ));
    }
    let found = ids.into_iter().filter_map(catalog::find).map(document);
    let found: Vec<Value> = found.collect();
    let body = json!({"limit": found.len(), "total": found.len(), "data": found});
    Ok(Json(body).into_response())
}

pub(super) fn search(platform: &Platform, request: &Request) -> HandlerResult {
    caller(platform, &platform.state(), request)?;
    let query = request.query.get("q").unwrap_or_default();
    let words = query.to_lowercase();
    let matches = |product: &&Product| {
        product.name.to_lowercase().contains(&words)
            || product.blurb.to_lowercase().contains(&words)
    };
    let hits: Vec<Value> = PRODUCTS.iter().filter(matches).map(hit).collect();
    let body = json!({"query": query, "limit": 25, "offset": 0, "total": hits.len(),
                      "hits": hits});
    Ok(Json(body).into_response())
}

fn document(product: &Product) -> Value {
    json!({"id": product.id, "name": product.name, "shortDescription": product.blurb,
           "price": catalog::amount(product.cents), "currency": "USD",
           "type": {"item": true}, "minOrderQuantity": 1, "stepQuantity": 1})
}

fn hit(product: &Product) -> Value {
    json!({"productId": product.id, "productName": product.name, "hitType": "product",
           "price": catalog::amount(product.cents), "currency": "USD", "orderable": true})
}
