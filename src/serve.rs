//! Listeners, the timers that `axum::serve` lacks, and a drain that loses no request.

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
use connection::Answering;
use socket::Socket;

/// `TcpListener::bind` queues 128 connections; a burst of 200 then waits a second for SYN again.
const BACKLOG: u32 = 4096;
/// For connections that have been cut off to notice.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    /// for the drain delay, those under way and `WebSocket` tunnels may go on for the drain timeout, and
    /// what is left then is cut off.
    pub async fn run(self, stop: CancellationToken) {
        let server = Arc::new(self.app.server.clone());
        let [draining, closing, cut, finished] = [(); 4].map(|()| CancellationToken::new());
        let admin = Admin { metrics: Arc::clone(&self.app.metrics), draining: draining.clone() };
        let admin = Answering { routes: admin::router(admin), server: Arc::clone(&server) };
        tokio::spawn({
            let finished = finished.clone();
            async move {
                accept(self.admin, admin, &TaskTracker::new(), &finished, &finished).await;
            }
        });
        let tracker = TaskTracker::new();
        let public = Answering { routes: web::router(&self.app), server: Arc::clone(&server) };
        let accepting = accept(self.public, public, &tracker, &closing, &cut);
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
            cut.cancel();
            let _ = tokio::time::timeout(LAST_WORDS, tracker.wait()).await;
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

/// Takes connections until `closing`, no more at a time than there are slots.
async fn accept(
    listener: TcpListener,
    answering: Answering,
    tracker: &TaskTracker,
    closing: &CancellationToken,
    cut: &CancellationToken,
) {
    let server = Arc::clone(&answering.server);
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
                let limit = server.write_timeout;
                // Children, because a token is locked whenever one of its waiters is polled.
                let (closing, cut) = (closing.child_token(), cut.child_token());
                let socket = Socket::new(stream, limit, cut, slot, tracker.token());
                let answering = answering.clone();
                // The tracker waits for the socket, which an upgrade may take out of this task.
                tokio::spawn(connection::serve(socket, peer.ip(), answering, closing));
            }
            Err(error) => {
                // Out of descriptors, most likely: going round at once would only burn the CPU.
                tracing::error!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
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
