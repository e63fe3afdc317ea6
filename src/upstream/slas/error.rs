//! The errors of SLAS, and what they mean.

use http::StatusCode;
use serde::Deserialize;

use crate::flow::UpstreamFailure;
use crate::upstream::http::{BufferedResponse, CallError};
use crate::upstream::refresh_rejections::Doubt;

/// Why SLAS returned no tokens.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlasError {
    #[error("SLAS call failed: {0}")]
    Call(#[from] CallError),
    #[error("SLAS rejected the call with {}", .0.status)]
    Rejected(Rejection),
    #[error("invalid response of SLAS: {0}")]
    Malformed(&'static str),
}

pub(super) type SlasResult<T> = Result<T, SlasError>;

impl SlasError {
    /// The failure, where a rejection does not depend on what the shopper sent.
    pub(super) fn failure(&self) -> UpstreamFailure {
        match self {
            Self::Call(error) => error.failure(),
            Self::Malformed(_) => UpstreamFailure::unavailable_for(5),
            Self::Rejected(rejection) => rejection.failure(),
        }
    }

    pub(super) fn warn(&self, operation: &'static str) {
        let detail = match self {
            Self::Call(_) => None,
            Self::Rejected(rejection) => Some(rejection.code.as_str()),
            Self::Malformed(what) => Some(*what),
        };
        tracing::warn!(upstream = "slas", operation, detail, error = %self, "upstream call failed");
    }
}

/// A 4xx response, or a redirect with an error.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) status: StatusCode,
    /// `error`, if it has only lower-case letters and `_`: safe for logs.
    pub(super) code: String,
    /// All texts of the response in lower case, to classify it. They may contain a login, so they
    /// are not logged.
    text: String,
}

/// The token that SLAS refuses with a logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogoutRefusal {
    AccessToken,
    RefreshToken,
}

/// Errors about the state of SLAS itself (`OpenAPI`; RFC 6749 section 4.1.2.1).
const TEMPORARY: [&str; 4] =
    ["server_error", "gateway_server_error", "temporarily_unavailable", DEPENDENCY_DOWN];
/// A service that SLAS needs for this call is down.
const DEPENDENCY_DOWN: &str = "precondition_failure";

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: String,
    error_description: String,
    message: String,
}

impl Rejection {
    pub(super) fn of(reply: &BufferedResponse) -> Self {
        let body: ErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = format!("{} {}", body.error_description, body.message);
        Self::new(reply.status, &body.error, &text)
    }

    pub(super) fn new(status: StatusCode, error: &str, text: &str) -> Self {
        let text = format!("{error} {text}").to_lowercase();
        let plain = error.len() <= 40
            && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let code = if plain { error.to_owned() } else { String::new() };
        Self { status, code, text }
    }

    /// Whether a later call may succeed: the error is about the state of SLAS itself, or the
    /// response is HTML or empty, so it comes from the edge in front of SLAS.
    fn is_temporary(&self) -> bool {
        let early = matches!(self.status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY);
        // SLAS documents this limit of calls as a 400.
        let throttled = self.text.contains("too many");
        early || throttled || self.is_of_edge() || TEMPORARY.contains(&self.code.as_str())
    }

    /// Whether the response has no error in it, so SLAS has not sent it.
    fn is_of_edge(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Whether it ends a refresh token by itself. Any 400 does unless it is about the client; a 401
    /// does only if it names the refresh token: a wrong client secret must not log out all shoppers.
    pub(super) fn ends_refresh_token(&self) -> bool {
        match self.status {
            StatusCode::BAD_REQUEST => {
                self.is_about_refresh_token() || !(self.is_temporary() || self.is_about_client())
            }
            StatusCode::UNAUTHORIZED => self.is_about_refresh_token(),
            _ => false,
        }
    }

    /// Which token of a logout SLAS refuses; `None` if it refuses neither. A 401 is about the access
    /// token, which the call presents as its credential, whatever it says of a client.
    pub(super) fn of_logout(&self) -> Option<LogoutRefusal> {
        match self.status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED
                if self.is_about_refresh_token() || self.code == "invalid_grant" =>
            {
                Some(LogoutRefusal::RefreshToken)
            }
            StatusCode::UNAUTHORIZED => Some(LogoutRefusal::AccessToken),
            StatusCode::BAD_REQUEST if self.is_about_access_token() => {
                Some(LogoutRefusal::AccessToken)
            }
            _ => None,
        }
    }

    /// Whether it may end a refresh token, and what else it may be about. `None` if it is about
    /// neither: the state of SLAS, the rate of calls, or a response of the edge.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        const REFRESH_ONLY: [&str; 3] =
            ["unauthorized_client", "unsupported_grant_type", "invalid_scope"];
        match self.status {
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => None,
            status if !status.is_client_error() || self.is_of_edge() => None,
            _ if self.code == DEPENDENCY_DOWN => Some(Doubt::Refresh),
            StatusCode::BAD_REQUEST if self.is_temporary() => None,
            // The code contradicts the status, so another call decides.
            _ if self.code == "server_error" => Some(Doubt::Client),
            _ if self.is_temporary() => None,
            _ if REFRESH_ONLY.iter().any(|word| self.text.contains(word))
                || self.is_about_scope() =>
            {
                Some(Doubt::Refresh)
            }
            status if status == StatusCode::UNAUTHORIZED || self.is_about_client() => {
                Some(Doubt::Client)
            }
            _ => Some(Doubt::None),
        }
    }

    /// Whether the same call would be rejected again at any later time.
    pub(super) fn is_permanent(&self) -> bool {
        match self.status {
            StatusCode::CONFLICT => false,
            // Reported responses of the retired grant, with or without a text. Treated as temporary,
            // they would be retried for ever.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE => true,
            _ => !self.is_temporary(),
        }
    }

    /// The failure, where a rejection does not depend on what the shopper sent.
    fn failure(&self) -> UpstreamFailure {
        match self.status {
            StatusCode::CONFLICT => UpstreamFailure::throttled_for(2),
            _ if self.is_temporary() => UpstreamFailure::unavailable_for(5),
            _ => UpstreamFailure::MISCONFIGURED,
        }
    }

    /// Whether SLAS rejects the client, its secret or its settings.
    pub(super) fn is_about_client(&self) -> bool {
        [
            "invalid_client",
            "unauthorized_client",
            "unsupported_grant_type",
            "invalid_scope",
            "client_id",
            "channel_id",
            "redirect",
        ]
        .iter()
        .any(|word| self.text.contains(word))
    }

    /// Whether our client lacks a scope.
    pub(super) fn is_about_scope(&self) -> bool {
        self.text.contains("scope")
    }

    /// Whether the text names the refresh token.
    fn is_about_refresh_token(&self) -> bool {
        let text = self.text.replace(' ', "_");
        text.contains("refresh_token")
    }

    fn is_about_access_token(&self) -> bool {
        self.text.replace(' ', "_").contains("access_token")
    }

    /// Whether the usid belongs to another session that is still alive.
    pub(super) fn is_about_usid(&self) -> bool {
        self.text.contains("usid")
    }
}
