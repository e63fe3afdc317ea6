//! Listeners, the timers that `axum::serve` lacks, and a drain that loses no request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::admin::{self, Admin};
use crate::app::App;
use crate::config::{Config, Server};
use crate::peer::TrustedProxies;
use crate::web;

/// `TcpListener::bind` queues 128 connections; a burst of 200 then waits a second for SYN again.
const BACKLOG: u32 = 4096;
/// A peer that opens more streams at a time on one HTTP/2 connection is not a browser.
const STREAMS: u32 = 250;

/// A request head longer than this, in octets, is not read at all. What is read and still too long
/// is refused with a reason in `web::layers`.
const LONGEST_HEAD: u32 = 64 * 1024;

/// A server whose listeners are bound.
pub struct Bound {
    app: Arc<App>,
    public: TcpListener,
    admin: TcpListener,
}

impl Bound {
    /// Binds both listeners of `app`.
    pub fn new(app: Arc<App>, admin: SocketAddr) -> io::Result<Self> {
        let public = bind(app.server.listen)?;
        Ok(Self { app, public, admin: bind(admin)? })
    }

    /// Where browsers reach it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where probes and scrapers reach it.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `stop` is cancelled, then drains: `/readyz` says no, requests are still taken
    /// for the drain delay, and those under way may finish.
    pub async fn run(self, stop: CancellationToken) {
        let server = self.app.server.clone();
        let draining = CancellationToken::new();
        let closing = CancellationToken::new();
        let tracker = TaskTracker::new();
        let admin = Admin { metrics: Arc::clone(&self.app.metrics), draining: draining.clone() };
        let finished = CancellationToken::new();
        let admin_routes = admin::router(admin);
        tokio::spawn({
            let (finished, tracker, server) =
                (finished.clone(), TaskTracker::new(), server.clone());
            async move { accept(self.admin, admin_routes, &server, &tracker, &finished).await }
        });
        let routes = web::router(&self.app);
        let accepting = accept(self.public, routes, &server, &tracker, &closing);
        let closer = async {
            stop.cancelled().await;
            draining.cancel();
            tracing::info!("draining");
            tokio::time::sleep(server.drain_delay).await;
            closing.cancel();
        };
        tokio::join!(accepting, closer);
        tracker.close();
        if tokio::time::timeout(server.drain_timeout, tracker.wait()).await.is_err() {
            tracing::warn!(connections = tracker.len(), "cut off at the end of the drain");
        }
        finished.cancel();
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(
    listener: TcpListener,
    routes: Router,
    server: &Server,
    tracker: &TaskTracker,
    closing: &CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(server.connection_limit));
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = closing.cancelled() => return,
        };
        let Ok(slot) = slot else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (routes, closing) = (routes.clone(), closing.clone());
                let timeout = server.header_read_timeout;
                let trusted = server.trusted_proxies.clone();
                tracker.spawn(async move {
                    let peer = Peer { address: peer.ip(), trusted };
                    serve(stream, peer, routes, timeout, closing).await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: going round at once would only burn the CPU.
                tracing::error!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Who has connected, and whom we trust to say who has connected to them.
struct Peer {
    address: IpAddr,
    trusted: TrustedProxies,
}

async fn serve(
    stream: TcpStream,
    peer: Peer,
    routes: Router,
    header_timeout: Duration,
    closing: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let begun = Arc::new(AtomicBool::new(false));
    let routes = routes.map_request({
        let begun = Arc::clone(&begun);
        move |mut request: Request<Incoming>| {
            begun.store(true, Ordering::Relaxed);
            let client = peer.trusted.client(peer.address, request.headers());
            request.extensions_mut().insert(client);
            request.map(axum::body::Body::new)
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(LONGEST_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LONGEST_HEAD)
        .keep_alive_interval(Duration::from_secs(30));
    let service = TowerToHyperService::new(routes);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silence(&begun, header_timeout) => return,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
    }
}

/// Returns when a new connection has not brought a request within `limit`. hyper's own timer starts
/// only when it knows the protocol, so that whoever sends nothing would be waited for for ever.
async fn silence(begun: &AtomicBool, limit: Duration) {
    tokio::time::sleep(limit).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// Serves `config` until the process is told to stop.
pub async fn run(config: Config) -> io::Result<()> {
    let admin = config.admin_listen;
    let app = App::new(config, crate::clock::Clock::system())
        .ok_or_else(|| io::Error::other("the system has no usable TLS roots"))?;
    let bound = Bound::new(app, admin)?;
    // Whoever reads that we are serving may tell us to stop.
    let stop = stopped();
    tracing::info!(public = %bound.address()?, admin = %bound.admin_address()?, "serving");
    bound.run(stop).await;
    Ok(())
}

/// Cancelled by SIGTERM or SIGINT, from this call on. A second one ends the process at once.
///
/// # Panics
///
/// Outside a runtime, and when the system refuses to report signals: a process that cannot be told
/// to stop must not start.
#[must_use]
pub fn stopped() -> CancellationToken {
    #[expect(clippy::expect_used, reason = "see `# Panics`")]
    let mut signals = Signals::new().expect("the system reports signals");
    let token = CancellationToken::new();
    tokio::spawn({
        let token = token.clone();
        async move {
            signals.next().await;
            token.cancel();
            signals.next().await;
            std::process::exit(130);
        }
    });
    token
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
