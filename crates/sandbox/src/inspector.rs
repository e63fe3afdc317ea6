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

use super::ask::{Ask, Calls};
use super::cookies;
use super::faults::{Fault, Times};
use super::head::{Refusal, check_same_site};
use super::ledger::Upstream;
use super::platform::{Platform, Shared};
use super::slas::access;

/// How much later a slow system answers.
const SLOW: Duration = Duration::from_millis(2500);

/// The names under which a refresh token may be in the browser.
const REFRESH_COOKIES: [(&str, &str); 2] = [("cc-nx", "registered"), ("cc-nx-g", "guest")];

type Answered = Result<Response, Refusal>;

/// The routes under `/inspector`.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/state", get(Calls(|platform, ask| Ok::<_, Refusal>(state(platform, ask)))))
        .route("/expire-access", post(Calls(expire_access)))
        .route("/expire-dw", post(Calls(expire_dw)))
        .route("/revoke-refresh", post(Calls(revoke_refresh)))
        .route("/fault", post(Calls(fault)))
}

fn state(platform: &Platform, ask: &Ask) -> Response {
    let seen = view::of(platform, &platform.state(), ask);
    ([(header::CACHE_CONTROL, "no-store")], Json(seen)).into_response()
}

/// Hands the browser its own access token again, only expired.
fn expire_access(platform: &Platform, ask: &Ask) -> Answered {
    check_same_site(ask)?;
    let state = platform.state();
    let mut response = done();
    let token = ask.cookie("token").unwrap_or_default();
    if let Some(mut claims) = access::open(&state, &token) {
        claims.exp = platform.now() - 1;
        let expired = claims.sign(&state);
        let line = format!("token={expired}; Path=/; HttpOnly; SameSite=Lax");
        cookies::set(response.headers_mut(), line);
    }
    Ok(response)
}

fn expire_dw(platform: &Platform, ask: &Ask) -> Answered {
    check_same_site(ask)?;
    if let Some(dwsid) = ask.cookie("dwsid") {
        platform.state().sessions.expire(&dwsid);
    }
    Ok(done())
}

fn revoke_refresh(platform: &Platform, ask: &Ask) -> Answered {
    check_same_site(ask)?;
    let mut state = platform.state();
    for token in REFRESH_COOKIES.iter().filter_map(|(name, _)| ask.cookie(name)) {
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

fn fault(platform: &Platform, ask: &Ask) -> Answered {
    check_same_site(ask)?;
    let wanted: Option<Wanted> = ask.json();
    // A Head that fails could not show the button that heals it.
    let wanted = wanted.filter(|wanted| wanted.upstream != Upstream::Head);
    let Wanted { upstream, kind } =
        wanted.ok_or(Refusal(StatusCode::BAD_REQUEST, "bad_request"))?;
    let mut state = platform.state();
    state.faults.heal_upstream(upstream);
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
