//! WebSockets and other upgrades (attacks 30 and 62): which pages may open one, and that there is no
//! tunnel before the upstream has agreed to it.

use std::time::Duration;

use tandem::clock::Clock;
use tandem_sandbox::Options;
use testkit::{
    Connection, Head, ORIGIN, RawRequest, Scenario, World, get, start_platform, stop_time,
};

use crate::support::TANDEM;

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n\
                        upgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn handshake() -> RawRequest {
    get("/socket").headers(&[
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ])
}

/// Both ends of a tunnel.
async fn tunnel(world: &World, head: &Head) -> (Connection, Connection) {
    let mut browser = world.connect().await;
    browser.write(handshake().header("origin", ORIGIN).bytes()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write(SWITCHED).await;
    assert_eq!(browser.response("GET").await.status, 101);
    (browser, upstream)
}

#[tokio::test]
async fn a_websocket_is_a_tunnel_until_one_side_closes() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut browser = world.connect().await;
    browser.write(handshake().header("origin", ORIGIN).bytes()).await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.first, "GET /socket HTTP/1.1");
    assert_eq!(headers.all("connection"), ["Upgrade"]);
    assert_eq!(headers.all("upgrade"), ["websocket"]);
    assert_eq!(headers.all("sec-websocket-key"), ["dGhlIHNhbXBsZSBub25jZQ=="]);
    assert_eq!(headers.all("origin"), [ORIGIN]);
    upstream.write(format!("{SWITCHED}first from above")).await;
    let response = browser.response("GET").await;
    response.expect(101);
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(response.header("upgrade"), Some("websocket"));
    assert_eq!(browser.take(16).await, b"first from above");
    for word in ["\u{0}one", "GET /two HTTP/1.1\r\n\r\n"] {
        browser.write(word).await;
        assert_eq!(upstream.take(word.len()).await, word.as_bytes());
        upstream.write(word).await;
        assert_eq!(browser.take(word.len()).await, word.as_bytes());
    }
    drop(browser);
    assert!(upstream.is_closed().await);
    let (mut browser, upstream) = tunnel(&world, &head).await;
    drop(upstream);
    assert!(browser.is_closed().await);
}

#[tokio::test]
async fn attack_30_a_foreign_origin_opens_no_websocket() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    for origin in ["https://evil.test", "null", "http://shop.test", "https://shop.test.evil.test"] {
        for cookies in [&[][..], &[("cookie", "usid=x")]] {
            let request = handshake().header("origin", origin).headers(cookies);
            world.send(request).await.expect_problem(403, "csrf_rejected");
        }
    }
    let twice = handshake().header("origin", ORIGIN).header("origin", "https://evil.test");
    world.send(twice).await.expect_problem(403, "csrf_rejected");
    let without_origin = handshake().header("cookie", "usid=x");
    world.send(without_origin).await.expect_problem(403, "csrf_rejected");
    assert_eq!(world.auth_calls(), [""; 0]);
    head.expect_no_connection().await;
}

#[tokio::test]
async fn attack_62_bytes_after_a_rejected_upgrade_are_not_forwarded() {
    let smuggled = get("/smuggled").same_origin_fetch().bytes();
    for request in [
        handshake().header("origin", ORIGIN),
        get("/page").same_origin_fetch().header("connection", "upgrade").header("upgrade", "x"),
        get("/page").same_origin_fetch().headers(&[
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
        ]),
    ] {
        let head = Head::bind().await;
        let world = Scenario::default().with_head(head.origin()).start().await;
        let mut browser = world.connect().await;
        browser.write([request.bytes(), smuggled.clone()].concat()).await;
        let (mut upstream, headers) = head.receive().await;
        assert!(
            headers.header("upgrade").is_none_or(|upgrade| upgrade == "websocket"),
            "{headers:?}"
        );
        assert_eq!(headers.header("http2-settings"), None);
        upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno").await;
        let response = browser.response("GET").await;
        assert_eq!(response.expect(200).text(), "no");
        assert_eq!(response.header("upgrade"), None);
        assert!(browser.is_closed().await, "the connection could be used as a tunnel");
        assert!(upstream.is_silent().await || upstream.is_closed().await);
        head.expect_no_connection().await;
    }
}

#[tokio::test]
async fn attack_62_an_unrequested_protocol_switch_is_502() {
    let other = SWITCHED.replace("upgrade: websocket", "upgrade: h2c");
    let plain = get("/page").same_origin_fetch();
    for (request, response) in
        [(plain, SWITCHED), (handshake().header("origin", ORIGIN), other.as_str())]
    {
        let head = Head::bind().await;
        let world = Scenario::default().with_head(head.origin()).start().await;
        let mut browser = world.connect().await;
        browser.write(request.bytes()).await;
        let (mut upstream, _) = head.receive().await;
        upstream.write(response).await;
        browser.response("GET").await.expect_problem(502, "upstream_unavailable");
        assert!(upstream.is_closed().await);
    }
}

#[tokio::test]
async fn a_websocket_holds_its_upstream_permit_until_it_ends() {
    let head = Head::bind().await;
    let scenario = Scenario::default().with_head(head.origin()).upstream("proxy_concurrency = 1");
    let world = scenario.start().await;
    let (browser, upstream) = tunnel(&world, &head).await;
    let busy = world.send(get("/page").same_origin_fetch()).await;
    busy.expect_problem(503, "upstream_unavailable");
    drop(browser);
    drop(upstream);
    let free = async {
        loop {
            let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
            tokio::select! {
                response = connection.response("GET") => { response.expect(503); }
                (mut upstream, _) = head.receive() => {
                    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                    return connection.response("GET").await.status;
                }
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), free).await, Ok(200));
}

#[tokio::test]
async fn a_websocket_holds_its_connection_slot_until_it_ends() {
    let head = Head::bind().await;
    let world =
        Scenario::default().server("connection_limit = 1").with_head(head.origin()).start().await;
    let (browser, _upstream) = tunnel(&world, &head).await;
    let mut next = world.connect().await;
    next.write(get("/bff/session").same_origin_fetch().bytes()).await;
    assert!(next.is_silent().await, "two connections have one slot");
    drop(browser);
    next.response("GET").await.expect(200);
}

#[tokio::test]
async fn an_idle_websocket_is_closed() {
    let head = Head::bind().await;
    let scenario = Scenario::default().with_head(head.origin()).upstream("websocket_idle_ms = 200");
    let world = scenario.start().await;
    let (mut browser, mut upstream) = tunnel(&world, &head).await;
    let time = stop_time();
    for _ in 0..4 {
        time.passes(Duration::from_millis(190)).await;
        assert!(browser.is_silent().await);
        upstream.write("x").await;
        assert_eq!(browser.take(1).await, b"x");
    }
    // Idleness is detected within twice the limit.
    for _ in 0..2 {
        time.passes(Duration::from_millis(201)).await;
    }
    assert!(!browser.is_silent().await);
    assert!(browser.is_closed().await);
    assert!(upstream.is_closed().await);
}

#[tokio::test]
async fn faults_50_and_53_a_websocket_is_closed_at_the_end_of_the_drain() {
    let head = Head::bind().await;
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let lines = "drain_delay_ms = 0\ndrain_timeout_ms = 500";
    let scenario = Scenario::default().server(lines).with_head(head.origin());
    let mut server = TANDEM.serve(&scenario, &sandbox).await;
    let mut browser = Connection::open(server.address).await;
    browser.write(handshake().header("origin", ORIGIN).bytes()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write(SWITCHED).await;
    browser.response("GET").await.expect(101);
    server.terminate();
    let mut late = Connection::open(server.admin).await;
    late.write(get("/livez").bytes()).await;
    assert_eq!(late.response("GET").await.status, 200);
    upstream.write("still there").await;
    assert_eq!(browser.take(11).await, b"still there");
    assert!(browser.is_closed().await);
    assert!(upstream.is_closed().await);
    assert_eq!(server.ends().await.0, Some(0));
}
