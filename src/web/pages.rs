//! One request for a page: forwarded to its upstream, and the response returned to the browser.
//!
//! The forwarded request already has the new cookies, so a page is rendered once, in the right
//! session. The browser gets the same cookies with the response.

mod crawler;
mod ecom;
mod ecom_response;
pub(super) mod file;
mod form;
mod head;
mod location;
mod outage;
mod prefetch;
mod rejection;
mod resubmit;

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::app::App;
use crate::client_ip::ClientAddress;
use crate::config::{Origin, UpstreamHost};
use crate::cookies::profiles::{DWSID, is_dw_companion};
use crate::cookies::request_cookies::{pair_of, pairs_in};
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{EcomPage, Intent};
use crate::problem::Problem;
use crate::proxy::{CookieFilter, Outgoing};
use crate::route::{CrossSitePost, Kind, Route, SetCookies, TokenNeed};
use crate::site::{Site, SiteAtHost};
use crate::web::headers::own_authorization;
use crate::web::incoming::{Incoming, listed_path, page_target};
use crate::web::pages::file::{File, MadeFor};
use crate::web::request_kind::RequestKind;
use crate::web::request_log::RequestId;
use crate::web::request_session::foreign_cookies;
use crate::web::request_session::{
    LocalSession, RequestSession, SessionUpdate, forwardable_unverified,
};

/// What becomes of the cookies that accompany `dwsid` in a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DwCompanions {
    /// They belong to the DW session in the browser.
    Passed,
    /// They belong to another DW session.
    Stripped,
}

/// A request and the session of its shopper: for a page, or in an auth subrequest.
pub(crate) struct ProxiedRequest {
    pub(crate) app: Arc<App>,
    pub(crate) session: RequestSession,
    pub(crate) route: Arc<Route>,
    pub(crate) parts: Parts,
}

/// Serves a page or a file from its upstream.
pub(crate) async fn serve(incoming: Incoming) -> Result<Response, Problem> {
    let incoming = match resubmit::intercept(incoming).await? {
        ControlFlow::Break(page) => return Ok(page),
        ControlFlow::Continue(incoming) => incoming,
    };
    let file = File::of(&incoming.site, &incoming.route, incoming.parts.uri.path());
    if matches!(incoming.kind, RequestKind::Passive | RequestKind::Crawler) {
        return serve_without_shopper(incoming, file).await;
    }
    let Incoming { app, route, kind, mut parts, body, .. } = incoming;
    let session = match kind {
        RequestKind::Prefetch => LocalSession::from_request_parts(&mut parts, &app).await?.0,
        _ => RequestSession::from_request_parts(&mut parts, &app).await?,
    };
    let request = ProxiedRequest { app, session, route, parts };
    let mut response = match kind {
        RequestKind::Prefetch => request.serve_prefetch(kind, body).await,
        _ if request.route.kind == Kind::Ecom && request.route.bridge => {
            request.serve_ecom(kind, body).await?
        }
        _ => request.serve_head(kind, body).await?,
    };
    let made_for = if file == File::Lookalike { MadeFor::Everyone } else { MadeFor::OneShopper };
    file.limit_caching(made_for, &mut response);
    Ok(response)
}

async fn serve_without_shopper(incoming: Incoming, file: File) -> Result<Response, Problem> {
    let Incoming { app, site, route, kind, parts, body } = incoming;
    let cookies = match crawler::cookies(&site, &route, kind, &parts).await {
        Some(of_shared_guest) => Some(of_shared_guest),
        None => file.cookies(&site, &route, &parts),
    };
    let is_personal = file == File::Data && cookies != foreign_cookies(&site, &parts.headers);
    let request =
        UpstreamRequest { app: &app, site: &site, route: &route, parts: &parts, body, cookies };
    let mut response = request.send().await?;
    // ECOM may have begun another session for the request: the browser keeps its own.
    filter(&site, &route, DwCompanions::Stripped, &mut response);
    let made_for = if is_personal { MadeFor::OneShopper } else { MadeFor::Everyone };
    file.limit_caching(made_for, &mut response);
    Ok(response)
}

impl ProxiedRequest {
    /// Whether the request of a new visitor begins a session.
    pub(crate) fn may_create_session(&self, kind: RequestKind) -> bool {
        kind == RequestKind::Document && self.route.token != TokenNeed::Optional
    }

    /// What the session needs before the request is forwarded. A document gets what its route
    /// requires, a call renews an existing session. ECOM never gets one session without the other.
    pub(crate) fn intent(&self, kind: RequestKind) -> Intent {
        match (self.route.bridge, self.may_create_session(kind)) {
            (true, _) if self.route.kind == Kind::Ecom => Intent::Ecom,
            (true, true) => Intent::Ecom,
            (false, true) => Intent::Head,
            (_, false) => Intent::Renew,
        }
    }

    /// The response to a request without a session that begins none.
    pub(crate) async fn without_session(&self, kind: RequestKind, body: Body) -> Response {
        if self.route.token == TokenNeed::Registered {
            return self.redirect_to_login(kind);
        }
        self.without_session_cookies(self.forward(body, None).await)
    }

    /// The response with our cookies in place of the upstream's.
    pub(crate) fn with_cookies(&self, mut response: Response, update: SessionUpdate) -> Response {
        let ours = update.changes().cookies.iter().any(|write| write.name() == DWSID);
        let companions = if ours || update.is_superseded() {
            DwCompanions::Stripped
        } else {
            DwCompanions::Passed
        };
        filter(&self.session.site, &self.route, companions, &mut response);
        (update, response).into_response()
    }

    /// The response without any session cookie.
    pub(crate) fn without_session_cookies(&self, mut response: Response) -> Response {
        filter(&self.session.site, &self.route, DwCompanions::Stripped, &mut response);
        response
    }

    /// Sends the request with the cookies after `changes`. A failure becomes a response, not an
    /// error: it must carry the new cookies, or a rotated refresh token would be lost.
    pub(crate) async fn forward(&self, body: Body, changes: Option<&CookieChanges>) -> Response {
        self.forward_with(body, self.cookies(changes)).await
    }

    /// Sends the request with these cookies.
    async fn forward_with(&self, body: Body, cookies: Option<HeaderValue>) -> Response {
        let request = UpstreamRequest {
            app: &self.app,
            site: &self.session.site,
            route: &self.route,
            parts: &self.parts,
            body,
            cookies,
        };
        request.send().await.unwrap_or_else(IntoResponse::into_response)
    }

    /// The cookies of a form that another site posts to a path which the operator names for that: with
    /// the DW session, of which nothing else is known, because the browser sent no other cookie. A page
    /// that changes the shopper is none of these paths: its result could not be taken over.
    pub(crate) fn cross_site_cookies(&self) -> Option<HeaderValue> {
        let expects_form = self.route.cross_site_post == CrossSitePost::InSession
            && self.parts.method == Method::POST
            && !changes_shopper(&self.session.site, &self.route, &self.parts);
        let dwsid = self.session.cross_site_dwsid.as_ref().filter(|_| expects_form)?;
        let lines = self.parts.headers.get_all(COOKIE).iter();
        let pairs = lines.flat_map(|line| pairs_in(line.as_bytes())).map(<[u8]>::trim_ascii);
        let mut own: Vec<&[u8]> = pairs.filter(|pair| is_named(pair, is_dw_companion)).collect();
        let dwsid = format!("{DWSID}={}", dwsid.expose());
        own.push(dwsid.as_bytes());
        let others = self.cookies(None);
        own.extend(others.as_ref().map(HeaderValue::as_bytes));
        let mut cookies = HeaderValue::from_bytes(&own.join(&b"; "[..])).ok()?;
        cookies.set_sensitive(true);
        Some(cookies)
    }

    /// The request's cookies after `changes`, without our sealed state; of several values for one
    /// credential only the effective one.
    pub(crate) fn cookies(&self, changes: Option<&CookieChanges>) -> Option<HeaderValue> {
        if self.session.is_late() {
            return foreign_cookies(&self.session.site, &self.parts.headers);
        }
        let unchanged = CookieChanges::default();
        let names = &self.session.site.names;
        let forwardable = self.session.forwardable(&self.parts.headers.get_all(COOKIE));
        let mut forwarded = changes
            .unwrap_or(&unchanged)
            .request_header(forwardable.iter().map(AsRef::as_ref), names)?;
        if self.route.kind == Kind::Ecom {
            add_guard(&mut forwarded, &names.guard);
        }
        HeaderValue::from_bytes(&forwarded).ok()
    }
}

/// Adds the guard cookie `name`, by which `plugin_slas` knows that the DW session needs no bridge.
/// Without it the cartridge would bridge again. The guard in the browser may have expired while the
/// session has been in use.
fn add_guard(cookies: &mut Vec<u8>, name: &str) {
    let has = |wanted: &str| {
        let mut pairs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        pairs
            .any(|pair| pair.strip_prefix(wanted.as_bytes()).is_some_and(|it| it.starts_with(b"=")))
    };
    if has(DWSID) && !has(name) {
        cookies.extend_from_slice(format!("; {name}=1").as_bytes());
    }
}

/// A request for a page or a file, on its way to its upstream.
pub(crate) struct UpstreamRequest<'a> {
    pub(crate) app: &'a App,
    pub(crate) site: &'a SiteAtHost,
    pub(crate) route: &'a Route,
    pub(crate) parts: &'a Parts,
    pub(crate) body: Body,
    /// They replace those of the browser.
    pub(crate) cookies: Option<HeaderValue>,
}

impl UpstreamRequest<'_> {
    /// Sends it to the upstream of its route.
    pub(crate) async fn send(self) -> Result<Response, Problem> {
        let Self { app, site, route, parts, body, cookies } = self;
        let address_header = address_header(site, route.kind);
        let mut set = client_address(address_header, parts);
        set.extend(own_authorization(route, &parts.headers).map(|value| (AUTHORIZATION, value)));
        let outgoing = Outgoing {
            to: origin(site, route.kind).ok_or(Problem::NotFound)?,
            host: host(site, route.kind),
            public_origin: &site.public_origin,
            allowed_origins: &site.config.cors_origins,
            parts,
            target: page_target(site, route, parts)?,
            body,
            cookies,
            set,
            remove: address_header.map(std::slice::from_ref).unwrap_or_default(),
            timeout: route.timeout,
            request_id: RequestId::of(parts),
        };
        let mut response = app.proxy.forward(outgoing).await?;
        location::keep_below_proxy(site, route, response.headers_mut());
        Ok(response)
    }
}

/// Whether the page is on a list of pages that change the shopper.
pub(crate) fn changes_shopper(site: &Site, route: &Route, parts: &Parts) -> bool {
    site.config.ecom.pages.find(&listed_path(site, route, parts)) != EcomPage::Ordinary
}

/// The header that tells upstreams of this kind the client's IP address. They trust it, so a value
/// from the client is never forwarded.
pub(crate) fn address_header(site: &Site, kind: Kind) -> Option<&HeaderName> {
    let is_instance = matches!(kind, Kind::Ecom | Kind::Ocapi);
    site.config.client_ip_header.as_ref().filter(|_| is_instance)
}

/// The client's IP address under that name, if both are known.
pub(crate) fn client_address(name: Option<&HeaderName>, parts: &Parts) -> HeaderMap {
    let address = parts.extensions.get::<ClientAddress>().and_then(ClientAddress::ip);
    let value = address.and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok());
    name.cloned().zip(value).into_iter().collect()
}

/// The origin by whose host an upstream of pages is addressed, if that is not its own.
fn host(site: &SiteAtHost, kind: Kind) -> Option<&Origin> {
    let routes = &site.config.routes;
    let host = if kind == Kind::Ecom { &routes.ecom_host } else { &routes.head_host };
    match host {
        UpstreamHost::Upstream => None,
        UpstreamHost::Public => Some(&site.public_origin),
        UpstreamHost::Named(origin) => Some(origin),
    }
}

/// The origin of the upstream of this kind, if the site has one.
pub(crate) fn origin(site: &Site, kind: Kind) -> Option<&Origin> {
    let config = &site.config;
    let instance = config.ocapi.as_ref().map(|ocapi| &ocapi.base_url);
    match kind {
        Kind::Head => config.routes.head.as_ref(),
        // Below the OCAPI proxy there are files of the instance, even if its pages are not behind us.
        Kind::Ecom => config.routes.ecom.as_ref().or(instance),
        Kind::Scapi | Kind::Slas(_) => Some(&config.slas.base_url),
        Kind::Ocapi => instance,
    }
}

/// The cookies of a request that is forwarded without its shopper: without our sealed state, and of
/// several values for one credential only the effective one. ECOM gets no tokens: it would spend
/// them where its own session has ended, and the new ones would not reach the browser.
pub(crate) fn passthrough_cookies(
    site: &SiteAtHost,
    kind: Kind,
    parts: &Parts,
) -> Option<HeaderValue> {
    let pairs = forwardable_unverified(site, parts);
    let kept = pairs
        .iter()
        .map(AsRef::as_ref)
        .filter(|pair| kind != Kind::Ecom || !is_named(pair, |name| site.names.owns(name)));
    HeaderValue::from_bytes(&CookieChanges::default().request_header(kept, &site.names)?).ok()
}

/// The cookies without those that `is_removed` names.
fn without(cookies: &HeaderValue, is_removed: impl Fn(&str) -> bool) -> Option<HeaderValue> {
    let pairs = pairs_in(cookies.as_bytes()).map(<[u8]>::trim_ascii);
    let kept: Vec<&[u8]> = pairs.filter(|pair| !is_named(pair, &is_removed)).collect();
    HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()
}

/// Whether a cookie pair has one of these names.
fn is_named(pair: &[u8], names: impl Fn(&str) -> bool) -> bool {
    let pair = std::str::from_utf8(pair).ok().and_then(pair_of);
    pair.is_some_and(|(name, _)| names(name.trim()))
}

/// Strips session cookies that the upstream sets: only Tandem writes those, and what they state has
/// been taken into account already.
pub(crate) fn filter(
    site: &SiteAtHost,
    route: &Route,
    companions: DwCompanions,
    response: &mut Response,
) {
    if route.cookies == SetCookies::Passed {
        return;
    }
    let names = &site.names;
    let is_session_cookie = |name: &str| {
        let strips = companions == DwCompanions::Stripped;
        names.owns(name) || name == DWSID || (strips && is_dw_companion(name))
    };
    let filter = CookieFilter {
        public_origin: &site.public_origin,
        seal: &names.seal,
        absorbed: &|name| !names.is_seal(name.as_bytes()) && is_session_cookie(name),
        reserved: &is_session_cookie,
    };
    filter.apply(response.headers_mut(), &site.metrics);
}
