//! The accept loop of one simulated host. A fault can close a single connection.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The connection of a request. Cutting it closes the socket without a response.
#[derive(Clone)]
pub(super) struct Connection(CancellationToken);

impl Connection {
    pub(super) fn cut(&self) {
        self.0.cancel();
    }
}

/// A bound listener that does not accept yet.
pub(super) struct BoundListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl BoundListener {
    /// Binds a loopback port; 0 means any free one. The backlog is long, because many tests connect
    /// at once and a full backlog delays each of them by a second.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let listener = socket.listen(4096)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts and serves until `stop` is cancelled, which also closes open connections.
    pub(super) fn serve(self, router: Router, stop: &CancellationToken) {
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.clone().run_until_cancelled(accept(self.listener, router, stop)).await;
        });
    }
}

async fn accept(listener: TcpListener, router: Router, stop: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, router.clone(), stop.child_token()));
            }
            // Usually no file handle is free until a connection closes.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router, cut: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let connection = Connection(cut.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    // An error means that the client's connection broke; no response is possible.
    let _ = cut.run_until_cancelled(serving).await;
}
