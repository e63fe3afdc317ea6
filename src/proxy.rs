//! Carries a request to an upstream and the answer back, streaming both ways.
//!
//! By hyper and not by reqwest: the path must go on as the same bytes it was matched by, and a URL
//! type that normalises would make them two different paths.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

mod capacity;
mod concurrency;
mod connection;
mod header_names;
mod request_headers;
mod response;
mod set_cookie_filter;
mod settings;
mod stall;
mod trailers;
pub mod websocket;

pub use header_names::STRIPPED;
pub use set_cookie_filter::CookieFilter;

use crate::config::{Origin, UpstreamLimits};
use crate::problem::Problem;
use concurrency::{ConcurrencyLimit, PermittedBody};
use connection::{Connector, Protocols, Used};
use stall::{LEAST, Progress};

/// Below the idle time after which common upstreams close a connection.
const POOL_IDLE: Duration = Duration::from_secs(25);
const POOL_SIZE: usize = 128;
/// Between pings on an HTTP/2 connection with requests under way, and for their answer.
const PING: Duration = Duration::from_secs(10);

/// A request on its way to an upstream.
pub struct Outgoing<'a> {
    /// Where to connect, and the `Host` it is told.
    pub to: &'a Origin,
    /// The origin browsers see: told as `X-Forwarded-Host` and `-Proto`, and what an answer's
    /// `Location` gets in place of `to`.
    pub public_origin: &'a Origin,
    /// Further origins whose pages may open a WebSocket.
    pub allowed_origins: &'a [Origin],
    /// The browser's request. [`ClientAddress`](crate::client_ip::ClientAddress) is looked for in its
    /// extensions.
    pub parts: &'a Parts,
    /// In place of the browser's path and query; without it they go on octet for octet.
    pub target: Option<PathAndQuery>,
    /// The browser's body.
    pub body: Body,
    /// In place of the browser's cookies; none if `None`.
    pub cookies: Option<HeaderValue>,
    /// Headers of ours, set after everything else was stripped: they replace the browser's.
    pub set: HeaderMap,
    /// Headers of the browser that stay here, besides those that always do.
    pub remove: &'a [HeaderName],
    /// Until the head of the answer.
    pub timeout: Duration,
    /// Sent as `X-Request-Id`.
    pub request_id: &'a str,
}

/// The way to all upstreams that are streamed to and from.
///
/// Connections are kept per scheme, host and port, so none is shared between two TLS identities.
pub struct Proxy {
    /// One for each connection over which HTTP/2 requests to one upstream are spread: each keeps at
    /// most one HTTP/2 connection to an upstream.
    clients: Vec<Client<Connector, Body>>,
    /// Its connections become tunnels.
    websockets: Client<Connector, Body>,
    limit: Arc<ConcurrencyLimit>,
    idle: Duration,
    websocket_idle: Duration,
}

impl Proxy {
    /// A pool of connections. `None` if the system has no usable TLS roots.
    #[must_use]
    pub fn new(limits: &UpstreamLimits) -> Option<Self> {
        let permits = capacity::permits(limits.proxy_concurrency);
        let (speaks, connections) = if limits.proxy_http2 {
            (Protocols::Both, capacity::connections(permits))
        } else {
            (Protocols::Http1, 1)
        };
        let limit = Arc::new(ConcurrencyLimit::new(permits, limits.proxy_http2));
        let connector = connection::connector(limits, speaks, &limit)?;
        Some(Self {
            clients: (0..connections).map(|_| client(connector.clone())).collect(),
            websockets: client(connection::connector(limits, Protocols::Http1, &limit)?),
            limit,
            idle: limits.proxy_idle,
            websocket_idle: limits.websocket_idle,
        })
    }

    /// Carries the request on and the answer back.
    ///
    /// # Errors
    ///
    /// When there is no answer: the upstream cannot be reached, takes too long, says nonsense, or
    /// has too much to do already. When a page that may not opens a WebSocket.
    pub async fn forward(&self, mut outgoing: Outgoing<'_>) -> Result<Response, Problem> {
        let Outgoing { to, public_origin, allowed_origins, parts, timeout, .. } = outgoing;
        let websocket = websocket::is_wanted(parts);
        if websocket {
            websocket::check_origin(&parts.headers, public_origin, allowed_origins)?;
        }
        let permit = self.limit.take(to).ok_or(Problem::Busy)?;
        let progress = Progress::default();
        let passing = request_headers::may_have_trailers(&outgoing);
        let body = trailers::filtered(outgoing.body, passing);
        let (body, upload) = progress.upload(body, &permit);
        outgoing.body = body;
        let client = if websocket { &self.websockets } else { &self.clients[permit.connection()] };
        let answer = progress.watch(timeout, LEAST, ask(client, outgoing, websocket)).await;
        let mut answer = answer.ok_or(Problem::TooSlow)??;
        let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switched && websocket {
            return websocket::open(parts, answer, permit, self.websocket_idle);
        }
        if switched {
            tracing::warn!("the upstream switches protocols unasked");
            return Err(Problem::Unreachable);
        }
        response::rewrite_response(answer.headers_mut(), to, public_origin);
        let (mut parts, body) = answer.into_parts();
        parts.version = Version::default();
        parts.extensions.clear();
        let body = PermittedBody::body(body, permit, self.idle, (progress, upload));
        Ok(Response::from_parts(parts, body))
    }
}

/// Sends the request, once more if that is safe: an upstream may close a connection at the very
/// moment we take it out of the pool.
async fn ask(
    client: &Client<Connector, Body>,
    mut outgoing: Outgoing<'_>,
    websocket: bool,
) -> Result<http::Response<Incoming>, Problem> {
    let body = std::mem::take(&mut outgoing.body);
    // RFC 9110 section 9.2.2.
    let repeatable = outgoing.parts.method.is_idempotent() && body.is_end_stream();
    let mut answer = client.request(request(&outgoing, body, websocket)?).await;
    if answer.as_ref().is_err_and(|error| repeatable && was_closed_while_idle(error)) {
        answer = client.request(request(&outgoing, Body::empty(), websocket)?).await;
    }
    match answer {
        Ok(answer) => {
            Used::note(answer.extensions());
            Ok(answer)
        }
        Err(error) => {
            tracing::warn!(connect = error.is_connect(), %error, "the upstream does not answer");
            Err(Problem::Unreachable)
        }
    }
}

fn client(connector: Connector) -> Client<Connector, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_SIZE)
        .http1_max_buf_size(capacity::BUFFER as usize)
        // Windows that adapt would grow past what the connection has room for.
        .http2_adaptive_window(false)
        .http2_initial_stream_window_size(capacity::STREAM_WINDOW)
        .http2_initial_connection_window_size(capacity::CONNECTION_WINDOW)
        .http2_max_send_buf_size(capacity::BUFFER as usize)
        .http2_max_header_list_size(capacity::BUFFER)
        // All requests share it: one that died silently would keep them waiting until TCP gives up.
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .build(connector)
}

fn request(outgoing: &Outgoing<'_>, body: Body, websocket: bool) -> Result<Request<Body>, Problem> {
    let uri = target(outgoing)?;
    let mut request = Request::new(body);
    *request.method_mut() = outgoing.parts.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = request_headers::build_request(outgoing);
    if websocket {
        websocket::ask(request.headers_mut());
    }
    Ok(request)
}

/// Whether a connection that has answered before closed without a word in answer to this request.
fn was_closed_while_idle(error: &Error) -> bool {
    let reused = error.connect_info().is_some_and(Used::before);
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    let closed = cause.is_some_and(|cause| {
        let io = cause.source().and_then(|io| io.downcast_ref::<std::io::Error>());
        cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed() || io.is_some()
    });
    reused && closed
}

/// The upstream's scheme and host, the browser's path and query, octet for octet.
fn target(outgoing: &Outgoing<'_>) -> Result<Uri, Problem> {
    let path = outgoing.target.as_ref().or(outgoing.parts.uri.path_and_query()).cloned();
    let scheme = if outgoing.to.is_https() { "https" } else { "http" };
    Uri::builder()
        .scheme(scheme)
        .authority(outgoing.to.authority())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .map_err(|_| Problem::BadRequest("The path is not one."))
}
