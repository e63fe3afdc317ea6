//! The API of the inspector page: it shows the SLAS tokens and the DW session, and expires, revokes
//! and fails things on request. It never returns a token or a cookie value.

mod requests;
mod view;

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::call_log::Upstream;
use super::cookies;
use super::faults::{Fault, Times};
use super::head::{HeadError, check_same_origin};
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};
use super::slas::access_token;

/// The delay of a slow system.
const SLOW: Duration = Duration::from_millis(2500);

/// The cookies that can hold a refresh token, with the customer type.
const REFRESH_COOKIES: [(&str, &str); 2] = [("cc-nx", "registered"), ("cc-nx-g", "guest")];

type HandlerResult = Result<Response, HeadError>;

/// The routes under `/inspector`.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route(
            "/state",
            get(Endpoint(|platform, request| Ok::<_, HeadError>(state(platform, request)))),
        )
        .route("/expire-access", post(Endpoint(expire_access)))
        .route("/expire-dw", post(Endpoint(expire_dw_session)))
        .route("/revoke-refresh", post(Endpoint(revoke_refresh_token)))
        .route("/fault", post(Endpoint(set_fault)))
}

fn state(platform: &Platform, request: &Request) -> Response {
    let document = view::of(platform, &platform.state(), request);
    ([(header::CACHE_CONTROL, "no-store")], Json(document)).into_response()
}

/// Replaces the browser's access token with an expired copy.
fn expire_access(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_origin(request)?;
    let state = platform.state();
    let mut response = no_content();
    let token = request.cookie("token").unwrap_or_default();
    if let Some(claims) = access_token::open(&state, &token) {
        // A browser would drop a long cookie.
        let mut claims = claims.shortened();
        claims.exp = platform.now() - 1;
        let expired = claims.sign(&state);
        let line = format!("token={expired}; Path=/; HttpOnly; SameSite=Lax");
        cookies::set(response.headers_mut(), line);
    }
    Ok(response)
}

fn expire_dw_session(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_origin(request)?;
    if let Some(dwsid) = request.cookie("dwsid") {
        platform.state().sessions.expire(&dwsid);
    }
    Ok(no_content())
}

fn revoke_refresh_token(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_origin(request)?;
    let mut state = platform.state();
    for token in REFRESH_COOKIES.iter().filter_map(|(name, _)| request.cookie(name)) {
        state.grants.revoke(&token);
    }
    Ok(no_content())
}

#[derive(Deserialize)]
struct FaultRequest {
    upstream: Upstream,
    kind: Kind,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Slow,
    Fail,
    None,
}

fn set_fault(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_origin(request)?;
    let body: Option<FaultRequest> = request.json();
    // A failing Head could not show the button that removes the fault.
    let body = body.filter(|body| body.upstream != Upstream::Head);
    let FaultRequest { upstream, kind } =
        body.ok_or(HeadError { status: StatusCode::BAD_REQUEST, code: "bad_request" })?;
    let mut state = platform.state();
    state.faults.clear_upstream(upstream);
    match kind {
        Kind::Slow => state.faults.plan(upstream.into(), Fault::Delay(SLOW), Times::Always),
        Kind::Fail => state.faults.plan(upstream.into(), Fault::Status(503, None), Times::Always),
        Kind::None => {}
    }
    Ok(no_content())
}

fn no_content() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()
}
