//! A client that does not read, or an upload that its upstream does not read, costs no other client
//! a response (promise 16; RFC 9113 section 5.2).

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox};
use testkit::{Connection, Head, ORIGIN, RawResponse, Scenario, Server, get, start_platform};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Http2, LARGE, TANDEM, TlsHead, http2_get};

/// Far longer than a response takes on a busy machine, far shorter than any time limit that would
/// end a stalled client.
const PROMPT: Duration = Duration::from_secs(5);
/// For windows and buffers to fill.
const SETTLE: Duration = Duration::from_millis(700);

struct Shop {
    server: Server,
    head: TlsHead,
    _sandbox: Sandbox,
}

impl Shop {
    /// The real binary before a Head that speaks `protocols` behind TLS.
    async fn before(head: TlsHead) -> Self {
        Self::configured(head, "").await
    }

    async fn configured(head: TlsHead, upstream: &str) -> Self {
        let sandbox = start_platform(Options::default(), &Clock::system()).await;
        let upstream = format!("[upstream]\n{upstream}\n");
        let scenario = Scenario::default().with_head(head.origin()).sections(&upstream);
        let server = TANDEM.serve_trusting(&scenario, &sandbox, Some(&head.certificate)).await;
        Self { server, head, _sandbox: sandbox }
    }

    /// Clients that have requested a large file, each on its own connection, and read nothing.
    async fn stalled(&self, count: usize) -> Vec<Connection> {
        let before = self.head.requests().len();
        let mut connections = Vec::new();
        for _ in 0..count {
            let mut connection = Connection::open(self.server.address).await;
            connection.write(get("/large").same_origin_fetch().bytes()).await;
            connections.push(connection);
        }
        self.receives(before + count).await;
        connections
    }

    /// Returns when the Head has received so many requests and windows and buffers are full.
    async fn receives(&self, count: usize) {
        let received = async {
            while self.head.requests().len() < count {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = timeout(4 * PROMPT, received).await;
        in_time.unwrap_or_else(|_| panic!("{} of {count} got through", self.head.requests().len()));
        self.head.stalls().await;
    }

    async fn page(&self) -> RawResponse {
        let mut connection = Connection::open(self.server.address).await;
        connection.write(get("/page").same_origin_fetch().bytes()).await;
        connection.response("GET").await
    }

    /// Another client is served now.
    async fn serves_another(&self, what: &str) {
        let response = prompt(what, self.page()).await;
        assert_eq!(response.expect(200).text(), "two", "{what}");
    }
}

async fn prompt<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = timeout(PROMPT, work).await;
    eprintln!("{what}: {:?}", start.elapsed());
    done.unwrap_or_else(|_| panic!("{what}: no response in {PROMPT:?}"))
}

#[tokio::test]
async fn promise_16_and_kind_24_a_fourth_client_is_served_while_three_stall() {
    for protocols in [&["h2", "http/1.1"][..], &["http/1.1"]] {
        let shop = Shop::before(TlsHead::speaking(protocols).await).await;
        let stalled = shop.stalled(3).await;
        shop.serves_another(&format!("{protocols:?}, the fourth")).await;
        drop(stalled);
    }
}

#[tokio::test]
async fn kind_24_the_next_client_is_served_while_150_stall() {
    let shop = Shop::before(TlsHead::speaking(&["h2"]).await).await;
    let mut stalled = shop.stalled(20).await;
    shop.serves_another("the one after 20").await;
    stalled.extend(shop.stalled(130).await);
    shop.serves_another("the one after 150").await;
    drop(stalled);
    shop.serves_another("the one after they have disconnected").await;
}

#[tokio::test]
async fn kind_24_the_stream_limit_of_the_upstream_blocks_no_client() {
    let shop = Shop::before(TlsHead::allowing(&["h2"], 8).await).await;
    shop.serves_another("the first").await;
    let stalled = shop.stalled(20).await;
    shop.serves_another("beside 20 where 8 share a connection").await;
    drop(stalled);
}

#[tokio::test]
async fn kind_24_another_client_is_served_while_six_read_slowly() {
    let shop = Shop::before(TlsHead::speaking(&["h2"]).await).await;
    let reading: Vec<_> = shop.stalled(6).await.into_iter().map(read_slowly).collect();
    let reading: Vec<_> = reading.into_iter().map(tokio::spawn).collect();
    for _ in 0..3 {
        sleep(SETTLE).await;
        shop.serves_another("beside six at 12 KB/s").await;
    }
    drop(reading);
}

async fn read_slowly(mut connection: Connection) {
    while !connection.take(1200).await.is_empty() {
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn kind_24_unread_streams_block_no_other_stream() {
    let shop = Shop::before(TlsHead::speaking(&["h2"]).await).await;
    let mut client = Http2::open(shop.server.address).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(client.send(http2_get("/large").body(Body::empty()).unwrap()).await);
    }
    shop.receives(20).await;
    let page = client.send(http2_get("/page").body(Body::empty()).unwrap());
    let page = prompt("beside 20 streams", async { page.await.into_body().collect().await });
    assert_eq!(page.await.expect("a complete page").to_bytes(), "two");
    // The stalled responses are not lost.
    let complete = stalled.pop().expect("one of them").into_body().collect().await;
    assert_eq!(complete.expect("a complete file").to_bytes().len(), LARGE);
}

#[tokio::test]
async fn kind_24_clients_that_disconnect_free_their_resources() {
    let shop = Shop::before(TlsHead::speaking(&["h2"]).await).await;
    for round in 0..8 {
        for connection in shop.stalled(10).await {
            if round % 2 == 0 { connection.reset() } else { drop(connection) }
        }
        let mut client = Http2::open(shop.server.address).await;
        let response = client.send(http2_get("/large").body(Body::empty()).unwrap()).await;
        sleep(Duration::from_millis(100)).await;
        // Dropping the response resets its stream; the connection stays.
        drop(response);
        shop.serves_another("after they have disconnected").await;
    }
    let mut connection = Connection::open(shop.server.address).await;
    connection.write(get("/large").same_origin_fetch().bytes()).await;
    assert_eq!(connection.response("GET").await.expect(200).body.len(), LARGE);
}

#[tokio::test]
async fn kind_24_an_unread_websocket_blocks_no_page() {
    let shop = Shop::before(TlsHead::speaking(&["h2", "http/1.1"]).await).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(shop.server.address).await;
        let request = get("/large").headers(&[
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("origin", ORIGIN),
        ]);
        connection.write(request.bytes()).await;
        sockets.push(connection);
    }
    shop.receives(20).await;
    shop.serves_another("beside 20 WebSockets").await;
}

/// A request with a body, of a script of one of our own pages.
fn upload(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = http2_get(path).method(Method::POST).header("content-type", "application/json");
    request.body(body.into()).expect("a request")
}

/// More than the window of a stream.
fn long() -> Body {
    let piece = Bytes::from_static(&[b'x'; 16 << 10]);
    let pieces = std::iter::repeat_n(piece, 1024).map(Ok::<_, std::convert::Infallible>);
    Body::from_stream(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn kind_24_stalled_uploads_block_no_other_post() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let client = Http2::open(world.address).await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        let sending = client.begin(upload("/upload", long()));
        unread.push((tokio::spawn(sending), head.receive().await));
    }
    sleep(SETTLE).await;
    for (path, body) in [
        ("/bff/session", "{}"),
        ("/bff/login", r#"{"username":"jo@example.com","password":"Tandem-2026"}"#),
    ] {
        let pending = client.begin(upload(path, body));
        let response: Response<Incoming> = prompt(path, pending).await;
        assert_eq!(response.status(), 200, "{path}");
    }
    drop(unread);
}

#[tokio::test]
async fn a_long_upload_over_http_2_arrives_completely() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let client = Http2::open(world.address).await;
    let sending = tokio::spawn(client.begin(upload("/upload", long())));
    let (mut upstream, headers) = head.receive().await;
    let (body, complete) = prompt("16 MiB up", upstream.body(&headers)).await;
    assert!(complete);
    assert_eq!(body.len(), 16 << 20);
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(sending.await.expect("no panic").status(), 200);
}
