//! Responses are streamed to the browser: in pieces, with trailers, at the browser's pace, or not at
//! all.

use std::time::Duration;

use testkit::{Connection, Head, RawRequest, Scenario, World, get, post, stop_time};
use tokio::time::timeout;

use crate::support::with_head;

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn trailers_reach_a_browser_that_accepts_them() {
    let (world, head) = with_head("").await;
    let mut connection = world.connect().await;
    let request = get("/sum").same_origin_fetch();
    connection
        .write(request.header("te", "trailers").header("connection", "close, TE").bytes())
        .await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.all("te"), ["trailers"]);
    assert_eq!(headers.all("connection"), ["TE"]);
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
    upstream.write(format!("{response}3\r\none\r\n0\r\nx-sum: 111\r\n\r\n")).await;
    let text = connection.rest().await;
    assert!(text.ends_with("3\r\none\r\n0\r\nx-sum: 111\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn attack_60_te_without_connection_is_not_forwarded() {
    let (world, head) = with_head("").await;
    let mut connection = world.connect().await;
    let request =
        get("/sum").same_origin_fetch().header("te", "trailers").header("connection", "close");
    connection.write(request.bytes()).await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.header("te"), None);
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    upstream.write(format!("{response}3\r\none\r\n0\r\nx-sum: 111\r\n\r\n")).await;
    let text = connection.rest().await;
    assert!(text.ends_with("3\r\none\r\n0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn fault_42_many_interim_responses_are_skipped() {
    let (world, head) = with_head("").await;
    let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n".repeat(500);
    upstream.write(format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{EMPTY}")).await;
    connection.response("GET").await.expect(200);
}

#[tokio::test]
async fn fault_42_endless_interim_responses_time_out() {
    let (world, head) = with_head("proxy_timeout_ms = 300").await;
    let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
    let flood = async {
        loop {
            upstream.write(hint).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = flood => {}
        response = connection.response("GET") => {
            response.expect_problem(504, "upstream_unavailable");
        }
    }
}

/// How many bytes the peer of `to` reads before it stalls, at most `most`.
async fn write_until_stalled(to: &mut Connection, most: usize) -> usize {
    let piece = vec![b'x'; 1 << 20];
    let mut written = 0;
    while written < most && timeout(Duration::from_millis(500), to.write(&piece)).await.is_ok() {
        written += piece.len();
    }
    written
}

#[tokio::test]
async fn fault_44_a_response_is_read_as_fast_as_the_browser_reads() {
    const LENGTH: usize = 200 << 20;
    let (world, head) = with_head("").await;
    let _connection = world.begin(&get("/large").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n")).await;
    let written = write_until_stalled(&mut upstream, LENGTH).await;
    // The four sockets buffer some megabytes each.
    assert!(written < 60 << 20, "{written} bytes were read for a browser that reads none");
}

#[tokio::test]
async fn attack_85_a_browser_that_never_reads_is_cut_off() {
    let head = Head::bind().await;
    let scenario = Scenario::default().server("write_timeout_ms = 300").with_head(head.origin());
    let world = scenario.start().await;
    let _connection = world.begin(&get("/large").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
    write_until_stalled(&mut upstream, 1 << 30).await;
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn attack_85_a_browser_that_reads_slowly_is_served() {
    let head = Head::bind().await;
    let scenario = Scenario::default().server("write_timeout_ms = 300").with_head(head.origin());
    let world = scenario.start().await;
    let time = stop_time();
    let mut connection = world.begin(&get("/large").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    let piece = vec![b'x'; 1 << 20];
    upstream.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 40 << 20)).await;
    let writing = async {
        for _ in 0..40 {
            upstream.write(&piece).await;
        }
    };
    let reading = async {
        connection.headers().await.unwrap();
        let mut read = 0;
        while read < 40 << 20 {
            let count = connection.take(2 << 20).await.len();
            assert!(count > 0, "cut off after {read} bytes");
            read += count;
            // Altogether far beyond the limit.
            time.passes(Duration::from_millis(60)).await;
        }
    };
    tokio::join!(writing, reading);
}

#[tokio::test]
async fn beyond_the_concurrency_limit_requests_are_503() {
    let (world, head) = with_head("proxy_concurrency = 2").await;
    let mut connections = Vec::new();
    for _ in 0..2 {
        let connection = world.begin(&get("/slow").same_origin_fetch()).await;
        connections.push((connection, head.receive().await.0));
    }
    let refused = world.send(get("/page").same_origin_fetch()).await;
    refused.expect_problem(503, "upstream_unavailable");
    assert!(refused.header("retry-after").is_some());
    // A response that has begun still counts.
    let (mut connection, mut upstream) = connections.pop().unwrap();
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    assert_eq!(connection.headers().await.unwrap().first, "HTTP/1.1 200 OK");
    world.send(get("/page").same_origin_fetch()).await.expect(503);
    upstream.write("lf").await;
    assert_eq!(connection.take(4).await, b"half");
    let mut next = world.connect().await;
    next.write(get("/page").same_origin_fetch().bytes()).await;
    let headers = upstream.headers().await.expect("the connection is used again");
    assert_eq!(headers.first, "GET /page HTTP/1.1");
    upstream.write(EMPTY).await;
    next.response("GET").await.expect(200);
    // Our own routes are not affected.
    world.send(get("/bff/session").same_origin_fetch()).await.expect(200);
}

/// A connection to the Head that has served one request and is kept open.
async fn kept_connection(world: &World, head: &Head) -> Connection {
    let mut connection = world.begin(&get("/first").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write(EMPTY).await;
    connection.response("GET").await.expect(200);
    upstream
}

#[tokio::test]
async fn fault_31_a_get_survives_a_closed_kept_connection() {
    let (world, head) = with_head("").await;
    for killed in [true, false] {
        let mut upstream = kept_connection(&world, &head).await;
        let mut connection = world.begin(&get("/second").same_origin_fetch()).await;
        upstream.headers().await.expect("the request on the kept connection");
        if killed {
            upstream.reset();
        } else {
            drop(upstream);
        }
        let (mut again, headers) = head.receive().await;
        assert_eq!(headers.first, "GET /second HTTP/1.1");
        again.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        connection.response("GET").await.expect(200);
    }
}

#[tokio::test]
async fn fault_31_a_post_is_not_retried() {
    let (world, head) = with_head("").await;
    let requests: [RawRequest; 2] =
        [post("/second").same_origin_fetch(), post("/second").same_origin_fetch().body("x")];
    for request in requests {
        let mut upstream = kept_connection(&world, &head).await;
        let mut connection = world.begin(&request).await;
        upstream.headers().await.expect("the request on the kept connection");
        drop(upstream);
        connection.response("POST").await.expect_problem(502, "upstream_unavailable");
        head.expect_no_connection().await;
    }
    // Nor is a request without a response on a new connection.
    let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
    drop(head.receive().await);
    connection.response("GET").await.expect_problem(502, "upstream_unavailable");
    head.expect_no_connection().await;
}

#[tokio::test]
async fn a_second_failure_is_502() {
    let (world, head) = with_head("").await;
    let mut upstream = kept_connection(&world, &head).await;
    let mut connection = world.begin(&get("/second").same_origin_fetch()).await;
    upstream.headers().await.expect("the request on the kept connection");
    drop(upstream);
    drop(head.receive().await);
    connection.response("GET").await.expect_problem(502, "upstream_unavailable");
    head.expect_no_connection().await;
}

#[tokio::test]
async fn the_pool_keeps_connections_warm() {
    let (world, head) = with_head("").await;
    let mut upstream = kept_connection(&world, &head).await;
    for at in 0..5 {
        let mut connection = world.begin(&get(&format!("/{at}")).same_origin_fetch()).await;
        assert_eq!(upstream.headers().await.unwrap().first, format!("GET /{at} HTTP/1.1"));
        upstream.write(EMPTY).await;
        connection.response("GET").await.expect(200);
    }
}
