//! One connection, from either end, and the messages on it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::time::settle;

/// Longer than anything here may take; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection with what has been read of it and not been looked at yet.
pub(crate) struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// First line and headers of a request or an answer.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub(crate) first: String,
    headers: Vec<(String, String)>,
}

/// An answer with its body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    top: Top,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing announced.
    pub(crate) whole: bool,
}

impl Line {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.expect("the listener accepts"))
    }

    pub(crate) fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a live socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Writes all of it; a peer that has closed meanwhile is no fault of the test.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        let _ = written.expect("the peer reads in time");
    }

    /// Says that nothing more will be written.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.expect("a live socket");
    }

    /// Closes the socket at once, as the kernel does for a killed process with unread input.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a live socket");
    }

    /// Reads on; false at the end.
    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer);
        matches!(timeout(PATIENCE, read).await.expect("the peer says something in time"), Ok(1..))
    }

    /// Whether the peer closes without a further word.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    /// Whether nothing has come, once everything has happened that can happen at this moment.
    pub(crate) async fn is_silent(&mut self) -> bool {
        settle().await;
        self.buffer.is_empty() && self.stream.readable().now_or_never().is_none()
    }

    /// Everything until the peer closes.
    pub(crate) async fn rest(mut self) -> String {
        while self.fill().await {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// First line and headers of the next message; `None` if the peer closes before.
    pub(crate) async fn top(&mut self) -> Option<Top> {
        let end = loop {
            match self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Top { first, headers: headers.collect() })
    }

    /// The next `length` octets, or as many as come.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length && self.fill().await {}
        self.buffer.drain(..length.min(self.buffer.len())).collect()
    }

    /// The next chunk; `None` if the peer closes instead, empty at the end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            match self.buffer.windows(2).position(|two| two == b"\r\n") {
                Some(at) => break at,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let size = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
        self.buffer.drain(..end + 2);
        let mut chunk = self.take(size + 2).await;
        let whole = chunk.len() == size + 2;
        chunk.truncate(size);
        whole.then_some(chunk)
    }

    /// The answer to a request of that method.
    #[track_caller]
    pub(crate) fn answer(&mut self, method: &str) -> impl Future<Output = Answer> {
        let head_only = method == "HEAD";
        async move { self.try_answer(head_only).await.expect("an answer, not a closed connection") }
    }

    /// As [`answer`](Self::answer); `None` if the peer closes without one.
    pub(crate) async fn try_answer(&mut self, head_only: bool) -> Option<Answer> {
        let top = self.top().await?;
        let status = top.first.split(' ').nth(1)?.parse().ok()?;
        let (body, whole) = if head_only || status < 200 || status == 204 || status == 304 {
            (Vec::new(), true)
        } else {
            self.body(&top).await
        };
        Some(Answer { status, top, body, whole })
    }

    /// The body that `top` announces, and whether it came whole.
    pub(crate) async fn body(&mut self, top: &Top) -> (Vec<u8>, bool) {
        if top.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk().await {
                if chunk.is_empty() {
                    return (body, true);
                }
                body.extend_from_slice(&chunk);
            }
            return (body, false);
        }
        if let Some(length) = top.header("content-length") {
            let length = length.parse().expect("a length");
            let body = self.take(length).await;
            let whole = body.len() == length;
            return (body, whole);
        }
        if top.first.starts_with("HTTP/") {
            while self.fill().await {}
        }
        (std::mem::take(&mut self.buffer), true)
    }
}

impl Top {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.top.header(name)
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.top.all(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// Whether `text` stands anywhere in headers or body.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let in_headers = self.top.headers.iter().any(|(_, value)| value.contains(text));
        in_headers || self.text().contains(text)
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{:?} {}", self.top, self.text());
        self
    }

    /// A problem as a script gets it, with nothing in it but our own words.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("private, no-store"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        self
    }

    /// A problem as a person gets it.
    #[track_caller]
    pub(crate) fn expect_problem_page(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(self.header("cache-control"), Some("private, no-store"));
        assert!(self.text().contains(code), "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn expect_no_cookies(&self) -> &Self {
        assert_eq!(self.all("set-cookie"), [""; 0]);
        self
    }

    #[track_caller]
    pub(crate) fn expect_location(&self, location: &str) -> &Self {
        self.expect(303);
        assert_eq!(self.header("location"), Some(location));
        self
    }
}
