//! Heads other than the simulator's: one played by the test itself, one with a fixed response, and
//! one that sets the cookies that a test names.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{COOKIE, SET_COOKIE};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::Connection;
use crate::response::HeaderSection;
use crate::time::settle;

/// A listener on whose connections the test responds by hand.
pub struct Head {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Head {
    /// Listens on loopback.
    pub async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("a bound socket");
        Self { listener, address }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next connection.
    pub async fn accept(&self) -> Connection {
        let accepted = timeout(Duration::from_secs(20), self.listener.accept()).await;
        Connection::on(accepted.expect("a connection in time").expect("a connection").0)
    }

    /// The next connection, and the headers of the request on it.
    pub async fn receive(&self) -> (Connection, HeaderSection) {
        let mut connection = self.accept().await;
        let headers = connection.headers().await.expect("a request");
        (connection, headers)
    }

    /// No connection is waiting: the next one that is accepted is the test's own.
    pub async fn expect_no_connection(&self) {
        settle().await;
        let own = TcpStream::connect(self.address).await.expect("the listener accepts");
        let (_, next) = self.listener.accept().await.expect("a connection");
        assert_eq!(next, own.local_addr().expect("a live socket"), "an unexpected connection");
    }
}

/// Requests as they were received: headers and body.
type Requests = Arc<Mutex<Vec<(HeaderSection, Vec<u8>)>>>;

/// A Head that gives every request the same response and records the requests.
pub struct FixedHead {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Requests,
    _stop: DropGuard,
}

impl FixedHead {
    /// `response` is a whole response as bytes; the connection is closed after it.
    pub async fn responding(response: &str) -> Self {
        let head = Head::bind().await;
        let (address, response) = (head.address, response.to_owned());
        let requests = Requests::default();
        let stop = CancellationToken::new();
        let serving = serve(head, response, Arc::clone(&requests));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Self { address, requests, _stop: stop.drop_guard() }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far: its headers and its body.
    pub fn requests(&self) -> Vec<(HeaderSection, Vec<u8>)> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(head: Head, response: String, requests: Requests) {
    while let Ok((stream, _)) = head.listener.accept().await {
        let mut connection = Connection::on(stream);
        let Some(headers) = connection.headers().await else { continue };
        let (body, _) = connection.body(&headers).await;
        requests.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body));
        connection.write(&response).await;
    }
}

/// A Head that sets the cookies that a test names and records the cookies it receives. It ends with
/// the test's runtime.
pub struct ScriptedHead {
    /// Its origin.
    pub origin: String,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    /// The `Set-Cookie` lines of the next page.
    lines: Mutex<Vec<String>>,
    /// The `Cookie` header of every request.
    received: Mutex<Vec<String>>,
}

impl ScriptedHead {
    /// Listens on loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let origin = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let script = Arc::<Script>::default();
        let router = Router::new().fallback(respond).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { origin, script }
    }

    /// The next page sets these cookies. A file sets none.
    pub fn sets(&self, lines: impl IntoIterator<Item = String>) {
        let mut next = self.script.lines.lock().unwrap_or_else(PoisonError::into_inner);
        *next = lines.into_iter().collect();
    }

    /// The `Cookie` headers since this was last called, empty where a request had none.
    pub fn received_cookies(&self) -> Vec<String> {
        std::mem::take(&mut self.script.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn respond(State(script): State<Arc<Script>>, request: Request) -> Response {
    let cookies = request.headers().get(COOKIE).and_then(|cookies| cookies.to_str().ok());
    let cookies = cookies.unwrap_or_default().to_owned();
    script.received.lock().unwrap_or_else(PoisonError::into_inner).push(cookies);
    // A browser may still be loading the files of the page before.
    let is_file = request.uri().path().contains('.');
    let mut next = script.lines.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = if is_file { Vec::new() } else { std::mem::take(&mut *next) };
    drop(next);
    let mut response = Html("<!doctype html><title>Head</title>").into_response();
    for line in lines {
        let line = HeaderValue::from_str(&line).expect("a valid header");
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}
