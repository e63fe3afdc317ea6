//! The headers with which an allowed request goes on, by name and by kind of upstream.
//!
//! The same names always, empty where there is nothing to say: a gateway copies what it finds, and
//! a header that is missing here would be the client's own.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::cookies::set_cookie::CookieChanges;
use crate::header_values::bearer;
use crate::route::{Kind, Route};
use crate::site::Site;
use crate::web::headers::own_authorization;
use crate::web::pages::ProxiedRequest;
use crate::web::pages::file::File;
use crate::web::request_session::foreign_cookies;

/// For the APIs: the DW session that the token belongs to.
const SFDC_DWSID: HeaderName = HeaderName::from_static("sfdc_dwsid");
/// For OCAPI: our client.
const CLIENT_ID: HeaderName = HeaderName::from_static("x-dw-client-id");
/// `guest` or `registered`.
const CUSTOMER_TYPE: HeaderName = HeaderName::from_static("x-bff-customer-type");
const CUSTOMER_ID: HeaderName = HeaderName::from_static("x-bff-customer-id");
const USID: HeaderName = HeaderName::from_static("x-bff-usid");
/// Where the route table sends the request.
const UPSTREAM: HeaderName = HeaderName::from_static("x-bff-upstream");

/// What replaces headers of the request.
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

    /// To our own routes, which judge for themselves: as the client sent it.
    pub(crate) fn to_ourselves(theirs: &HeaderMap) -> Self {
        let mut pass = Self::new("tandem");
        pass.set_if(AUTHORIZATION, theirs.get(AUTHORIZATION).cloned());
        // HTTP/2 may bring several.
        let cookies: Vec<_> = theirs.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        pass.set_if(COOKIE, HeaderValue::from_bytes(&cookies.join(&b"; "[..])).ok());
        pass
    }

    /// Without a shopper: files, crawlers, and whoever has no session and begins none.
    pub(crate) fn anonymous(site: &Site, route: &Route, parts: &Parts) -> Self {
        if !route.kind.is_pages() {
            return Self::to_api(site, route.kind, parts);
        }
        let mut pass = Self::to_page(route, parts);
        let file = File::of(site, route, parts.uri.path());
        pass.set_if(COOKIE, file.cookies(site, route, parts));
        pass
    }

    /// To an API, with the token that a server of the operator's has by itself.
    pub(crate) fn of_front(site: &Site, kind: Kind, parts: &Parts, bearer: HeaderValue) -> Self {
        let mut pass = Self::to_api(site, kind, parts);
        pass.set(AUTHORIZATION, bearer);
        pass
    }

    /// As the shopper of `hop`, whose cookies are those after `changes`.
    pub(crate) fn of_shopper(request: &ProxiedRequest, changes: &CookieChanges) -> Self {
        let kind = request.route.kind;
        if !kind.is_pages() {
            let mut pass = Self::to_api(&request.session.site, kind, &request.parts);
            pass.authorize(request);
            return pass;
        }
        let mut pass = Self::to_page(&request.route, &request.parts);
        pass.identify(request);
        pass.set_if(COOKIE, request.cookies(Some(changes)));
        pass
    }

    fn to_page(route: &Route, parts: &Parts) -> Self {
        let mut pass = Self::new(route.kind.as_str());
        pass.set_if(AUTHORIZATION, own_authorization(route, &parts.headers));
        pass
    }

    fn to_api(site: &Site, kind: Kind, parts: &Parts) -> Self {
        let mut pass = Self::new(kind.as_str());
        pass.set_if(COOKIE, foreign_cookies(site, &parts.headers));
        if let Some(ocapi) = site.config.ocapi.as_ref().filter(|_| kind == Kind::Ocapi) {
            pass.set_text(CLIENT_ID, &ocapi.client_id);
        }
        pass
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
