//! Browsers that speak HTTP/2: the same promises, and frames no browser sends (attack 63).

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use crate::support::{
    Head, Http2, Reaction, StandIn, World, http2_get, http2_reaction, http2_request,
};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

const PLAIN: [(&[u8], &[u8]); 4] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"shop.test"),
    (b":path", b"/page"),
];

#[tokio::test]
async fn attack_63_frames_that_would_be_read_differently_over_http_1_are_stream_errors() {
    let head = StandIn::answering(EMPTY).await;
    let world = World::with().head(head.address).start().await;
    let mut line = world.line().await;
    line.write(http2_request(&PLAIN)).await;
    assert_eq!(http2_reaction(&mut line).await, Reaction::Answered);
    let before = head.asked().len();
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
        let request = http2_request(&[&PLAIN[..], &[field]].concat());
        let mut line = world.line().await;
        line.write(request).await;
        let name = String::from_utf8_lossy(field.0);
        assert_ne!(http2_reaction(&mut line).await, Reaction::Answered, "{name}");
    }
    for (at, value) in [(3, &b""[..]), (3, b"page"), (3, b"/a\r\nb"), (0, b""), (0, b"G T")] {
        let mut fields = PLAIN;
        fields[at].1 = value;
        let mut line = world.line().await;
        line.write(http2_request(&fields)).await;
        assert_ne!(http2_reaction(&mut line).await, Reaction::Answered, "{at}: {value:?}");
    }
    for missing in [0, 1, 3] {
        let mut fields = PLAIN.to_vec();
        fields.remove(missing);
        let mut line = world.line().await;
        line.write(http2_request(&fields)).await;
        assert_ne!(http2_reaction(&mut line).await, Reaction::Answered, "without {missing}");
    }
    assert_eq!(head.asked().len(), before, "{:?}", head.asked().split_off(before));
}

#[tokio::test]
async fn attack_43_an_authority_and_a_host_that_disagree_are_refused() {
    let head = StandIn::answering(EMPTY).await;
    let world = World::with().head(head.address).start().await;
    let mut line = Http2::open(world.address).await;
    let ask = http2_get("/page").header("host", "other.test").body(Body::empty()).unwrap();
    let status = line.ask(ask).await.status();
    assert!(matches!(status.as_u16(), 400 | 421), "{status}");
    assert!(head.asked().is_empty());
}

#[tokio::test]
async fn a_request_and_its_answer_cross_from_one_protocol_to_the_other_with_trailers() {
    let head = Head::bind().await;
    let world = World::with().head(head.address).start().await;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", "111".parse().unwrap());
    let frames = [Frame::data(bytes::Bytes::from("one")), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<_, std::convert::Infallible>);
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    let ask = http2_get("/upload").method("POST").header("te", "trailers");
    let ask = ask.header("trailer", "x-sum").body(body).unwrap();
    let mut line = Http2::open(world.address).await;
    let upstream = async {
        let (mut upstream, top) = head.asked().await;
        assert_eq!(top.first, "POST /upload HTTP/1.1");
        assert_eq!(top.all("host"), [head.address.to_string()]);
        assert_eq!(top.all("te"), ["trailers"]);
        assert_eq!(top.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(upstream.chunk().await.unwrap(), b"one");
        assert_eq!(upstream.take(17).await, b"0\r\nx-sum: 111\r\n\r\n");
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        upstream.write(format!("{answer}3\r\ntwo\r\n0\r\nx-sum: 222\r\n\r\n")).await;
        upstream
    };
    let (answer, _upstream) = tokio::join!(line.ask(ask), upstream);
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "222");
    assert_eq!(body.to_bytes(), "two");
}

#[tokio::test]
async fn fault_32_an_answer_that_breaks_off_is_a_stream_error() {
    for framing in
        ["content-length: 1000\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
    {
        let head = Head::bind().await;
        let world = World::with().head(head.address).start().await;
        let mut line = Http2::open(world.address).await;
        let upstream = async {
            let (mut upstream, _) = head.asked().await;
            upstream.write(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
        };
        let ask = http2_get("/page").body(Body::empty()).unwrap();
        let (answer, ()) = tokio::join!(line.ask(ask), upstream);
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.into_body().collect().await.is_err(), "{framing} looks complete");
        // The connection lives on: other streams of the page are not troubled.
        let ask = http2_get("/bff/session").body(Body::empty()).unwrap();
        assert_eq!(line.ask(ask).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn fault_44_a_browser_that_resets_its_stream_ends_the_heads_work() {
    let head = Head::bind().await;
    let world = World::with().head(head.address).start().await;
    let mut line = Http2::open(world.address).await;
    let ask = http2_get("/stream").body(Body::empty()).unwrap();
    let mut upstream = {
        let asking = line.ask(ask);
        tokio::pin!(asking);
        tokio::select! {
            _ = &mut asking => panic!("answered"),
            (upstream, _) = head.asked() => upstream,
        }
    };
    let left = tokio::time::timeout(Duration::from_secs(5), upstream.is_closed()).await;
    assert!(left.expect("the Head is told at once"));
}

#[tokio::test]
async fn attack_85_an_idle_http_2_connection_ends_and_a_busy_one_does_not() {
    let head = Head::bind().await;
    let plan = World::with().server("idle_timeout_ms = 300").head(head.address);
    let world = plan.start().await;
    let mut idle = Http2::open(world.address).await;
    let ask = |path: &str| http2_get(path).body(Body::empty()).unwrap();
    idle.ask(ask("/bff/session")).await.into_body().collect().await.unwrap();
    let mut busy = Http2::open(world.address).await;
    let upstream = async {
        let (mut upstream, _) = head.asked().await;
        idle.ends().await;
        upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await;
        upstream
    };
    let (answer, _upstream) = tokio::join!(busy.ask(ask("/slow")), upstream);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "done");
    busy.ends().await;
}

#[tokio::test]
async fn attack_85_a_stream_that_is_never_read_ends_with_its_connection() {
    let head = Head::bind().await;
    let plan = World::with().server("write_timeout_ms = 300").head(head.address);
    let world = plan.start().await;
    let mut line = Http2::open(world.address).await;
    let upstream = async {
        let (mut upstream, _) = head.asked().await;
        upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 90000000\r\n\r\n").await;
        upstream
    };
    let ask = http2_get("/large").body(Body::empty()).unwrap();
    let (answer, mut upstream) = tokio::join!(line.ask(ask), upstream);
    assert_eq!(answer.status(), StatusCode::OK);
    // More than the window of the stream and all buffers: the client takes some, and then no more.
    tokio::join!(upstream.write(vec![b'x'; 90_000_000]), line.ends());
    assert!(upstream.is_closed().await);
    drop(answer);
}

#[tokio::test]
async fn kind_24_a_stream_that_is_never_read_gives_back_its_place_beside_one_that_goes_on() {
    let head = Head::bind().await;
    let plan = World::with().server("write_timeout_ms = 300").head(head.address);
    let world = plan.start().await;
    let line = Http2::open(world.address).await;
    let mut streams = Vec::new();
    for length in [2, 90_000_000] {
        let ask = http2_get("/file").body(Body::empty()).unwrap();
        let asking = tokio::spawn(line.begin(ask));
        let (mut upstream, _) = head.asked().await;
        upstream.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
        streams.push((upstream, asking.await.unwrap()));
    }
    let [(mut slow, read), (mut left, unread)] = <[_; 2]>::try_from(streams).ok().unwrap();
    slow.write("x").await;
    left.write(vec![b'x'; 90_000_000]).await;
    let closed = tokio::time::timeout(Duration::from_secs(10), left.is_closed()).await;
    assert!(closed.expect("the upstream is let go"));
    // An upstream that takes its time is no client that does not read.
    slow.write("x").await;
    assert_eq!(read.into_body().collect().await.expect("a whole answer").to_bytes(), "xx");
    assert!(unread.into_body().collect().await.is_err(), "an answer that was cut off looks whole");
}
