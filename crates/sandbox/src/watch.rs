//! What surrounds every simulated call: it is named, entered in the ledger, and suffers the fault
//! that is planned for it.

use std::future::pending;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::time::sleep;

use super::ask::{BODY_LIMIT, Fields};
use super::faults::Fault;
use super::ledger::{Call, Operation, Upstream};
use super::platform::Shared;
use super::server::Line;

/// The router with every call watched. `other` is the operation of a path that tells nothing.
pub(super) fn watched(router: Router<Shared>, platform: &Shared, other: Operation) -> Router {
    let watching = from_fn_with_state((Arc::clone(platform), other), watch);
    router.layer(watching).with_state(Arc::clone(platform))
}

async fn watch(
    State((platform, other)): State<(Shared, Operation)>,
    line: Option<Extension<Line>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok((request, body)) = read(request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(operation) = name(request.method(), request.uri().path(), &body, other) else {
        return next.run(request).await;
    };
    let call = call(operation, &request, platform.now_ms());
    let (number, fault) = {
        let mut state = platform.state();
        (state.ledger.enter(call), state.faults.draw(operation))
    };
    let line = line.map(|Extension(line)| line);
    let response = match fault {
        Some(fault) => suffer(fault, operation.upstream(), line, request, next).await,
        None => next.run(request).await,
    };
    platform.state().ledger.answered(number, response.status().as_u16(), platform.now_ms());
    response
}

fn call(operation: Operation, request: &Request, at_ms: i64) -> Call {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let call = Call::new(operation, request.method().clone(), uri.path(), at_ms);
    call.with_target(target).with_headers(request.headers())
}

/// The request with its body read, and the body once more.
async fn read(request: Request) -> Result<(Request, Vec<u8>), axum::Error> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await?;
    Ok((Request::from_parts(parts, Body::from(body.clone())), body.into()))
}

async fn suffer(
    fault: Fault,
    upstream: Upstream,
    line: Option<Line>,
    request: Request,
    next: Next,
) -> Response {
    match fault {
        // Detached, so that a caller who gives up does not undo what the platform does.
        Fault::Delay(time) => {
            let late = tokio::spawn(async move {
                sleep(time).await;
                next.run(request).await
            });
            late.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
        Fault::DelayAfter(time) => {
            let response = next.run(request).await;
            sleep(time).await;
            response
        }
        Fault::Status(status, retry_after) => refusal(upstream, status, retry_after),
        Fault::Shed(..) if request.uri().path().starts_with("/checkout/") => {
            next.run(request).await
        }
        Fault::Shed(status, retry_after) => shed(refusal(upstream, status, retry_after)),
        Fault::Body(status, text) => {
            (code(status), [(header::CONTENT_TYPE, kind_of(&text))], text).into_response()
        }
        Fault::ExtraHeader(name, value) => {
            let mut response = next.run(request).await;
            let line = HeaderName::try_from(name).ok().zip(value.try_into().ok());
            response.headers_mut().extend(line);
            response
        }
        Fault::Hang => pending().await,
        Fault::Reset => {
            let _lost = next.run(request).await;
            if let Some(line) = line {
                line.cut();
            }
            pending().await
        }
    }
}

/// The load in per cent, and what the platform does about it from 90 on.
fn shed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert("sfdc_load", HeaderValue::from_static("94"));
    headers.insert("sfdc_load_status", HeaderValue::from_static("THROTTLE"));
    response
}

/// A refusal in the words of that system; a page host answers like an edge, with HTML.
fn refusal(upstream: Upstream, status: u16, retry_after: Option<u64>) -> Response {
    let status = code(status);
    let reason = status.canonical_reason().unwrap_or("Refused");
    let body = match upstream {
        Upstream::Slas => Json(json!({"error": "server_error", "error_description": reason})),
        Upstream::Ocapi => Json(json!({"_v": "24.5", "fault":
            {"type": "InternalServerErrorException", "message": reason, "arguments": {}}})),
        Upstream::Scapi => Json(json!({"title": reason, "detail": reason,
            "type": "https://api.commercecloud.salesforce.com/documentation/error/v1/errors/fault"})),
        Upstream::Ecom | Upstream::Head => {
            let page = format!("<!doctype html><title>{reason}</title><h1>{reason}</h1>");
            return with_retry((status, axum::response::Html(page)).into_response(), retry_after);
        }
    };
    with_retry((status, body).into_response(), retry_after)
}

fn with_retry(mut response: Response, retry_after: Option<u64>) -> Response {
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The media type that a text looks like.
fn kind_of(text: &str) -> &'static str {
    match text.trim_start().chars().next() {
        Some('{' | '[' | '"') => "application/json",
        Some('<') => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What a call wants; `None` for what is not worth a line: assets and the inspector.
fn name(method: &Method, path: &str, body: &[u8], other: Operation) -> Option<Operation> {
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

/// How paths of SCAPI begin.
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
