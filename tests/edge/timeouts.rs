//! Attack 85 between a browser and an upstream: a side that stalls, or sends a byte now and then,
//! does not keep its permit and its connection for ever.

use std::time::Duration;
use testkit::{Connection, Head, StoppedTime, World, get, post, stop_time};

use crate::support::with_head;

const TICK: Duration = Duration::from_millis(100);
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Time passes, tick by tick.
async fn ticks_pass(time: &StoppedTime, ticks: u32) {
    for _ in 0..ticks {
        time.passes(TICK).await;
    }
}

/// A connection on which an upload of 100 000 bytes begins.
async fn uploading(world: &World) -> Connection {
    world.begin(&post("/upload").same_origin_fetch().header("content-length", "100000")).await
}

/// Whether another request gets a permit.
async fn is_permit_free(world: &World, head: &Head) -> bool {
    let mut connection = world.begin(&get("/next").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write(EMPTY).await;
    connection.response("GET").await.status == 200
}

#[tokio::test]
async fn attack_85_and_fault_35_a_stalled_response_is_cut_off() {
    let time = stop_time();
    for begun in
        ["content-length: 100\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
    {
        let (world, head) = with_head("proxy_concurrency = 1\nproxy_idle_timeout_ms = 300").await;
        let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
        let (mut upstream, _) = head.receive().await;
        upstream.write(format!("HTTP/1.1 200 OK\r\n{begun}")).await;
        // The stall is detected within twice the limit.
        let (response, ()) = tokio::join!(connection.response("GET"), ticks_pass(&time, 7));
        assert_eq!((response.status, response.text().as_str()), (200, "half"));
        assert!(!response.complete, "a truncated response looks complete");
        assert!(connection.is_closed().await);
        assert!(upstream.is_closed().await);
        assert!(is_permit_free(&world, &head).await);
    }
}

#[tokio::test]
async fn a_slowly_moving_response_is_not_cut_off() {
    let (world, head) = with_head("proxy_idle_timeout_ms = 300").await;
    let mut connection = world.begin(&get("/events").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n").await;
    connection.headers().await.expect("a response");
    let time = stop_time();
    for _ in 0..8 {
        ticks_pass(&time, 2).await;
        assert!(connection.is_silent().await);
        upstream.write("x").await;
        assert_eq!(connection.take(1).await, b"x");
    }
}

#[tokio::test]
async fn a_slow_browser_is_no_stalled_upstream() {
    const LENGTH: usize = 40 << 20;
    let (world, head) = with_head("proxy_idle_timeout_ms = 200").await;
    let mut connection = world.begin(&get("/large").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
    let time = stop_time();
    let writing = async {
        upstream.write(response).await;
        upstream.write(vec![b'x'; LENGTH]).await;
    };
    let reading = async {
        // Far longer than an upstream may stall.
        ticks_pass(&time, 8).await;
        connection.response("GET").await
    };
    let ((), response) = tokio::join!(writing, reading);
    assert!(response.complete, "cut off after {} bytes", response.body.len());
}

#[tokio::test]
async fn attack_85_a_trickling_upload_loses_its_permit() {
    let (world, head) = with_head("proxy_concurrency = 1\nproxy_timeout_ms = 300").await;
    let mut connection = uploading(&world).await;
    let (mut upstream, _) = head.receive().await;
    let time = stop_time();
    let mut bytes = 0;
    while connection.is_silent().await {
        ticks_pass(&time, 1).await;
        connection.write("x").await;
        bytes += 1;
        assert!(bytes < 30, "its permit is kept for ever");
    }
    connection.response("POST").await.expect_problem(504, "upstream_unavailable");
    upstream.take(bytes + 1).await;
    assert!(upstream.is_closed().await);
    assert!(is_permit_free(&world, &head).await);
}

#[tokio::test]
async fn attack_85_a_trickling_upload_after_the_response_ends() {
    let (world, head) = with_head("").await;
    let mut connection = uploading(&world).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write(EMPTY).await;
    connection.response("POST").await.expect(200);
    let time = stop_time();
    let mut bytes = 0;
    while connection.is_silent().await {
        ticks_pass(&time, 5).await;
        connection.write("x").await;
        bytes += 1;
        assert!(bytes < 20, "its connections are kept for ever");
    }
    upstream.take(bytes + 1).await;
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn after_a_slow_upload_the_head_has_its_own_time_limit() {
    let (world, head) = with_head("proxy_timeout_ms = 600").await;
    let mut connection =
        world.begin(&post("/upload").same_origin_fetch().header("content-length", "2")).await;
    let (mut upstream, _) = head.receive().await;
    let time = stop_time();
    connection.write("x").await;
    ticks_pass(&time, 5).await;
    assert!(connection.is_silent().await);
    connection.write("x").await;
    assert_eq!(upstream.take(2).await, b"xx");
    ticks_pass(&time, 5).await;
    assert!(connection.is_silent().await);
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    connection.response("POST").await.expect(204);
}

#[tokio::test]
async fn an_early_response_may_wait_for_a_moving_upload() {
    let (world, head) = with_head("proxy_idle_timeout_ms = 300").await;
    let mut connection = uploading(&world).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    connection.headers().await.expect("a response");
    assert_eq!(connection.take(2).await, b"ha");
    let time = stop_time();
    for _ in 0..10 {
        ticks_pass(&time, 2).await;
        assert!(connection.is_silent().await);
        connection.write(vec![b'x'; 10_000]).await;
    }
    upstream.take(100_000).await;
    upstream.write("lf").await;
    assert_eq!(connection.take(2).await, b"lf");
}
