//! `GET logout`: ends the session of a registered shopper.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access_token::{self, Claims};
use super::error::SlasError;
use super::{HandlerResult, client_auth};
use crate::platform::Platform;
use crate::request::Request;
use crate::state::State;

pub(super) fn logout(platform: &Platform, request: &Request) -> HandlerResult {
    client_auth::check_tenant(platform, request, &request.query)?;
    let mut state = platform.state();
    let claims = caller(platform, &state, request)?;
    let missing = || SlasError::invalid_request("Bad or missing refresh token.");
    let token = request.query.get("refresh_token").ok_or_else(missing)?;
    let grant = state.grants.get(token).filter(|grant| {
        let own_client =
            request.query.get("client_id") == Some(client_auth::client_id(platform, grant.client));
        own_client
            && grant.identity.customer_id == claims.customer_id()
            && grant.is_live(platform.now())
    });
    let customer_id = grant.ok_or_else(missing)?.identity.customer_id.clone();
    state.revoked.insert(claims.jti);
    if request.query.get("hint") == Some("all-sessions") {
        state.grants.revoke_all_of(&customer_id);
    } else {
        state.grants.revoke(token);
    }
    Ok(success())
}

/// The claims of the Bearer token, whose shopper must be registered.
fn caller(platform: &Platform, state: &State, request: &Request) -> Result<Claims, SlasError> {
    let missing = || SlasError::invalid_request("Bad or missing access token.");
    let token = request.bearer().ok_or_else(missing)?;
    let claims = access_token::verify(&platform.options, state, token, platform.now());
    let claims = claims.map_err(|_| SlasError::invalid_client("Authorization failed."))?;
    if claims.login().is_some() { Ok(claims) } else { Err(missing()) }
}

/// The body of a successful logout: empty strings, and `null` as a string.
fn success() -> Response {
    Json(json!({
        "access_token": "", "id_token": "null", "refresh_token": "", "expires_in": 0,
        "refresh_token_expires_in": 0, "token_type": "Bearer", "usid": "null",
        "customer_id": "null", "enc_user_id": "null", "idp_access_token": "",
        "idp_refresh_token": "null", "dnt": "null",
    }))
    .into_response()
}
