//! Browsers with HTTP/2: the same promises, and frames that no browser sends (attack 63).

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use testkit::{FixedHead, Head, Scenario, World};

use crate::support::{Http2, Reaction, http2_get, http2_reaction, http2_request};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

const PLAIN: [(&[u8], &[u8]); 4] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"shop.test"),
    (b":path", b"/page"),
];

/// How Tandem reacts to a request with these fields on a new connection.
async fn reaction(world: &World, fields: &[(&[u8], &[u8])]) -> Reaction {
    let mut connection = world.connect().await;
    connection.write(http2_request(fields)).await;
    http2_reaction(&mut connection).await
}

#[tokio::test]
async fn attack_63_ambiguous_http_2_requests_are_stream_errors() {
    let head = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    assert_eq!(reaction(&world, &PLAIN).await, Reaction::Response);
    let before = head.requests().len();
    let extra: [(&[u8], &[u8]); 13] = [
        (b"connection", b"close"),
        (b"connection", b"x-secret"),
        (b"transfer-encoding", b"chunked"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"keep-alive"),
        (b"upgrade", b"websocket"),
        (b"te", b"gzip"),
        (b"X-Upper", b"1"),
        (b"x-split", b"a\r\nx-evil: 1"),
        (b"x-nul", b"a\0b"),
        (b"x name", b"1"),
        (b":path", b"/other"),
        (b":unknown", b"1"),
    ];
    for field in extra {
        let fields = [&PLAIN[..], &[field]].concat();
        let name = String::from_utf8_lossy(field.0);
        assert_ne!(reaction(&world, &fields).await, Reaction::Response, "{name}");
    }
    for (at, value) in [(3, &b""[..]), (3, b"page"), (3, b"/a\r\nb"), (0, b""), (0, b"G T")] {
        let mut fields = PLAIN;
        fields[at].1 = value;
        assert_ne!(reaction(&world, &fields).await, Reaction::Response, "{at}: {value:?}");
    }
    for missing in [0, 1, 3] {
        let mut fields = PLAIN.to_vec();
        fields.remove(missing);
        assert_ne!(reaction(&world, &fields).await, Reaction::Response, "without {missing}");
    }
    assert_eq!(head.requests().len(), before, "{:?}", head.requests().split_off(before));
}

#[tokio::test]
async fn attack_43_authority_and_host_must_agree() {
    let head = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut client = Http2::open(world.address).await;
    let request = http2_get("/page").header("host", "other.test").body(Body::empty()).unwrap();
    let status = client.send(request).await.status();
    assert!(matches!(status.as_u16(), 400 | 421), "{status}");
    assert!(head.requests().is_empty());
}

#[tokio::test]
async fn bodies_and_trailers_cross_between_http_1_and_http_2() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", "111".parse().unwrap());
    let frames = [Frame::data(bytes::Bytes::from("one")), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<_, std::convert::Infallible>);
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    let request = http2_get("/upload").method("POST").header("te", "trailers");
    let request = request.header("trailer", "x-sum").body(body).unwrap();
    let mut client = Http2::open(world.address).await;
    let upstream = async {
        let (mut upstream, headers) = head.receive().await;
        assert_eq!(headers.first, "POST /upload HTTP/1.1");
        assert_eq!(headers.all("host"), [head.address.to_string()]);
        assert_eq!(headers.all("te"), ["trailers"]);
        assert_eq!(headers.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(upstream.chunk().await.unwrap(), b"one");
        assert_eq!(upstream.take(17).await, b"0\r\nx-sum: 111\r\n\r\n");
        let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        upstream.write(format!("{response}3\r\ntwo\r\n0\r\nx-sum: 222\r\n\r\n")).await;
        upstream
    };
    let (response, _upstream) = tokio::join!(client.send(request), upstream);
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "222");
    assert_eq!(body.to_bytes(), "two");
}

#[tokio::test]
async fn fault_32_a_truncated_response_is_a_stream_error() {
    for framing in
        ["content-length: 1000\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
    {
        let head = Head::bind().await;
        let world = Scenario::default().with_head(head.origin()).start().await;
        let mut client = Http2::open(world.address).await;
        let upstream = async {
            let (mut upstream, _) = head.receive().await;
            upstream.write(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
        };
        let request = http2_get("/page").body(Body::empty()).unwrap();
        let (response, ()) = tokio::join!(client.send(request), upstream);
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.into_body().collect().await.is_err(), "{framing} looks complete");
        // The connection stays open for the other streams of the page.
        let request = http2_get("/bff/session").body(Body::empty()).unwrap();
        assert_eq!(client.send(request).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn fault_44_a_reset_stream_ends_the_upstream_request() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut client = Http2::open(world.address).await;
    let request = http2_get("/stream").body(Body::empty()).unwrap();
    let mut upstream = {
        let pending = client.send(request);
        tokio::pin!(pending);
        tokio::select! {
            _ = &mut pending => panic!("a response"),
            (upstream, _) = head.receive() => upstream,
        }
    };
    let left = tokio::time::timeout(Duration::from_secs(5), upstream.is_closed()).await;
    assert!(left.expect("the upstream request ends at once"));
}

#[tokio::test]
async fn attack_85_only_an_idle_http_2_connection_ends() {
    let head = Head::bind().await;
    let scenario = Scenario::default().server("idle_timeout_ms = 300").with_head(head.origin());
    let world = scenario.start().await;
    let mut idle = Http2::open(world.address).await;
    let page = |path: &str| http2_get(path).body(Body::empty()).unwrap();
    idle.send(page("/bff/session")).await.into_body().collect().await.unwrap();
    let mut busy = Http2::open(world.address).await;
    let upstream = async {
        let (mut upstream, _) = head.receive().await;
        idle.ends().await;
        upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await;
        upstream
    };
    let (response, _upstream) = tokio::join!(busy.send(page("/slow")), upstream);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "done");
    busy.ends().await;
}

#[tokio::test]
async fn attack_85_an_unread_stream_ends_with_its_connection() {
    let head = Head::bind().await;
    let scenario = Scenario::default().server("write_timeout_ms = 300").with_head(head.origin());
    let world = scenario.start().await;
    let mut client = Http2::open(world.address).await;
    let upstream = async {
        let (mut upstream, _) = head.receive().await;
        upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 90000000\r\n\r\n").await;
        upstream
    };
    let request = http2_get("/large").body(Body::empty()).unwrap();
    let (response, mut upstream) = tokio::join!(client.send(request), upstream);
    assert_eq!(response.status(), StatusCode::OK);
    // More than the window of the stream and all buffers hold.
    tokio::join!(upstream.write(vec![b'x'; 90_000_000]), client.ends());
    assert!(upstream.is_closed().await);
    drop(response);
}

#[tokio::test]
async fn kind_24_an_unread_stream_ends_beside_a_live_one() {
    let head = Head::bind().await;
    let scenario = Scenario::default().server("write_timeout_ms = 300").with_head(head.origin());
    let world = scenario.start().await;
    let client = Http2::open(world.address).await;
    let mut streams = Vec::new();
    for length in [2, 90_000_000] {
        let request = http2_get("/file").body(Body::empty()).unwrap();
        let pending = tokio::spawn(client.begin(request));
        let (mut upstream, _) = head.receive().await;
        upstream.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
        streams.push((upstream, pending.await.unwrap()));
    }
    let [(mut slow, read), (mut left, unread)] = <[_; 2]>::try_from(streams).ok().unwrap();
    slow.write("x").await;
    left.write(vec![b'x'; 90_000_000]).await;
    let closed = tokio::time::timeout(Duration::from_secs(10), left.is_closed()).await;
    assert!(closed.expect("the upstream connection ends"));
    // A slow upstream is not a client that does not read.
    slow.write("x").await;
    assert_eq!(read.into_body().collect().await.expect("a complete response").to_bytes(), "xx");
    assert!(unread.into_body().collect().await.is_err(), "a truncated response looks complete");
}
