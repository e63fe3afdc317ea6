//! The fault document, which is the error format of OCAPI.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A fault with its status, type and arguments.
pub(super) struct OcapiFault {
    status: StatusCode,
    kind: &'static str,
    message: &'static str,
    arguments: Value,
}

impl OcapiFault {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: &'static str) -> Self {
        Self { status, kind, message, arguments: json!({}) }
    }

    /// An invalid token. Like the platform, the fault repeats the token, so a client must not log
    /// it.
    pub(super) fn access_token(token: &str) -> Self {
        let message = "The OAuth access token sent via Authorization: Bearer header is invalid.";
        Self {
            arguments: json!({"accessToken": token}),
            ..Self::new(StatusCode::UNAUTHORIZED, "InvalidAccessTokenException", message)
        }
    }

    /// A session that is expired, unknown, or without its secure token.
    pub(super) fn authentication() -> Self {
        let message = "The customer could not be authenticated.";
        Self::new(StatusCode::UNAUTHORIZED, "AuthenticationFailedException", message)
    }
}

impl IntoResponse for OcapiFault {
    fn into_response(self) -> Response {
        let Self { status, kind, message, arguments } = self;
        let fault = json!({"type": kind, "message": message, "arguments": arguments});
        (status, Json(json!({"_v": "24.5", "fault": fault}))).into_response()
    }
}
