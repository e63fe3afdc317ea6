//! Decides an auth subrequest: by the same route table, shopper and rules as a request that Tandem
//! proxies itself.
//!
//! A gateway copies headers and at most one cookie from the response, and has a short timeout. So
//! no upstream is called here. A browser that needs new tokens or a DW session is redirected to
//! [`establish`](super::establish).

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::request::Parts;

use crate::app::App;
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{HeldAccess, Intent};
use crate::header_values::first_text;
use crate::problem::Problem;
use crate::route::{Kind, Route, TokenNeed};
use crate::site::{Site, SiteAtHost};
use crate::web::forward_auth::dialect::{AUTH, Allowed, AuthSubrequest, establish_path};
pub(crate) use crate::web::forward_auth::headers::AuthHeaders;
use crate::web::forward_auth::route::{Destination, destination};
use crate::web::headers::{path_and_query, see_other};
use crate::web::incoming::path_below_route;
use crate::web::pages::ProxiedRequest;
use crate::web::redirect::local_path;
use crate::web::request_kind::{RequestKind, is_navigation, is_reading};
use crate::web::request_session::{Keys, LocalSession, OwnBearer};
use crate::web::{api_proxy, csrf, dispatch, slas_proxy};

/// In the query of a page for a browser that stores no cookies: it gets the page without a session.
pub(crate) const WITHOUT_SESSION: &str = "bff-without-session=1";

/// The decision about a request.
pub(crate) enum AuthDecision {
    /// The gateway may forward it, with these headers.
    Allow(Box<AuthHeaders>),
    /// The browser must get new cookies first, and then request this path.
    Establish(String),
    /// It is rejected or redirected.
    Deny(Response),
}

impl From<Problem> for AuthDecision {
    fn from(problem: Problem) -> Self {
        Self::Deny(problem.into_response())
    }
}

/// What path and headers alone decide about a request.
pub(crate) enum Classified {
    /// It is allowed, for any shopper.
    Allowed(AuthHeaders),
    /// The decision depends on the shopper.
    Depends(Arc<Route>, RequestKind),
}

/// Layer: responds to auth subrequests.
pub(crate) async fn respond(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.extensions().get::<AuthSubrequest>().is_none() {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    let Some(site) = parts.extensions.get::<Arc<SiteAtHost>>().cloned() else {
        return Problem::UnknownHost.into_response();
    };
    match decide_for(&app, &site, parts).await.unwrap_or_else(AuthDecision::from) {
        AuthDecision::Allow(headers) => headers.into_response(),
        AuthDecision::Establish(path) => {
            let path = establish_path(&site.config.path_prefix, &path);
            absolute(see_other(&path), &site)
        }
        AuthDecision::Deny(response) => absolute(response, &site),
    }
}

async fn decide_for(
    app: &Arc<App>,
    site: &Arc<SiteAtHost>,
    mut parts: Parts,
) -> Result<AuthDecision, Problem> {
    let (route, kind) = match classify(app, site, &parts)? {
        Classified::Allowed(headers) => return Ok(AuthDecision::Allow(Box::new(headers))),
        Classified::Depends(route, kind) => (route, kind),
    };
    let LocalSession(session) = LocalSession::from_request_parts(&mut parts, app).await?;
    if !route.kind.is_pages()
        && let Some(own) = session.own_bearer(&parts.headers, Keys::Known).await
    {
        return allow_own_bearer(site, &route, &parts, own);
    }
    session.fetch_keys(&parts.headers);
    let request = ProxiedRequest { app: Arc::clone(app), session, route, parts };
    Ok(request.decide(kind))
}

/// Allows a call with the caller's own token.
fn allow_own_bearer(
    site: &Site,
    route: &Route,
    parts: &Parts,
    own: OwnBearer,
) -> Result<AuthDecision, Problem> {
    if route.token == TokenNeed::Registered && !own.claims.customer.is_registered() {
        return Err(Problem::LoginRequired);
    }
    let headers = AuthHeaders::for_server(site, route.kind, parts, own.header);
    Ok(AuthDecision::Allow(Box::new(headers)))
}

/// Classifies a request by its path and headers alone.
pub(crate) fn classify(app: &App, site: &SiteAtHost, parts: &Parts) -> Result<Classified, Problem> {
    let route = match destination(site, parts.uri.path())? {
        Destination::Own if parts.uri.path().starts_with(AUTH) => return Err(Problem::Refused),
        Destination::Own => {
            return Ok(Classified::Allowed(AuthHeaders::for_own_route(&parts.headers)));
        }
        Destination::Routed(route) => route,
    };
    let kind = RequestKind::on_route(app, site, &route, parts);
    dispatch::check(site, &route, kind, parts)?;
    csrf::check_gateway_websocket(&parts.headers, site)?;
    match route.kind {
        Kind::Slas(_) => {
            return Ok(Classified::Allowed(AuthHeaders::for_own_route(&parts.headers)));
        }
        Kind::Head if slas_proxy::is_callback(site, &route, parts) => {
            return Ok(Classified::Allowed(AuthHeaders::for_own_route(&parts.headers)));
        }
        Kind::Head | Kind::Ecom => {}
        upstream @ (Kind::Scapi | Kind::Ocapi) => {
            api_proxy::check(site, &route, &path_below_route(site, &route, parts), parts)?;
            if kind == RequestKind::Crawler && !is_reading(&parts.method) {
                return Err(Problem::Refused);
            }
            if let Some(bearer) = api_proxy::server_bearer(site, parts) {
                return Ok(Classified::Allowed(AuthHeaders::for_server(
                    site, upstream, parts, bearer,
                )));
            }
        }
    }
    if matches!(kind, RequestKind::Passive | RequestKind::Crawler) {
        Ok(Classified::Allowed(AuthHeaders::anonymous(site, &route, parts)))
    } else {
        Ok(Classified::Depends(route, kind))
    }
}

/// What depends on the shopper.
impl ProxiedRequest {
    /// Decides by the session in the browser, without an upstream call.
    pub(crate) fn decide(&self, kind: RequestKind) -> AuthDecision {
        if let Some(cookies) = self.cross_site_cookies() {
            let mut headers = AuthHeaders::anonymous(&self.session.site, &self.route, &self.parts);
            headers.set(COOKIE, cookies);
            let update = self.session.after_cross_site_form();
            return allow(headers, update.into_single_cookie().unwrap_or_default());
        }
        // A prefetched page is decided like the page itself, but begins nothing.
        let page = if kind == RequestKind::Prefetch { RequestKind::Document } else { kind };
        let begins_session = self.may_create_session(page) && !self.rejects_cookies();
        if !begins_session && self.session.presented.is_empty() {
            return self.anonymous(kind);
        }
        match (self.route.kind, kind) {
            (Kind::Ecom, _) if self.route.bridge => self.for_page(kind, Intent::Ecom),
            (Kind::Head | Kind::Ecom, RequestKind::Document | RequestKind::Prefetch) => {
                self.for_page(kind, self.intent(page))
            }
            _ => self.for_call(kind),
        }
    }

    /// Whether the browser came back from [`establish`](super::establish) without cookies: it must
    /// not be redirected there in a loop.
    fn rejects_cookies(&self) -> bool {
        let query = self.parts.uri.query().unwrap_or_default();
        query.split('&').any(|pair| pair == WITHOUT_SESSION)
    }

    fn anonymous(&self, kind: RequestKind) -> AuthDecision {
        if self.route.token != TokenNeed::Registered {
            let headers = AuthHeaders::anonymous(&self.session.site, &self.route, &self.parts);
            return AuthDecision::Allow(Box::new(headers));
        }
        AuthDecision::Deny(self.redirect_to_login(kind))
    }

    /// For a page, and every request to ECOM: both sessions must be valid and of one shopper.
    fn for_page(&self, kind: RequestKind, intent: Intent) -> AuthDecision {
        let Some(mut update) = self.session.ready(intent) else {
            let in_outage = self.allow_in_outage(kind);
            return in_outage.unwrap_or_else(|| self.renewal_needed(kind));
        };
        if let Some(response) = self.login_required_response(kind, &update) {
            update.discard();
            return AuthDecision::Deny(response);
        }
        if self.route.kind == Kind::Ecom && self.route.bridge {
            update.record_dw_use(&self.session);
        }
        let headers = AuthHeaders::for_shopper(self, update.changes());
        match update.into_single_cookie() {
            Ok(cookie) => allow(headers, cookie),
            Err(_) => self.renewal_needed(kind),
        }
    }

    /// For a call, which needs only a token: other changes wait for the next page.
    fn for_call(&self, kind: RequestKind) -> AuthDecision {
        if let Some(update) = self.session.ready(Intent::Api) {
            if let Some(response) = self.login_required_response(kind, &update) {
                update.discard();
                return AuthDecision::Deny(response);
            }
            let headers = AuthHeaders::for_shopper(self, update.changes());
            return allow(headers, update.into_single_cookie().unwrap_or_default());
        }
        // A token that is due for a refresh is still valid.
        match self.session.held() {
            Some(held) if self.may_use(held) => {
                allow(AuthHeaders::for_shopper(self, &CookieChanges::default()), None)
            }
            _ => self.renewal_needed(kind),
        }
    }

    /// Whether a call may be made with the token: never as a guest where the shopper has logged in.
    pub(crate) fn may_use(&self, held: &HeldAccess) -> bool {
        let refresh = self.session.facts(None).refresh;
        held.claims.customer.is_registered()
            || !(refresh.is_some_and(|refresh| refresh.kind.is_registered())
                || self.route.token == TokenNeed::Registered)
    }

    /// The session must be renewed first.
    fn renewal_needed(&self, kind: RequestKind) -> AuthDecision {
        match self.referring_location(kind) {
            // Browsers drop the error, and request the page again when the shopper opens it.
            _ if kind == RequestKind::Prefetch => Problem::RenewalNeeded.into(),
            Some(path) => AuthDecision::Establish(path),
            None => Problem::RenewalNeeded.into(),
        }
    }

    /// The path that the browser requests with new cookies; none if only the caller can retry. A
    /// form is not sent twice: its page is shown again.
    fn referring_location(&self, kind: RequestKind) -> Option<String> {
        let (method, headers) = (&self.parts.method, &self.parts.headers);
        if is_reading(method) {
            let same_origin =
                headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
            return match (kind, local_path(path_and_query(&self.parts.uri))) {
                (RequestKind::Document, None) => Some(home(&self.session.site)),
                (kind, Some(path)) if same_origin || kind == RequestKind::Document => {
                    Some(path.to_owned())
                }
                _ => None,
            };
        }
        let from_our_page = csrf::may_change_state(method, headers, &self.session.site).is_ok();
        let path = self.referring_path().unwrap_or("/");
        (from_our_page && is_navigation(headers)).then(|| path.to_owned())
    }
}

fn allow(mut headers: AuthHeaders, cookie: Option<HeaderValue>) -> AuthDecision {
    if let Some(cookie) = cookie {
        headers.set(SET_COOKIE, cookie);
    }
    AuthDecision::Allow(Box::new(headers))
}

/// The first path of a site.
pub(crate) fn home(site: &Site) -> String {
    format!("{}/", site.config.path_prefix)
}

/// Makes `Location` absolute: a gateway may resolve a path against the address where it calls us.
fn absolute(mut response: Response, site: &SiteAtHost) -> Response {
    let location = first_text(response.headers(), LOCATION);
    if let Some(path) = location.filter(|location| location.starts_with('/')) {
        let address = format!("{}{path}", site.public_origin.as_str());
        if let Ok(address) = HeaderValue::from_str(&address) {
            response.headers_mut().insert(LOCATION, address);
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
