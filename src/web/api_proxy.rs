//! Calls of the Commerce APIs and of the instance's OCAPI, with the shopper's token from the
//! cookie.
//!
//! Path and query are checked to be those of the site's own organisation, and forwarded byte for
//! byte. The body is streamed. Only a short one is buffered, so that the call can be repeated if
//! the API rejects a token that is valid by its expiry.

mod crawler;
mod request;
mod response;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{HeaderValue, UPGRADE};
use http::request::Parts;

use crate::allowlist::commerce_apis::{self, Shop};
use crate::app::App;
use crate::client_ip::ClientAddress;
use crate::flow::TokenChange;
use crate::header_values::bearer;
use crate::model::Customer;
use crate::problem::Problem;
use crate::route::{Kind, Route, TokenNeed};
use crate::site::{Site, SiteAtHost};
use crate::web::csrf;
use crate::web::headers::authorization;
use crate::web::incoming::Incoming;
use crate::web::replay_body::ReplayBody;
use crate::web::request_kind::RequestKind;
use crate::web::request_session::{Keys, OwnBearer, RequestSession};
use crate::web::site_lookup::check_site_id;
use crate::web::slas_proxy::{no_access_token, refused};
use response::Rejected;

/// A call of an API.
struct ApiCall {
    app: Arc<App>,
    site: Arc<SiteAtHost>,
    route: Arc<Route>,
    /// Path and query that the API gets.
    target: String,
    parts: Parts,
}

/// Handles a call of an API.
pub(crate) async fn call(incoming: Incoming) -> Result<Response, Problem> {
    let path = incoming.path_below_route();
    let Incoming { app, site, route, kind, mut parts, body } = incoming;
    check(&site, &route, &path, &parts)?;
    // The APIs have no WebSockets.
    parts.headers.remove(UPGRADE);
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let call = ApiCall { app, site, route, target: format!("/{path}{query}"), parts };
    if kind == RequestKind::Crawler {
        return match call.route.token {
            // The guest that crawlers share is not registered.
            TokenNeed::Registered => Err(Problem::LoginRequired),
            _ => call.for_crawler().await,
        };
    }
    if let Some(bearer) = server_bearer(&call.site, &call.parts) {
        let upload = ReplayBody::streamed(body);
        return Ok(call.send(upload, Some(&bearer), None).await);
    }
    if call.route.token == TokenNeed::None {
        return Ok(call.send(ReplayBody::streamed(body), None, None).await);
    }
    call.for_shopper(body).await
}

/// Checks a call by its request line and headers alone.
pub(crate) fn check(site: &Site, route: &Route, path: &str, parts: &Parts) -> Result<(), Problem> {
    let (path, query, method) = (format!("/{path}"), parts.uri.query(), &parts.method);
    let (config, id) = (&site.config, site.config.id.as_str());
    let checked = match (route.kind, &config.ocapi) {
        (Kind::Ocapi, Some(ocapi)) => {
            let shop = Shop { site: id, version: &ocapi.version, client_id: &ocapi.client_id };
            commerce_apis::check_ocapi(method, &path, query, &shop)
        }
        (Kind::Ocapi, None) => return Err(Problem::NotFound),
        _ => commerce_apis::check_scapi(method, &path, query, &config.slas.organization_id, id),
    };
    checked.map_err(refused)?;
    check_site_id(&parts.headers, config)
}

/// The token of a server that renders pages, where the operator trusts its address.
pub(crate) fn server_bearer(site: &Site, parts: &Parts) -> Option<HeaderValue> {
    let client = parts.extensions.get::<ClientAddress>().and_then(ClientAddress::ip);
    let trusted = client.is_some_and(|ip| site.config.bearer_from.is_trusted(ip));
    let bearer = authorization(&parts.headers, "Bearer");
    bearer.filter(|_| trusted && csrf::is_server(&parts.headers))
}

impl ApiCall {
    async fn for_shopper(mut self, body: Body) -> Result<Response, Problem> {
        let app = Arc::clone(&self.app);
        let session = RequestSession::from_request_parts(&mut self.parts, &app).await?;
        if let Some(own) = session.own_bearer(&self.parts.headers, Keys::Fetched).await {
            return self.with_own_bearer(&own, body).await;
        }
        // Before the renewal: a body that never arrives must not spend a refresh token.
        let upload = ReplayBody::read(body, &self.parts, self.route.timeout).await?;
        let first = match session.resolve_call(session.facts(None)).await {
            Ok(first) => first,
            Err(response) => return Ok(response),
        };
        let token = first.access_token(&session);
        if token.is_none() && self.route.kind == Kind::Scapi {
            return Ok((first, no_access_token()).into_response());
        }
        let customer = first.customer(&session);
        let registered = customer.is_some_and(Customer::is_registered);
        if self.route.token == TokenNeed::Registered && !registered {
            return Ok((first, Problem::LoginRequired).into_response());
        }
        let repeated = upload.to_repeat();
        let dwsid = first.dwsid(&session);
        let bearer = token.as_ref().map(bearer);
        let response = self.send(upload, bearer.as_ref(), dwsid.as_ref()).await;
        if response.status() != StatusCode::UNAUTHORIZED || token.is_none() {
            return Ok((first, response).into_response());
        }
        let (response, rejected) = match response::unauthorized(response, self.route.timeout).await
        {
            Ok(read) => read,
            Err(problem) => return Ok((first, problem).into_response()),
        };
        if rejected == Rejected::Credentials {
            // The logout ends its tokens too.
            first.discard();
            return end_session(&session);
        }
        match repeated {
            // A token that was renewed for this call and is rejected would be rejected again.
            Some(repeated)
                if first.decision().tokens == TokenChange::Keep && session.may_renew_rejected() =>
            {
                // The second update is made from the same cookies, and includes this one.
                first.discard();
                self.retry_renewed(&session, repeated, response).await
            }
            _ => Ok((first, response).into_response()),
        }
    }

    /// Makes the call with the caller's own token, which the caller also renews.
    async fn with_own_bearer(&self, own: &OwnBearer, body: Body) -> Result<Response, Problem> {
        if self.route.token == TokenNeed::Registered && !own.claims.customer.is_registered() {
            return Err(Problem::LoginRequired);
        }
        Ok(self.send(ReplayBody::streamed(body), Some(&own.header), None).await)
    }

    /// Renews the token that the API rejected, and repeats the call.
    async fn retry_renewed(
        &self,
        session: &RequestSession,
        upload: ReplayBody,
        rejection: Response,
    ) -> Result<Response, Problem> {
        let second = match session.resolve_call(session.facts_to_renew()).await {
            Ok(second) => second,
            Err(response) => return Ok(response),
        };
        let TokenChange::Set(grant) = &second.decision().tokens else {
            return Ok((second, rejection).into_response());
        };
        let (bearer, dwsid) = (bearer(&grant.access), second.dwsid(session));
        let response = self.send(upload, Some(&bearer), dwsid.as_ref()).await;
        Ok((second, response).into_response())
    }
}

/// The password was changed elsewhere, which invalidates every older token. Ends the session.
fn end_session(session: &RequestSession) -> Result<Response, Problem> {
    let update = session.end_refused()?;
    Ok((update, Problem::SessionExpired).into_response())
}
