//! An upstream behind TLS, with a certificate made for the test, that records its requests.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tandem::clock::random;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The size of the response to `/large`: more than sockets and windows hold.
pub(crate) const LARGE: usize = 32 << 20;
/// A piece of it.
const PIECE: &[u8] = &[b'x'; 64 << 10];
/// Concurrent streams of one connection, as most servers allow (RFC 9113 section 6.5.2).
const STREAMS: u32 = 100;
/// Samples without a change, after which responses count as stalled.
const STALLED: usize = 6;
const BETWEEN_SAMPLES: Duration = Duration::from_millis(50);

/// A request as the upstream received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) version: Version,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// The connection it came on, counted from 0.
    pub(crate) connection: usize,
}

/// The upstream.
pub(crate) struct TlsHead {
    pub(crate) address: SocketAddr,
    /// The file with its certificate.
    pub(crate) certificate: PathBuf,
    state: Arc<State>,
    _stop: DropGuard,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    /// How much of the responses to `/large` has been sent, in pieces.
    sent: AtomicUsize,
    broken: Notify,
}

impl TlsHead {
    /// Agrees to one of these protocols, the first preferred.
    pub(crate) async fn speaking(protocols: &[&str]) -> Self {
        Self::allowing(protocols, STREAMS).await
    }

    /// Agrees to one of these protocols, and over HTTP/2 allows so many concurrent streams on one
    /// connection.
    pub(crate) async fn allowing(protocols: &[&str], streams: u32) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let name = format!("edge-{:016x}.pem", u64::from_be_bytes(random()));
        let certificate = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&certificate, cert.pem()).expect("a file in the target directory");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::<State>::default();
        let stop = CancellationToken::new();
        let tls = TlsAcceptor::from(Arc::new(config));
        let serving = serve(listener, tls, Arc::clone(&state), streams);
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Self { address, certificate, state, _stop: stop.drop_guard() }
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.state.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns when no response to `/large` moves any more: windows and buffers are full.
    pub(crate) async fn stalls(&self) {
        let (mut before, mut samples) = (0, 0);
        while samples < STALLED {
            tokio::time::sleep(BETWEEN_SAMPLES).await;
            let sent = self.state.sent.load(Ordering::Relaxed);
            samples = if sent == before { samples + 1 } else { 0 };
            before = sent;
        }
    }

    /// Breaks off a response to `/broken` in its middle.
    pub(crate) fn break_off(&self) {
        self.state.broken.notify_one();
    }
}

impl Drop for TlsHead {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.certificate);
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>, streams: u32) {
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(serve_connection(stream, tls, state, (connection, streams)));
    }
}

async fn serve_connection(
    stream: TcpStream,
    tls: TlsAcceptor,
    state: Arc<State>,
    (connection, streams): (usize, u32),
) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(respond(request, connection, state).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(streams);
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

async fn respond(
    mut request: Request<Incoming>,
    connection: usize,
    state: Arc<State>,
) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Response::new(Body::empty()) };
    let received = Received {
        version: parts.version,
        target: parts.uri.to_string(),
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
        headers: parts.headers,
        connection,
    };
    let websocket = received.headers.get("upgrade").is_some();
    state.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    match parts.uri.path() {
        path if websocket => {
            tokio::spawn(send_over_websocket(upgrade, path == "/large", state));
            let switched = Response::builder().status(101).header("connection", "upgrade");
            switched.header("upgrade", "websocket").body(Body::empty()).expect("a response")
        }
        "/large" => large(state),
        "/broken" => pieces(Frame::data(Bytes::from("half")), async move {
            state.broken.notified().await;
            Err("broken")
        }),
        _ => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "222".parse().expect("a value"));
            pieces(Frame::data(Bytes::from("two")), ready(Ok(Frame::trailers(trailers))))
        }
    }
}

async fn send_over_websocket(upgrade: OnUpgrade, large: bool, state: Arc<State>) {
    let mut upgraded = TokioIo::new(upgrade.await.expect("a tunnel"));
    let (piece, count) = if large { (PIECE, LARGE / PIECE.len()) } else { (&b"hello"[..], 1) };
    for _ in 0..count {
        if upgraded.write_all(piece).await.is_err() {
            return;
        }
        state.sent.fetch_add(1, Ordering::Relaxed);
    }
    let _ = upgraded.shutdown().await;
}

/// [`LARGE`] bytes, as fast as the client takes them.
fn large(state: Arc<State>) -> Response<Body> {
    let pieces = std::iter::repeat_n(PIECE, LARGE / PIECE.len()).map(move |piece| {
        state.sent.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece)))
    });
    Response::new(Body::new(StreamBody::new(futures_util::stream::iter(pieces))))
}

fn pieces(
    first: Frame<Bytes>,
    second: impl Future<Output = Result<Frame<Bytes>, &'static str>> + Send + 'static,
) -> Response<Body> {
    let frames = futures_util::stream::once(ready(Ok(first)));
    let frames = frames.chain(futures_util::stream::once(second));
    Response::new(Body::new(StreamBody::new(frames)))
}
