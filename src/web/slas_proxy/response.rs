//! Responses of the SLAS proxy.

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

/// Headers of SLAS that a Head uses.
const RETURNED: [HeaderName; 8] = [
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("x-ratelimit-1m-limit"),
    HeaderName::from_static("x-ratelimit-1m-remaining"),
    HeaderName::from_static("x-ratelimit-1m-reset"),
    HeaderName::from_static("x-ratelimit-5m-limit"),
    HeaderName::from_static("x-ratelimit-5m-remaining"),
    HeaderName::from_static("x-ratelimit-5m-reset"),
];

/// The complete response without cookies, for a server that stores the tokens itself.
pub(crate) fn complete(operation: Operation, reply: &BufferedResponse) -> Response {
    if reveals_account(operation, reply) {
        return StatusCode::OK.into_response();
    }
    let mut response = (reply.status, reply.body.clone()).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    if let Some(kind) = reply.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    with_headers(response, &reply.headers)
}

/// A response that sets no tokens: redirects unchanged, errors without fields that may be secret.
pub(crate) fn without_tokens(operation: Operation, reply: &BufferedResponse) -> Response {
    if reveals_account(operation, reply) {
        return StatusCode::OK.into_response();
    }
    if reply.status.is_client_error() {
        let error = Value::Object(redact::error(&reply.body));
        return json(reply.status, &error, &reply.headers);
    }
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(mut fields) if !reply.status.is_redirection() => {
            redact::strip(&mut fields);
            json(reply.status, &fields, &reply.headers)
        }
        _ => with_headers(reply.status.into_response(), &reply.headers),
    }
}

/// Whether a response reveals that an account does not exist. Not even a server that renders pages
/// gets it: it would pass it on.
fn reveals_account(operation: Operation, reply: &BufferedResponse) -> bool {
    operation == Operation::PasswordlessLogin && reply.status == StatusCode::NOT_FOUND
}

/// The tokens of a refresh, in the form of SLAS.
pub(crate) fn tokens(grant: &Grant, session: &RequestSession) -> Response {
    for_browser(all_fields(grant, session), session)
}

/// The response to a refresh by a server that stores the tokens itself.
pub(crate) fn for_server(grant: &Grant, session: &RequestSession) -> Response {
    json(StatusCode::OK, &all_fields(grant, session), &HeaderMap::new())
}

fn all_fields(grant: &Grant, session: &RequestSession) -> Value {
    let held = HeldAccess { token: grant.access.clone(), claims: grant.claims.clone() };
    let (refresh, extras) = (grant.refresh.as_ref(), &grant.extras);
    let mut fields = access_fields(&held, session);
    fields["refresh_token"] = refresh.map(|refresh| refresh.token.expose()).into();
    fields["refresh_token_expires_in"] = refresh.map(|refresh| refresh.expires_in).into();
    fields["id_token"] = extras.id_token.as_ref().map(IdToken::expose).unwrap_or_default().into();
    fields["enc_user_id"] =
        extras.encoded_user_id.as_ref().map(Word::as_str).unwrap_or_default().into();
    fields
}

/// The response to a refresh that leaves the browser its access token.
pub(crate) fn held(held: &HeldAccess, session: &RequestSession) -> Response {
    for_browser(access_fields(held, session), session)
}

fn access_fields(held: &HeldAccess, session: &RequestSession) -> Value {
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

fn for_browser(mut fields: Value, session: &RequestSession) -> Response {
    if !session.site.names.readable_tokens {
        redact::strip(&mut fields);
    }
    json(StatusCode::OK, &fields, &HeaderMap::new())
}

/// The text that the shipped clients look for: they begin a guest session.
pub(crate) fn invalid_refresh_token() -> Response {
    let fields = json!({"status_code": "401 UNAUTHORIZED", "message": "invalid refresh_token"});
    json(StatusCode::UNAUTHORIZED, &fields, &HeaderMap::new())
}

/// The text that the shipped clients look for: they refresh, or begin a guest session.
pub(crate) fn no_access_token() -> Response {
    let fields =
        json!({"status_code": "400 BAD_REQUEST", "message": "access_token_cookie_missing"});
    json(StatusCode::BAD_REQUEST, &fields, &HeaderMap::new())
}

/// The response of SLAS to a logout.
pub(crate) fn logged_out() -> Response {
    let fields = json!({"token_type": "Bearer", "expires_in": 0, "refresh_token_expires_in": 0});
    json(StatusCode::OK, &fields, &HeaderMap::new())
}

pub(crate) fn json(status: StatusCode, body: &Value, headers: &HeaderMap) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    with_headers(response, headers)
}

fn with_headers(mut response: Response, headers: &HeaderMap) -> Response {
    for name in &RETURNED {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
