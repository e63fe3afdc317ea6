//! `GET logout`: the end of a registered shopper's session.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::{self, Claims};
use super::refusal::Refusal;
use super::{Answered, client};
use crate::ask::Ask;
use crate::platform::Platform;
use crate::state::State;

pub(super) fn logout(platform: &Platform, ask: &Ask) -> Answered {
    client::check_place(platform, ask, &ask.query)?;
    let mut state = platform.state();
    let claims = caller(platform, &state, ask)?;
    let missing = || Refusal::request("Bad or missing refresh token.");
    let token = ask.query.get("refresh_token").ok_or_else(missing)?;
    let grant = state.grants.get(token).filter(|grant| {
        let named = ask.query.get("client_id") == Some(client::id(platform, grant.client));
        named && grant.identity.customer_id == claims.customer_id() && grant.is_live(platform.now())
    });
    let customer_id = grant.ok_or_else(missing)?.identity.customer_id.clone();
    state.revoked.insert(claims.jti);
    if ask.query.get("hint") == Some("all-sessions") {
        state.grants.revoke_all_of(&customer_id);
    } else {
        state.grants.revoke(token);
    }
    Ok(goodbye())
}

/// The shopper of the Bearer token, who must be registered.
fn caller(platform: &Platform, state: &State, ask: &Ask) -> Result<Claims, Refusal> {
    let missing = || Refusal::request("Bad or missing access token.");
    let token = ask.bearer().ok_or_else(missing)?;
    let claims = access::verify(&platform.options, state, token, platform.now());
    let claims = claims.map_err(|_| Refusal::client("Authorization failed."))?;
    if claims.login().is_some() { Ok(claims) } else { Err(missing()) }
}

/// The peculiar body of a successful logout: empty strings beside the word `null`.
fn goodbye() -> Response {
    Json(json!({
        "access_token": "", "id_token": "null", "refresh_token": "", "expires_in": 0,
        "refresh_token_expires_in": 0, "token_type": "Bearer", "usid": "null",
        "customer_id": "null", "enc_user_id": "null", "idp_access_token": "",
        "idp_refresh_token": "null", "dnt": "null",
    }))
    .into_response()
}
