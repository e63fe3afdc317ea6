//! A Head whose responses set the cookies that a test gives it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use http::HeaderValue;
use http::header::SET_COOKIE;
use tokio::net::TcpListener;

/// The `Set-Cookie` lines of the next response.
type Lines = Arc<Mutex<Vec<String>>>;

/// A running Head; it ends with the test's runtime.
pub(crate) struct ScriptedHead {
    /// Where it listens.
    pub(crate) origin: String,
    lines: Lines,
}

impl ScriptedHead {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let origin = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let lines = Lines::default();
        let router = Router::new().fallback(respond).with_state(Arc::clone(&lines));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { origin, lines }
    }

    /// The next response sets these cookies.
    pub(crate) fn sets(&self, lines: impl IntoIterator<Item = String>) {
        *self.lines.lock().unwrap_or_else(PoisonError::into_inner) = lines.into_iter().collect();
    }
}

async fn respond(State(lines): State<Lines>) -> Response {
    let lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    let mut response = Html("<!doctype html><title>Head</title>").into_response();
    for line in lines {
        let line = HeaderValue::from_str(&line).expect("a legal header");
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}
