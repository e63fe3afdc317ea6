//! The response of every token request.

use std::time::Duration;

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access_token::Claims;
use super::client_auth;
use crate::cookies;
use crate::ids;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::Request;
use crate::state::{DwSession, Grant, Identity, State};

/// Creates a grant and responds with its first tokens.
pub(super) fn issue(
    platform: &Platform,
    state: &mut State,
    request: &Request,
    client: ClientKind,
    identity: Identity,
) -> Response {
    let tokens = new_grant(platform, state, client, identity);
    respond(platform, state, request, &tokens)
}

/// Creates a grant.
pub(super) fn new_grant(
    platform: &Platform,
    state: &mut State,
    client: ClientKind,
    identity: Identity,
) -> Tokens {
    let life = refresh_life(platform, state, &identity);
    let expires_at = platform.now().saturating_add(life);
    let refresh_token = state.grants.add(Grant::new(client, identity.clone(), expires_at));
    Tokens { client, identity, refresh_token, expires_at }
}

/// The content of a token response.
pub(super) struct Tokens {
    pub(super) client: ClientKind,
    pub(super) identity: Identity,
    pub(super) refresh_token: String,
    pub(super) expires_at: i64,
}

/// Responds with a new access token and this refresh token.
pub(super) fn respond(
    platform: &Platform,
    state: &mut State,
    request: &Request,
    tokens: &Tokens,
) -> Response {
    let document = document(platform, state, tokens);
    let mut response = ([(CACHE_CONTROL, "no-store")], Json(document)).into_response();
    if platform.options.hybrid_auth {
        let dwsid = bridged_session(platform, state, request, &tokens.identity);
        let guest = &tokens.identity.guest_id;
        cookies::open_session(response.headers_mut(), &platform.options, &dwsid, guest);
    }
    response
}

/// The claims of a new access token.
pub(super) fn claims(platform: &Platform, state: &State, tokens: &Tokens) -> Claims {
    let customer = state.customers.get(&tokens.identity.customer_id);
    let client_id = client_auth::client_id(platform, tokens.client);
    let now = platform.now();
    let claims = Claims::new(&platform.options, client_id, &tokens.identity, customer, now);
    claims.lengthened(state, state.access_token_length)
}

fn document(platform: &Platform, state: &State, tokens: &Tokens) -> Value {
    let Tokens { client, identity, refresh_token, expires_at } = tokens;
    let customer = state.customers.get(&identity.customer_id);
    let registered = customer.and_then(|customer| Some((customer, customer.login()?)));
    let now = platform.now();
    let client_id = client_auth::client_id(platform, *client);
    let claims = claims(platform, state, tokens);
    json!({
        "access_token": claims.sign(state),
        "id_token": registered.map_or(String::new(), |(customer, login)| {
            id_token(state, &claims, client_id, &customer.name, login)
        }),
        "refresh_token": refresh_token,
        "expires_in": claims.exp - now,
        "refresh_token_expires_in": expires_at - now,
        "token_type": "Bearer",
        "usid": identity.usid,
        "customer_id": identity.customer_id,
        "enc_user_id": registered.map_or(String::new(), |(_, login)| encoded_user_id(login)),
        "idp_access_token": "",
        "dnt": identity.do_not_track.to_string(),
    })
}

/// The id token of a registered shopper.
fn id_token(state: &State, claims: &Claims, client_id: &str, name: &str, login: &str) -> String {
    let about = json!({"sub": format!("usid:{}", claims.usid()), "aud": client_id,
        "iss": claims.iss, "name": name, "email": login, "iat": claims.iat, "exp": claims.exp});
    let key = &state.instance_key;
    key.sign(&json!({"typ": "jwt", "alg": "ES256", "kid": key.kid()}), &about)
}

/// 32 upper-case hexadecimal digits, like the platform's.
fn encoded_user_id(login: &str) -> String {
    ids::site_hash(login).to_uppercase()
}

fn refresh_life(platform: &Platform, state: &State, identity: &Identity) -> i64 {
    let options = &platform.options;
    let guest = state.customers.is_guest(&identity.customer_id);
    let life: Duration =
        if guest { options.guest_refresh_life } else { options.registered_refresh_life };
    i64::try_from(life.as_secs()).unwrap_or(i64::MAX)
}

/// Hybrid Auth: the DW session in the request if it is live and of the same customer, else a new
/// one.
fn bridged_session(
    platform: &Platform,
    state: &mut State,
    request: &Request,
    identity: &Identity,
) -> String {
    let now = platform.now();
    if let Some(dwsid) = request.header("sfdc_dwsid") {
        let same = |session: &&mut DwSession| session.customer_id == identity.customer_id;
        if let Some(session) = state.sessions.live(dwsid, now).filter(same) {
            session.touch(now);
            return dwsid.to_owned();
        }
    }
    state.sessions.open(&identity.customer_id, now)
}
