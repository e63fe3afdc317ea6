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
use serde_json::json;

use super::call_log::{Operation, Upstream};
use super::cookies;
use super::faults::{Fault, Target, Times};
use super::head::{HeadError, check_same_origin};
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};
use super::slas::access_token;
use super::state::State;

/// The delay of a slow system.
const SLOW: Duration = Duration::from_millis(2500);

/// Characters of an access token that fits no cookie, but the headers of a request.
const LONG_TOKEN: usize = 5_000;
/// Characters of an access token that fits neither.
const UNUSABLE_TOKEN: usize = 8_000;

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

/// What fails, and how. There is no fault of the Head: it could not show the button that removes it.
#[derive(Clone, Copy, Deserialize)]
#[serde(tag = "upstream", content = "kind", rename_all = "lowercase")]
enum FaultRequest {
    Slas(Kind),
    Ocapi(Kind),
    Scapi(Kind),
    Ecom(Kind),
    /// The refresh of tokens alone.
    Refresh(RefreshKind),
    /// New access tokens.
    Tokens(TokenKind),
}

/// A fault of a whole system.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Slow,
    Fail,
    None,
}

/// In which words SLAS rejects every refresh.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RefreshKind {
    /// 403: the account is locked.
    Locked,
    /// 400: the client is unknown.
    Client,
    None,
}

/// How long new access tokens are.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TokenKind {
    /// Longer than a cookie.
    Long,
    /// Longer than the headers of a request.
    Unusable,
    None,
}

impl RefreshKind {
    fn fault(self) -> Option<Fault> {
        let body = |status, error: &str, text: &str| {
            Fault::Body(status, json!({"error": error, "error_description": text}).to_string())
        };
        match self {
            Self::Locked => Some(body(403, "forbidden", "Customer account is locked.")),
            Self::Client => Some(body(400, "invalid_request", "invalid client_id")),
            Self::None => None,
        }
    }
}

impl TokenKind {
    fn least_length(self) -> usize {
        match self {
            Self::Long => LONG_TOKEN,
            Self::Unusable => UNUSABLE_TOKEN,
            Self::None => 0,
        }
    }
}

fn set_fault(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_origin(request)?;
    let body: Option<FaultRequest> = request.json();
    let body = body.ok_or(HeadError { status: StatusCode::BAD_REQUEST, code: "bad_request" })?;
    let mut state = platform.state();
    match body {
        FaultRequest::Slas(kind) => fail(&mut state, Upstream::Slas, kind),
        FaultRequest::Ocapi(kind) => fail(&mut state, Upstream::Ocapi, kind),
        FaultRequest::Scapi(kind) => fail(&mut state, Upstream::Scapi, kind),
        FaultRequest::Ecom(kind) => fail(&mut state, Upstream::Ecom, kind),
        FaultRequest::Refresh(kind) => plan(&mut state, Operation::TokenRefresh, kind.fault()),
        FaultRequest::Tokens(kind) => state.access_token_length = kind.least_length(),
    }
    Ok(no_content())
}

fn fail(state: &mut State, upstream: Upstream, kind: Kind) {
    let fault = match kind {
        Kind::Slow => Some(Fault::Delay(SLOW)),
        Kind::Fail => Some(Fault::Status(503, None)),
        Kind::None => None,
    };
    plan(state, upstream, fault);
}

fn plan(state: &mut State, target: impl Into<Target>, fault: Option<Fault>) {
    let target = target.into();
    state.faults.clear_target(target);
    if let Some(fault) = fault {
        state.faults.plan(target, fault, Times::Always);
    }
}

fn no_content() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()
}
