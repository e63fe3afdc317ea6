//! Why SLAS gave no tokens: its errors, and what they mean.

use http::StatusCode;
use serde::Deserialize;

use crate::flow::UpstreamFailure;
use crate::upstream::http::{BufferedResponse, CallError};

/// Why SLAS gave no tokens.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlasError {
    #[error("SLAS did not answer")]
    Call(#[from] CallError),
    #[error("SLAS refused with {}", .0.status)]
    Refused(Refusal),
    #[error("SLAS answered {0}")]
    Malformed(&'static str),
}

pub(super) type SlasResult<T> = Result<T, SlasError>;

impl SlasError {
    /// What it means where no refusal is the shopper's business.
    pub(super) fn failure(&self) -> UpstreamFailure {
        match self {
            Self::Call(error) => error.failure(),
            Self::Malformed(_) => UpstreamFailure::unavailable_for(5),
            Self::Refused(refusal) => refusal.failure(),
        }
    }

    pub(super) fn warn(&self, operation: &'static str) {
        let detail = match self {
            Self::Call(_) => None,
            Self::Refused(refusal) => Some(refusal.code.as_str()),
            Self::Malformed(what) => Some(*what),
        };
        tracing::warn!(upstream = "slas", operation, detail, error = %self, "no answer to use");
    }
}

/// A 4xx, or a redirect that carries an error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// `error`, made of lower-case letters and `_`, fit for logs.
    pub(super) code: String,
    /// Everything SLAS said, in lower case, for telling cases apart. It may carry a login, so it
    /// is not for logs.
    text: String,
}

/// Errors by which SLAS speaks of its own state (`OpenAPI`; RFC 6749 section 4.1.2.1).
const PASSING: [&str; 3] = ["server_error", "gateway_server_error", "temporarily_unavailable"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: String,
    error_description: String,
    message: String,
}

impl Refusal {
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

    /// Whether asking again later may help: SLAS speaks of its own state, or it is the edge before
    /// it that speaks, in HTML or not at all.
    pub(super) fn is_passing(&self) -> bool {
        self.text.trim().is_empty() || PASSING.contains(&self.code.as_str())
    }

    /// Whether it ends a refresh token. Any 400 of SLAS does, but for those that speak of the
    /// client, and a 401 only in so many words: a secret that we have wrong must not log out
    /// everybody.
    pub(super) fn ends_refresh_token(&self) -> bool {
        match self.status {
            StatusCode::BAD_REQUEST => {
                self.is_about_refresh_token() || !(self.is_passing() || self.is_about_client())
            }
            StatusCode::UNAUTHORIZED => self.is_about_refresh_token(),
            _ => false,
        }
    }

    /// Whether the same question would get the same answer tomorrow.
    pub(super) fn is_for_good(&self) -> bool {
        match self.status {
            StatusCode::CONFLICT => false,
            // By these the retired form has been reported to answer, with or without words. A
            // shopper must not wait for it for ever.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE => true,
            _ => !self.is_passing(),
        }
    }

    /// What it means where no refusal is the shopper's business.
    pub(super) fn failure(&self) -> UpstreamFailure {
        match self.status {
            StatusCode::CONFLICT => UpstreamFailure::throttled_for(2),
            _ if self.is_passing() => UpstreamFailure::unavailable_for(5),
            _ => UpstreamFailure::MISCONFIGURED,
        }
    }

    /// SLAS does not know this client or its secret.
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

    /// Our client lacks a scope.
    pub(super) fn is_about_scope(&self) -> bool {
        self.text.contains("scope")
    }

    /// The refresh token is dead: said in so many words.
    fn is_about_refresh_token(&self) -> bool {
        let text = self.text.replace(' ', "_");
        text.contains("refresh_token")
    }

    /// The usid belongs to another session that still lives.
    pub(super) fn is_about_usid(&self) -> bool {
        self.text.contains("usid")
    }
}
