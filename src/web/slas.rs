//! The SLAS façade: heads call SLAS by the shipped SDKs, and tokens stay in cookies.
//!
//! Nothing that came from a browser goes on as it is: the call is judged and made anew. Where it
//! brings tokens they become cookies, through the same doors as everywhere else, but no DW session
//! is made for them: the head may have more to do first (it moves the guest's basket itself), and
//! the next page makes one. A server that renders pages brings no cookies: it gets what SLAS says.

mod answer;
mod keeping;
mod renewing;
mod said;

pub(super) use answer::no_access_token;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::arrival::{Arrival, Travelled};
use super::caller;
use super::notes::Notes;
use super::visit::{is_crawler, is_navigation, is_reading};
use crate::app::App;
use crate::facade::Refusal;
use crate::facade::operations::{self, Call, Credential, Operation};
use crate::flow::{Access, Intent, TokenChange};
use crate::ids::AccessToken;
use crate::problem::Problem;
use crate::route::{Kind, Route, SlasClient};
use crate::site::Site;
use crate::upstream::slas::{Proof, Relay};

/// Longest body of a call, in octets: a passkey's is by far the longest.
const LONGEST_BODY: usize = 64 * 1024;

/// One call on its way through.
struct Facade {
    app: Arc<App>,
    arrival: Arrival,
    call: Call,
    /// The call came below a path where the client's secret is added.
    private: bool,
    /// The caller is no browser, and brings nothing of a browser's.
    server: bool,
    parts: Parts,
}

/// Answers a call of SLAS at `path`, below the route's own.
pub(super) async fn call(
    app: Arc<App>,
    site: &Arc<Site>,
    client: SlasClient,
    path: &str,
    mut parts: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let organization = &site.config.slas.organization_id;
    let call = operations::call(&parts.method, &format!("/{path}"), organization);
    let call = call.map_err(refused)?;
    if let Some(notes) = parts.extensions.get::<Notes>() {
        notes.with(|noted| noted.outcome = Some(call.operation.as_str()));
    }
    caller::means_site(&parts.headers, &site.config)?;
    if call.operation.changes_state() {
        // Whatever its method: a link must not sign anybody out.
        caller::may_change_state(&Method::POST, &parts.headers, &site.config)?;
    }
    if is_crawler(&parts.headers, &app.crawlers) {
        return Err(Problem::Refused);
    }
    let private = client == SlasClient::Private;
    if private && site.slas.is_public() {
        // There is no secret to add, and whoever calls here relies on one.
        return Err(Problem::BadRequest("This site's SLAS client has no secret."));
    }
    let body = axum::body::to_bytes(body, LONGEST_BODY).await;
    let body = body.map_err(|_| Problem::PayloadTooLarge)?;
    let arrival = Arrival::from_request_parts(&mut parts, &app).await?;
    let server = caller::is_server(&parts.headers) && arrival.presented.names.is_empty();
    let facade = Facade { app, arrival, call, private, server, parts };
    let mut response = facade.answer(&body).await?;
    let no_store = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}

/// Whether a script follows a redirect of SLAS to the shop: the SDKs do, and read the code off the
/// address. A person who is sent there (by an identity provider) is the Head's visitor.
pub(super) fn is_callback(site: &Site, route: &Route, parts: &Parts) -> bool {
    let config = &site.config;
    route.kind == Kind::Head
        && is_reading(&parts.method)
        && !is_navigation(&parts.headers)
        && config.slas.callback_path(&config.public_origin) == Some(parts.uri.path())
}

/// There is nothing to see there, and nobody may keep it: the address carries a code.
pub(super) fn callback() -> Response {
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::OK, headers).into_response()
}

/// What a refusal is for a caller.
pub(super) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Forbidden => Problem::Refused,
        Refusal::Method => Problem::MethodNotAllowed,
        Refusal::Malformed(why) => Problem::BadRequest(why),
    }
}

impl Facade {
    async fn answer(mut self, body: &[u8]) -> Result<Response, Problem> {
        let message = self.message(body)?;
        if self.call.operation == Operation::Logout && !self.server {
            return self.leave(&message).await;
        }
        if message.refreshes() {
            return self.renew(message.get("refresh_token")).await;
        }
        let (proof, travelled) = self.proof().await?;
        let Some(proof) = proof else {
            return Ok(self.dressed(no_access_token(), travelled.as_ref()));
        };
        let relay = Relay {
            name: self.call.operation.as_str(),
            method: self.call.method.clone(),
            path: &self.call.path,
            query: message.query(),
            body: message.body(),
            proof,
            private: self.private,
        };
        let reply = self.arrival.site.slas.relay(&relay, self.arrival.context()).await;
        let reply = reply.map_err(|error| Problem::Upstream(error.trouble()))?;
        if self.server {
            return Ok(answer::whole(&reply));
        }
        if reply.status == StatusCode::OK && self.call.operation.brings_tokens() {
            return self.keep(&reply).await;
        }
        Ok(self.dressed(answer::without_tokens(self.call.operation, &reply), travelled.as_ref()))
    }

    /// Whose credentials the call carries; a shopper's token may have to be renewed for it.
    async fn proof(&self) -> Result<(Option<Proof>, Option<Travelled>), Problem> {
        let headers = &self.parts.headers;
        let given = |scheme: &str, why: &'static str| {
            caller::authorization(headers, scheme).ok_or(Problem::BadRequest(why))
        };
        let proof = match self.call.operation.credential() {
            Credential::Client => Proof::Client,
            Credential::Nobody => Proof::Nobody,
            Credential::Shopper => {
                Proof::Shopper(given("Basic", "Login and password belong into one header.")?)
            }
            Credential::Agent => {
                Proof::Agent(given("Bearer", "The agent's code belongs into one header.")?)
            }
            Credential::AccessToken if self.server => {
                Proof::Caller(given("Bearer", "The access token belongs into one header.")?)
            }
            Credential::AccessToken => {
                let travelled = self.arrival.travel(self.arrival.facts(None), Intent::Api).await?;
                let token = token_after(&self.arrival, &travelled);
                return Ok((token.map(Proof::Token), Some(travelled)));
            }
        };
        Ok((Some(proof), None))
    }

    fn dressed(&self, mut response: Response, travelled: Option<&Travelled>) -> Response {
        if let Some(travelled) = travelled {
            self.arrival.dress(travelled, &mut response);
        }
        response
    }
}

/// The access token of the browser after `travelled`.
pub(super) fn token_after(arrival: &Arrival, travelled: &Travelled) -> Option<AccessToken> {
    match (&travelled.ending.tokens, &arrival.access) {
        (TokenChange::Set(grant), _) => Some(grant.access.clone()),
        (TokenChange::Keep, Access::Fresh(held) | Access::Ending(held)) => Some(held.token.clone()),
        _ => None,
    }
}
