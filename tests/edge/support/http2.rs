//! HTTP/2 as a browser speaks it, and frames written by hand.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use testkit::{Connection, HOST};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The windows of a stream and of the connection, in bytes: streams that this client does not read
/// do not block the others.
const WINDOWS: (u32, u32) = (64 << 10, 64 << 20);

/// A connection of a well-behaved client.
pub(crate) struct Http2 {
    sender: SendRequest<Body>,
    connection: JoinHandle<Result<(), hyper::Error>>,
}

impl Http2 {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the listener accepts");
        let handshake = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = handshake.expect("a handshake");
        Self { sender, connection: tokio::spawn(connection) }
    }

    /// Sends a request and waits for the headers of the response.
    pub(crate) async fn send(&mut self, request: Request<Body>) -> Response<Incoming> {
        self.begin(request).await
    }

    /// As [`send`](Self::send), beside other requests.
    pub(crate) fn begin(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Incoming>> + use<> {
        let mut sender = self.sender.clone();
        async move {
            let response = timeout(TIME_LIMIT, sender.send_request(request)).await;
            response.expect("a response in time").expect("a response")
        }
    }

    /// Returns when the server has ended the connection.
    pub(crate) async fn ends(self) {
        let _ = timeout(TIME_LIMIT, self.connection).await.expect("the connection ends in time");
    }
}

/// A request of a script of one of the shop's own pages.
pub(crate) fn http2_get(path: &str) -> http::request::Builder {
    Request::get(format!("https://{HOST}{path}"))
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", "cors")
}

/// How a server treats a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    Response,
    StreamReset,
    ConnectionEnded,
}

/// A HEADERS frame that ends stream 1, after the preface and empty SETTINGS: every field literally
/// as it is given (RFC 7541 section 6.2.2, without Huffman coding).
pub(crate) fn http2_request(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("short"));
            block.extend_from_slice(text);
        }
    }
    let length = u8::try_from(block.len()).expect("short");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[0, 0, length, 1, 0b101, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

/// Reads frames until the server has reacted to the request of [`http2_request`].
pub(crate) async fn http2_reaction(connection: &mut Connection) -> Reaction {
    loop {
        let head = connection.take(9).await;
        let [high, middle, low, kind, ..] = head[..] else { return Reaction::ConnectionEnded };
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        connection.take(length).await;
        match kind {
            1 => return Reaction::Response,
            3 => return Reaction::StreamReset,
            7 => return Reaction::ConnectionEnded,
            _ => {}
        }
    }
}
