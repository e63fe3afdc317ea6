//! Errors of SLAS, in the documented format or in one that a live tenant returned.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error response.
pub(crate) enum SlasError {
    /// `application/problem+json` with `error` and `error_description`.
    Oauth(StatusCode, &'static str, &'static str),
    /// 400 with `status_code` and `message`, as a live tenant returned it.
    Undocumented(&'static str),
    /// 429 with `Retry-After`.
    Throttled(Duration),
}

impl SlasError {
    /// 400 `invalid_request`.
    pub(super) fn invalid_request(description: &'static str) -> Self {
        Self::Oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 401 `invalid_client`.
    pub(super) fn invalid_client(description: &'static str) -> Self {
        Self::Oauth(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// 400 for a request without a required parameter.
    pub(super) fn missing_parameter() -> Self {
        Self::invalid_request("Bad or missing request parameters.")
    }

    /// 400 for every invalid refresh token, whatever the reason.
    pub(super) fn invalid_refresh_token() -> Self {
        Self::Undocumented("invalid refresh_token")
    }
}

impl IntoResponse for SlasError {
    fn into_response(self) -> Response {
        match self {
            Self::Oauth(status, error, description) => {
                problem(status, &json!({"error": error, "error_description": description}))
            }
            Self::Undocumented(message) => {
                let body = json!({"status_code": "400 BAD_REQUEST", "message": message});
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
            Self::Throttled(wait) => {
                let seconds = wait.as_secs().saturating_add(1).to_string();
                let status = StatusCode::TOO_MANY_REQUESTS;
                let body = json!({"error": "too_many_requests",
                                  "error_description": "Too many requests."});
                ([(header::RETRY_AFTER, seconds)], problem(status, &body)).into_response()
            }
        }
    }
}

fn problem(status: StatusCode, body: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, content_type, body.to_string()).into_response()
}
