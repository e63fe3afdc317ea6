//! The SLAS façade: heads call SLAS by the shipped SDKs, and tokens stay in cookies.
//!
//! Nothing that came from a browser goes on as it is: the call is judged and made anew. Where it
//! brings tokens they become cookies, through the same doors as everywhere else, but no DW session
//! is made for them: the head may have more to do first (it moves the guest's basket itself), and
//! the next page makes one. A server that renders pages brings no cookies: it gets what SLAS says.

mod request;
mod response;
mod tokens;

pub(crate) use response::no_access_token;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

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
use crate::site::Site;
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
use crate::web::tokens::{renewed, token_after, with_cookies};

/// Longest body of a call, in octets: a passkey's is by far the longest.
const LONGEST_BODY: usize = 64 * 1024;

/// One call on its way through.
struct SlasProxyCall {
    app: Arc<App>,
    session: RequestSession,
    call: Call,
    /// The call came below a path where the client's secret is added.
    private: bool,
    /// The caller is no browser, and brings nothing of a browser's.
    server: bool,
    parts: Parts,
}

/// Answers a call of SLAS as `client`.
pub(crate) async fn call(incoming: Incoming, client: SlasClient) -> Result<Response, Problem> {
    let path = incoming.path_below_route();
    let Incoming { app, site, kind, mut parts, body, .. } = incoming;
    let organization = &site.config.slas.organization_id;
    let call = slas_operations::find(&parts.method, &format!("/{path}"), organization);
    let call = call.map_err(refused)?;
    if let Some(log_fields) = parts.extensions.get::<LogFields>() {
        log_fields.with(|fields| fields.operation = Some(call.operation.as_str()));
    }
    check_site_id(&parts.headers, &site.config)?;
    if call.operation.changes_state() {
        csrf::check_slas_call(&parts.method, &parts.headers, &site.config)?;
    }
    if kind == RequestKind::Crawler {
        return Err(Problem::Refused);
    }
    let private = client == SlasClient::Private;
    if private && site.slas.is_public() {
        // There is no secret to add, and whoever calls here relies on one.
        return Err(Problem::BadRequest("This site's SLAS client has no secret."));
    }
    let body = read(body, app.server.request_timeout).await?;
    let session = RequestSession::from_request_parts(&mut parts, &app).await?;
    let server = csrf::is_server(&parts.headers) && session.presented.names.is_empty();
    let facade = SlasProxyCall { app, session, call, private, server, parts };
    let mut response = facade.answer(&body).await?;
    no_store(response.headers_mut());
    Ok(response)
}

/// Whether a script follows a redirect of SLAS to the shop: the SDKs do, and read the code off the
/// address. A person who is sent there (by an identity provider) is the Head's visitor.
pub(crate) fn is_callback(site: &Site, route: &Route, parts: &Parts) -> bool {
    let config = &site.config;
    route.kind == Kind::Head
        && is_reading(&parts.method)
        && !is_navigation(&parts.headers)
        && config.slas.callback_path(&config.public_origin) == Some(parts.uri.path())
}

/// There is nothing to see there, and nobody may keep it: the address carries a code.
pub(crate) fn callback() -> Response {
    let headers = [
        (CACHE_CONTROL, PRIVATE_NO_STORE),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::OK, headers).into_response()
}

/// What a refusal is for a caller.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Forbidden => Problem::Refused,
        Refusal::Method => Problem::MethodNotAllowed,
        Refusal::Malformed(why) => Problem::BadRequest(why),
    }
}

impl SlasProxyCall {
    async fn answer(mut self, body: &[u8]) -> Result<Response, Problem> {
        let message = self.message(body)?;
        let operation = self.call.operation;
        if self.session.is_late() && message.get("grant_type") == Some("client_credentials") {
            // What it brings would take the place of the session that followed the logout.
            return Err(Problem::LoginConflict);
        }
        if operation == Operation::Logout && !self.server {
            return self.leave(&message).await;
        }
        if message.refreshes() {
            return self.renew(message.get("refresh_token")).await;
        }
        if operation.credential() == Credential::AccessToken && !self.server {
            return self.with_own_token(&message).await;
        }
        let reply = self.relay(&message, self.credentials()?).await?;
        if self.server {
            return Ok(response::whole(operation, &reply));
        }
        if reply.status == StatusCode::OK && operation.returns_tokens() {
            return self.keep(&reply).await;
        }
        Ok(response::without_tokens(operation, &reply))
    }

    /// With the access token of the cookie, renewed if need be.
    async fn with_own_token(&self, message: &Message) -> Result<Response, Problem> {
        let update = match renewed(&self.session, self.session.facts(None)).await {
            Ok(update) => update,
            Err(answer) => return answer,
        };
        let response = match token_after(&self.session, &update) {
            None => no_access_token(),
            Some(token) => match self.relay(message, CallCredentials::Token(token)).await {
                Ok(reply) => response::without_tokens(self.call.operation, &reply),
                // The token may have been renewed all the same, and the old one is spent.
                Err(problem) => problem.into_response(),
            },
        };
        Ok(with_cookies(&self.session, &update, response))
    }

    async fn relay(
        &self,
        message: &Message,
        credentials: CallCredentials,
    ) -> Result<BufferedResponse, Problem> {
        let relay = PassthroughCall {
            name: self.call.operation.as_str(),
            method: self.call.method.clone(),
            path: &self.call.path,
            query: message.query(),
            body: message.body(),
            credentials,
            private: self.private,
        };
        let reply = self.session.site.slas.pass_through(&relay, self.session.context()).await;
        reply.map_err(|error| Problem::Upstream(error.failure()))
    }

    /// Whose credentials the call carries, where they are not in a cookie.
    fn credentials(&self) -> Result<CallCredentials, Problem> {
        let given = |scheme: &str, why: &'static str| {
            authorization(&self.parts.headers, scheme).ok_or(Problem::BadRequest(why))
        };
        Ok(match self.call.operation.credential() {
            Credential::Client => CallCredentials::Client,
            Credential::None => CallCredentials::None,
            Credential::Shopper => CallCredentials::Shopper(given(
                "Basic",
                "Login and password belong into one header.",
            )?),
            Credential::Agent => CallCredentials::Agent(given(
                "Bearer",
                "The agent's code belongs into one header.",
            )?),
            Credential::AccessToken => CallCredentials::Caller(given(
                "Bearer",
                "The access token belongs into one header.",
            )?),
        })
    }
}

/// The whole of `body`. `patience` is how long it may take.
async fn read(body: Body, patience: Duration) -> Result<Vec<u8>, Problem> {
    tokio::time::timeout(patience, gather(body)).await.unwrap_or(Err(Problem::TimedOut))
}

async fn gather(mut body: Body) -> Result<Vec<u8>, Problem> {
    const BROKEN: Problem = Problem::BadRequest("The body does not arrive whole.");
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(piece) = frame.map_err(|_| BROKEN)?.into_data() else { continue };
        whole.extend_from_slice(&piece);
        if whole.len() > LONGEST_BODY {
            return Err(Problem::PayloadTooLarge);
        }
    }
    Ok(whole)
}
