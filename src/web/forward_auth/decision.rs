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
use http::header::{LOCATION, SEC_WEBSOCKET_KEY, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::app::App;
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{HeldAccess, Intent, TokenChange};
use crate::model::CustomerType;
use crate::problem::Problem;
use crate::proxy::websocket;
use crate::route::{Kind, Route, TokenNeed};
use crate::site::Site;
use crate::web::csrf::{local_path, may_change_state};
use crate::web::forward_auth::dialect::{AUTH, Allowed, Asked, establish_path};
pub(crate) use crate::web::forward_auth::headers::Pass;
use crate::web::forward_auth::route::{Place, place};
use crate::web::pages::Hop;
use crate::web::request_kind::{Visit, is_crawler, is_navigation, is_reading};
use crate::web::request_session::{Glance, Travelled};
use crate::web::{api_proxy, dispatch, slas_proxy};

/// In the query of a page for a browser that keeps no cookies: it gets the page without a session.
pub(crate) const WITHOUT_SESSION: &str = "bff-without-session=1";

/// What a gateway is told.
pub(crate) enum Verdict {
    /// It may go on, with these headers.
    Allow(Box<Pass>),
    /// The browser must get new cookies first, and come back to this path.
    Establish(String),
    /// It may not go on, or somewhere else.
    Deny(Response),
}

impl From<Problem> for Verdict {
    fn from(problem: Problem) -> Self {
        Self::Deny(problem.into_response())
    }
}

/// What is known of a request before its shopper is.
pub(crate) enum Sorted {
    /// It goes on whoever sent it.
    Passes(Pass),
    /// It depends on the shopper.
    Depends(Arc<Route>, Visit),
}

/// Layer: answers for a request that a gateway asks about.
pub(crate) async fn answer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Asked>().is_none() {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let Some(site) = parts.extensions.get::<Arc<Site>>().cloned() else {
        return Problem::UnknownHost.into_response();
    };
    match judge(&app, &site, parts).await.unwrap_or_else(Verdict::from) {
        Verdict::Allow(pass) => pass.into_response(),
        Verdict::Establish(path) => {
            let there = establish_path(&site.config.path_prefix, &path);
            absolute(see_other(&there), &site)
        }
        Verdict::Deny(response) => absolute(response, &site),
    }
}

async fn judge(app: &Arc<App>, site: &Arc<Site>, mut parts: Parts) -> Result<Verdict, Problem> {
    let (route, visit) = match sort(app, site, &parts)? {
        Sorted::Passes(pass) => return Ok(Verdict::Allow(Box::new(pass))),
        Sorted::Depends(route, visit) => (route, visit),
    };
    let Glance(arrival) = Glance::from_request_parts(&mut parts, app).await?;
    arrival.learn_keys();
    let hop = Hop { app: Arc::clone(app), arrival, route, parts };
    Ok(hop.verdict(visit))
}

/// Sorts a request by its path and headers alone.
pub(crate) fn sort(app: &App, site: &Site, parts: &Parts) -> Result<Sorted, Problem> {
    let route = match place(site, parts.uri.path())? {
        Place::Own if parts.uri.path().starts_with(AUTH) => return Err(Problem::Refused),
        Place::Own => return Ok(Sorted::Passes(Pass::to_ourselves(&parts.headers))),
        Place::Routed(route) => route,
    };
    dispatch::check(app, site, &route, parts)?;
    // `Upgrade` is for the gateway's own connection; of the handshake this is what comes here.
    if parts.headers.contains_key(SEC_WEBSOCKET_KEY) {
        let config = &site.config;
        websocket::check_origin(&parts.headers, &config.public_origin, &config.cors_origins)?;
    }
    match route.kind {
        Kind::Slas(_) => return Ok(Sorted::Passes(Pass::to_ourselves(&parts.headers))),
        Kind::Head if slas_proxy::is_callback(site, &route, parts) => {
            return Ok(Sorted::Passes(Pass::to_ourselves(&parts.headers)));
        }
        Kind::Head | Kind::Ecom => {}
        kind @ (Kind::Scapi | Kind::Ocapi) => {
            api_proxy::check(site, &route, &dispatch::below(site, &route, parts), parts)?;
            if is_crawler(&parts.headers, &app.crawlers) && !is_reading(&parts.method) {
                return Err(Problem::Refused);
            }
            if let Some(bearer) = api_proxy::bearer_of_a_front(site, parts) {
                return Ok(Sorted::Passes(Pass::of_front(site, kind, parts, bearer)));
            }
        }
    }
    match dispatch::visit_of(app, site, &route, parts) {
        Visit::Quiet => Ok(Sorted::Passes(Pass::anonymous(site, &route, parts))),
        visit => Ok(Sorted::Depends(route, visit)),
    }
}

/// The shopper's part of the judgement.
impl Hop {
    /// Decided by what the browser holds, without asking anybody.
    pub(crate) fn verdict(&self, visit: Visit) -> Verdict {
        let begins = self.begins(visit) && !self.keeps_no_cookies();
        if !begins && self.arrival.presented.is_empty() {
            return self.anonymous(visit);
        }
        match (self.route.kind, visit) {
            (Kind::Ecom, _) if self.route.bridge => self.as_decided(visit, Intent::Ecom),
            (Kind::Head | Kind::Ecom, Visit::Document) => {
                self.as_decided(visit, self.intent(visit))
            }
            _ => self.for_a_call(visit),
        }
    }

    /// A browser that came back from [`establish`](super::establish) with empty hands must not be
    /// sent there for ever.
    fn keeps_no_cookies(&self) -> bool {
        let query = self.parts.uri.query().unwrap_or_default();
        query.split('&').any(|pair| pair == WITHOUT_SESSION)
    }

    fn anonymous(&self, visit: Visit) -> Verdict {
        if self.route.token != TokenNeed::Registered {
            let pass = Pass::anonymous(&self.arrival.site, &self.route, &self.parts);
            return Verdict::Allow(Box::new(pass));
        }
        Verdict::Deny(self.sign_in(visit))
    }

    /// A page, and whatever goes to ECOM: the pair must be in step before.
    fn as_decided(&self, visit: Visit, intent: Intent) -> Verdict {
        let Some(mut travelled) = self.ready(intent) else { return self.stale(visit) };
        if let Some(told) = self.told_of_expiry(visit, &travelled) {
            return Verdict::Deny(told);
        }
        if self.route.kind == Kind::Ecom && self.route.bridge {
            self.arrival.note_use(&mut travelled);
        }
        match self.arrival.only_cookie(&travelled) {
            Ok(cookie) => self.allow(&travelled.changes, cookie),
            Err(_) => self.stale(visit),
        }
    }

    /// A call needs a token and nothing else; what else has changed waits for the next page.
    fn for_a_call(&self, visit: Visit) -> Verdict {
        if let Some(travelled) = self.ready(Intent::Api) {
            if let Some(told) = self.told_of_expiry(visit, &travelled) {
                return Verdict::Deny(told);
            }
            let cookie = self.arrival.only_cookie(&travelled).unwrap_or_default();
            return self.allow(&travelled.changes, cookie);
        }
        // A token that is due for a refresh still works.
        match self.arrival.held() {
            Some(held) if self.may_speak_for(held) => self.allow(&CookieChanges::default(), None),
            _ => self.stale(visit),
        }
    }

    /// A call is never made as somebody else than the shopper who has signed in.
    fn may_speak_for(&self, held: &HeldAccess) -> bool {
        let registered = |kind| kind == CustomerType::Registered;
        let refresh = self.arrival.facts(None).refresh;
        registered(held.claims.customer.kind)
            || !(refresh.is_some_and(|refresh| registered(refresh.kind))
                || self.route.token == TokenNeed::Registered)
    }

    /// The end of a journey that had nothing to ask, and left everything well.
    fn ready(&self, intent: Intent) -> Option<Travelled> {
        let travelled = self.arrival.travel_at_once(intent)?;
        let decision = &travelled.decision;
        let well = decision.outcome.failure().is_none()
            && !decision.session_expired
            && decision.tokens == TokenChange::Keep;
        well.then_some(travelled)
    }

    fn allow(&self, changes: &CookieChanges, cookie: Option<HeaderValue>) -> Verdict {
        let mut pass = Pass::of_shopper(self, changes);
        if let Some(cookie) = cookie {
            pass.set(SET_COOKIE, cookie);
        }
        Verdict::Allow(Box::new(pass))
    }

    /// What the browser holds does not do any more.
    fn stale(&self, visit: Visit) -> Verdict {
        match self.way_back(visit) {
            Some(path) => Verdict::Establish(path),
            None => Problem::RenewalNeeded.into(),
        }
    }

    /// The path to come back to with new cookies; none if only the caller can try again. A form is
    /// not sent twice: its page is shown again.
    fn way_back(&self, visit: Visit) -> Option<String> {
        let (method, headers) = (&self.parts.method, &self.parts.headers);
        if is_reading(method) {
            let own = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
            let target = self.parts.uri.path_and_query().map_or("/", |target| target.as_str());
            return match (visit, local_path(target)) {
                (Visit::Document, None) => Some(home(&self.arrival.site)),
                (visit, Some(path)) if own || visit == Visit::Document => Some(path.to_owned()),
                _ => None,
            };
        }
        let ours = may_change_state(method, headers, &self.arrival.site.config).is_ok();
        (ours && is_navigation(headers)).then(|| self.referring_path().to_owned())
    }
}

/// Where a site begins.
pub(crate) fn home(site: &Site) -> String {
    format!("{}/", site.config.path_prefix)
}

pub(crate) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response(),
        Err(_) => Problem::BadRequest("The target is not a path of this site.").into_response(),
    }
}

/// A gateway may take a path for one of ours, at the address where it knows us.
fn absolute(mut response: Response, site: &Site) -> Response {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    if let Some(path) = location.filter(|location| location.starts_with('/')) {
        let whole = format!("{}{path}", site.config.public_origin.as_str());
        if let Ok(whole) = HeaderValue::from_str(&whole) {
            response.headers_mut().insert(LOCATION, whole);
        }
    }
    response
}

impl IntoResponse for Box<Pass> {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.headers_mut() = self.headers();
        response.extensions_mut().insert(Allowed);
        response
    }
}
