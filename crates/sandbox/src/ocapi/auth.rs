//! `POST /customers/auth` with type `session`: whose is this DW session?

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fault::Refusal;
use super::{Answered, check_place};
use crate::ask::Ask;
use crate::cookies;
use crate::options::EnforceHttps;
use crate::platform::Platform;
use crate::state::{Customer, State};

/// Seconds that a token of this API lives.
const TOKEN_LIFE: i64 = 30 * 60;

/// The payload of a token of this API; `sub` is JSON in a string.
#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(rename = "_v")]
    version: String,
    iss: String,
    sub: String,
    iat: i64,
    exp: i64,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    customer_id: String,
    guest: bool,
}

/// The body of a call to authenticate.
#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn authenticate(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    let client_id = client_id(platform, ask)?;
    check_type(ask)?;
    let mut state = platform.state();
    let customer_id = session_customer(platform, &mut state, ask)?;
    let customer = state.customers.get(&customer_id).ok_or_else(Refusal::authentication)?;
    let token = sign(&state, client_id, customer, platform.now());
    Ok(answer(customer, &token))
}

/// `DELETE`: the token is void; sessions made of it live on.
pub(super) fn leave(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    let token = ask.bearer().unwrap_or_default();
    let mut state = platform.state();
    customer_of(&state, token, platform.now()).ok_or_else(|| Refusal::access_token(token))?;
    state.revoked.insert(token.to_owned());
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The customer whom a token of this API speaks for.
pub(super) fn customer_of(state: &State, token: &str, now: i64) -> Option<String> {
    let payload: Payload = state.instance_key.open(token)?;
    let subject: Subject = serde_json::from_str(&payload.sub).ok()?;
    let good = now < payload.exp && !state.revoked.contains(token);
    good.then_some(subject.customer_id)
}

/// The client that a call without a token must name.
pub(super) fn client_id<'a>(platform: &Platform, ask: &'a Ask) -> Result<&'a str, Refusal> {
    let given = ask.header("x-dw-client-id").or_else(|| ask.query.get("client_id"));
    let missing = || {
        let message = "No client id was sent.";
        Refusal::new(StatusCode::BAD_REQUEST, "MissingClientIdException", message)
    };
    let given = given.ok_or_else(missing)?;
    let options = &platform.options;
    if given == options.private_client.id || given == options.public_client {
        return Ok(given);
    }
    let message = "The client id is unknown.";
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "UnknownClientIdException", message))
}

fn check_type(ask: &Ask) -> Result<(), Refusal> {
    if !ask.has_type("application/json") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = "The content type is not supported.";
        return Err(Refusal::new(status, "UnsupportedMediaTypeException", message));
    }
    if ask.json::<Wanted>().is_some_and(|wanted| wanted.kind == "session") {
        return Ok(());
    }
    let message = "Only the type 'session' can be used here.";
    Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidAuthenticationTypeException", message))
}

/// The customer of the live session that the cookies prove.
fn session_customer(platform: &Platform, state: &mut State, ask: &Ask) -> Result<String, Refusal> {
    let options = &platform.options;
    let dwsid = ask.cookie("dwsid").ok_or_else(Refusal::authentication)?;
    let session = state.sessions.live(&dwsid, platform.now());
    let session = session.ok_or_else(Refusal::authentication)?;
    let shown = ask.cookie(&cookies::secure_token_name(options));
    match shown {
        _ if options.enforce_https != EnforceHttps::Off => Ok(session.customer_id.clone()),
        Some(token) if token == session.secure_token => Ok(session.customer_id.clone()),
        Some(_) => {
            let kind = "InvalidSecureTokenException";
            let message = "The secure token does not belong to the session.";
            Err(Refusal::new(StatusCode::UNAUTHORIZED, kind, message))
        }
        None => Err(Refusal::authentication()),
    }
}

fn sign(state: &State, client_id: &str, customer: &Customer, now: i64) -> String {
    let subject = Subject { customer_id: customer.id.clone(), guest: customer.login().is_none() };
    let payload = Payload {
        version: "1".to_owned(),
        iss: client_id.to_owned(),
        sub: json!(subject).to_string(),
        iat: now,
        exp: now + TOKEN_LIFE,
    };
    let header = json!({"_v": "1", "alg": "ES256", "kid": state.instance_key.kid()});
    state.instance_key.sign(&header, &payload)
}

fn answer(customer: &Customer, token: &str) -> Response {
    let mut body = json!({"_v": "24.5", "_type": "customer", "auth_type": customer.kind(),
                          "customer_id": customer.id, "preferred_locale": "default"});
    if let Some(login) = customer.login() {
        body["login"] = Value::String(login.to_owned());
        body["email"] = Value::String(login.to_owned());
    }
    ([(header::AUTHORIZATION, format!("Bearer {token}"))], Json(body)).into_response()
}
