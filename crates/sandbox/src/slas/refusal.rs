//! How SLAS says no: in the shape of its description, or in the shape seen live.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An answer that is no success.
pub(crate) enum Refusal {
    /// `application/problem+json` with `error` and `error_description`.
    Oauth(StatusCode, &'static str, &'static str),
    /// 400 with `status_code` and `message`, as seen live.
    Live(&'static str),
    /// 429 with `Retry-After`.
    Throttled(Duration),
}

impl Refusal {
    /// 400 `invalid_request`.
    pub(super) fn request(description: &'static str) -> Self {
        Self::Oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 401 `invalid_client`.
    pub(super) fn client(description: &'static str) -> Self {
        Self::Oauth(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// A call that lacks something that all such calls have.
    pub(super) fn incomplete() -> Self {
        Self::request("Bad or missing request parameters.")
    }

    /// The answer to every refresh token that is no good, whatever the reason.
    pub(super) fn refresh_token() -> Self {
        Self::Live("invalid refresh_token")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Oauth(status, error, description) => {
                problem(status, &json!({"error": error, "error_description": description}))
            }
            Self::Live(message) => {
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
