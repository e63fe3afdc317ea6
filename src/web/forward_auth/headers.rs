//! The headers that a gateway sets on an allowed request, by kind of upstream.
//!
//! All of them are always set, empty where there is no value: a gateway copies the headers that it
//! finds, and would forward the client's own value of a missing one.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cookies::set_cookie::CookieChanges;
use crate::header_values::bearer;
use crate::route::{Kind, Route};
use crate::site::{Site, SiteAtHost};
use crate::web::headers::own_authorization;
use crate::web::pages::ProxiedRequest;
use crate::web::pages::file::File;
use crate::web::request_session::foreign_cookies;

/// For the APIs: the DW session of the same shopper.
const SFDC_DWSID: HeaderName = HeaderName::from_static("sfdc_dwsid");
/// For OCAPI: the client id of the site.
const CLIENT_ID: HeaderName = HeaderName::from_static("x-dw-client-id");
/// `guest` or `registered`.
const CUSTOMER_TYPE: HeaderName = HeaderName::from_static("x-bff-customer-type");
const CUSTOMER_ID: HeaderName = HeaderName::from_static("x-bff-customer-id");
const USID: HeaderName = HeaderName::from_static("x-bff-usid");
/// The upstream of the route.
const UPSTREAM: HeaderName = HeaderName::from_static("x-bff-upstream");

/// They replace those of the request.
const REPLACED: [HeaderName; 8] =
    [AUTHORIZATION, COOKIE, SFDC_DWSID, CLIENT_ID, CUSTOMER_TYPE, CUSTOMER_ID, USID, UPSTREAM];

/// The headers of an allowed request.
#[derive(Debug)]
pub(crate) struct AuthHeaders(HeaderMap);

impl AuthHeaders {
    fn new(upstream: &'static str) -> Self {
        let mut headers = HeaderMap::with_capacity(REPLACED.len() + 1);
        for name in REPLACED {
            headers.insert(name, HeaderValue::from_static(""));
        }
        headers.insert(UPSTREAM, HeaderValue::from_static(upstream));
        Self(headers)
    }

    /// For our own routes, which check requests themselves: as the client sent them.
    pub(crate) fn for_own_route(client: &HeaderMap) -> Self {
        let mut headers = Self::new("tandem");
        headers.set_if(AUTHORIZATION, client.get(AUTHORIZATION).cloned());
        // HTTP/2 may bring several.
        let cookies: Vec<_> = client.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        headers.set_if(COOKIE, HeaderValue::from_bytes(&cookies.join(&b"; "[..])).ok());
        headers
    }

    /// Without a shopper: files, crawlers, and requests that neither have nor begin a session.
    pub(crate) fn anonymous(site: &SiteAtHost, route: &Route, parts: &Parts) -> Self {
        if !route.kind.is_pages() {
            return Self::for_api(site, route.kind, parts);
        }
        let mut headers = Self::for_page(route, parts);
        let file = File::of(site, route, parts.uri.path());
        headers.set_if(COOKIE, file.cookies(site, route, parts));
        headers
    }

    /// For an API, with the own token of the caller.
    pub(crate) fn for_server(site: &Site, kind: Kind, parts: &Parts, bearer: HeaderValue) -> Self {
        let mut headers = Self::for_api(site, kind, parts);
        headers.set(AUTHORIZATION, bearer);
        headers
    }

    /// For a page for which no valid tokens can be had.
    pub(crate) fn without_tokens(request: &ProxiedRequest) -> Self {
        let mut headers = Self::for_page(&request.route, &request.parts);
        headers.set_if(COOKIE, request.cookies_without_tokens(None));
        headers
    }

    /// For the shopper of `request`, with the cookies after `changes`.
    pub(crate) fn for_shopper(request: &ProxiedRequest, changes: &CookieChanges) -> Self {
        let kind = request.route.kind;
        if !kind.is_pages() {
            let mut headers = Self::for_api(&request.session.site, kind, &request.parts);
            headers.authorize(request);
            return headers;
        }
        let mut headers = Self::for_page(&request.route, &request.parts);
        headers.identify(request);
        headers.set_if(COOKIE, request.cookies(Some(changes)));
        headers
    }

    fn for_page(route: &Route, parts: &Parts) -> Self {
        let mut headers = Self::new(route.kind.as_str());
        headers.set_if(AUTHORIZATION, own_authorization(route, &parts.headers));
        headers
    }

    fn for_api(site: &Site, kind: Kind, parts: &Parts) -> Self {
        let mut headers = Self::new(kind.as_str());
        headers.set_if(COOKIE, foreign_cookies(site, &parts.headers));
        if let Some(ocapi) = site.config.ocapi.as_ref().filter(|_| kind == Kind::Ocapi) {
            headers.set_text(CLIENT_ID, &ocapi.client_id);
        }
        headers
    }

    fn identify(&mut self, request: &ProxiedRequest) {
        let Some(held) = request.session.held() else { return };
        let customer = &held.claims.customer;
        self.set_text(CUSTOMER_TYPE, customer.kind.as_str());
        self.set_text(CUSTOMER_ID, customer.id.as_str());
        self.set_text(USID, held.claims.usid.as_str());
    }

    fn authorize(&mut self, request: &ProxiedRequest) {
        let Some(held) = request.session.held() else { return };
        self.set(AUTHORIZATION, bearer(&held.token));
        if let Some(dwsid) = request.session.dwsid_of(&held.claims.customer) {
            self.set_text(SFDC_DWSID, dwsid.expose());
        }
    }

    fn set_if(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    fn set_text(&mut self, name: HeaderName, text: &str) {
        if let Ok(value) = HeaderValue::from_str(text) {
            self.set(name, value);
        }
    }

    pub(crate) fn set(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive([AUTHORIZATION, COOKIE, SET_COOKIE, SFDC_DWSID].contains(&name));
        self.0.insert(name, value);
    }

    pub(crate) fn headers(self) -> HeaderMap {
        self.0
    }
}
