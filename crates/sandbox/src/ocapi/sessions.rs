//! `POST /sessions`: a new DW session for the customer of a token.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::fault::Refusal;
use super::{Answered, auth, check_place};
use crate::ask::Ask;
use crate::cookies;
use crate::platform::Platform;
use crate::slas::access;
use crate::state::State;

/// A customer and the guest id that `dwanonymous` names.
struct Owner {
    customer_id: String,
    anonymous_id: String,
}

pub(super) fn open(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    check_body(ask)?;
    let mut state = platform.state();
    let token = token(ask)?;
    let owner = owner(platform, &state, token).ok_or_else(|| Refusal::access_token(token))?;
    let dwsid = state.sessions.open(&owner.customer_id, platform.now());
    let secure = state.sessions.get(&dwsid).map(|session| session.secure_token.clone());
    let no_store = [(header::CACHE_CONTROL, "max-age=0,no-cache,no-store,must-revalidate")];
    let mut response = (StatusCode::NO_CONTENT, no_store).into_response();
    let headers = response.headers_mut();
    cookies::open_session(headers, &platform.options, &dwsid, &owner.anonymous_id);
    cookies::secure_token(headers, &platform.options, &secure.unwrap_or_default());
    Ok(response)
}

/// The call has no body, and must say so.
fn check_body(ask: &Ask) -> Result<(), Refusal> {
    if !ask.body.is_empty() {
        let message = "The request must not have a body.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "MalformedRequestException", message));
    }
    if ask.header("content-length") == Some("0") {
        return Ok(());
    }
    let message = "A Content-Length is required.";
    Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "LengthRequiredException", message))
}

fn token(ask: &Ask) -> Result<&str, Refusal> {
    let unauthorized = |kind, message| Refusal::new(StatusCode::UNAUTHORIZED, kind, message);
    if !ask.headers.contains_key(header::AUTHORIZATION) {
        let message = "The Authorization header is missing.";
        return Err(unauthorized("AuthorizationHeaderMissingException", message));
    }
    let message = "The Authorization header is invalid.";
    ask.bearer().ok_or_else(|| unauthorized("InvalidAuthorizationHeaderException", message))
}

/// The customer of the token that a call must show.
pub(super) fn customer_of(
    platform: &Platform,
    state: &State,
    ask: &Ask,
) -> Result<String, Refusal> {
    let token = token(ask)?;
    let owner = owner(platform, state, token).ok_or_else(|| Refusal::access_token(token))?;
    Ok(owner.customer_id)
}

/// Whom a SLAS access token, or a token of this very API, speaks for.
fn owner(platform: &Platform, state: &State, token: &str) -> Option<Owner> {
    let now = platform.now();
    if let Ok(claims) = access::verify(&platform.options, state, token, now) {
        let customer_id = claims.customer_id().to_owned();
        return Some(Owner { anonymous_id: claims.guest_id().to_owned(), customer_id });
    }
    let customer_id = auth::customer_of(state, token, now)?;
    Some(Owner { anonymous_id: customer_id.clone(), customer_id })
}
