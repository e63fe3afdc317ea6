//! Carries a request to an upstream and the answer back, streaming both ways.
//!
//! By hyper and not by reqwest: the path must go on as the same bytes it was matched by, and a URL
//! type that normalises would make them two different paths.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

mod headers;

use crate::config::{Origin, UpstreamLimits};
use crate::problem::Problem;

/// Below the idle time after which common upstreams close a connection.
const POOL_IDLE: Duration = Duration::from_secs(25);
const POOL_SIZE: usize = 128;

/// A request on its way to an upstream.
pub struct Outgoing<'a> {
    /// Where to connect, and the `Host` it is told.
    pub to: &'a Origin,
    /// The origin browsers see: told as `X-Forwarded-Host` and `-Proto`, and what an answer's
    /// `Location` gets in place of `to`.
    pub public_origin: &'a Origin,
    /// Further origins whose pages may open a WebSocket.
    pub allowed_origins: &'a [Origin],
    /// The browser's request. [`ClientAddress`](crate::peer::ClientAddress) is looked for in its
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
pub struct Proxy {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    timeout: Duration,
}

impl Proxy {
    /// A pool of connections. `None` if the system has no usable TLS roots.
    #[must_use]
    pub fn new(limits: &UpstreamLimits) -> Option<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_platform_verifier(provider)
            .ok()?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE)
            .build(connector);
        Some(Self { client, timeout: limits.proxy_timeout })
    }

    /// The configured time until the head of an answer, for routes without one of their own.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Carries the request on and the answer back.
    ///
    /// # Errors
    ///
    /// When there is no answer: the upstream cannot be reached, takes too long, or says nonsense.
    pub async fn forward(&self, outgoing: Outgoing<'_>) -> Result<Response, Problem> {
        let headers = headers::onward(&outgoing);
        let uri = target(&outgoing)?;
        let mut request = Request::new(outgoing.body);
        *request.method_mut() = outgoing.parts.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        let answer = tokio::time::timeout(outgoing.timeout, self.client.request(request)).await;
        let answer = answer.map_err(|_| Problem::TooSlow)?.map_err(|error| {
            tracing::warn!(connect = error.is_connect(), %error, "the upstream does not answer");
            Problem::Unreachable
        })?;
        let (mut parts, body) = answer.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        parts.version = Version::default();
        Ok(Response::from_parts(parts, Body::new(body)).into_response())
    }
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
