//! Uploads: `100 Continue` only when the body is wanted (attack 65), the upstream's pace, trailers, and
//! early responses.

use std::time::Duration;

use testkit::{post, stop_time};
use tokio::time::timeout;

use crate::support::with_head;

const LENGTH: usize = 200 << 20;

#[tokio::test]
async fn attack_65_100_continue_is_sent_only_with_an_upstream() {
    let (world, head) = with_head("").await;
    let request = post("/upload").same_origin_fetch().header("expect", "100-continue");
    let request = request.header("content-length", "4").bytes();
    let mut connection = world.connect().await;
    connection.write(&request).await;
    assert_eq!(connection.response("POST").await.status, 100);
    connection.write("body").await;
    let (mut upstream, headers) = head.receive().await;
    // Tandem has sent the 100 Continue itself.
    assert_eq!(headers.header("expect"), None);
    assert_eq!(upstream.take(4).await, b"body");
    upstream.write("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
    connection.response("POST").await.expect(204);
    drop(upstream);
    drop(head);
    let mut connection = world.connect().await;
    connection.write(&request).await;
    connection.response("POST").await.expect_problem(502, "upstream_unavailable");
    assert!(connection.is_closed().await, "the body could be read as a request");
}

#[tokio::test]
async fn attack_65_a_rejected_request_gets_no_100_continue() {
    let (world, head) = with_head("proxy_concurrency = 1").await;
    let mut busy = world.connect().await;
    busy.write(post("/slow").same_origin_fetch().bytes()).await;
    let _upstream = head.receive().await;
    let expecting = |path: &str| {
        post(path).header("expect", "100-continue").header("content-length", "50").bytes()
    };
    for (path, status) in [("/bff/login", 403), ("/upload", 503), ("/a/%2e%2e/b", 400)] {
        let mut connection = world.connect().await;
        connection.write(expecting(path)).await;
        assert_eq!(connection.response("POST").await.status, status, "{path}");
        assert!(connection.is_closed().await, "{path}: the body could be read as a request");
    }
}

#[tokio::test]
async fn an_upload_is_read_as_fast_as_the_head_reads() {
    let (world, head) = with_head("").await;
    let mut connection = world.connect().await;
    connection
        .write(
            post("/upload")
                .same_origin_fetch()
                .header("content-length", &LENGTH.to_string())
                .bytes(),
        )
        .await;
    let _upstream = head.receive().await;
    let piece = vec![b'x'; 1 << 20];
    let mut written = 0;
    while timeout(Duration::from_millis(500), connection.write(&piece)).await.is_ok() {
        written += piece.len();
        assert!(written < 60 << 20, "{written} bytes were read for a Head that reads none");
    }
}

#[tokio::test]
async fn a_moving_upload_may_take_longer_than_a_response() {
    let (world, head) = with_head("proxy_timeout_ms = 200").await;
    let mut connection =
        world.begin(&post("/upload").same_origin_fetch().header("content-length", "8192")).await;
    let (mut upstream, _) = head.receive().await;
    let time = stop_time();
    for _ in 0..8 {
        time.passes(Duration::from_millis(190)).await;
        assert!(connection.is_silent().await);
        connection.write([b'x'; 1024]).await;
    }
    assert_eq!(upstream.take(8192).await, [b'x'; 8192]);
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    connection.response("POST").await.expect(204);
}

#[tokio::test]
async fn attack_85_and_fault_43_a_stalled_upload_times_out() {
    let (world, head) = with_head("proxy_timeout_ms = 200").await;
    let mut connection =
        world.begin(&post("/upload").same_origin_fetch().header("content-length", "8")).await;
    connection.write("x").await;
    let (mut upstream, _) = head.receive().await;
    connection.response("POST").await.expect_problem(504, "upstream_unavailable");
    assert!(connection.is_closed().await);
    assert_eq!(upstream.take(2).await, b"x");
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn trailers_of_an_upload_reach_the_head() {
    let (world, head) = with_head("").await;
    let mut connection = world.connect().await;
    let request = post("/upload").same_origin_fetch().header("trailer", "x-sum");
    let request =
        String::from_utf8(request.header("transfer-encoding", "chunked").bytes()).unwrap();
    let request = request.replace("content-length: 0\r\n", "");
    connection.write(format!("{request}3\r\none\r\n0\r\nx-sum: 111\r\n\r\n")).await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.all("trailer"), ["x-sum"]);
    assert_eq!(upstream.chunk().await.unwrap(), b"one");
    let rest = b"0\r\nx-sum: 111\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&upstream.take(rest.len()).await).as_bytes(), rest);
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    connection.response("POST").await.expect(204);
}

#[tokio::test]
async fn fault_43_an_upload_with_an_early_response_gets_it() {
    let refusal =
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig";
    for closes in [false, true] {
        let (world, head) = with_head("").await;
        let mut connection = world.connect().await;
        let request =
            post("/upload").same_origin_fetch().header("content-length", &LENGTH.to_string());
        connection.write(request.bytes()).await;
        connection.write(vec![b'x'; 100_000]).await;
        let (mut upstream, _) = head.receive().await;
        upstream.take(100_000).await;
        upstream.write(refusal).await;
        let upstream = if closes {
            drop(upstream);
            None
        } else {
            Some(upstream)
        };
        assert_eq!(connection.response("POST").await.expect(413).text(), "big");
        assert!(connection.is_closed().await, "the rest of the body could be read as a request");
        drop(upstream);
    }
}

#[tokio::test]
async fn fault_43_a_truncated_upload_does_not_look_complete() {
    for framing in [("content-length", "100"), ("transfer-encoding", "chunked")] {
        let (world, head) = with_head("").await;
        let mut connection = world.connect().await;
        let request = post("/upload").same_origin_fetch().headers(&[framing]);
        let request =
            String::from_utf8(request.bytes()).unwrap().replace("content-length: 0\r\n", "");
        connection.write(request).await;
        connection.write(if framing.1 == "chunked" { "4\r\nhalf\r\n" } else { "half" }).await;
        let (mut upstream, headers) = head.receive().await;
        drop(connection);
        let (body, complete) = upstream.body(&headers).await;
        assert!(!complete, "{framing:?}: {body:?} looks complete");
    }
}
