//! The inspector behind the Head's page of that name: it shows what both worlds hold, and breaks
//! things so that one sees them repaired. It tells no token and no cookie value.

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
use super::head::{HeadError, check_same_site};
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};
use super::slas::access_token;

/// How much later a slow system answers.
const SLOW: Duration = Duration::from_millis(2500);

/// The names under which a refresh token may be in the browser.
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
        .route("/expire-dw", post(Endpoint(expire_dw)))
        .route("/revoke-refresh", post(Endpoint(revoke_refresh)))
        .route("/fault", post(Endpoint(fault)))
}

fn state(platform: &Platform, request: &Request) -> Response {
    let seen = view::of(platform, &platform.state(), request);
    ([(header::CACHE_CONTROL, "no-store")], Json(seen)).into_response()
}

/// Hands the browser its own access token again, only expired.
fn expire_access(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_site(request)?;
    let state = platform.state();
    let mut response = done();
    let token = request.cookie("token").unwrap_or_default();
    if let Some(mut claims) = access_token::open(&state, &token) {
        claims.exp = platform.now() - 1;
        let expired = claims.sign(&state);
        let line = format!("token={expired}; Path=/; HttpOnly; SameSite=Lax");
        cookies::set(response.headers_mut(), line);
    }
    Ok(response)
}

fn expire_dw(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_site(request)?;
    if let Some(dwsid) = request.cookie("dwsid") {
        platform.state().sessions.expire(&dwsid);
    }
    Ok(done())
}

fn revoke_refresh(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_site(request)?;
    let mut state = platform.state();
    for token in REFRESH_COOKIES.iter().filter_map(|(name, _)| request.cookie(name)) {
        state.grants.revoke(&token);
    }
    Ok(done())
}

#[derive(Deserialize)]
struct Wanted {
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

fn fault(platform: &Platform, request: &Request) -> HandlerResult {
    check_same_site(request)?;
    let wanted: Option<Wanted> = request.json();
    // A Head that fails could not show the button that heals it.
    let wanted = wanted.filter(|wanted| wanted.upstream != Upstream::Head);
    let Wanted { upstream, kind } =
        wanted.ok_or(HeadError(StatusCode::BAD_REQUEST, "bad_request"))?;
    let mut state = platform.state();
    state.faults.clear_upstream(upstream);
    match kind {
        Kind::Slow => state.faults.plan(upstream.into(), Fault::Delay(SLOW), Times::Always),
        Kind::Fail => state.faults.plan(upstream.into(), Fault::Status(503, None), Times::Always),
        Kind::None => {}
    }
    Ok(done())
}

fn done() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()
}
