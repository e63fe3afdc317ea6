//! The accept loop of one simulated host, in which a fault can cut a single connection.

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

/// The connection a request came on; cutting it closes the socket without an answer.
#[derive(Clone)]
pub(super) struct Line(CancellationToken);

impl Line {
    pub(super) fn cut(&self) {
        self.0.cancel();
    }
}

/// A bound listener that does not accept yet.
pub(super) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Binds a loopback port; 0 means any free one. The backlog is deep, because tests come in
    /// crowds and a full backlog costs each of them a second.
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

    /// Accepts and serves until told to stop, which also closes the open connections.
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
                tokio::spawn(converse(stream, router.clone(), stop.child_token()));
            }
            // Mostly a lack of file handles, which passes when a connection closes.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse(stream: TcpStream, router: Router, line: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let marked = Line(line.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(marked.clone());
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|e| match e {})) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    let conversation = builder.serve_connection(TokioIo::new(stream), service);
    // An error here is the caller's connection breaking: nobody is left to tell.
    let _ = line.run_until_cancelled(conversation).await;
}
