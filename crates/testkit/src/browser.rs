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
    /// Whether its cookies are from before a logout or login elsewhere, so that they may contradict
    /// what the platform knows by now.
    pub(crate) is_late: bool,
}

/// Requests.
impl Browser {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, jar: Arc::default(), is_late: false }
    }

    /// The shopper types an address or follows a link.
    #[track_caller]
    pub fn visits(&self, path: &str) -> PendingRequest {
        PendingRequest::new(self, Method::GET, path).navigating().header("sec-fetch-site", "none")
    }

    /// A script of the page fetches something.
    #[track_caller]
    pub fn calls(&self, path: &str) -> PendingRequest {
        PendingRequest::new(self, Method::GET, path).from_script()
    }

    /// A script of the page posts JSON.
    #[track_caller]
    pub fn posts_json(&self, path: &str, body: &Value) -> PendingRequest {
        self.posts(path).header("content-type", "application/json").body(body.to_string())
    }

    /// A script of the page posts nothing.
    #[track_caller]
    pub fn posts(&self, path: &str) -> PendingRequest {
        let request = PendingRequest::new(self, Method::POST, path).from_script();
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

    /// The value of a cookie of the scope that Tandem writes, as it would be sent to `/`; its name
    /// may carry the site.
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
    pub fn holds(&self, name: &str) -> String {
        let held = self.cookie(name);
        held.unwrap_or_else(|| {
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
    pub fn script_sees(&self) -> Vec<String> {
        let now = self.now();
        let jar = self.jar();
        let readable = jar.sent("/", now).into_iter().filter(|stored| !stored.http_only);
        readable.map(|stored| stored.name.clone()).collect()
    }

    /// ECOM, an attacker or a test puts a cookie of Tandem's scope into the jar.
    pub fn is_given(&self, name: &str, value: &str) -> &Self {
        self.stores(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"))
    }

    /// A sibling host sets a cookie for the whole domain.
    pub fn is_planted(&self, name: &str, value: &str) -> &Self {
        self.stores(&format!("{name}={value}; Domain={}; Path=/; Secure", jar::HOST))
    }

    /// Some other response sets a cookie by this `Set-Cookie` line.
    pub fn stores(&self, line: &str) -> &Self {
        let now = self.now();
        self.jar().absorb(line, "/", now);
        self
    }

    /// The `Set-Cookie` lines of `page`, which another browser received, reach this one now.
    pub fn stores_cookies_of(&self, page: &Page) {
        for line in page.set_cookies() {
            self.stores(line);
        }
    }

    /// Every value that goes with a request to `path` under that name, most specific path first.
    pub fn sends_to(&self, path: &str, name: &str) -> Vec<String> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent(path, now).into_iter().filter(|stored| stored.name == name);
        sent.map(|stored| stored.value.clone()).collect()
    }

    /// The cookie is deleted by something other than a response.
    pub fn loses(&self, name: &str) -> &Self {
        self.jar().remove(name);
        self
    }

    /// Closes and opens again.
    pub fn restarts(&self) -> &Self {
        self.jar().close();
        self
    }

    /// Another browser with a copy of these cookies: a thief, or a moment to come back to.
    pub fn copy(&self) -> Self {
        let jar = Arc::new(Mutex::new(self.jar().clone()));
        Self { environment: self.environment.clone(), jar, is_late: self.is_late }
    }

    /// A copy whose requests are under way while something else happens in the browser.
    pub fn late(&self) -> Self {
        Self { is_late: true, ..self.copy() }
    }

    /// The claims of the access token.
    pub fn token(&self) -> Option<TokenClaims> {
        let chunks = ["cc-at", "cc-at_2", "cc-at_3"];
        let chunks: String = chunks.iter().filter_map(|name| self.cookie(name)).collect();
        TokenClaims::read(&self.cookie("token").unwrap_or(chunks))
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
