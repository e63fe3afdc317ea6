//! The demo Head: static pages, and a small JSON interface that knows the shopper by the access
//! token in the `token` cookie.

mod basket;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::ask::{Ask, Calls};
use super::catalog::{self, PRODUCTS};
use super::inspector;
use super::ledger::Operation;
use super::platform::Shared;
use super::watch;

const NOT_FOUND: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Not found</title><link rel=\"stylesheet\" href=\"/assets/app.css\">\
    <main><h1>Nothing here</h1><p><a href=\"/\">Back to the shop</a></p></main></html>";

/// A refusal of the JSON interface: the status and a word.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"code": self.1}))).into_response()
    }
}

/// Everything the Head serves.
pub(super) fn router(platform: &Shared) -> Router {
    let routes = Router::new()
        .route("/", page(include_str!("pages/head.html")))
        .route("/login", page(include_str!("pages/login.html")))
        .route("/cart", page(include_str!("pages/cart.html")))
        .route("/inspector", page(include_str!("pages/inspector.html")))
        .route("/assets/app.css", asset("text/css", include_str!("pages/app.css")))
        .route("/assets/app.js", asset("text/javascript", include_str!("pages/app.js")))
        .route("/assets/inspector.js", asset("text/javascript", include_str!("pages/inspector.js")))
        .route("/api/products", get(|| async { products() }))
        .route("/api/me", get(Calls(basket::me)))
        .route("/api/basket/items", post(Calls(basket::add)))
        .nest("/inspector", inspector::router())
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(NOT_FOUND)) });
    watch::watched(routes, platform, Operation::HeadPage)
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

/// Whether a state-changing request comes from the shop's own pages, or from no browser at all.
pub(super) fn check_same_site(ask: &Ask) -> Result<(), Refusal> {
    match ask.header("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(Refusal(StatusCode::FORBIDDEN, "csrf_rejected")),
    }
}
