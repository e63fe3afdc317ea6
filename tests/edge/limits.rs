//! Limits of size, depth and time (attacks 51, 85, 87, 89, 90).

use std::time::Duration;

use testkit::{FixedHead, HOST, RawRequest, Scenario, World, get, post, stop_time};
use tokio::time::Instant;

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn attacks_51_and_87_oversized_headers_are_rejected() {
    let head = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let many = (0..300).fold(get("/"), |request, at| request.header(&format!("x-{at}"), "1"));
    let long = |name: &str, length: usize| get("/").header(name, &"x".repeat(length));
    let several =
        (0..25).fold(get("/"), |request, at| request.header(&format!("x-{at}"), &"x".repeat(1000)));
    let cookies = |count: usize| {
        let cookies: Vec<_> = (0..count).map(|at| format!("c{at}=v{at}")).collect();
        get("/").header("cookie", &cookies.join("; "))
    };
    let requests: [(RawRequest, u16); 7] = [
        (get(&format!("/{}", "a".repeat(9000))), 414),
        (get(&format!("/?{}", "a".repeat(70_000))), 431),
        (many, 431),
        (several, 431),
        (long("x-long", 17_000), 431),
        (long("cookie", 100_000), 431),
        (cookies(2000), 431),
    ];
    for (at, (request, status)) in requests.into_iter().enumerate() {
        let response = world.send(request).await;
        assert_eq!(response.status, status, "number {at}: {}", response.text());
    }
    assert!(head.requests().is_empty());
    assert_eq!(world.auth_calls(), [""; 0]);
    // A shopper with every cookie of a big shop is within the limits.
    world.send(cookies(200).header("referer", &"x".repeat(4000))).await.expect(200);
}

#[tokio::test]
async fn attack_89_a_body_over_the_limit_is_413_in_any_framing() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    world.forget_calls();
    let megabyte = format!("{{\"username\":\"{}\"}}", "x".repeat(1_000_000));
    for route in ["/bff/session", "/bff/login", "/bff/logout"] {
        let request = post(route).same_origin_fetch().cookies(&jar).json(&megabyte);
        world.send(request).await.expect_problem(413, "payload_too_large");
        let headers = format!("POST {route} HTTP/1.1\r\nhost: {HOST}\r\nx-bff: 1\r\n");
        let kind = "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut connection = world.connect().await;
        connection.write(format!("{headers}{kind}{:x}\r\n", megabyte.len())).await;
        // It is rejected before it has been sent completely.
        connection.write(&megabyte[..200_000]).await;
        connection.response("POST").await.expect_problem(413, "payload_too_large");
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_89_json_nested_ten_thousand_deep_is_400() {
    let world = World::start().await;
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(10_000 / open.len());
        for route in ["/bff/session", "/bff/login", "/bff/logout"] {
            let request = post(route).same_origin_fetch().json(&deep);
            world.send(request).await.expect_problem(400, "bad_request");
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_88_a_compressed_body_is_never_decompressed() {
    let world = World::start().await;
    let request = post("/bff/login").same_origin_fetch().header("content-encoding", "gzip");
    world.send(request.json("\u{1f}not json")).await.expect_problem(400, "bad_request");
}

#[tokio::test]
async fn attack_85_incomplete_headers_time_out() {
    let world = Scenario::default().server("header_read_timeout_ms = 200").start().await;
    // Nothing; the first byte of either protocol; half a header section; half an HTTP/2 preface.
    let starts =
        ["", "P", "GET / HT", "GET / HTTP/1.1\r\nhost: shop.test\r\nx-slow: ", "PRI * HTTP/2"];
    let time = stop_time();
    let mut connections = Vec::new();
    for start in starts {
        let mut connection = world.connect().await;
        connection.write(start).await;
        connections.push((start, connection));
    }
    time.passes(Duration::from_millis(190)).await;
    for (start, connection) in &mut connections {
        assert!(connection.is_silent().await, "{start:?}: cut off too early");
    }
    time.passes(Duration::from_millis(20)).await;
    for (start, connection) in connections {
        let text = connection.rest().await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{start:?}: {text}");
    }
    world.send(get("/bff/session")).await.expect(200);
}

#[tokio::test]
async fn attack_85_slow_headers_time_out_too() {
    let world = Scenario::default().server("header_read_timeout_ms = 200").start().await;
    let time = stop_time();
    let mut connection = world.connect().await;
    connection.write("GET / HTTP/1.1\r\nhost: shop.test\r\nx-slow: ").await;
    for _ in 0..9 {
        time.passes(Duration::from_millis(20)).await;
        assert!(connection.is_silent().await, "cut off too early");
        connection.write("x").await;
    }
    time.passes(Duration::from_millis(40)).await;
    assert!(!connection.is_silent().await, "a byte at a time extends the limit");
}

#[tokio::test]
async fn attack_85_only_an_idle_connection_is_closed() {
    let world = Scenario::default().server("header_read_timeout_ms = 200").start().await;
    let time = stop_time();
    let mut idle = world.connect().await;
    idle.write(get("/bff/session").bytes()).await;
    idle.response("GET").await.expect(200);
    let mut busy = world.connect().await;
    for _ in 0..4 {
        time.passes(Duration::from_millis(100)).await;
        busy.write(get("/bff/session").bytes()).await;
        busy.response("GET").await.expect(200);
    }
    assert!(idle.is_closed().await);
}

#[tokio::test]
async fn attack_85_a_slow_body_of_our_own_routes_times_out() {
    let world = Scenario::default().server("request_timeout_ms = 200").start().await;
    let mut connection = world.connect().await;
    let request = post("/bff/login").same_origin_fetch().header("content-type", "application/json");
    connection.write(request.header("content-length", "100").bytes()).await;
    connection.write("{").await;
    connection.response("POST").await.expect(503);
    assert!(connection.is_closed().await, "the rest of the body could be read as a request");
}

#[tokio::test]
async fn attack_85_a_slow_upstream_is_no_slow_client() {
    let head = testkit::Head::bind().await;
    let scenario =
        Scenario::default().server("header_read_timeout_ms = 200").with_head(head.origin());
    let world = scenario.start().await;
    let mut connection = world.begin(&get("/slow").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    let time = stop_time();
    time.passes(Duration::from_millis(400)).await;
    assert!(connection.is_silent().await);
    upstream.write(EMPTY).await;
    connection.response("GET").await.expect(200);
}

#[tokio::test]
async fn attack_90_a_long_path_is_classified_quickly() {
    let head = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.guest_cookies().await;
    let began = Instant::now();
    for unit in ["/assets", "/bff/..", "%2e%2e/", ".js", "/on/demandware.store"] {
        let path = format!("/{}", unit.repeat(7000 / unit.len()));
        world.send(get(&path).same_origin_fetch().cookies(&jar)).await;
        let encoded = path.replace('%', "%25");
        world.send(get(&format!("/bff/go?to={encoded}")).document().cookies(&jar)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
}
