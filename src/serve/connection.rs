//! One connection from its first octet to its last, in bounded time wherever nothing moves.

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

/// A peer that opens more streams at a time on one HTTP/2 connection is not a browser.
const STREAMS: u32 = 250;
/// What a client may send on one HTTP/2 stream before the upstream takes any of it, in octets. With
/// half of it a client whose TCP gathers small segments (Nagle's algorithm) gets no further than one
/// window for each delayed acknowledgement: measured, 1.6 MB/s on loopback.
const STREAM_WINDOW: u32 = 128 * 1024;
/// What a client may send on all streams of a connection: room for every one of them, so that an
/// upload that its upstream does not read holds up no other request (RFC 9113 section 5.2.1).
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// The largest window there is (RFC 9113 section 6.9.1).
const _: () = assert!(STREAMS as u64 * (STREAM_WINDOW as u64) < 1 << 31);
/// What is written ahead to one HTTP/2 stream whose client does not read yet, in octets.
const WRITTEN_AHEAD: usize = 64 * 1024;

/// A request head longer than this, in octets, is not read at all. What is read and still too long
/// is refused with a reason in `web::layers`.
const LONGEST_HEAD: u32 = 64 * 1024;

/// How requests of all connections are answered.
#[derive(Clone)]
pub(super) struct Answering {
    pub(super) routes: Router,
    pub(super) server: Arc<ServerConfig>,
}

/// Serves the requests that `peer` sends, until it leaves, nothing moves, or `closing`.
pub(super) async fn serve(
    socket: Socket,
    peer: IpAddr,
    answering: Answering,
    closing: CancellationToken,
) {
    let ServerConfig { header_read_timeout, idle_timeout, write_timeout, .. } = *answering.server;
    let activity = Activity::default();
    let service = service_fn({
        let activity = activity.clone();
        move |request| {
            activity.begin();
            answer(request, peer, answering.clone(), activity.clone())
        }
    });
    let builder = builder(header_read_timeout);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = activity.silence(header_read_timeout) => return,
        () = activity.standstill(write_timeout) => return,
        () = activity.idleness(idle_timeout) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(write_timeout, connection).await.unwrap_or(Ok(()))
        }
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
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

async fn answer(
    mut request: Request<Incoming>,
    peer: IpAddr,
    mut answering: Answering,
    activity: Activity,
) -> Result<Response, Infallible> {
    let client = answering.server.trusted_proxies.client(peer, request.headers());
    request.extensions_mut().insert(client);
    let running = (request.version() == Version::HTTP_2).then(|| activity.request());
    let upgrade = running.is_none() && request.headers().contains_key(UPGRADE);
    let mut response = answering.routes.call(request.map(Body::new)).await?;
    // What follows a refused upgrade on this connection may be the words of another protocol.
    if upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(match running {
        Some(running) => response.map(|body| running.body(body)),
        None => response,
    })
}
