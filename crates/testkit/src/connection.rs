//! One connection, from either end, and the messages on it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::response::{HeaderSection, RawResponse};
use crate::time::settle;

/// Longer than anything here may take; a test that waits so long has failed.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A connection, with what has been read of it and not been consumed yet.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.expect("the listener accepts"))
    }

    /// Takes over a socket.
    pub fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a live socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Writes all of it. A peer that has closed meanwhile is no failure of the test.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(TIME_LIMIT, self.stream.write_all(bytes.as_ref())).await;
        let _ = written.expect("the peer reads in time");
    }

    /// Ends the writing half.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.expect("a live socket");
    }

    /// Closes the socket at once, as the kernel does for a killed process with unread input.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("a live socket");
    }

    /// Reads on; false at the end.
    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer);
        matches!(timeout(TIME_LIMIT, read).await.expect("the peer sends in time"), Ok(1..))
    }

    /// Whether the peer closes without sending anything more.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    /// Whether nothing has come, once everything has happened that can happen at this moment.
    pub async fn is_silent(&mut self) -> bool {
        settle().await;
        self.buffer.is_empty() && self.stream.readable().now_or_never().is_none()
    }

    /// Everything until the peer closes.
    pub async fn rest(mut self) -> String {
        while self.fill().await {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// The next `length` bytes, or as many as come.
    pub async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length && self.fill().await {}
        self.buffer.drain(..length.min(self.buffer.len())).collect()
    }

    /// Everything up to `end`, without it; `None` if the peer closes before.
    async fn take_until(&mut self, end: &[u8]) -> Option<String> {
        let length = loop {
            match self.buffer.windows(end.len()).position(|window| window == end) {
                Some(length) => break length,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..length]).into_owned();
        self.buffer.drain(..length + end.len());
        Some(text)
    }

    /// First line and headers of the next message; `None` if the peer closes before.
    pub async fn headers(&mut self) -> Option<HeaderSection> {
        self.take_until(b"\r\n\r\n").await.map(|text| HeaderSection::parse(&text))
    }

    /// The next chunk; `None` if the peer closes instead, empty at the end.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.take_until(b"\r\n").await?;
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
        let mut chunk = self.take(size + 2).await;
        let complete = chunk.len() == size + 2;
        chunk.truncate(size);
        complete.then_some(chunk)
    }

    /// The response to a request of that method.
    #[track_caller]
    pub fn response(&mut self, method: &str) -> impl Future<Output = RawResponse> {
        let is_head = method == "HEAD";
        async move { self.try_response(is_head).await.expect("a response, not a closed connection") }
    }

    /// As [`response`](Self::response); `None` if the peer closes without one.
    pub async fn try_response(&mut self, is_head: bool) -> Option<RawResponse> {
        let headers = self.headers().await?;
        let status = headers.first.split(' ').nth(1)?.parse().ok()?;
        let (body, complete) = if is_head || status < 200 || status == 204 || status == 304 {
            (Vec::new(), true)
        } else {
            self.body(&headers).await
        };
        Some(RawResponse { status, headers, body, complete })
    }

    /// The body that `headers` announce, and whether it arrived completely.
    pub async fn body(&mut self, headers: &HeaderSection) -> (Vec<u8>, bool) {
        if headers.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk().await {
                if chunk.is_empty() {
                    return (body, true);
                }
                body.extend_from_slice(&chunk);
            }
            return (body, false);
        }
        if let Some(length) = headers.header("content-length") {
            let length = length.parse().expect("a length");
            let body = self.take(length).await;
            let complete = body.len() == length;
            return (body, complete);
        }
        if headers.first.starts_with("HTTP/") {
            while self.fill().await {}
        }
        (std::mem::take(&mut self.buffer), true)
    }
}
