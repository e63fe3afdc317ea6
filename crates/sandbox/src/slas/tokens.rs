//! The answer of every token call.

use std::time::Duration;

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access::Claims;
use super::client;
use crate::ask::Ask;
use crate::cookies;
use crate::ids;
use crate::platform::Platform;
use crate::state::{Client, DwSession, Grant, Identity, State};

/// Makes a new grant and answers with its first tokens.
pub(super) fn begin(
    platform: &Platform,
    state: &mut State,
    ask: &Ask,
    client: Client,
    identity: Identity,
) -> Response {
    let tokens = grant(platform, state, client, identity);
    answer(platform, state, ask, &tokens)
}

/// Makes a new grant.
pub(super) fn grant(
    platform: &Platform,
    state: &mut State,
    client: Client,
    identity: Identity,
) -> Tokens {
    let life = refresh_life(platform, state, &identity);
    let expires_at = platform.now().saturating_add(life);
    let refresh_token = state.grants.keep(Grant::new(client, identity.clone(), expires_at));
    Tokens { client, identity, refresh_token, expires_at }
}

/// What an answer is made of.
pub(super) struct Tokens {
    pub(super) client: Client,
    pub(super) identity: Identity,
    pub(super) refresh_token: String,
    pub(super) expires_at: i64,
}

/// Answers with a new access token beside this refresh token.
pub(super) fn answer(
    platform: &Platform,
    state: &mut State,
    ask: &Ask,
    tokens: &Tokens,
) -> Response {
    let document = document(platform, state, tokens);
    let mut response = ([(CACHE_CONTROL, "no-store")], Json(document)).into_response();
    if platform.options.hybrid_auth {
        let dwsid = bridged_session(platform, state, ask, &tokens.identity);
        let guest = &tokens.identity.guest_id;
        cookies::open_session(response.headers_mut(), &platform.options, &dwsid, guest);
    }
    response
}

/// The claims of a new access token beside this refresh token.
pub(super) fn claims(platform: &Platform, state: &State, tokens: &Tokens) -> Claims {
    let customer = state.customers.get(&tokens.identity.customer_id);
    let client_id = client::id(platform, tokens.client);
    Claims::new(&platform.options, client_id, &tokens.identity, customer, platform.now())
}

fn document(platform: &Platform, state: &State, tokens: &Tokens) -> Value {
    let Tokens { client, identity, refresh_token, expires_at } = tokens;
    let customer = state.customers.get(&identity.customer_id);
    let registered = customer.and_then(|customer| Some((customer, customer.login()?)));
    let now = platform.now();
    let client_id = client::id(platform, *client);
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

/// Hybrid Auth: the caller's session if it lives and is the same customer's, else a new one.
fn bridged_session(
    platform: &Platform,
    state: &mut State,
    ask: &Ask,
    identity: &Identity,
) -> String {
    let now = platform.now();
    if let Some(dwsid) = ask.header("sfdc_dwsid") {
        let same = |session: &&mut DwSession| session.customer_id == identity.customer_id;
        if let Some(session) = state.sessions.live(dwsid, now).filter(same) {
            session.touch(now);
            return dwsid.to_owned();
        }
    }
    state.sessions.open(&identity.customer_id, now)
}
