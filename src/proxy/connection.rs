//! Connects to upstreams, and records which connections have carried a response.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

use super::concurrency::ConcurrencyLimit;
use super::settings::Preface;
use crate::config::UpstreamLimits;

/// Bytes read at a time from an HTTP/2 connection until its first frame is complete.
const CHUNK: usize = 1024;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Makes connections that record whether they have been used, and how many streams the upstream
/// allows on one.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector>,
    limit: Arc<ConcurrencyLimit>,
}

impl Service<Uri> for Connector {
    type Response = TrackedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TrackedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let allowed = self.limit.allowed(&to);
        let connecting = self.https.call(to);
        Box::pin(async move {
            let stream = connecting.await?;
            let http2 = stream.connected().is_negotiated_h2();
            let preface = allowed.filter(|_| http2).map(Preface::new);
            Ok(TrackedStream { stream, used: Used::default(), preface })
        })
    }
}

/// Which protocols an upstream may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocols {
    /// HTTP/2 where TLS negotiates it, otherwise HTTP/1.1.
    Both,
    /// HTTP/1.1, the only one with `Upgrade`.
    Http1,
}

/// A connector. `None` if the system has no usable TLS roots.
pub(super) fn connector(
    limits: &UpstreamLimits,
    protocols: Protocols,
    limit: &Arc<ConcurrencyLimit>,
) -> Option<Connector> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limits.connect_timeout));
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(provider)
        .ok()?
        .https_or_http();
    let https = match protocols {
        Protocols::Both => builder.enable_all_versions().wrap_connector(tcp),
        Protocols::Http1 => builder.enable_http1().wrap_connector(tcp),
    };
    Some(Connector { https, limit: Arc::clone(limit) })
}

/// Whether a connection has carried a response. It is in the extensions of every response.
#[derive(Clone, Debug, Default)]
pub(super) struct Used(Arc<AtomicBool>);

impl Used {
    /// Marks the connection of the response with these `extensions`.
    pub(super) fn mark(extensions: &Extensions) {
        if let Some(used) = extensions.get::<Self>() {
            used.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this connection has carried a response before.
    pub(super) fn is_marked(connected: &Connected) -> bool {
        let mut extensions = Extensions::new();
        connected.get_extras(&mut extensions);
        extensions.get::<Self>().is_some_and(|used| used.0.load(Ordering::Relaxed))
    }
}

/// A connection that records whether it has been used.
pub(super) struct TrackedStream {
    stream: Stream,
    used: Used,
    /// Until the first frame of an HTTP/2 connection has been read.
    preface: Option<Preface>,
}

impl TrackedStream {
    /// Reads a chunk into `buffer`, and the first frame from it.
    fn read_preface(
        &mut self,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let length = CHUNK.min(buffer.remaining());
        let mut read = ReadBuf::new(&mut chunk[..length]);
        ready!(Pin::new(&mut self.stream).poll_read(context, read.unfilled()))?;
        buffer.put_slice(read.filled());
        self.preface.take_if(|preface| preface.read(read.filled()));
        Poll::Ready(Ok(()))
    }
}

impl Connection for TrackedStream {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.used.clone())
    }
}

impl Read for TrackedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.preface.is_some() {
            return self.read_preface(context, buffer);
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for TrackedStream {
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
