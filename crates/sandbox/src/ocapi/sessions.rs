//! `POST /sessions`: a new DW session for the customer of a token.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::fault::OcapiFault;
use super::{HandlerResult, auth, check_access};
use crate::cookies;
use crate::platform::Platform;
use crate::request::Request;
use crate::slas::access_token;
use crate::state::State;

/// The customer of a token, and the guest id for `dwanonymous`.
struct TokenCustomer {
    customer_id: String,
    anonymous_id: String,
}

pub(super) fn open(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    check_body(request)?;
    let mut state = platform.state();
    let token = token(request)?;
    let token_customer =
        token_customer(platform, &state, token).ok_or_else(|| OcapiFault::access_token(token))?;
    let dwsid = state.sessions.open(&token_customer.customer_id, platform.now());
    let secure = state.sessions.get(&dwsid).map(|session| session.secure_token.clone());
    let no_store = [(header::CACHE_CONTROL, "max-age=0,no-cache,no-store,must-revalidate")];
    let mut response = (StatusCode::NO_CONTENT, no_store).into_response();
    let headers = response.headers_mut();
    cookies::open_session(headers, &platform.options, &dwsid, &token_customer.anonymous_id);
    cookies::secure_token(headers, &platform.options, &secure.unwrap_or_default());
    Ok(response)
}

/// The call must have no body and an explicit `Content-Length: 0`.
fn check_body(request: &Request) -> Result<(), OcapiFault> {
    if !request.body.is_empty() {
        let message = "The request must not have a body.";
        return Err(OcapiFault::new(StatusCode::BAD_REQUEST, "MalformedRequestException", message));
    }
    if request.header("content-length") == Some("0") {
        return Ok(());
    }
    let message = "A Content-Length is required.";
    Err(OcapiFault::new(StatusCode::LENGTH_REQUIRED, "LengthRequiredException", message))
}

fn token(request: &Request) -> Result<&str, OcapiFault> {
    let unauthorized = |kind, message| OcapiFault::new(StatusCode::UNAUTHORIZED, kind, message);
    if !request.headers.contains_key(header::AUTHORIZATION) {
        let message = "The Authorization header is missing.";
        return Err(unauthorized("AuthorizationHeaderMissingException", message));
    }
    let message = "The Authorization header is invalid.";
    request.bearer().ok_or_else(|| unauthorized("InvalidAuthorizationHeaderException", message))
}

/// The customer id of the token, which the call must send.
pub(super) fn customer_of(
    platform: &Platform,
    state: &State,
    request: &Request,
) -> Result<String, OcapiFault> {
    let token = token(request)?;
    let token_customer =
        token_customer(platform, state, token).ok_or_else(|| OcapiFault::access_token(token))?;
    Ok(token_customer.customer_id)
}

/// The customer of a SLAS access token or an OCAPI token.
fn token_customer(platform: &Platform, state: &State, token: &str) -> Option<TokenCustomer> {
    let now = platform.now();
    if let Ok(claims) = access_token::verify(&platform.options, state, token, now) {
        let customer_id = claims.customer_id().to_owned();
        return Some(TokenCustomer { anonymous_id: claims.guest_id().to_owned(), customer_id });
    }
    let customer_id = auth::customer_of(state, token, now)?;
    Some(TokenCustomer { anonymous_id: customer_id.clone(), customer_id })
}
