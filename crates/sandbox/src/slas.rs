//! Simulated SLAS (shopper login): who may call what, and the tokens that come back.

pub(super) mod access;
mod authorize;
pub(super) mod bridge;
mod client;
mod grants;
pub(super) mod inside;
pub(super) mod keys;
mod login;
mod logout;
mod redirect;
mod refusal;
mod token;
mod tokens;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::refusal::Refusal;
use super::ask::{Ask, Calls};
use super::platform::{Platform, Shared};

/// What a SLAS handler answers.
type Answered = Result<Response, Refusal>;

/// Requests a minute that a production tenant may make (slas.md 9).
const TENANT_LIMIT: i64 = 24_000;

/// All SLAS routes.
pub(super) fn router(platform: &Shared) -> Router<Shared> {
    let limited = Router::new()
        .route("/authorize", get(Calls(authorize::authorize)))
        .route("/login", post(Calls(login::login)))
        .route("/token", post(Calls(token::token)))
        .route("/session-bridge/token", post(Calls(bridge::token)))
        .route("/logout", get(Calls(logout::logout)))
        .layer(from_fn_with_state(Arc::clone(platform), rate_limited));
    let all = limited.route("/jwks", get(Calls(jwks)));
    Router::new().nest("/shopper/auth/v1/organizations/{organization}/oauth2", all)
}

fn jwks(platform: &Platform, ask: &Ask) -> Answered {
    client::check_organization(platform, ask)?;
    let mut state = platform.state();
    state.keys.fetch(platform.clock.monotonic()).map_err(Refusal::Throttled)?;
    Ok(Json(state.keys.jwks()).into_response())
}

/// Adds the six rate-limit headers, which SLAS leaves out on a conflict.
async fn rate_limited(State(platform): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() != StatusCode::CONFLICT {
        let now = platform.now();
        announce(
            response.headers_mut(),
            ["x-ratelimit-1m-limit", "x-ratelimit-1m-remaining", "x-ratelimit-1m-reset"],
            TENANT_LIMIT,
            now - now % 60 + 60,
        );
        announce(
            response.headers_mut(),
            ["x-ratelimit-5m-limit", "x-ratelimit-5m-remaining", "x-ratelimit-5m-reset"],
            TENANT_LIMIT * 5,
            now - now % 300 + 300,
        );
    }
    response
}

fn announce(headers: &mut HeaderMap, names: [&'static str; 3], limit: i64, reset: i64) {
    for (name, value) in names.into_iter().zip([limit, limit - 1, reset]) {
        headers.insert(name, HeaderValue::from(value));
    }
}
