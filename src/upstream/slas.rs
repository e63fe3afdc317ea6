//! The SLAS client: one method per operation the core needs, with one or two HTTP calls each.
//!
//! Request bytes follow the SLAS `OpenAPI` description 1.50 and the shipped clients; a comment
//! marks where they differ. Redirects are responses here and are never followed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

mod error;
mod operations;
mod passthrough;
mod pkce;
mod refresh;
mod wire;

use super::CallContext;
use super::http::{BufferedResponse, CallError, Operation, Sender};
use crate::clock::{self, Clock};
use crate::config::SlasConfig;
use crate::header_values::sensitive;
use crate::model::Grant;
use crate::upstream::refresh_rejections::RefreshRejections;
use error::{Rejection, SlasError, SlasResult};
pub use passthrough::{CallCredentials, PassthroughBody, PassthroughCall};
use pkce::Pkce;
pub use wire::Jwk;

/// Login and password, as the shopper entered them.
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

/// The SLAS client of one site.
#[derive(Clone)]
pub struct Slas {
    sender: Sender,
    clock: Clock,
    base: String,
    config: SlasConfig,
    refresh_timeout: Duration,
    rejections: Arc<RefreshRejections>,
}

impl Slas {
    /// A client with the client id and secret of `config`.
    #[must_use]
    pub fn new(
        sender: Sender,
        clock: Clock,
        config: SlasConfig,
        refresh_timeout: Duration,
        rejections: RefreshRejections,
    ) -> Self {
        let base = format!(
            "{}/shopper/auth/v1/organizations/{}/oauth2",
            config.base_url.as_str(),
            config.organization_id
        );
        let rejections = Arc::new(rejections);
        Self { sender, clock, base, config, refresh_timeout, rejections }
    }

    /// This client with another sender.
    #[must_use]
    pub fn with_sender(&self, sender: Sender) -> Self {
        Self { sender, ..self.clone() }
    }

    /// Whether this is a public client, whose refresh tokens rotate.
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
    fn authorize_client(&self, request: RequestBuilder) -> RequestBuilder {
        match self.client_pair() {
            Some(pair) => request.header(AUTHORIZATION, sensitive(&format!("Basic {pair}"))),
            None => request,
        }
    }

    /// `x-slas-client-auth` of a private client under Strict Client Auth: the bare pair, without
    /// `Basic`.
    fn authorize_strict_client(&self, request: RequestBuilder) -> RequestBuilder {
        match self.client_pair() {
            Some(pair) if self.config.strict_client_auth => {
                request.header("x-slas-client-auth", sensitive(&pair))
            }
            _ => request,
        }
    }

    fn client_pair(&self) -> Option<String> {
        let secret = self.config.client_secret.as_ref()?;
        Some(base64_pair(&self.config.client_id, secret.expose_secret()))
    }

    /// A call whose response has tokens, repeated once after a 409.
    async fn tokens(&self, name: &'static str, request: RequestBuilder) -> SlasResult<Grant> {
        let operation = Operation { upstream: "slas", name };
        let reply = self.send_twice_on_conflict(operation, request).await?;
        if reply.status != StatusCode::OK {
            return Err(SlasError::Rejected(Rejection::of(&reply)));
        }
        let audience = &self.config.audience;
        let grant = wire::grant(&reply, audience, self.clock.now());
        let grant = grant.map_err(SlasError::Malformed)?;
        self.rejections.succeeded(self.clock.monotonic());
        Ok(grant)
    }

    /// A call whose response is a redirect with a code; returned with the verifier that the exchange
    /// of the code needs. Repeated once after a 409, with another challenge: SLAS accepts each only
    /// once.
    async fn code(
        &self,
        name: &'static str,
        request: impl Fn(&Pkce) -> RequestBuilder,
    ) -> SlasResult<(wire::Code, Pkce)> {
        let operation = Operation { upstream: "slas", name };
        let mut pkce = Pkce::new(clock::random());
        let mut reply = self.sender.send(operation, request(&pkce)).await?;
        if reply.status == StatusCode::CONFLICT {
            wait_for_conflict().await;
            pkce = Pkce::new(clock::random());
            reply = self.sender.send(operation, request(&pkce)).await?;
        }
        if !reply.status.is_redirection() {
            return Err(SlasError::Rejected(Rejection::of(&reply)));
        }
        Ok((wire::code(&reply)?, pkce))
    }

    /// 409 means that SLAS is processing another call with the same login or usid. It rejected this
    /// call without any effect, so a retry one or two seconds later is safe.
    async fn send_twice_on_conflict(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> Result<BufferedResponse, CallError> {
        let retry = request.try_clone();
        let reply = self.sender.send(operation, request).await?;
        match retry {
            Some(retry) if reply.status == StatusCode::CONFLICT => {
                wait_for_conflict().await;
                self.sender.send(operation, retry).await
            }
            _ => Ok(reply),
        }
    }
}

/// Waits a little longer than SLAS locks a login or usid.
async fn wait_for_conflict() {
    let jitter = u64::from(clock::random::<1>()[0]) * 2;
    tokio::time::sleep(Duration::from_millis(1_050 + jitter)).await;
}

fn base64_pair(name: &str, secret: &str) -> String {
    STANDARD.encode(format!("{name}:{secret}"))
}
