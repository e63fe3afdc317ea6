//! Forwards a request to an upstream and streams the response back.
//!
//! It uses hyper instead of reqwest: the path must be forwarded as the bytes it was matched by, and
//! a URL type that normalises could make it another path.

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

mod body;
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
use concurrency::ConcurrencyLimit;
use connection::{Connector, Protocols, Used};
use stall::{MIN_PROGRESS, Progress};
use trailers::Trailers;

/// Less than the idle time after which common upstreams close a connection.
const POOL_IDLE: Duration = Duration::from_secs(25);
const POOL_SIZE: usize = 128;
/// The interval of pings on an HTTP/2 connection with running requests, and the time limit for
/// their response.
const PING: Duration = Duration::from_secs(10);

/// A request to an upstream.
pub struct Outgoing<'a> {
    /// Where to connect.
    pub to: &'a Origin,
    /// The origin whose host is the value of `Host`; that of `to` if `None`.
    pub host: Option<&'a Origin>,
    /// The origin browsers see: sent as `X-Forwarded-Host` and `-Proto`, and put into addresses
    /// of the response in place of `to`.
    pub public_origin: &'a Origin,
    /// Further origins whose pages may open a WebSocket.
    pub allowed_origins: &'a [Origin],
    /// The browser's request. Its extensions may have the
    /// [`ClientAddress`](crate::client_ip::ClientAddress).
    pub parts: &'a Parts,
    /// In place of the browser's path and query; without it they are forwarded byte for byte.
    pub target: Option<PathAndQuery>,
    /// The browser's body.
    pub body: Body,
    /// In place of the browser's cookies; none if `None`.
    pub cookies: Option<HeaderValue>,
    /// Headers that replace those of the browser.
    pub set: HeaderMap,
    /// Headers of the browser to remove, besides those that are always removed.
    pub remove: &'a [HeaderName],
    /// Until the response head.
    pub timeout: Duration,
    /// Sent as `X-Request-Id`.
    pub request_id: &'a str,
}

/// The connections to all upstreams.
///
/// They are pooled by scheme, host and port, so none is shared between two TLS identities.
pub struct Proxy {
    /// One per connection over which HTTP/2 requests to one upstream are spread: each client keeps
    /// at most one HTTP/2 connection to an upstream.
    clients: Vec<Client<Connector, Body>>,
    /// The client without HTTP/2: for connections that become WebSocket tunnels, and for upstreams
    /// with another `Host`, which HTTP/2 takes from the address of the connection.
    http1: Client<Connector, Body>,
    limit: Arc<ConcurrencyLimit>,
    idle: Duration,
    websocket_idle: Duration,
}

impl Proxy {
    /// Empty connection pools. `None` if the system has no usable TLS roots.
    #[must_use]
    pub fn new(limits: &UpstreamLimits) -> Option<Self> {
        let permits = capacity::permits(limits.proxy_concurrency);
        let (protocols, connections) = if limits.proxy_http2 {
            (Protocols::Both, capacity::connections(permits))
        } else {
            (Protocols::Http1, 1)
        };
        let limit = Arc::new(ConcurrencyLimit::new(permits, limits));
        let connector = connection::connector(limits, protocols, &limit)?;
        Some(Self {
            clients: (0..connections).map(|_| client(connector.clone())).collect(),
            http1: client(connection::connector(limits, Protocols::Http1, &limit)?),
            limit,
            idle: limits.proxy_idle,
            websocket_idle: limits.websocket_idle,
        })
    }

    /// Forwards the request and returns the response.
    ///
    /// # Errors
    ///
    /// When there is no valid response, or no free permit for the upstream. When the origin of a
    /// WebSocket handshake is not allowed.
    pub async fn forward(&self, mut outgoing: Outgoing<'_>) -> Result<Response, Problem> {
        let Outgoing { to, public_origin, allowed_origins, parts, timeout, .. } = outgoing;
        let websocket = websocket::is_handshake(parts);
        if websocket {
            websocket::check_origin(&parts.headers, public_origin, allowed_origins)?;
        }
        let permit = self.limit.acquire(to).ok_or(Problem::Busy)?;
        let progress = Progress::default();
        let trailers = if request_headers::may_have_trailers(&outgoing) {
            Trailers::Filtered
        } else {
            Trailers::Removed
        };
        let body = trailers::filter(outgoing.body, trailers);
        let (body, upload) = body::of_request(body, &progress, &permit);
        outgoing.body = body;
        let only_http1 = websocket || outgoing.host.is_some();
        let host = outgoing.host;
        let client = if only_http1 { &self.http1 } else { &self.clients[permit.connection()] };
        let response = progress.watch(timeout, MIN_PROGRESS, send(client, outgoing)).await;
        let mut response = response.ok_or(Problem::TooSlow)??;
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switched && websocket {
            return websocket::open_tunnel(parts, response, permit, self.websocket_idle);
        }
        if switched {
            tracing::warn!("invalid upstream response: switched protocols without a handshake");
            return Err(Problem::Unreachable);
        }
        let own = [Some(to), host];
        let own: Vec<&Origin> = own.into_iter().flatten().collect();
        response::rewrite_response(response.headers_mut(), &own, public_origin);
        let (mut parts, body) = response.into_parts();
        parts.version = Version::default();
        parts.extensions.clear();
        let body = body::of_response(body, permit, self.idle, (progress, upload));
        Ok(Response::from_parts(parts, body))
    }
}

/// Sends the request, and repeats it once if that is safe: an upstream may close a pooled connection
/// just as it is used again.
async fn send(
    client: &Client<Connector, Body>,
    mut outgoing: Outgoing<'_>,
) -> Result<http::Response<Incoming>, Problem> {
    let body = std::mem::take(&mut outgoing.body);
    // RFC 9110 section 9.2.2.
    let repeatable = outgoing.parts.method.is_idempotent() && body.is_end_stream();
    let mut result = client.request(request(&outgoing, body)?).await;
    if result.as_ref().is_err_and(|error| repeatable && was_closed_while_idle(error)) {
        result = client.request(request(&outgoing, Body::empty())?).await;
    }
    match result {
        Ok(response) => {
            Used::mark(response.extensions());
            Ok(response)
        }
        Err(error) => {
            tracing::warn!(connect = error.is_connect(), %error, "upstream request failed");
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
        // Adaptive windows would grow beyond the room of the connection.
        .http2_adaptive_window(false)
        .http2_initial_stream_window_size(capacity::STREAM_WINDOW)
        .http2_initial_connection_window_size(capacity::CONNECTION_WINDOW)
        .http2_max_send_buf_size(capacity::BUFFER as usize)
        .http2_max_header_list_size(capacity::BUFFER)
        // Requests share a connection: without pings they would wait for a dead one until TCP times
        // out.
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .build(connector)
}

fn request(outgoing: &Outgoing<'_>, body: Body) -> Result<Request<Body>, Problem> {
    let uri = target(outgoing)?;
    let mut request = Request::new(body);
    *request.method_mut() = outgoing.parts.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = request_headers::build_request(outgoing);
    if websocket::is_handshake(outgoing.parts) {
        websocket::add_handshake(request.headers_mut());
    }
    Ok(request)
}

/// Whether a connection that has carried a response before was closed without one to this request.
fn was_closed_while_idle(error: &Error) -> bool {
    let reused = error.connect_info().is_some_and(Used::is_marked);
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    let closed = cause.is_some_and(|cause| {
        let io = cause.source().and_then(|io| io.downcast_ref::<std::io::Error>());
        cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed() || io.is_some()
    });
    reused && closed
}

/// The upstream's scheme and host, and the browser's path and query, byte for byte.
fn target(outgoing: &Outgoing<'_>) -> Result<Uri, Problem> {
    let path = outgoing.target.as_ref().or(outgoing.parts.uri.path_and_query()).cloned();
    let scheme = if outgoing.to.is_https() { "https" } else { "http" };
    Uri::builder()
        .scheme(scheme)
        .authority(outgoing.to.authority())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .map_err(|_| Problem::BadRequest("Invalid path."))
}
