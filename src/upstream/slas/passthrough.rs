//! Calls of SLAS that a head makes through the façade: made anew from what was judged, with the
//! credentials that belong to them, and answered whole.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use reqwest::RequestBuilder;

use super::{CallContext, Operation, Slas, secret_header, wire};
use crate::flow::UpstreamFailure;
use crate::ids::AccessToken;
use crate::model::Grant;
use crate::upstream::http::{BufferedResponse, CallError};

/// One call to make. It does not print: its parameters are codes, tokens and passwords.
#[derive(Clone)]
pub struct PassthroughCall<'a> {
    /// A word for metrics and logs.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path below `…/oauth2/`.
    pub path: &'a str,
    /// Its query.
    pub query: &'a [(String, String)],
    /// Its body.
    pub body: PassthroughBody<'a>,
    /// Whose credentials it carries.
    pub credentials: CallCredentials,
    /// Whether the client's secret may be added.
    pub private: bool,
}

impl PassthroughCall<'_> {
    fn has_challenge(&self) -> bool {
        let is_challenge = |(name, _): &(String, String)| name == "code_challenge";
        let in_body =
            matches!(self.body, PassthroughBody::Form(pairs) if pairs.iter().any(is_challenge));
        in_body || self.query.iter().any(is_challenge)
    }
}

/// The body of a call.
#[derive(Clone, Copy)]
pub enum PassthroughBody<'a> {
    /// There is none.
    None,
    /// `application/x-www-form-urlencoded`.
    Form(&'a [(String, String)]),
    /// `application/json`.
    Json(&'a serde_json::Map<String, serde_json::Value>),
}

/// Whose credentials a call carries. Its values are marked sensitive.
#[derive(Clone, Debug)]
pub enum CallCredentials {
    /// The client's, as `Authorization: Basic`.
    Client,
    /// A shopper's, as they came.
    Shopper(HeaderValue),
    /// Nobody's.
    None,
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
    pub async fn pass_through(
        &self,
        call: &PassthroughCall<'_>,
        context: &CallContext,
    ) -> Result<BufferedResponse, CallError> {
        let url = format!("{}/{}", self.base, call.path);
        let request = self.sender.http.request(call.method.clone(), url);
        let request = request.header("correlation-id", &context.correlation_id);
        let request = if call.query.is_empty() { request } else { request.query(call.query) };
        let request = match call.body {
            PassthroughBody::None => request,
            PassthroughBody::Form(pairs) => request.form(pairs),
            PassthroughBody::Json(fields) => request.json(fields),
        };
        let operation = Operation { upstream: "slas", name: call.name };
        let request = self.with_credentials(request, call);
        if call.has_challenge() {
            return self.sender.send(operation, request).await;
        }
        self.unless_conflict(operation, request).await
    }

    fn with_credentials(
        &self,
        request: RequestBuilder,
        call: &PassthroughCall<'_>,
    ) -> RequestBuilder {
        let strict = |request| if call.private { self.as_strict_client(request) } else { request };
        match &call.credentials {
            CallCredentials::Client if call.private => self.as_client(request),
            CallCredentials::Client => request,
            CallCredentials::None => strict(request),
            CallCredentials::Shopper(credentials) => {
                strict(request).header(AUTHORIZATION, credentials.clone())
            }
            CallCredentials::Agent(code) => {
                let request = request.header(AUTHORIZATION, code.clone());
                // Without `Basic`, as the `OpenAPI` description has it.
                match self.client_pair().filter(|_| call.private) {
                    Some(pair) => request.header("_sfdc_client_auth", secret_header(&pair)),
                    None => request,
                }
            }
            CallCredentials::Token(token) => {
                let bearer = format!("Bearer {}", token.expose());
                request.header(AUTHORIZATION, secret_header(&bearer))
            }
            CallCredentials::Caller(header) => request.header(AUTHORIZATION, header.clone()),
        }
    }

    /// The tokens of such an answer, if they are for us.
    pub fn parse_grant(&self, reply: &BufferedResponse) -> Result<Grant, UpstreamFailure> {
        let grant = wire::grant(reply, &self.config.audience, self.clock.now());
        grant.map_err(super::SlasError::Malformed).map_err(|error| {
            error.warn("call");
            error.failure()
        })
    }
}
