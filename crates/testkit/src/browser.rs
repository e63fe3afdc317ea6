//! A browser: requests with the headers that a browser sends, and a cookie jar.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem_sandbox::Control;

use crate::config::SITE;
use crate::jar::{self, Jar, StoredCookie};
use crate::page::{Page, TokenClaims};
use crate::request::PendingRequest;
use crate::scenario::Mode;
use crate::world::World;

/// What a browser needs of the world.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
    pub(crate) origin: String,
    pub(crate) http: Client<HttpConnector, Full<Bytes>>,
    pub(crate) control: Control,
    clock: Clock,
    /// Whether there are DW sessions at all.
    pub(crate) bridges: bool,
    /// The scenario, for messages.
    pub(crate) name: String,
    /// Whether any browser of the world has held tokens.
    pub(crate) landed: Arc<AtomicBool>,
}

impl Environment {
    pub(crate) fn new(world: &World, landed: Arc<AtomicBool>) -> Self {
        let scenario = &world.scenario;
        Self {
            address: world.address,
            host: scenario.host.clone(),
            origin: scenario.origin.clone(),
            http: Client::builder(TokioExecutor::new()).build_http(),
            control: world.control().clone(),
            clock: world.clock.clone(),
            bridges: scenario.mode != Mode::None,
            name: scenario.to_string(),
            landed,
        }
    }
}

/// A browser; a clone is another tab of it.
#[derive(Clone)]
pub struct Browser {
    pub(crate) environment: Environment,
    jar: Arc<Mutex<Jar>>,
    /// Whether a logout or login elsewhere may have outdated its cookies, so that they contradict the
    /// platform. Nothing then checks that its cookies name one shopper.
    pub(crate) is_stale: bool,
}

/// Requests.
impl Browser {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, jar: Arc::default(), is_stale: false }
    }

    /// The shopper types an address or follows a link.
    #[track_caller]
    pub fn visits(&self, path: &str) -> PendingRequest {
        PendingRequest::new(self, Method::GET, path).navigating().header("sec-fetch-site", "none")
    }

    /// A script of the page fetches something.
    #[track_caller]
    pub fn calls(&self, path: &str) -> PendingRequest {
        PendingRequest::new(self, Method::GET, path).scripted()
    }

    /// A script of the page posts JSON.
    #[track_caller]
    pub fn posts_json(&self, path: &str, body: &Value) -> PendingRequest {
        self.posts(path).header("content-type", "application/json").body(body.to_string())
    }

    /// A script of the page posts nothing.
    #[track_caller]
    pub fn posts(&self, path: &str) -> PendingRequest {
        let request = PendingRequest::new(self, Method::POST, path).scripted();
        request.header("origin", &self.environment.origin)
    }

    /// The shopper submits a form of the page `from`.
    #[track_caller]
    pub fn posts_form(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> PendingRequest {
        let origin = &self.environment.origin;
        PendingRequest::new(self, Method::POST, path)
            .navigating()
            .header("sec-fetch-site", "same-origin")
            .header("origin", origin)
            .header("referer", &format!("{origin}{from}"))
            .form(fields)
    }

    /// A script of the page posts a form.
    #[track_caller]
    pub fn sends(&self, path: &str, fields: &[(&str, &str)]) -> PendingRequest {
        self.posts(path).form(fields)
    }

    /// A script of the page logs in.
    #[track_caller]
    pub fn logs_in(&self, (username, password): (&str, &str)) -> PendingRequest {
        let body = json!({"username": username, "password": password});
        self.posts_json("/bff/login", &body)
    }

    /// A script of the page logs out.
    #[track_caller]
    pub fn logs_out(&self) -> PendingRequest {
        self.posts("/bff/logout")
    }

    /// Puts something into the basket on the Head.
    #[track_caller]
    pub fn puts_into_basket(&self, product: &str) -> PendingRequest {
        let body = json!({"product_id": product, "quantity": 1});
        self.posts_json("/api/basket/items", &body)
    }
}

/// What is in the jar.
impl Browser {
    pub(crate) fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> i64 {
        self.environment.clock.now().unix()
    }

    /// The value of a cookie of the scope that Tandem writes, as it would be sent to `/`. Its name
    /// may end with the site.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent("/", now);
        let with_site = format!("{name}_{SITE}");
        let is_named = |stored: &&&StoredCookie| stored.name == name || stored.name == with_site;
        let found = sent.iter().find(|stored| is_named(stored) && stored.is_tandems());
        found.map(|stored| stored.value.clone())
    }

    /// The value of a cookie that must be there.
    #[track_caller]
    pub fn expect_cookie(&self, name: &str) -> String {
        let value = self.cookie(name);
        value.unwrap_or_else(|| {
            panic!("no cookie {name} in {}: {:?}", self.environment.name, self.names())
        })
    }

    /// The names of all cookies, sorted, those of DW companions without their suffix.
    pub fn names(&self) -> Vec<String> {
        let shortened = |name: String| match name.split_once('_') {
            Some((companion, _)) if name.starts_with("dw") => companion.to_owned(),
            _ => name,
        };
        let mut names: Vec<String> =
            self.cookies().into_iter().map(|(name, _)| shortened(name)).collect();
        names.sort();
        names
    }

    /// Everything in the jar, for before-and-after comparisons.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent("/", now);
        sent.iter().map(|stored| (stored.name.clone(), stored.value.clone())).collect()
    }

    /// The names in `document.cookie`.
    pub fn script_readable_cookies(&self) -> Vec<String> {
        let now = self.now();
        let jar = self.jar();
        let readable = jar.sent("/", now).into_iter().filter(|stored| !stored.http_only);
        readable.map(|stored| stored.name.clone()).collect()
    }

    /// The browser stores a cookie for this host alone and every path, the scope of what Tandem writes.
    /// ECOM, an attacker or the test set it.
    pub fn stores_host_cookie(&self, name: &str, value: &str) -> &Self {
        self.stores_set_cookie(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"))
    }

    /// The browser stores a cookie for the whole domain (`Domain=`), which a sibling host planted.
    pub fn stores_domain_cookie(&self, name: &str, value: &str) -> &Self {
        self.stores_set_cookie(&format!("{name}={value}; Domain={}; Path=/; Secure", jar::HOST))
    }

    /// The browser stores the cookie of this `Set-Cookie` line, which some other response had.
    pub fn stores_set_cookie(&self, line: &str) -> &Self {
        let now = self.now();
        self.jar().absorb(line, "/", now);
        self
    }

    /// The `Set-Cookie` lines of `page`, which another browser received, reach this one now.
    pub fn stores_cookies_of(&self, page: &Page) {
        for line in page.set_cookies() {
            self.stores_set_cookie(line);
        }
    }

    /// Every value that goes with a request to `path` under that name, most specific path first.
    pub fn sends_to(&self, path: &str, name: &str) -> Vec<String> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent(path, now).into_iter().filter(|stored| stored.name == name);
        sent.map(|stored| stored.value.clone()).collect()
    }

    /// The browser deletes the cookie without a response that says so.
    pub fn loses_cookie(&self, name: &str) -> &Self {
        self.jar().remove(name);
        self
    }

    /// The browser closes and opens again.
    pub fn restarts(&self) -> &Self {
        self.jar().close();
        self
    }

    /// Another browser with a copy of these cookies: a thief, or this browser before a change.
    pub fn copy(&self) -> Self {
        let jar = Arc::new(Mutex::new(self.jar().clone()));
        Self { environment: self.environment.clone(), jar, is_stale: self.is_stale }
    }

    /// A copy whose cookies a later login, logout or refresh in this browser may outdate. It sends what
    /// arrives after that change. Nothing checks that the cookies of the copy name one shopper.
    pub fn stale_copy(&self) -> Self {
        Self { is_stale: true, ..self.copy() }
    }

    /// The claims of the access token.
    pub fn token(&self) -> Option<TokenClaims> {
        TokenClaims::read(&self.access_token())
    }

    /// The access token, joined from its cookies; empty without one.
    pub fn access_token(&self) -> String {
        let joined = |name: String, separator: char, numbers: std::ops::RangeInclusive<u8>| {
            let rest =
                numbers.filter_map(|number| self.cookie(&format!("{name}{separator}{number}")));
            let first = self.cookie(&name);
            first.into_iter().chain(rest).collect::<String>()
        };
        let with_site = |name: &str| [name.to_owned(), format!("{name}_{SITE}")];
        let names = [with_site("token"), with_site("cc-at")].concat();
        let long = names.iter().map(|name| joined(name.clone(), '.', 1..=2));
        let pieces = names.iter().map(|name| joined(name.clone(), '_', 2..=6));
        long.chain(pieces).find(|token| token.matches('.').count() == 2).unwrap_or_default()
    }

    /// The customer of the access token.
    pub fn customer_id(&self) -> Option<String> {
        self.token().map(|claims| claims.customer_id)
    }

    /// The SLAS session of the access token.
    #[track_caller]
    pub fn usid(&self) -> String {
        self.token().expect("a token").usid
    }
}
