//! The middleware around every simulated call: it logs the call and applies the planned fault.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::time::sleep;

use super::call_log::{Call, Operation, Upstream};
use super::faults::Fault;
use super::platform::Shared;
use super::request::{BODY_LIMIT, Fields};
use super::server::Connection;

/// Adds the middleware to a router. `other` is the operation of a path that no rule names.
pub(super) fn recorded(router: Router<Shared>, platform: &Shared, other: Operation) -> Router {
    let recording = from_fn_with_state((Arc::clone(platform), other), record);
    router.layer(recording).with_state(Arc::clone(platform))
}

async fn record(
    State((platform, other)): State<(Shared, Operation)>,
    connection: Option<Extension<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok((request, body)) = read(request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(operation) = operation_of(request.method(), request.uri().path(), &body, other) else {
        return next.run(request).await;
    };
    let call = call(operation, &request, platform.now_ms());
    let (number, fault) = {
        let mut state = platform.state();
        (state.call_log.record(call), state.faults.next(operation))
    };
    let connection = connection.map(|Extension(connection)| connection);
    let response = match fault {
        Some(fault) => apply(fault, operation.upstream(), connection, request, next).await,
        None => next.run(request).await,
    };
    platform.state().call_log.complete(number, response.status().as_u16(), platform.now_ms());
    response
}

fn call(operation: Operation, request: &Request, at_ms: i64) -> Call {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let call = Call::new(operation, request.method().clone(), uri.path(), at_ms);
    call.with_target(target).with_headers(request.headers())
}

/// Reads the body, and returns the request with it and a copy of it.
async fn read(request: Request) -> Result<(Request, Vec<u8>), axum::Error> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await?;
    Ok((Request::from_parts(parts, Body::from(body.clone())), body.into()))
}

async fn apply(
    fault: Fault,
    upstream: Upstream,
    connection: Option<Connection>,
    request: Request,
    next: Next,
) -> Response {
    match fault {
        Fault::Delay(delay) => process_later(delay, request, next).await,
        Fault::DelayAfter(delay) => {
            let response = next.run(request).await;
            sleep(delay).await;
            response
        }
        Fault::Status(status, retry_after) => error_response(upstream, status, retry_after),
        Fault::Shed(..) if request.uri().path().starts_with("/checkout/") => {
            next.run(request).await
        }
        Fault::Shed(status, retry_after) => shed(error_response(upstream, status, retry_after)),
        Fault::Body(status, text) => {
            (status_code(status), [(header::CONTENT_TYPE, media_type_of(&text))], text)
                .into_response()
        }
        Fault::ExtraHeader(name, value) => {
            let mut response = next.run(request).await;
            let header = HeaderName::try_from(name).ok().zip(value.try_into().ok());
            response.headers_mut().extend(header);
            response
        }
        Fault::Hang => pending().await,
        Fault::Reset => {
            let _lost = next.run(request).await;
            if let Some(connection) = connection {
                connection.cut();
            }
            pending().await
        }
    }
}

/// Processes the call after a delay, in its own task: a client that disconnects does not stop it.
async fn process_later(delay: Duration, request: Request, next: Next) -> Response {
    let late = tokio::spawn(async move {
        sleep(delay).await;
        next.run(request).await
    });
    late.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Adds the headers of a platform that throttles: its load in per cent, 90 or more.
fn shed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert("sfdc_load", HeaderValue::from_static("94"));
    headers.insert("sfdc_load_status", HeaderValue::from_static("THROTTLE"));
    response
}

/// An error response in the format of this system. ECOM and the Head respond with HTML, as a CDN
/// does.
fn error_response(upstream: Upstream, status: u16, retry_after: Option<u64>) -> Response {
    let status = status_code(status);
    let reason = status.canonical_reason().unwrap_or("Error");
    let body = match upstream {
        Upstream::Slas => Json(json!({"error": "server_error", "error_description": reason})),
        Upstream::Ocapi => Json(json!({"_v": "24.5", "fault":
            {"type": "InternalServerErrorException", "message": reason, "arguments": {}}})),
        Upstream::Scapi => Json(json!({"title": reason, "detail": reason,
            "type": "https://api.commercecloud.salesforce.com/documentation/error/v1/errors/fault"})),
        Upstream::Ecom | Upstream::Head => {
            let page = format!("<!doctype html><title>{reason}</title><h1>{reason}</h1>");
            return with_retry_after(
                (status, axum::response::Html(page)).into_response(),
                retry_after,
            );
        }
    };
    with_retry_after((status, body).into_response(), retry_after)
}

fn with_retry_after(mut response: Response, retry_after: Option<u64>) -> Response {
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The media type that a text looks like.
fn media_type_of(text: &str) -> &'static str {
    match text.trim_start().chars().next() {
        Some('{' | '[' | '"') => "application/json",
        Some('<') => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The operation of a call; `None` for calls that are not logged (assets and the inspector).
fn operation_of(method: &Method, path: &str, body: &[u8], other: Operation) -> Option<Operation> {
    if let Some((_, rest)) = path.split_once("/oauth2/") {
        return Some(slas(rest, body));
    }
    if SCAPI.iter().any(|family| path.starts_with(family)) {
        return Some(scapi(method, path));
    }
    if path.contains("/dw/shop/") {
        return Some(ocapi(method, path));
    }
    let rest = match path {
        _ if path.starts_with("/shopper/") => Operation::SlasOther,
        _ if path.starts_with("/s/") => Operation::OcapiOther,
        _ if path.starts_with("/assets/") || path.starts_with("/inspector") => return None,
        "/favicon.ico" => return None,
        _ if path.starts_with("/on/demandware.store/") => Operation::EcomPage,
        _ if path.starts_with("/api/") => Operation::HeadApi,
        _ => other,
    };
    Some(rest)
}

/// The path prefixes of SCAPI.
const SCAPI: [&str; 4] =
    ["/checkout/", "/customer/", "/product/shopper-products/", "/search/shopper-search/"];

fn slas(operation: &str, body: &[u8]) -> Operation {
    match operation {
        "authorize" => Operation::Authorize,
        "login" => Operation::Login,
        "session-bridge/token" => Operation::SessionBridge,
        "logout" => Operation::Logout,
        "jwks" => Operation::Jwks,
        "token" => match Fields::parse(body).get("grant_type") {
            Some("client_credentials") => Operation::TokenGuest,
            Some("authorization_code_pkce") => Operation::TokenCode,
            Some("refresh_token") => Operation::TokenRefresh,
            _ => Operation::SlasOther,
        },
        _ => Operation::SlasOther,
    }
}

fn scapi(method: &Method, path: &str) -> Operation {
    match path {
        _ if path.ends_with("/baskets/actions/transfer") => Operation::BasketTransfer,
        _ if path.ends_with("/baskets/actions/merge") => Operation::BasketMerge,
        _ if path.starts_with("/product/") => Operation::Products,
        _ if path.starts_with("/search/") => Operation::ProductSearch,
        _ if path.starts_with("/customer/") && path.ends_with("/baskets") => Operation::BasketList,
        _ if path.starts_with("/customer/") && method == Method::GET => Operation::CustomerGet,
        _ if path.starts_with("/customer/") => Operation::CustomerRegister,
        _ => Operation::ScapiOther,
    }
}

fn ocapi(method: &Method, path: &str) -> Operation {
    match path {
        _ if path.ends_with("/sessions") && method == Method::POST => Operation::Sessions,
        _ if path.ends_with("/customers/auth") && method == Method::POST => {
            Operation::CustomersAuth
        }
        _ => Operation::OcapiOther,
    }
}
