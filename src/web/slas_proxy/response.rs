//! What a caller of the façade is told.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::allowlist::redact;
use crate::allowlist::slas_operations::Operation;
use crate::flow::HeldAccess;
use crate::ids::{IdToken, Word};
use crate::model::Grant;
use crate::upstream::http::BufferedResponse;
use crate::web::request_session::RequestSession;

/// Headers of SLAS that mean something to a head.
const TOLD: [HeaderName; 8] = [
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("x-ratelimit-1m-limit"),
    HeaderName::from_static("x-ratelimit-1m-remaining"),
    HeaderName::from_static("x-ratelimit-1m-reset"),
    HeaderName::from_static("x-ratelimit-5m-limit"),
    HeaderName::from_static("x-ratelimit-5m-remaining"),
    HeaderName::from_static("x-ratelimit-5m-reset"),
];

/// Everything SLAS says but for its cookies, for a server that keeps the tokens itself.
pub(crate) fn whole(operation: Operation, reply: &BufferedResponse) -> Response {
    if tells_of_account(operation, reply) {
        return StatusCode::OK.into_response();
    }
    let mut response = (reply.status, reply.body.clone()).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    if let Some(kind) = reply.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    tell(response, &reply.headers)
}

/// An answer by which no tokens come: redirects as they are, errors without what may be a secret.
pub(crate) fn without_tokens(operation: Operation, reply: &BufferedResponse) -> Response {
    if tells_of_account(operation, reply) {
        return StatusCode::OK.into_response();
    }
    if reply.status.is_client_error() {
        let error = Value::Object(redact::error(&reply.body));
        return json(reply.status, &error, &reply.headers);
    }
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(mut said) if !reply.status.is_redirection() => {
            redact::strip(&mut said);
            json(reply.status, &said, &reply.headers)
        }
        _ => tell(reply.status.into_response(), &reply.headers),
    }
}

/// Whether an answer says that nobody has such an account, which is nobody's business: a server
/// that renders pages would only pass it on.
fn tells_of_account(operation: Operation, reply: &BufferedResponse) -> bool {
    operation == Operation::PasswordlessLogin && reply.status == StatusCode::NOT_FOUND
}

/// The tokens of a refresh, as SLAS would say it.
pub(crate) fn tokens(grant: &Grant, session: &RequestSession) -> Response {
    sealed(all_of(grant, session), session)
}

/// The same for a server that keeps the tokens itself.
pub(crate) fn unsealed(grant: &Grant, session: &RequestSession) -> Response {
    json(StatusCode::OK, &all_of(grant, session), &HeaderMap::new())
}

fn all_of(grant: &Grant, session: &RequestSession) -> Value {
    let held = HeldAccess { token: grant.access.clone(), claims: grant.claims.clone() };
    let (refresh, extras) = (grant.refresh.as_ref(), &grant.extras);
    let mut said = lasting(&held, session);
    said["refresh_token"] = refresh.map(|refresh| refresh.token.expose()).into();
    said["refresh_token_expires_in"] = refresh.map(|refresh| refresh.expires_in).into();
    said["id_token"] = extras.id_token.as_ref().map(IdToken::expose).unwrap_or_default().into();
    said["enc_user_id"] =
        extras.encoded_user_id.as_ref().map(Word::as_str).unwrap_or_default().into();
    said
}

/// The same of an access token that the browser holds already.
pub(crate) fn held(held: &HeldAccess, session: &RequestSession) -> Response {
    sealed(lasting(held, session), session)
}

fn lasting(held: &HeldAccess, session: &RequestSession) -> Value {
    let now = session.site.clock.now();
    let claims = &held.claims;
    json!({
        "access_token": held.token.expose(),
        "token_type": "Bearer",
        "expires_in": claims.expires_at.since(now).max(0),
        "usid": claims.usid.as_str(),
        "customer_id": claims.customer.id.as_str(),
        "dnt": claims.dnt.unwrap_or_default().to_string(),
    })
}

fn sealed(mut said: Value, session: &RequestSession) -> Response {
    if !session.site.names.tokens_are_readable() {
        redact::strip(&mut said);
    }
    json(StatusCode::OK, &said, &HeaderMap::new())
}

/// In the very words that the shipped clients look for: they go on as a guest.
pub(crate) fn invalid_refresh_token() -> Response {
    let said = json!({"status_code": "401 UNAUTHORIZED", "message": "invalid refresh_token"});
    json(StatusCode::UNAUTHORIZED, &said, &HeaderMap::new())
}

/// In the very words that the shipped clients look for: they refresh, or go on as a guest.
pub(crate) fn no_access_token() -> Response {
    let said = json!({"status_code": "400 BAD_REQUEST", "message": "access_token_cookie_missing"});
    json(StatusCode::BAD_REQUEST, &said, &HeaderMap::new())
}

/// As SLAS answers a logout.
pub(crate) fn signed_out() -> Response {
    let said = json!({"token_type": "Bearer", "expires_in": 0, "refresh_token_expires_in": 0});
    json(StatusCode::OK, &said, &HeaderMap::new())
}

pub(crate) fn json(status: StatusCode, body: &Value, headers: &HeaderMap) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    tell(response, headers)
}

fn tell(mut response: Response, headers: &HeaderMap) -> Response {
    for name in &TOLD {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
