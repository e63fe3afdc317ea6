//! Carries a request to the Head or to ECOM and the answer back, streaming both ways.
//!
//! By hyper and not by reqwest: the path must go on as the same bytes it was matched by, and a URL
//! type that normalises would make them two different paths.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderValue, Request, Version, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

mod headers;

use crate::config::{Origin, UpstreamLimits};
use crate::problem::Problem;

/// Below the idle time after which common upstreams close a connection.
const POOL_IDLE: Duration = Duration::from_secs(30);
const POOL_SIZE: usize = 128;

/// The way to the Head and to ECOM.
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

    /// Forwards the request with `cookies` in place of its own.
    pub async fn forward(
        &self,
        origin: &Origin,
        public_origin: &Origin,
        parts: &Parts,
        body: Body,
        cookies: Option<HeaderValue>,
        request_id: &str,
    ) -> Result<Response, Problem> {
        let mut request = Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = target(origin, &parts.uri)?;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers::onward(&parts.headers, origin, public_origin);
        if let Some(cookies) = cookies {
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            request.headers_mut().insert("x-request-id", id);
        }
        let answer = tokio::time::timeout(self.timeout, self.client.request(request)).await;
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
fn target(origin: &Origin, uri: &Uri) -> Result<Uri, Problem> {
    let path = uri.path_and_query().cloned();
    let scheme = if origin.is_https() { "https" } else { "http" };
    Uri::builder()
        .scheme(scheme)
        .authority(origin.authority())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .map_err(|_| Problem::BadRequest("The path is not one."))
}
