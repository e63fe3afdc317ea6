//! The demo Head: static pages, and a small JSON API that identifies the shopper by the access
//! token in the `token` cookie.

mod basket;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::catalog::{self, PRODUCTS};
use super::platform::Shared;
use super::request::{Endpoint, Request};

const NOT_FOUND: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Not found</title><link rel=\"stylesheet\" href=\"/assets/app.css\">\
    <main><h1>Nothing here</h1><p><a href=\"/\">Back to the shop</a></p></main></html>";

/// An error of the JSON API: its status and code.
pub(super) struct HeadError(pub(super) StatusCode, pub(super) &'static str);

impl IntoResponse for HeadError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"code": self.1}))).into_response()
    }
}

/// The routes of the Head.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/", page(include_str!("pages/head.html")))
        .route("/login", page(include_str!("pages/login.html")))
        .route("/cart", page(include_str!("pages/cart.html")))
        .route("/inspector", page(include_str!("pages/inspector.html")))
        .route("/assets/app.css", asset("text/css", include_str!("pages/app.css")))
        .route("/assets/app.js", asset("text/javascript", include_str!("pages/app.js")))
        .route("/assets/inspector.js", asset("text/javascript", include_str!("pages/inspector.js")))
        .route("/api/products", get(|| async { products() }))
        .route("/api/me", get(Endpoint(basket::me)))
        .route("/api/basket/items", post(Endpoint(basket::add)))
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(NOT_FOUND)) })
}

fn page(html: &'static str) -> MethodRouter<Shared> {
    get(move || async move { ([(header::CACHE_CONTROL, "no-cache")], Html(html)) })
}

fn asset(kind: &'static str, text: &'static str) -> MethodRouter<Shared> {
    let kind = format!("{kind}; charset=utf-8");
    get(move || async move {
        (
            [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, "public, max-age=300".to_owned()),
            ],
            text,
        )
    })
}

fn products() -> Response {
    let shelf = PRODUCTS.iter().map(|product| {
        json!({"id": product.id, "name": product.name, "price": catalog::amount(product.cents),
               "blurb": product.blurb, "hue": product.hue})
    });
    Json(Value::Array(shelf.collect())).into_response()
}

/// Rejects a state-changing request that a browser sent from another site.
pub(super) fn check_same_site(request: &Request) -> Result<(), HeadError> {
    match request.header("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(HeadError(StatusCode::FORBIDDEN, "csrf_rejected")),
    }
}
