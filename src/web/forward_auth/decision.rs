//! Whether a request that a gateway asks about may go on as it is: the same route table, the same
//! shopper and the same decision as for a request that comes through us.
//!
//! A gateway can take over headers and at most one cookie from our answer, and it does not wait
//! long. So nothing is asked upstream here. Whoever needs new tokens or a DW session gets them from
//! [`establish`](super::establish).

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{LOCATION, SET_COOKIE};
use http::request::Parts;

use crate::app::App;
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{HeldAccess, Intent, TokenChange};
use crate::header_values::first_text;
use crate::problem::Problem;
use crate::route::{Kind, Route, TokenNeed};
use crate::site::Site;
use crate::web::forward_auth::dialect::{AUTH, Allowed, AuthSubrequest, establish_path};
pub(crate) use crate::web::forward_auth::headers::AuthHeaders;
use crate::web::forward_auth::route::{Place, place};
use crate::web::headers::{path_and_query, see_other};
use crate::web::incoming::path_below_route;
use crate::web::pages::ProxiedRequest;
use crate::web::redirect::local_path;
use crate::web::request_kind::{RequestKind, is_navigation, is_reading};
use crate::web::request_session::{LocalSession, SessionUpdate};
use crate::web::{api_proxy, csrf, dispatch, slas_proxy};

/// In the query of a page for a browser that keeps no cookies: it gets the page without a session.
pub(crate) const WITHOUT_SESSION: &str = "bff-without-session=1";

/// What a gateway is told.
pub(crate) enum AuthDecision {
    /// It may go on, with these headers.
    Allow(Box<AuthHeaders>),
    /// The browser must get new cookies first, and come back to this path.
    Establish(String),
    /// It may not go on, or somewhere else.
    Deny(Response),
}

impl From<Problem> for AuthDecision {
    fn from(problem: Problem) -> Self {
        Self::Deny(problem.into_response())
    }
}

/// What is known of a request before its shopper is.
pub(crate) enum Classified {
    /// It goes on whoever sent it.
    Passes(AuthHeaders),
    /// It depends on the shopper.
    Depends(Arc<Route>, RequestKind),
}

/// Layer: answers for a request that a gateway asks about.
pub(crate) async fn answer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.extensions().get::<AuthSubrequest>().is_none() {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let Some(site) = parts.extensions.get::<Arc<Site>>().cloned() else {
        return Problem::UnknownHost.into_response();
    };
    match decide_for(&app, &site, parts).await.unwrap_or_else(AuthDecision::from) {
        AuthDecision::Allow(pass) => pass.into_response(),
        AuthDecision::Establish(path) => {
            let there = establish_path(&site.config.path_prefix, &path);
            absolute(see_other(&there), &site)
        }
        AuthDecision::Deny(response) => absolute(response, &site),
    }
}

async fn decide_for(
    app: &Arc<App>,
    site: &Arc<Site>,
    mut parts: Parts,
) -> Result<AuthDecision, Problem> {
    let (route, kind) = match classify(app, site, &parts)? {
        Classified::Passes(pass) => return Ok(AuthDecision::Allow(Box::new(pass))),
        Classified::Depends(route, kind) => (route, kind),
    };
    let LocalSession(session) = LocalSession::from_request_parts(&mut parts, app).await?;
    session.fetch_keys();
    let request = ProxiedRequest { app: Arc::clone(app), session, route, parts };
    Ok(request.decide(kind))
}

/// Sorts a request by its path and headers alone.
pub(crate) fn classify(app: &App, site: &Site, parts: &Parts) -> Result<Classified, Problem> {
    let route = match place(site, parts.uri.path())? {
        Place::Own if parts.uri.path().starts_with(AUTH) => return Err(Problem::Refused),
        Place::Own => return Ok(Classified::Passes(AuthHeaders::to_ourselves(&parts.headers))),
        Place::Routed(route) => route,
    };
    let kind = RequestKind::on_route(app, site, &route, parts);
    dispatch::check(site, &route, kind, parts)?;
    csrf::check_gateway_websocket(&parts.headers, &site.config)?;
    match route.kind {
        Kind::Slas(_) => return Ok(Classified::Passes(AuthHeaders::to_ourselves(&parts.headers))),
        Kind::Head if slas_proxy::is_callback(site, &route, parts) => {
            return Ok(Classified::Passes(AuthHeaders::to_ourselves(&parts.headers)));
        }
        Kind::Head | Kind::Ecom => {}
        upstream @ (Kind::Scapi | Kind::Ocapi) => {
            api_proxy::check(site, &route, &path_below_route(site, &route, parts), parts)?;
            if kind == RequestKind::Crawler && !is_reading(&parts.method) {
                return Err(Problem::Refused);
            }
            if let Some(bearer) = api_proxy::server_bearer(site, parts) {
                return Ok(Classified::Passes(AuthHeaders::of_front(
                    site, upstream, parts, bearer,
                )));
            }
        }
    }
    if kind.has_shopper() {
        Ok(Classified::Depends(route, kind))
    } else {
        Ok(Classified::Passes(AuthHeaders::anonymous(site, &route, parts)))
    }
}

/// The shopper's part of the judgement.
impl ProxiedRequest {
    /// Decided by what the browser holds, without asking anybody.
    pub(crate) fn decide(&self, kind: RequestKind) -> AuthDecision {
        let begins = self.may_create_session(kind) && !self.rejects_cookies();
        if !begins && self.session.presented.is_empty() {
            return self.anonymous(kind);
        }
        match (self.route.kind, kind) {
            (Kind::Ecom, _) if self.route.bridge => self.for_page(kind, Intent::Ecom),
            (Kind::Head | Kind::Ecom, RequestKind::Document) => {
                self.for_page(kind, self.intent(kind))
            }
            _ => self.for_a_call(kind),
        }
    }

    /// A browser that came back from [`establish`](super::establish) with empty hands must not be
    /// sent there for ever.
    fn rejects_cookies(&self) -> bool {
        let query = self.parts.uri.query().unwrap_or_default();
        query.split('&').any(|pair| pair == WITHOUT_SESSION)
    }

    fn anonymous(&self, kind: RequestKind) -> AuthDecision {
        if self.route.token != TokenNeed::Registered {
            let pass = AuthHeaders::anonymous(&self.session.site, &self.route, &self.parts);
            return AuthDecision::Allow(Box::new(pass));
        }
        AuthDecision::Deny(self.redirect_to_login(kind))
    }

    /// A page, and whatever goes to ECOM: the pair must be in step before.
    fn for_page(&self, kind: RequestKind, intent: Intent) -> AuthDecision {
        let Some(mut update) = self.ready(intent) else { return self.renewal_needed(kind) };
        if let Some(told) = self.expired_response(kind, &update) {
            return AuthDecision::Deny(told);
        }
        if self.route.kind == Kind::Ecom && self.route.bridge {
            self.session.record_dw_use(&mut update);
        }
        match self.session.single_cookie(&update) {
            Ok(cookie) => self.allow(&update.changes, cookie),
            Err(_) => self.renewal_needed(kind),
        }
    }

    /// A call needs a token and nothing else; what else has changed waits for the next page.
    fn for_a_call(&self, kind: RequestKind) -> AuthDecision {
        if let Some(update) = self.ready(Intent::Api) {
            if let Some(told) = self.expired_response(kind, &update) {
                return AuthDecision::Deny(told);
            }
            let cookie = self.session.single_cookie(&update).unwrap_or_default();
            return self.allow(&update.changes, cookie);
        }
        // A token that is due for a refresh still works.
        match self.session.held() {
            Some(held) if self.may_speak_for(held) => self.allow(&CookieChanges::default(), None),
            _ => self.renewal_needed(kind),
        }
    }

    /// A call is never made as somebody else than the shopper who has signed in.
    fn may_speak_for(&self, held: &HeldAccess) -> bool {
        let refresh = self.session.facts(None).refresh;
        held.claims.customer.is_registered()
            || !(refresh.is_some_and(|refresh| refresh.kind.is_registered())
                || self.route.token == TokenNeed::Registered)
    }

    /// The end of a journey that had nothing to ask, and left everything well.
    fn ready(&self, intent: Intent) -> Option<SessionUpdate> {
        let update = self.session.resolve_locally(intent)?;
        let decision = &update.decision;
        let well = decision.outcome.failure().is_none()
            && !decision.session_expired
            && decision.tokens == TokenChange::Keep;
        well.then_some(update)
    }

    fn allow(&self, changes: &CookieChanges, cookie: Option<HeaderValue>) -> AuthDecision {
        let mut pass = AuthHeaders::of_shopper(self, changes);
        if let Some(cookie) = cookie {
            pass.set(SET_COOKIE, cookie);
        }
        AuthDecision::Allow(Box::new(pass))
    }

    /// What the browser holds does not do any more.
    fn renewal_needed(&self, kind: RequestKind) -> AuthDecision {
        match self.referring_location(kind) {
            Some(path) => AuthDecision::Establish(path),
            None => Problem::RenewalNeeded.into(),
        }
    }

    /// The path to come back to with new cookies; none if only the caller can try again. A form is
    /// not sent twice: its page is shown again.
    fn referring_location(&self, kind: RequestKind) -> Option<String> {
        let (method, headers) = (&self.parts.method, &self.parts.headers);
        if is_reading(method) {
            let own = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
            return match (kind, local_path(path_and_query(&self.parts.uri))) {
                (RequestKind::Document, None) => Some(home(&self.session.site)),
                (kind, Some(path)) if own || kind == RequestKind::Document => Some(path.to_owned()),
                _ => None,
            };
        }
        let ours = csrf::may_change_state(method, headers, &self.session.site.config).is_ok();
        (ours && is_navigation(headers)).then(|| self.referring_path().to_owned())
    }
}

/// Where a site begins.
pub(crate) fn home(site: &Site) -> String {
    format!("{}/", site.config.path_prefix)
}

/// A gateway may take a path for one of ours, at the address where it knows us.
fn absolute(mut response: Response, site: &Site) -> Response {
    let location = first_text(response.headers(), LOCATION);
    if let Some(path) = location.filter(|location| location.starts_with('/')) {
        let whole = format!("{}{path}", site.config.public_origin.as_str());
        if let Ok(whole) = HeaderValue::from_str(&whole) {
            response.headers_mut().insert(LOCATION, whole);
        }
    }
    response
}

impl IntoResponse for Box<AuthHeaders> {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.headers_mut() = self.headers();
        response.extensions_mut().insert(Allowed);
        response
    }
}
