//! A request of a browser; it is sent when awaited.

use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};

use crate::browser::Browser;
use crate::page::Page;
use crate::promises::check_loss;

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// A request of a browser; it is sent when awaited.
#[must_use]
pub struct PendingRequest {
    browser: Browser,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    caller: &'static Location<'static>,
}

impl PendingRequest {
    #[track_caller]
    pub(crate) fn new(browser: &Browser, method: Method, path: &str) -> Self {
        let (browser, path) = (browser.clone(), path.to_owned());
        let (headers, body) = (Vec::new(), String::new());
        let request = Self { browser, method, path, headers, body, caller: Location::caller() };
        request.header("user-agent", AGENT)
    }

    pub(crate) fn navigating(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
    }

    pub(crate) fn from_script(self) -> Self {
        self.header("accept", "*/*")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
    }

    /// Sets a header, in place of one of that name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a server sends it: without the headers that tell where a request comes from.
    pub fn from_server(mut self) -> Self {
        self.headers.retain(|(name, _)| !name.starts_with("sec-") && name != "origin");
        self
    }

    /// With this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn body(mut self, body: String) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    fn build(&self) -> Request<Full<Bytes>> {
        let (browser, environment) = (&self.browser, &self.browser.environment);
        let uri = format!("http://{}{}", environment.address, self.path);
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        request = request.header(HOST, &environment.host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let now = browser.now();
        let jar = browser.jar();
        let sent = jar.sent(&self.path, now);
        let pairs = sent.iter().map(|stored| format!("{}={}", stored.name, stored.value));
        let pairs: Vec<String> = pairs.collect();
        if !pairs.is_empty() {
            request = request.header(COOKIE, pairs.join("; "));
        }
        request.body(Full::from(self.body.clone())).expect("a valid request")
    }

    async fn send(self) -> Page {
        let (browser, path) = (&self.browser, &self.path);
        let environment = &browser.environment;
        let request = self.build();
        let asked = format!("{} {path} at {} in {}", self.method, self.caller, environment.name);
        let response = environment.http.request(request).await;
        let response = response.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let page = Page { status: parts.status, headers: parts.headers, text, asked };
        let now = browser.now();
        let had_tokens = browser.has_tokens();
        for line in page.headers.get_all(SET_COOKIE) {
            let line = line.to_str().expect("a readable Set-Cookie");
            browser.jar().absorb(line, path, now);
        }
        if browser.has_tokens() {
            environment.landed.store(true, Ordering::Relaxed);
        } else if had_tokens {
            check_loss(&page, path);
        }
        browser.check_promises(&page, path);
        page
    }
}

impl IntoFuture for PendingRequest {
    type Output = Page;
    type IntoFuture = Pin<Box<dyn Future<Output = Page> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
