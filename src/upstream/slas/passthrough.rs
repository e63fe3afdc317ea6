//! SLAS calls of a Head: rebuilt from validated parameters and sent with the credentials that the
//! operation needs.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use reqwest::RequestBuilder;

use super::error::SlasError;
use super::{CallContext, Operation, Slas, wire};
use crate::flow::UpstreamFailure;
use crate::header_values;
use crate::ids::AccessToken;
use crate::model::Grant;
use crate::upstream::http::{BufferedResponse, CallError};

/// A call of the SLAS proxy to make. It is not `Debug`: its parameters are codes, tokens and
/// passwords.
#[derive(Clone)]
pub struct PassthroughCall<'a> {
    /// The operation in metrics and logs.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path below `…/oauth2/`.
    pub path: &'a str,
    /// The parameters in the query.
    pub query: &'a [(String, String)],
    /// The body.
    pub body: PassthroughBody<'a>,
    /// The credentials to send.
    pub credentials: CallCredentials,
    /// Whether the secret of Tandem's client may be added.
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

/// The credentials of a call. Header values are marked sensitive.
#[derive(Clone, Debug)]
pub enum CallCredentials {
    /// Those of Tandem's SLAS client, as `Authorization: Basic`.
    Client,
    /// The shopper's `Authorization`, unchanged.
    Shopper(HeaderValue),
    /// No credentials.
    None,
    /// The agent's `Authorization`, unchanged, and those of Tandem's SLAS client.
    Agent(HeaderValue),
    /// The shopper's access token.
    Token(AccessToken),
    /// The `Authorization` of a caller that is not a browser, unchanged.
    Caller(HeaderValue),
}

impl Slas {
    /// Makes the call, and repeats it once after a 409. A call with the caller's PKCE challenge is
    /// not repeated: SLAS accepts each challenge only once, and only the caller can make another.
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
        self.send_twice_on_conflict(operation, request).await
    }

    fn with_credentials(
        &self,
        request: RequestBuilder,
        call: &PassthroughCall<'_>,
    ) -> RequestBuilder {
        let strict =
            |request| if call.private { self.authorize_strict_client(request) } else { request };
        match &call.credentials {
            CallCredentials::Client if call.private => self.authorize_client(request),
            CallCredentials::Client => request,
            CallCredentials::None => strict(request),
            CallCredentials::Shopper(credentials) => {
                strict(request).header(AUTHORIZATION, credentials.clone())
            }
            CallCredentials::Agent(code) => {
                let request = request.header(AUTHORIZATION, code.clone());
                // Without `Basic`, as in the `OpenAPI` description.
                match self.client_pair().filter(|_| call.private) {
                    Some(pair) => {
                        request.header("_sfdc_client_auth", header_values::sensitive(&pair))
                    }
                    None => request,
                }
            }
            CallCredentials::Token(token) => {
                request.header(AUTHORIZATION, header_values::bearer(token))
            }
            CallCredentials::Caller(header) => request.header(AUTHORIZATION, header.clone()),
        }
    }

    /// The tokens of such a response, if they were issued for this site.
    pub fn parse_grant(&self, reply: &BufferedResponse) -> Result<Grant, UpstreamFailure> {
        let grant = wire::grant(reply, &self.config.audience, self.clock.now());
        if grant.is_ok() {
            self.rejections.succeeded(self.clock.monotonic());
        }
        grant.map_err(|what| {
            let error = SlasError::Malformed(what);
            error.warn("call");
            error.failure()
        })
    }
}
