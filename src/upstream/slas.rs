//! The SLAS client: one method per thing the core asks, one or two HTTP calls each.
//!
//! Request bytes follow the SLAS `OpenAPI` description 1.50 and the shipped clients; where they
//! differ, a comment says so. Redirects are answers here and are never followed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

mod operations;
mod passthrough;
mod pkce;
mod wire;

use super::CallContext;
use super::http::{BufferedResponse, CallError, Operation, Sender, secret_header};
use crate::clock::{self, Clock};
use crate::config::SlasConfig;
use crate::flow::{Cause, UpstreamFailure};
use crate::model::Grant;
pub use passthrough::{CallCredentials, PassthroughBody, PassthroughCall};
use pkce::Pkce;
pub use wire::Jwk;
use wire::Refusal;

/// What a shopper types into the login form.
#[derive(Clone)]
pub struct Credentials {
    /// The login.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

/// SLAS, as the client of one site.
#[derive(Clone)]
pub struct Slas {
    sender: Sender,
    clock: Clock,
    base: String,
    config: SlasConfig,
    refresh_timeout: Duration,
}

/// Why SLAS gave no tokens.
#[derive(Debug, thiserror::Error)]
enum SlasError {
    #[error("SLAS did not answer")]
    Call(#[from] CallError),
    #[error("SLAS refused with {}", .0.status)]
    Refused(Refusal),
    #[error("SLAS answered {0}")]
    Malformed(&'static str),
}

type SlasResult<T> = Result<T, SlasError>;

impl Slas {
    /// A client for the SLAS client of `config`.
    #[must_use]
    pub fn new(
        sender: Sender,
        clock: Clock,
        config: SlasConfig,
        refresh_timeout: Duration,
    ) -> Self {
        let base = format!(
            "{}/shopper/auth/v1/organizations/{}/oauth2",
            config.base_url.as_str(),
            config.organization_id
        );
        Self { sender, clock, base, config, refresh_timeout }
    }

    /// The same client, sending by another sender.
    #[must_use]
    pub fn with_sender(&self, sender: Sender) -> Self {
        Self { sender, ..self.clone() }
    }

    /// Whether the SLAS client is a public one, whose refresh tokens rotate.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.config.client_secret.is_none()
    }

    fn get(&self, path: &str, context: &CallContext) -> RequestBuilder {
        let request = self.sender.http.get(format!("{}/{path}", self.base));
        request.header("correlation-id", &context.correlation_id)
    }

    fn post(&self, path: &str, context: &CallContext) -> RequestBuilder {
        let request = self.sender.http.post(format!("{}/{path}", self.base));
        request.header("correlation-id", &context.correlation_id)
    }

    /// `Authorization: Basic` of a private client; nothing for a public one.
    fn as_client(&self, request: RequestBuilder) -> RequestBuilder {
        match self.client_pair() {
            Some(pair) => request.header(AUTHORIZATION, secret_header(&format!("Basic {pair}"))),
            None => request,
        }
    }

    /// `x-slas-client-auth` of a private client under Strict Client Auth: the bare pair, without
    /// `Basic`.
    fn as_strict_client(&self, request: RequestBuilder) -> RequestBuilder {
        match self.client_pair() {
            Some(pair) if self.config.strict_client_auth => {
                request.header("x-slas-client-auth", secret_header(&pair))
            }
            _ => request,
        }
    }

    fn client_pair(&self) -> Option<String> {
        let secret = self.config.client_secret.as_ref()?;
        Some(base64_pair(&self.config.client_id, secret.expose_secret()))
    }

    /// A call whose answer is tokens; repeated once if SLAS is busy with the same usid or login.
    async fn tokens(&self, name: &'static str, request: RequestBuilder) -> SlasResult<Grant> {
        let operation = Operation { upstream: "slas", name };
        let reply = self.unless_conflict(operation, request).await?;
        if reply.status != StatusCode::OK {
            return Err(SlasError::Refused(Refusal::of(&reply)));
        }
        let audience = &self.config.audience;
        wire::grant(&reply, audience, self.clock.now()).map_err(SlasError::Malformed)
    }

    /// A call whose answer is a redirect that carries a code, with the verifier that redeems it;
    /// repeated once as above, with another challenge: SLAS takes none a second time.
    async fn code(
        &self,
        name: &'static str,
        request: impl Fn(&Pkce) -> RequestBuilder,
    ) -> SlasResult<(wire::Code, Pkce)> {
        let operation = Operation { upstream: "slas", name };
        let mut pkce = Pkce::new(clock::random());
        let mut reply = self.sender.send(operation, request(&pkce)).await?;
        if reply.status == StatusCode::CONFLICT {
            outlast_conflict().await;
            pkce = Pkce::new(clock::random());
            reply = self.sender.send(operation, request(&pkce)).await?;
        }
        if !reply.status.is_redirection() {
            return Err(SlasError::Refused(Refusal::of(&reply)));
        }
        Ok((wire::code(&reply)?, pkce))
    }

    /// 409 means that SLAS works on the same login or usid right now: a second or two later it
    /// may have finished. Nothing has happened, so asking once more is safe.
    async fn unless_conflict(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> Result<BufferedResponse, CallError> {
        let again = request.try_clone();
        let reply = self.sender.send(operation, request).await?;
        match again {
            Some(again) if reply.status == StatusCode::CONFLICT => {
                outlast_conflict().await;
                self.sender.send(operation, again).await
            }
            _ => Ok(reply),
        }
    }
}

impl SlasError {
    /// What it means where no refusal is the shopper's business.
    fn failure(&self) -> UpstreamFailure {
        match self {
            Self::Call(error) => error.failure(),
            Self::Malformed(_) => {
                UpstreamFailure { cause: Cause::Unavailable, retry_after: Some(5) }
            }
            Self::Refused(refusal) => refusal.failure(),
        }
    }

    fn warn(&self, operation: &'static str) {
        let detail = match self {
            Self::Call(_) => None,
            Self::Refused(refusal) => Some(refusal.code.as_str()),
            Self::Malformed(what) => Some(*what),
        };
        tracing::warn!(upstream = "slas", operation, detail, error = %self, "no answer to use");
    }
}

/// Waits for as long as SLAS remembers a login or usid that it works on, and a little.
async fn outlast_conflict() {
    let jitter = u64::from(clock::random::<1>()[0]) * 2;
    tokio::time::sleep(Duration::from_millis(1_050 + jitter)).await;
}

fn base64_pair(name: &str, secret: &str) -> String {
    STANDARD.encode(format!("{name}:{secret}"))
}
