//! Simulated SLAS (shopper login): clients, grants and tokens.

pub(super) mod access_token;
mod authorize;
pub(super) mod bridge;
mod client_auth;
mod error;
pub(super) mod in_process;
mod login;
mod logout;
mod redirect;
mod token_request;
mod tokens;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{self, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::error::SlasError;
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};

/// The result of a SLAS handler.
type HandlerResult = Result<Response, SlasError>;

/// Requests per minute that SLAS allows a production tenant.
const TENANT_LIMIT: i64 = 24_000;

/// All SLAS routes.
pub(super) fn router(platform: &Shared) -> Router<Shared> {
    let limited = Router::new()
        .route("/authorize", get(Endpoint(authorize::authorize)))
        .route("/login", post(Endpoint(login::login)))
        .route("/token", post(Endpoint(token_request::token)))
        .route("/session-bridge/token", post(Endpoint(bridge::token)))
        .route("/logout", get(Endpoint(logout::logout)))
        .layer(from_fn_with_state(Arc::clone(platform), add_rate_limits));
    let all = limited.route("/jwks", get(Endpoint(jwks)));
    Router::new().nest("/shopper/auth/v1/organizations/{organization}/oauth2", all)
}

fn jwks(platform: &Platform, request: &Request) -> HandlerResult {
    client_auth::check_organization(platform, request)?;
    let mut state = platform.state();
    state.keys.fetch(platform.clock.monotonic()).map_err(SlasError::Throttled)?;
    Ok(Json(state.keys.jwks()).into_response())
}

/// Adds the six rate-limit headers, which SLAS omits on a conflict.
async fn add_rate_limits(
    State(platform): State<Shared>,
    request: extract::Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if response.status() != StatusCode::CONFLICT {
        let now = platform.now();
        set_rate_limit(
            response.headers_mut(),
            ["x-ratelimit-1m-limit", "x-ratelimit-1m-remaining", "x-ratelimit-1m-reset"],
            TENANT_LIMIT,
            now - now % 60 + 60,
        );
        set_rate_limit(
            response.headers_mut(),
            ["x-ratelimit-5m-limit", "x-ratelimit-5m-remaining", "x-ratelimit-5m-reset"],
            TENANT_LIMIT * 5,
            now - now % 300 + 300,
        );
    }
    response
}

fn set_rate_limit(headers: &mut HeaderMap, names: [&'static str; 3], limit: i64, reset: i64) {
    for (name, value) in names.into_iter().zip([limit, limit - 1, reset]) {
        headers.insert(name, HeaderValue::from(value));
    }
}
