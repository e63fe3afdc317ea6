//! A browser: requests with the headers a browser sends, and a jar.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tandem::clock::Clock;
use tandem_sandbox::Control;

use super::expect::tells_of_the_loss;
use super::jar::{self, Jar, Kept};
use super::page::{Page, Said};
use super::world::Setup;

/// The origin as the browser knows it.
const ORIGIN: &str = "https://shop.test";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// What a browser needs of the world.
#[derive(Clone)]
pub(super) struct Outside {
    address: SocketAddr,
    http: Client<HttpConnector, Full<Bytes>>,
    pub(super) control: Control,
    pub(super) clock: Clock,
    /// Whether there are DW sessions at all.
    pub(super) bridges: bool,
    /// For messages.
    pub(super) name: String,
    /// Whether any browser of the world has held tokens.
    pub(super) landed: Arc<AtomicBool>,
}

impl Outside {
    pub(super) fn new(
        address: SocketAddr,
        control: Control,
        clock: Clock,
        bridges: bool,
        setup: &Setup,
    ) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        let (name, landed) = (setup.to_string(), Arc::default());
        Self { address, http, control, clock, bridges, name, landed }
    }
}

/// A browser; a clone is another tab of it.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(super) outside: Outside,
    jar: Arc<Mutex<Jar>>,
    /// Its cookies are from before a logout or login elsewhere, so they may well contradict what the
    /// platform knows by now.
    pub(super) is_late: bool,
}

/// Asking for things.
impl Browser {
    pub(super) fn new(outside: Outside) -> Self {
        Self { outside, jar: Arc::default(), is_late: false }
    }

    /// Types an address or follows a link.
    #[track_caller]
    pub(crate) fn visits(&self, path: &str) -> Asking {
        let asking = Asking::new(self, Method::GET, path).navigating();
        asking.header("sec-fetch-site", "none")
    }

    /// A script of the page fetches something.
    #[track_caller]
    pub(crate) fn calls(&self, path: &str) -> Asking {
        Asking::new(self, Method::GET, path).scripted()
    }

    /// A script of the page posts JSON.
    #[track_caller]
    pub(crate) fn posts_json(&self, path: &str, body: &Value) -> Asking {
        let asking = Asking::new(self, Method::POST, path).scripted();
        let asking = asking.header("origin", ORIGIN).header("content-type", "application/json");
        asking.body(body.to_string())
    }

    /// A script of the page posts nothing.
    #[track_caller]
    pub(crate) fn posts(&self, path: &str) -> Asking {
        Asking::new(self, Method::POST, path).scripted().header("origin", ORIGIN)
    }

    /// The shopper sends a form that stands on the page `from`.
    #[track_caller]
    pub(crate) fn posts_form(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Asking {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        Asking::new(self, Method::POST, path)
            .navigating()
            .header("sec-fetch-site", "same-origin")
            .header("origin", ORIGIN)
            .header("referer", &format!("{ORIGIN}{from}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }

    /// A script of the page sends a form.
    #[track_caller]
    pub(crate) fn sends(&self, path: &str, fields: &[(&str, &str)]) -> Asking {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        let asking = Asking::new(self, Method::POST, path).scripted().header("origin", ORIGIN);
        asking.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Logs in as a script of the page does.
    #[track_caller]
    pub(crate) fn logs_in(&self, (username, password): (&str, &str)) -> Asking {
        let body = serde_json::json!({"username": username, "password": password});
        self.posts_json("/bff/login", &body)
    }

    /// Puts something into the basket on the Head.
    #[track_caller]
    pub(crate) fn puts_into_basket(&self, product: &str) -> Asking {
        let body = serde_json::json!({"product_id": product, "quantity": 1});
        self.posts_json("/api/basket/items", &body)
    }
}

/// What is in the jar.
impl Browser {
    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> i64 {
        self.outside.clock.now().unix()
    }

    /// The value of a cookie of the scope that Tandem writes, as it would be sent to `/`; its name may
    /// carry the site.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent("/", now);
        let with_site = format!("{name}_RefArch");
        let named = |kept: &&&Kept| kept.name == name || kept.name == with_site;
        let found = sent.iter().find(|kept| named(kept) && kept.is_tandems());
        found.map(|kept| kept.value.clone())
    }

    /// The value of a cookie that must be there.
    #[track_caller]
    pub(crate) fn holds(&self, name: &str) -> String {
        let held = self.cookie(name);
        held.unwrap_or_else(|| {
            panic!("no cookie {name} in {}: {:?}", self.outside.name, self.names())
        })
    }

    /// The names of all cookies, sorted, those of companions cut short.
    pub(crate) fn names(&self) -> Vec<String> {
        let short = |name: &str| name.split_once('_').map_or(name, |(head, _)| head).to_owned();
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent("/", now);
        let mut names: Vec<String> =
            sent.iter()
                .map(|kept| {
                    if kept.name.starts_with("dw") { short(&kept.name) } else { kept.name.clone() }
                })
                .collect();
        names.sort();
        names
    }

    /// Everything in the jar, for before-and-after comparisons.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent("/", now);
        sent.iter().map(|kept| (kept.name.clone(), kept.value.clone())).collect()
    }

    /// `document.cookie`.
    pub(crate) fn script_sees(&self) -> Vec<String> {
        let now = self.now();
        let jar = self.jar();
        let readable = jar.sent("/", now).into_iter().filter(|kept| !kept.http_only);
        readable.map(|kept| kept.name.clone()).collect()
    }

    /// Someone else (ECOM, an attacker, a test) puts a cookie into the jar.
    pub(crate) fn is_given(&self, name: &str, value: &str) -> &Self {
        let line = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax");
        self.jar().absorb(&line, "/", self.now());
        self
    }

    /// A sibling host sets a cookie for the whole domain.
    pub(crate) fn is_planted(&self, name: &str, value: &str) -> &Self {
        self.keeps(&format!("{name}={value}; Domain={}; Path=/; Secure", jar::HOST))
    }

    /// Some other response sets a cookie by this `Set-Cookie` line.
    pub(crate) fn keeps(&self, line: &str) -> &Self {
        self.jar().absorb(line, "/", self.now());
        self
    }

    /// Every value that goes with a request to `path` under that name, most specific path first.
    pub(crate) fn sends_to(&self, path: &str, name: &str) -> Vec<String> {
        let now = self.now();
        let jar = self.jar();
        let sent = jar.sent(path, now).into_iter().filter(|kept| kept.name == name);
        sent.map(|kept| kept.value.clone()).collect()
    }

    pub(crate) fn loses(&self, name: &str) -> &Self {
        self.jar().forget(name);
        self
    }

    /// Closes and opens again.
    pub(crate) fn restarts(&self) -> &Self {
        self.jar().close();
        self
    }

    /// Another browser with a copy of these cookies: a thief, or a moment to come back to.
    pub(crate) fn copy(&self) -> Self {
        let jar = Arc::new(Mutex::new(self.jar().clone()));
        Self { outside: self.outside.clone(), jar, is_late: self.is_late }
    }

    /// A copy whose requests are on their way while something else happens in the browser.
    pub(crate) fn late(&self) -> Self {
        Self { is_late: true, ..self.copy() }
    }

    /// What the access token says.
    pub(crate) fn token(&self) -> Option<Said> {
        let pieces: String =
            ["cc-at", "cc-at_2", "cc-at_3"].iter().filter_map(|it| self.cookie(it)).collect();
        Said::by(&self.cookie("token").unwrap_or(pieces))
    }
}

/// A request in the making; it leaves when awaited.
#[must_use]
pub(crate) struct Asking {
    browser: Browser,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    caller: &'static Location<'static>,
}

impl Asking {
    #[track_caller]
    fn new(browser: &Browser, method: Method, path: &str) -> Self {
        let (browser, path) = (browser.clone(), path.to_owned());
        let (headers, body) = (Vec::new(), String::new());
        let asking = Self { browser, method, path, headers, body, caller: Location::caller() };
        asking.header("user-agent", AGENT)
    }

    fn navigating(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
    }

    fn scripted(self) -> Self {
        self.header("accept", "*/*")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
    }

    /// Sets a header, in place of one of that name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a server asks, which says nothing of where it comes from.
    pub(crate) fn by_a_server(mut self) -> Self {
        self.headers.retain(|(name, _)| !name.starts_with("sec-") && name != "origin");
        self
    }

    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    fn body(mut self, body: String) -> Self {
        self.body = body;
        self
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let browser = &self.browser;
        let uri = format!("http://{}{}", browser.outside.address, self.path);
        let mut request =
            Request::builder().method(self.method.clone()).uri(uri).header(HOST, jar::HOST);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let now = browser.now();
        let jar = browser.jar();
        let pairs: Vec<String> = jar
            .sent(&self.path, now)
            .iter()
            .map(|kept| format!("{}={}", kept.name, kept.value))
            .collect();
        if !pairs.is_empty() {
            request = request.header(COOKIE, pairs.join("; "));
        }
        request.body(Full::from(self.body.clone())).expect("a legal request")
    }

    async fn leave(self) -> Page {
        let request = self.request();
        let asked = format!("{} {} at {}", self.method, self.path, self.caller);
        let asked = format!("{asked} in {}", self.browser.outside.name);
        let answer = self.browser.outside.http.request(request).await;
        let answer = answer.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let page = Page { status: parts.status, headers: parts.headers, text, asked };
        let now = self.browser.now();
        let had_tokens = self.browser.has_tokens();
        for line in page.headers.get_all(SET_COOKIE) {
            let line = line.to_str().expect("a readable Set-Cookie");
            self.browser.jar().absorb(line, &self.path, now);
        }
        if self.browser.has_tokens() {
            self.browser.outside.landed.store(true, Ordering::Relaxed);
        } else if had_tokens {
            tells_of_the_loss(&page, &self.path);
        }
        self.browser.keeps_promises(&page, &self.path);
        page
    }
}

impl IntoFuture for Asking {
    type Output = Page;
    type IntoFuture = Pin<Box<dyn Future<Output = Page> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.leave())
    }
}
