//! Calls of SLAS that a head makes through the façade: made anew from what was judged, with the
//! credentials that belong to them, and answered whole.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use reqwest::RequestBuilder;

use super::{CallContext, Operation, Slas, secret_header, wire};
use crate::flow::UpstreamFailure;
use crate::ids::AccessToken;
use crate::model::Grant;
use crate::upstream::http::{CallError, Reply};

/// One call to make. It does not print: its parameters are codes, tokens and passwords.
#[derive(Clone)]
pub struct Relay<'a> {
    /// A word for metrics and logs.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path below `…/oauth2/`.
    pub path: &'a str,
    /// Its query.
    pub query: &'a [(String, String)],
    /// Its body.
    pub body: RelayBody<'a>,
    /// Whose credentials it carries.
    pub proof: Proof,
    /// Whether the client's secret may be added.
    pub private: bool,
}

impl Relay<'_> {
    fn has_challenge(&self) -> bool {
        let is_challenge = |(name, _): &(String, String)| name == "code_challenge";
        let in_body = matches!(self.body, RelayBody::Form(pairs) if pairs.iter().any(is_challenge));
        in_body || self.query.iter().any(is_challenge)
    }
}

/// The body of a call.
#[derive(Clone, Copy)]
pub enum RelayBody<'a> {
    /// There is none.
    None,
    /// `application/x-www-form-urlencoded`.
    Form(&'a [(String, String)]),
    /// `application/json`.
    Json(&'a serde_json::Map<String, serde_json::Value>),
}

/// Whose credentials a call carries. Its values are marked sensitive.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The client's, as `Authorization: Basic`.
    Client,
    /// A shopper's, as they came.
    Shopper(HeaderValue),
    /// Nobody's.
    Nobody,
    /// An agent's, as they came, and the client's beside them.
    Agent(HeaderValue),
    /// A shopper's access token.
    Token(AccessToken),
    /// Those of a caller who is no browser, as they came.
    Caller(HeaderValue),
}

impl Slas {
    /// Makes the call; repeated once where SLAS is busy with the same login or usid, but not with
    /// the caller's PKCE challenge: SLAS takes none a second time, and only the caller can make
    /// another.
    pub async fn relay(
        &self,
        relay: &Relay<'_>,
        context: &CallContext,
    ) -> Result<Reply, CallError> {
        let url = format!("{}/{}", self.base, relay.path);
        let request = self.sender.http.request(relay.method.clone(), url);
        let request = request.header("correlation-id", &context.correlation_id);
        let request = if relay.query.is_empty() { request } else { request.query(relay.query) };
        let request = match relay.body {
            RelayBody::None => request,
            RelayBody::Form(pairs) => request.form(pairs),
            RelayBody::Json(fields) => request.json(fields),
        };
        let operation = Operation { upstream: "slas", name: relay.name };
        let request = self.proven(request, relay);
        if relay.has_challenge() {
            return self.sender.send(operation, request).await;
        }
        self.unless_conflict(operation, request).await
    }

    fn proven(&self, request: RequestBuilder, relay: &Relay<'_>) -> RequestBuilder {
        let strict = |request| if relay.private { self.as_strict_client(request) } else { request };
        match &relay.proof {
            Proof::Client if relay.private => self.as_client(request),
            Proof::Client => request,
            Proof::Nobody => strict(request),
            Proof::Shopper(credentials) => {
                strict(request).header(AUTHORIZATION, credentials.clone())
            }
            Proof::Agent(code) => {
                let request = request.header(AUTHORIZATION, code.clone());
                // Without `Basic`, as the `OpenAPI` description has it.
                match self.client_pair().filter(|_| relay.private) {
                    Some(pair) => request.header("_sfdc_client_auth", secret_header(&pair)),
                    None => request,
                }
            }
            Proof::Token(token) => {
                let bearer = format!("Bearer {}", token.expose());
                request.header(AUTHORIZATION, secret_header(&bearer))
            }
            Proof::Caller(header) => request.header(AUTHORIZATION, header.clone()),
        }
    }

    /// The tokens of such an answer, if they are for us.
    pub fn received(&self, reply: &Reply) -> Result<Grant, UpstreamFailure> {
        let grant = wire::grant(reply, &self.config.audience, self.clock.now());
        grant.map_err(super::SlasError::Malformed).map_err(|error| {
            error.warn("relay");
            error.failure()
        })
    }
}
