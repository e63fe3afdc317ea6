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

/// An error of the JSON API.
pub(super) struct HeadError {
    pub(super) status: StatusCode,
    /// The value of `code` in the body.
    pub(super) code: &'static str,
}

impl IntoResponse for HeadError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"code": self.code}))).into_response()
    }
}

/// The routes of the Head.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/", serve_page(include_str!("pages/head.html")))
        .route("/login", serve_page(include_str!("pages/login.html")))
        .route("/cart", serve_page(include_str!("pages/cart.html")))
        .route("/inspector", serve_page(include_str!("pages/inspector.html")))
        .route("/assets/app.css", serve_asset("text/css", include_str!("pages/app.css")))
        .route("/assets/app.js", serve_asset("text/javascript", include_str!("pages/app.js")))
        .route(
            "/assets/inspector.js",
            serve_asset("text/javascript", include_str!("pages/inspector.js")),
        )
        .route("/api/products", get(|| async { list_products() }))
        .route("/api/me", get(Endpoint(basket::me)))
        .route("/api/basket/items", post(Endpoint(basket::add)))
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(NOT_FOUND)) })
}

fn serve_page(html: &'static str) -> MethodRouter<Shared> {
    get(move || async move { ([(header::CACHE_CONTROL, "no-cache")], Html(html)) })
}

fn serve_asset(media_type: &'static str, body: &'static str) -> MethodRouter<Shared> {
    let content_type = format!("{media_type}; charset=utf-8");
    get(move || async move {
        (
            [
                (header::CONTENT_TYPE, content_type),
                (header::CACHE_CONTROL, "public, max-age=300".to_owned()),
            ],
            body,
        )
    })
}

fn list_products() -> Response {
    let products = PRODUCTS.iter().map(|product| {
        json!({"id": product.id, "name": product.name, "price": catalog::amount(product.cents),
               "blurb": product.blurb, "hue": product.hue})
    });
    Json(Value::Array(products.collect())).into_response()
}

/// Rejects a state-changing request that a browser sent from a page of another origin, of this site
/// or another. A browser sends `Sec-Fetch-Site` to the addresses on which the Head runs (loopback and
/// https). So a request without it is from no browser, and no other site caused it.
pub(super) fn check_same_origin(request: &Request) -> Result<(), HeadError> {
    match request.header("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(HeadError { status: StatusCode::FORBIDDEN, code: "csrf_rejected" }),
    }
}
