//! The SLAS proxy: Heads call SLAS through the shipped SDKs, and tokens stay in cookies.
//!
//! No call of a browser is forwarded unchanged: it is validated and built anew. Tokens in its
//! response become cookies by the same rules as on other routes, but no DW session is made for
//! them: the Head may have work to do first (it moves the guest's basket itself), and the next page
//! makes one. A server that renders pages sends no cookies: it gets the response of SLAS.

mod request;
mod response;
mod tokens;

pub(crate) use response::no_access_token;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use hyper::body::Body as _;

use crate::allowlist::Refusal;
use crate::allowlist::slas_operations::{self, Call, Credential, Operation};
use crate::app::App;
use crate::header_values::PRIVATE_NO_STORE;
use crate::problem::Problem;
use crate::route::{Kind, Route, SlasClient};
use crate::site::SiteAtHost;
use crate::upstream::http::BufferedResponse;
use crate::upstream::slas::{CallCredentials, PassthroughCall};
use crate::web::csrf;
use crate::web::headers::{authorization, no_store};
use crate::web::incoming::Incoming;
use crate::web::request_kind::{RequestKind, is_navigation, is_reading};
use crate::web::request_log::LogFields;
use crate::web::request_session::RequestSession;
use crate::web::site_lookup::check_site_id;
use crate::web::slas_proxy::request::Message;

/// Longest body of a call, in bytes; by far the longest is that of a passkey.
const LONGEST_BODY: usize = 64 * 1024;

/// A call of SLAS, and the session of its shopper.
struct SlasProxyCall {
    app: Arc<App>,
    session: RequestSession,
    call: Call,
    /// The route adds the secret of a private client.
    private: bool,
    /// The caller is a server, and sends no cookies of a browser.
    server: bool,
    parts: Parts,
}

/// Handles a call of SLAS as `client`.
pub(crate) async fn call(incoming: Incoming, client: SlasClient) -> Result<Response, Problem> {
    let path = incoming.path_below_route();
    let Incoming { app, site, kind, mut parts, body, .. } = incoming;
    let organization = &site.config.slas.organization_id;
    let call = slas_operations::find(&parts.method, &format!("/{path}"), organization);
    let call = call.map_err(refused)?;
    let name = call.operation.as_str();
    LogFields::of(&parts.extensions).with(|fields| fields.operation = Some(name));
    check_site_id(&parts.headers, &site.config)?;
    if call.operation.changes_state() {
        csrf::check_slas_call(&parts.method, &parts.headers, &site)?;
    }
    if kind == RequestKind::Crawler {
        return Err(Problem::Refused);
    }
    let private = client == SlasClient::Private;
    if private && site.slas.is_public() {
        // The caller relies on a secret that we do not have.
        return Err(Problem::BadRequest("This site's SLAS client has no secret."));
    }
    let body = tokio::time::timeout(app.server.request_timeout, read(body)).await;
    let body = body.unwrap_or(Err(Problem::TimedOut))?;
    let session = RequestSession::from_request_parts(&mut parts, &app).await?;
    let server = csrf::is_server(&parts.headers) && session.presented.names.is_empty();
    let call = SlasProxyCall { app, session, call, private, server, parts };
    let mut response = call.respond(&body).await?;
    no_store(response.headers_mut());
    Ok(response)
}

/// Whether a script follows a redirect of SLAS to the shop: the SDKs do, and read the code from the
/// address. A person whom an identity provider redirects there gets the page of the Head.
pub(crate) fn is_callback(site: &SiteAtHost, route: &Route, parts: &Parts) -> bool {
    route.kind == Kind::Head
        && is_reading(&parts.method)
        && !is_navigation(&parts.headers)
        && site.config.slas.is_callback(&site.public_origin, parts.uri.path())
}

/// The response to such a script. It is empty, and no cache may store it: the address contains a
/// code.
pub(crate) fn callback() -> Response {
    let headers = [
        (CACHE_CONTROL, PRIVATE_NO_STORE),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::OK, headers).into_response()
}

/// The problem that a refusal of the allowlist is for the caller.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Forbidden => Problem::Refused,
        Refusal::Method => Problem::MethodNotAllowed,
        Refusal::Malformed(why) => Problem::BadRequest(why),
    }
}

impl SlasProxyCall {
    async fn respond(mut self, body: &[u8]) -> Result<Response, Problem> {
        let message = self.message(body)?;
        let operation = self.call.operation;
        if let Some(dnt) = message.dnt() {
            self.session.state_dnt(dnt);
        }
        if self.session.is_late() && message.get("grant_type") == Some("client_credentials") {
            // The new tokens would replace those of the session that followed the logout.
            return Err(Problem::LoginConflict);
        }
        if operation == Operation::Logout && !self.server {
            return self.log_out(&message).await;
        }
        if message.refreshes() {
            return self.renew(message.get("refresh_token")).await;
        }
        if operation.credential() == Credential::AccessToken && !self.server {
            return self.with_own_token(&message).await;
        }
        let reply = self.pass_through(&message, self.credentials()?).await?;
        if self.server {
            return Ok(response::complete(operation, &reply));
        }
        if reply.status == StatusCode::OK && operation.returns_tokens() {
            return self.store_tokens(&reply).await;
        }
        Ok(response::without_tokens(operation, &reply))
    }

    /// Makes the call with the access token of the cookie, renewed if necessary.
    async fn with_own_token(&self, message: &Message) -> Result<Response, Problem> {
        let update = match self.session.resolve_call(self.session.facts(None)).await {
            Ok(update) => update,
            Err(response) => return Ok(response),
        };
        let response = match update.access_token(&self.session) {
            None => no_access_token(),
            Some(token) => match self.pass_through(message, CallCredentials::Token(token)).await {
                Ok(reply) => response::without_tokens(self.call.operation, &reply),
                // The tokens may have been renewed, and the old refresh token is spent.
                Err(problem) => problem.into_response(),
            },
        };
        Ok((update, response).into_response())
    }

    async fn pass_through(
        &self,
        message: &Message,
        credentials: CallCredentials,
    ) -> Result<BufferedResponse, Problem> {
        let call = PassthroughCall {
            name: self.call.operation.as_str(),
            method: self.call.method.clone(),
            path: &self.call.path,
            query: message.query(),
            body: message.body(),
            credentials,
            private: self.private,
        };
        let reply = self.session.site.slas.pass_through(&call, self.session.context()).await;
        reply.map_err(|error| Problem::Upstream(error.failure()))
    }

    /// The credentials of the call, where they are not in a cookie.
    fn credentials(&self) -> Result<CallCredentials, Problem> {
        let given = |scheme: &str, title: &'static str| {
            authorization(&self.parts.headers, scheme).ok_or(Problem::BadRequest(title))
        };
        Ok(match self.call.operation.credential() {
            Credential::Client => CallCredentials::Client,
            Credential::None => CallCredentials::None,
            Credential::Shopper => CallCredentials::Shopper(given(
                "Basic",
                "Missing or repeated header with login and password.",
            )?),
            Credential::Agent => CallCredentials::Agent(given(
                "Bearer",
                "Missing or repeated header with the agent's code.",
            )?),
            Credential::AccessToken => CallCredentials::Caller(given(
                "Bearer",
                "Missing or repeated header with the access token.",
            )?),
        })
    }
}

async fn read(mut body: Body) -> Result<Vec<u8>, Problem> {
    const INCOMPLETE: Problem =
        Problem::BadRequest("The request body could not be read completely.");
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| INCOMPLETE)?.into_data() else { continue };
        bytes.extend_from_slice(&data);
        if bytes.len() > LONGEST_BODY {
            return Err(Problem::PayloadTooLarge);
        }
    }
    Ok(bytes)
}
