//! Attack 85 between a browser and an upstream: whoever stands still, or moves by an octet now and
//! then, does not keep a place and a connection from everybody else.

use std::time::Duration;

use crate::support::{Head, Line, StoppedTime, World, get, post, stop_time};

const TICK: Duration = Duration::from_millis(100);
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

async fn with_head(upstream: &str) -> (World, Head) {
    let head = Head::bind().await;
    let plan = World::with().head(head.address).more(&format!("[upstream]\n{upstream}\n"));
    (plan.start().await, head)
}

/// Time passes, tick by tick.
async fn ticks_pass(time: &StoppedTime, ticks: u32) {
    for _ in 0..ticks {
        time.passes(TICK).await;
    }
}

/// A connection on which an upload of 100 000 octets begins.
async fn uploading(world: &World) -> Line {
    let mut line = world.line().await;
    line.write(post("/upload").own_page().header("content-length", "100000").bytes()).await;
    line
}

/// Whether somebody else's request gets through.
async fn is_free(world: &World, head: &Head) -> bool {
    let mut line = world.line().await;
    line.write(get("/next").own_page().bytes()).await;
    let (mut upstream, _) = head.asked().await;
    upstream.write(EMPTY).await;
    line.answer("GET").await.status == 200
}

#[tokio::test]
async fn attack_85_and_fault_35_an_answer_that_stands_still_is_cut_off_and_gives_its_place_back() {
    let time = stop_time();
    for begun in
        ["content-length: 100\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
    {
        let (world, head) = with_head("proxy_concurrency = 1\nproxy_idle_timeout_ms = 300").await;
        let mut line = world.line().await;
        line.write(get("/page").own_page().bytes()).await;
        let (mut upstream, _) = head.asked().await;
        upstream.write(format!("HTTP/1.1 200 OK\r\n{begun}")).await;
        // It is noticed within twice the limit.
        let (answer, ()) = tokio::join!(line.answer("GET"), ticks_pass(&time, 7));
        assert_eq!((answer.status, answer.text().as_str()), (200, "half"));
        assert!(!answer.whole, "an answer that was cut off looks complete");
        assert!(line.is_closed().await);
        assert!(upstream.is_closed().await);
        assert!(is_free(&world, &head).await);
    }
}

#[tokio::test]
async fn an_answer_that_moves_now_and_then_is_not_cut_off() {
    let (world, head) = with_head("proxy_idle_timeout_ms = 300").await;
    let mut line = world.line().await;
    line.write(get("/events").own_page().bytes()).await;
    let (mut upstream, _) = head.asked().await;
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n").await;
    line.top().await.expect("an answer");
    let time = stop_time();
    for _ in 0..8 {
        ticks_pass(&time, 2).await;
        assert!(line.is_silent().await);
        upstream.write("x").await;
        assert_eq!(line.take(1).await, b"x");
    }
}

#[tokio::test]
async fn a_browser_that_does_not_read_for_a_while_is_no_upstream_that_stands_still() {
    const LENGTH: usize = 40 << 20;
    let (world, head) = with_head("proxy_idle_timeout_ms = 200").await;
    let mut line = world.line().await;
    line.write(get("/large").own_page().bytes()).await;
    let (mut upstream, _) = head.asked().await;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
    let time = stop_time();
    let writing = async {
        upstream.write(answer).await;
        upstream.write(vec![b'x'; LENGTH]).await;
    };
    let reading = async {
        // Its own pace: far longer than an upstream may stand still.
        ticks_pass(&time, 8).await;
        line.answer("GET").await
    };
    let ((), answer) = tokio::join!(writing, reading);
    assert!(answer.whole, "cut off after {} octets", answer.body.len());
}

#[tokio::test]
async fn attack_85_an_upload_of_an_octet_now_and_then_loses_its_place() {
    let (world, head) = with_head("proxy_concurrency = 1\nproxy_timeout_ms = 300").await;
    let mut line = uploading(&world).await;
    let (mut upstream, _) = head.asked().await;
    let time = stop_time();
    let mut octets = 0;
    while line.is_silent().await {
        ticks_pass(&time, 1).await;
        line.write("x").await;
        octets += 1;
        assert!(octets < 30, "its place is kept for ever");
    }
    line.answer("POST").await.expect_problem(504, "upstream_unavailable");
    upstream.take(octets + 1).await;
    assert!(upstream.is_closed().await);
    assert!(is_free(&world, &head).await);
}

#[tokio::test]
async fn attack_85_an_octet_now_and_then_after_the_answer_keeps_no_connection() {
    let (world, head) = with_head("").await;
    let mut line = uploading(&world).await;
    let (mut upstream, _) = head.asked().await;
    upstream.write(EMPTY).await;
    line.answer("POST").await.expect(200);
    let time = stop_time();
    let mut octets = 0;
    while line.is_silent().await {
        ticks_pass(&time, 5).await;
        line.write("x").await;
        octets += 1;
        assert!(octets < 20, "its connections are kept for ever");
    }
    upstream.take(octets + 1).await;
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn after_a_short_upload_that_took_its_time_the_head_has_its_own() {
    let (world, head) = with_head("proxy_timeout_ms = 600").await;
    let mut line = world.line().await;
    line.write(post("/upload").own_page().header("content-length", "2").bytes()).await;
    let (mut upstream, _) = head.asked().await;
    let time = stop_time();
    line.write("x").await;
    ticks_pass(&time, 5).await;
    assert!(line.is_silent().await);
    line.write("x").await;
    assert_eq!(upstream.take(2).await, b"xx");
    ticks_pass(&time, 5).await;
    assert!(line.is_silent().await);
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    line.answer("POST").await.expect(204);
}

#[tokio::test]
async fn an_answer_that_begins_early_may_wait_for_an_upload_that_moves() {
    let (world, head) = with_head("proxy_idle_timeout_ms = 300").await;
    let mut line = uploading(&world).await;
    let (mut upstream, _) = head.asked().await;
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    line.top().await.expect("an answer");
    assert_eq!(line.take(2).await, b"ha");
    let time = stop_time();
    for _ in 0..10 {
        ticks_pass(&time, 2).await;
        assert!(line.is_silent().await);
        line.write(vec![b'x'; 10_000]).await;
    }
    upstream.take(100_000).await;
    upstream.write("lf").await;
    assert_eq!(line.take(2).await, b"lf");
}
