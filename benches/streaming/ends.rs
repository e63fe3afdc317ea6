//! Both ends of a stream: a client over HTTP/1.1 or HTTP/2, and a stand-in for the Head.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::meter::Meter;

const PIECE: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Up,
}

pub(crate) type Transfer = (Protocol, Direction);

/// The transfer that the Head takes part in next.
#[derive(Clone)]
struct Load {
    amount: u64,
    meter: Arc<Meter>,
}

/// The Head, and the clients that reach it through Tandem.
pub(crate) struct Ends {
    /// Where the Head listens.
    pub(crate) head: SocketAddr,
    load: Arc<Mutex<Option<Load>>>,
}

impl Ends {
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let head = listener.local_addr()?;
        let load: Arc<Mutex<Option<Load>>> = Arc::default();
        let known = Arc::clone(&load);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&known)));
            }
        });
        Ok(Self { head, load })
    }

    /// Transfers `amount` bytes through the proxy at `address`.
    pub(crate) async fn transfer(
        &self,
        address: SocketAddr,
        transfer: Transfer,
        amount: u64,
        meter: &Arc<Meter>,
    ) -> io::Result<()> {
        let load = Load { amount, meter: Arc::clone(meter) };
        *self.load.lock().unwrap_or_else(PoisonError::into_inner) = Some(load.clone());
        match transfer {
            (Protocol::Http1, Direction::Down) => down(address, &load).await,
            (Protocol::Http1, Direction::Up) => up(address, &load).await,
            (Protocol::Http2, Direction::Down) => {
                over_http2(address, get().body(Body::empty()), &load).await
            }
            (Protocol::Http2, Direction::Up) => {
                over_http2(address, put(amount).body(pieces(&load)), &load).await
            }
        }
    }
}

/// The Head: handles the requests of one connection.
async fn serve(mut stream: TcpStream, load: Arc<Mutex<Option<Load>>>) -> io::Result<()> {
    loop {
        let (head, body) = read_head(&mut stream).await?;
        let load = load.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let load = load.ok_or(io::ErrorKind::NotConnected)?;
        if head.starts_with(b"PUT") {
            receive(&mut stream, body, &load).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        } else {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", load.amount);
            stream.write_all(head.as_bytes()).await?;
            send(&mut stream, &load).await?;
        }
    }
}

async fn down(address: SocketAddr, load: &Load) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /assets/film HTTP/1.1\r\nhost: shop.test\r\n\r\n").await?;
    let (head, body) = read_head(&mut stream).await?;
    check(head.starts_with(b"HTTP/1.1 200"))?;
    receive(&mut stream, body, load).await
}

async fn up(address: SocketAddr, load: &Load) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "PUT /assets/film HTTP/1.1\r\nhost: shop.test\r\ncontent-length: {}\r\n\r\n",
        load.amount
    );
    stream.write_all(head.as_bytes()).await?;
    send(&mut stream, load).await?;
    let (head, _) = read_head(&mut stream).await?;
    check(head.starts_with(b"HTTP/1.1 200"))
}

fn get() -> http::request::Builder {
    Request::get("https://shop.test/assets/film")
}

fn put(amount: u64) -> http::request::Builder {
    Request::put("https://shop.test/assets/film").header("content-length", amount)
}

/// The whole upload, produced as it is polled.
fn pieces(load: &Load) -> Body {
    let Load { amount, meter } = load.clone();
    let piece = Bytes::from(vec![b'x'; PIECE]);
    Body::from_stream(stream::unfold(amount, move |left| {
        let piece = piece.slice(..size(left));
        meter.sent(piece.len());
        let next = (!piece.is_empty())
            .then(|| (Ok::<_, Infallible>(piece.clone()), left - piece.len() as u64));
        std::future::ready(next)
    }))
}

async fn over_http2(
    address: SocketAddr,
    request: http::Result<Request<Body>>,
    load: &Load,
) -> io::Result<()> {
    let upload = request.as_ref().is_ok_and(|request| request.method() == http::Method::PUT);
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut client, connection) =
        handshake(TokioExecutor::new(), stream).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = request.map_err(io::Error::other)?;
    let response = client.send_request(request).await.map_err(io::Error::other)?;
    check(response.status() == StatusCode::OK)?;
    let mut body = response.into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        if let Some(piece) = frame.data_ref() {
            received += piece.len() as u64;
            load.meter.received(piece.len()).await;
        }
    }
    connection.abort();
    check(upload || received == load.amount)
}

async fn send(stream: &mut TcpStream, load: &Load) -> io::Result<()> {
    let piece = vec![b'x'; PIECE];
    let mut left = load.amount;
    while left > 0 {
        let written = stream.write(&piece[..size(left)]).await?;
        load.meter.sent(written);
        left -= written as u64;
    }
    Ok(())
}

/// Reads the whole amount, of which `first` has been read already.
async fn receive(stream: &mut TcpStream, first: Vec<u8>, load: &Load) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut left = load.amount - first.len() as u64;
    load.meter.received(first.len()).await;
    while left > 0 {
        let read = stream.read(&mut buffer[..size(left)]).await?;
        check(read > 0)?;
        load.meter.received(read).await;
        left -= read as u64;
    }
    Ok(())
}

/// The head of a message, and the part of the body that was read with it.
async fn read_head(stream: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::with_capacity(1024);
    loop {
        check(stream.read_buf(&mut head).await? > 0)?;
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = head.split_off(end + 4);
            return Ok((head, body));
        }
    }
}

/// The length of the next piece.
fn size(left: u64) -> usize {
    usize::try_from(left).unwrap_or(PIECE).min(PIECE)
}

fn check(expected: bool) -> io::Result<()> {
    if expected { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
