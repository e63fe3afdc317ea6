//! Serves one connection, with a timeout wherever it can stall.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::http2_idle::Activity;
use super::socket::Socket;
use crate::config::ServerConfig;

/// Concurrent streams of one HTTP/2 connection, at most. No browser opens more.
const STREAMS: u32 = 250;
/// Bytes that a client may send on one HTTP/2 stream before the upstream reads any of them. With half
/// as many, a client whose TCP gathers small segments (Nagle's algorithm) sends only one window per
/// delayed acknowledgement: measured, 1.6 MB/s on loopback.
const STREAM_WINDOW: u32 = 128 * 1024;
/// Bytes that a client may send on all streams of a connection: a window for each of them, so that an
/// upload that its upstream does not read blocks no other request (RFC 9113 section 5.2.1).
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// The largest window that HTTP/2 allows (RFC 9113 section 6.9.1).
const _: () = assert!(STREAMS as u64 * (STREAM_WINDOW as u64) < 1 << 31);
/// Bytes that are buffered for one HTTP/2 stream whose client does not read.
const WRITTEN_AHEAD: usize = 64 * 1024;

/// Longest request head that is read, in bytes. `web::layers` rejects shorter ones that are still too
/// long, with a reason.
const LONGEST_HEAD: u32 = 64 * 1024;

/// The routes and settings of one listener.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) routes: Router,
    pub(super) config: Arc<ServerConfig>,
}

/// Serves the requests of `peer` until it closes the connection, a timeout ends, or `closing`.
pub(super) async fn serve(
    socket: Socket,
    peer: IpAddr,
    endpoint: Endpoint,
    closing: CancellationToken,
) {
    let ServerConfig { header_read_timeout, idle_timeout, write_timeout, .. } = *endpoint.config;
    let activity = Activity::default();
    let service = service_fn({
        let activity = activity.clone();
        move |request| {
            activity.begin();
            respond(request, peer, endpoint.clone(), activity.clone())
        }
    });
    let builder = builder(header_read_timeout);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = activity.no_request(header_read_timeout) => return,
        () = activity.all_stalled(write_timeout) => return,
        () = activity.idle(idle_timeout) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(write_timeout, connection).await.unwrap_or(Ok(()))
        }
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}

fn builder(header_read_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read_timeout)
        .max_buf_size(LONGEST_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .adaptive_window(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(WRITTEN_AHEAD)
        .max_header_list_size(LONGEST_HEAD)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

async fn respond(
    mut request: Request<Incoming>,
    peer: IpAddr,
    mut endpoint: Endpoint,
    activity: Activity,
) -> Result<Response, Infallible> {
    let client = endpoint.config.trusted_proxies.client(peer, request.headers());
    request.extensions_mut().insert(client);
    let running = (request.version() == Version::HTTP_2).then(|| activity.request());
    let upgrade = running.is_none() && request.headers().contains_key(UPGRADE);
    let mut response = endpoint.routes.call(request.map(Body::new)).await?;
    // After a rejected upgrade the client may already be sending another protocol.
    if upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(match running {
        Some(running) => response.map(|body| running.body(body)),
        None => response,
    })
}
