//! `POST /customers/auth` with type `session`: the customer of a DW session.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fault::OcapiFault;
use super::{HandlerResult, check_access};
use crate::cookies;
use crate::options::EnforceHttps;
use crate::platform::Platform;
use crate::request::Request;
use crate::state::{Customer, State};

/// Lifetime of an OCAPI token, in seconds.
const TOKEN_LIFE: i64 = 30 * 60;

/// The payload of an OCAPI token; `sub` is JSON in a string.
#[derive(Serialize, Deserialize)]
struct TokenPayload {
    #[serde(rename = "_v")]
    version: String,
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
}

#[derive(Serialize, Deserialize)]
struct TokenSubject {
    customer_id: String,
    guest: bool,
}

/// The body of an authentication request.
#[derive(Deserialize)]
struct AuthRequest {
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn authenticate(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    let client_id = client_id(platform, request)?;
    check_type(request)?;
    let mut state = platform.state();
    let customer_id = session_customer(platform, &mut state, request)?;
    let customer = state.customers.get(&customer_id).ok_or_else(OcapiFault::authentication)?;
    let token = sign(&state, client_id, customer, platform.now());
    Ok(customer_response(customer, &token))
}

/// `DELETE`: invalidates the token. Sessions made with it stay.
pub(super) fn invalidate_token(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    let token = request.bearer().unwrap_or_default();
    let mut state = platform.state();
    customer_of(&state, token, platform.now()).ok_or_else(|| OcapiFault::access_token(token))?;
    state.revoked.insert(token.to_owned());
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The customer of an OCAPI token.
pub(super) fn customer_of(state: &State, token: &str, now: i64) -> Option<String> {
    let payload: TokenPayload = state.instance_key.open(token)?;
    let subject: TokenSubject = serde_json::from_str(&payload.sub).ok()?;
    let valid = now < payload.exp && !state.revoked.contains(token);
    valid.then_some(subject.customer_id)
}

/// The client id, which a call without a token must send.
pub(super) fn client_id<'a>(
    platform: &Platform,
    request: &'a Request,
) -> Result<&'a str, OcapiFault> {
    let given = request.header("x-dw-client-id").or_else(|| request.query.get("client_id"));
    let missing = || {
        let message = "No client id was sent.";
        OcapiFault::new(StatusCode::BAD_REQUEST, "MissingClientIdException", message)
    };
    let given = given.ok_or_else(missing)?;
    let options = &platform.options;
    if given == options.private_client.id || given == options.public_client {
        return Ok(given);
    }
    let message = "The client id is unknown.";
    Err(OcapiFault::new(StatusCode::UNAUTHORIZED, "UnknownClientIdException", message))
}

fn check_type(request: &Request) -> Result<(), OcapiFault> {
    if !request.has_type("application/json") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = "The content type is not supported.";
        return Err(OcapiFault::new(status, "UnsupportedMediaTypeException", message));
    }
    if request.json::<AuthRequest>().is_some_and(|wanted| wanted.kind == "session") {
        return Ok(());
    }
    let message = "Only the type 'session' can be used here.";
    Err(OcapiFault::new(StatusCode::BAD_REQUEST, "InvalidAuthenticationTypeException", message))
}

/// The customer of the live session that the cookies name.
fn session_customer(
    platform: &Platform,
    state: &mut State,
    request: &Request,
) -> Result<String, OcapiFault> {
    let options = &platform.options;
    let dwsid = request.cookie("dwsid").ok_or_else(OcapiFault::authentication)?;
    let session = state.sessions.live(&dwsid, platform.now());
    let session = session.ok_or_else(OcapiFault::authentication)?;
    let sent = request.cookie(&cookies::secure_token_name(options));
    match sent {
        _ if options.enforce_https != EnforceHttps::Off => Ok(session.customer_id.clone()),
        Some(token) if token == session.secure_token => Ok(session.customer_id.clone()),
        Some(_) => {
            let kind = "InvalidSecureTokenException";
            let message = "The secure token does not belong to the session.";
            Err(OcapiFault::new(StatusCode::UNAUTHORIZED, kind, message))
        }
        None => Err(OcapiFault::authentication()),
    }
}

fn sign(state: &State, client_id: &str, customer: &Customer, now: i64) -> String {
    let subject =
        TokenSubject { customer_id: customer.id.clone(), guest: customer.login().is_none() };
    let payload = TokenPayload {
        version: "1".to_owned(),
        iss: client_id.to_owned(),
        sub: json!(subject).to_string(),
        iat: now,
        exp: now + TOKEN_LIFE,
    };
    let header = json!({"_v": "1", "alg": "ES256", "kid": state.instance_key.kid()});
    state.instance_key.sign(&header, &payload)
}

fn customer_response(customer: &Customer, token: &str) -> Response {
    let mut body = json!({"_v": "24.5", "_type": "customer", "auth_type": customer.kind(),
                          "customer_id": customer.id, "preferred_locale": "default"});
    if let Some(login) = customer.login() {
        body["login"] = Value::String(login.to_owned());
        body["email"] = Value::String(login.to_owned());
    }
    ([(header::AUTHORIZATION, format!("Bearer {token}"))], Json(body)).into_response()
}
