//! Listeners, the timeouts that `axum::serve` lacks, and a drain that loses no request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod connection;
mod http2_idle;
mod socket;

use crate::admin::{self, Admin};
use crate::app::App;
use crate::config::Config;
use crate::web;
use connection::Endpoint;
use socket::Socket;

/// `TcpListener::bind` queues 128 connections: of a burst of 200, the rest would wait a second until
/// SYN is sent again.
const BACKLOG: u32 = 4096;
/// Time for connections to end after they have been cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

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

    /// The address for browsers.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// The address for probes and scrapers.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `stop` is cancelled, then drains: `/readyz` fails, requests are still accepted
    /// for the drain delay, those in progress and `WebSocket` tunnels may continue for the drain
    /// timeout, and what is left then is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let config = Arc::new(self.app.server.clone());
        let [draining, closing, cancelled, finished] = [(); 4].map(|()| CancellationToken::new());
        let admin = Admin { metrics: Arc::clone(&self.app.metrics), draining: draining.clone() };
        let admin = Endpoint { routes: admin::router(admin), config: Arc::clone(&config) };
        tokio::spawn({
            let finished = finished.clone();
            async move {
                accept(self.admin, admin, &TaskTracker::new(), &finished, &finished).await;
            }
        });
        let tracker = TaskTracker::new();
        let public = Endpoint { routes: web::router(&self.app), config: Arc::clone(&config) };
        let accepting = accept(self.public, public, &tracker, &closing, &cancelled);
        let closer = async {
            stop.cancelled().await;
            draining.cancel();
            tracing::info!("draining");
            tokio::time::sleep(config.drain_delay).await;
            closing.cancel();
        };
        tokio::join!(accepting, closer);
        tracker.close();
        if tokio::time::timeout(config.drain_timeout, tracker.wait()).await.is_err() {
            tracing::warn!(connections = tracker.len(), "drain timeout; connections closed");
            cancelled.cancel();
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, tracker.wait()).await;
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

/// Accepts connections until `closing`, at most `connection_limit` at a time.
async fn accept(
    listener: TcpListener,
    endpoint: Endpoint,
    tracker: &TaskTracker,
    closing: &CancellationToken,
    cancelled: &CancellationToken,
) {
    let config = Arc::clone(&endpoint.config);
    let permits = Arc::new(Semaphore::new(config.connection_limit));
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit,
            () = closing.cancelled() => return,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let limit = config.write_timeout;
                // Child tokens, because polling a waiter locks its token: connections must not share one.
                let (closing, cancelled) = (closing.child_token(), cancelled.child_token());
                let socket = Socket::new(stream, limit, cancelled, permit, tracker.token());
                let endpoint = endpoint.clone();
                // The tracker waits for the socket, because an upgrade takes it out of this task.
                tokio::spawn(connection::serve(socket, peer.ip(), endpoint, closing));
            }
            Err(error) => {
                // Probably no file descriptor is left: an immediate retry would only use CPU time.
                tracing::error!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Serves `config` until SIGTERM or SIGINT.
pub async fn run(config: Config) -> io::Result<()> {
    for note in config.notes() {
        tracing::warn!("configuration: {note}");
    }
    let admin = config.admin_listen;
    let app = App::new(config, crate::clock::Clock::system())
        .ok_or_else(|| io::Error::other("the system has no usable TLS root certificates"))?;
    let bound = Bound::new(app, admin)?;
    // Before the log line: a supervisor that reads it may send SIGTERM at once.
    let stop = stopped();
    tracing::info!(public = %bound.address()?, admin = %bound.admin_address()?, "serving");
    bound.run(stop).await;
    Ok(())
}

/// Cancelled by SIGTERM or SIGINT, from this call on. A second one ends the process at once.
///
/// # Panics
///
/// Outside a runtime, and if signal handlers cannot be installed: a process that cannot be stopped
/// must not start.
#[must_use]
pub fn stopped() -> CancellationToken {
    #[expect(clippy::expect_used, reason = "see `# Panics`")]
    let mut signals = Signals::new().expect("signal handlers can be installed");
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
