//! Connections to upstreams: made by whom, and whether one has answered before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::ServiceExt as _;
use tower::util::MapResponse;

use crate::config::UpstreamLimits;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Makes connections that know whether they have been used.
pub(super) type Connector = MapResponse<HttpsConnector<HttpConnector>, fn(Stream) -> Marked>;

/// Which protocols an upstream may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/2 where TLS agrees on it, else HTTP/1.1.
    Both,
    /// HTTP/1.1, which is what `Upgrade` belongs to.
    Http1,
}

/// A connector. `None` if the system has no usable TLS roots.
pub(super) fn connector(limits: &UpstreamLimits, speaks: Speaks) -> Option<Connector> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limits.connect_timeout));
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(provider)
        .ok()?
        .https_or_http();
    let https = match speaks {
        Speaks::Both => builder.enable_all_versions().wrap_connector(tcp),
        Speaks::Http1 => builder.enable_http1().wrap_connector(tcp),
    };
    Some(https.map_response(mark as fn(Stream) -> Marked))
}

fn mark(stream: Stream) -> Marked {
    Marked { stream, used: Used::default() }
}

/// Whether a connection has brought an answer. It is in the extensions of every answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Used(Arc<AtomicBool>);

impl Used {
    /// This connection has brought an answer.
    pub(super) fn note(extensions: &Extensions) {
        if let Some(used) = extensions.get::<Self>() {
            used.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this connection has brought one before.
    pub(super) fn before(connected: &Connected) -> bool {
        let mut extensions = Extensions::new();
        connected.get_extras(&mut extensions);
        extensions.get::<Self>().is_some_and(|used| used.0.load(Ordering::Relaxed))
    }
}

/// A connection that knows whether it has been used.
pub(super) struct Marked {
    stream: Stream,
    used: Used,
}

impl Connection for Marked {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.used.clone())
    }
}

impl Read for Marked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Marked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
