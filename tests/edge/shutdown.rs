//! The real binary: how it drains, ends, and logs (faults 50–52, attack 91).

use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox};
use testkit::{Connection, Head, RawResponse, Scenario, Server, get, post, start_platform};
use tokio::time::{Duration, Instant, timeout};

use crate::support::TANDEM;

async fn start_simulator() -> Sandbox {
    start_platform(Options::default(), &Clock::system()).await
}

/// A server before a Head that the test plays, draining for `delay` milliseconds.
async fn start_server(head: &Head, sandbox: &Sandbox, delay: u32) -> Server {
    let lines = format!("drain_delay_ms = {delay}\ndrain_timeout_ms = 10000");
    let scenario: Scenario =
        Scenario::default().on_its_own_address().server(&lines).with_head(head.origin());
    TANDEM.serve(&scenario, sandbox).await
}

async fn fetch(address: std::net::SocketAddr, path: &str) -> RawResponse {
    let mut connection = Connection::open(address).await;
    connection.write(get(path).same_origin_fetch().bytes()).await;
    connection.response("GET").await
}

/// Returns when `/readyz` fails.
async fn wait_until_draining(server: &Server) {
    let began = Instant::now();
    while fetch(server.admin, "/readyz").await.status != 503 {
        assert!(began.elapsed() < Duration::from_secs(10), "still ready");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn fault_50_on_sigterm_readiness_fails_and_requests_finish() {
    let (head, sandbox) = (Head::bind().await, start_simulator().await);
    let mut server = start_server(&head, &sandbox, 700).await;
    assert_eq!(fetch(server.admin, "/readyz").await.status, 200);
    let mut under_way = Connection::open(server.address).await;
    under_way.write(get("/slow").same_origin_fetch().bytes()).await;
    let (mut upstream, _) = head.receive().await;
    let mut idle = Connection::open(server.address).await;
    idle.write(get("/bff/session").bytes()).await;
    idle.response("GET").await.expect(200);
    let silent = Connection::open(server.address).await;

    server.terminate();
    wait_until_draining(&server).await;
    // The load balancer has not noticed yet: new requests are still served.
    assert_eq!(fetch(server.address, "/bff/session").await.status, 200);
    assert_eq!(fetch(server.admin, "/livez").await.status, 200);
    // Then the listener closes, and idle connections end.
    assert!(idle.is_closed().await);
    assert_eq!(silent.rest().await, "");
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
    // The request that was under way is served to its end.
    assert_eq!(fetch(server.admin, "/livez").await.status, 200);
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await;
    assert_eq!(under_way.response("GET").await.expect(200).text(), "done");
    assert!(under_way.is_closed().await);
    assert_eq!(server.ends().await.0, Some(0));
}

#[tokio::test]
async fn fault_51_a_second_sigterm_ends_the_process_at_once() {
    let (head, sandbox) = (Head::bind().await, start_simulator().await);
    let mut server = start_server(&head, &sandbox, 60_000).await;
    let mut under_way = Connection::open(server.address).await;
    under_way.write(get("/slow").same_origin_fetch().bytes()).await;
    let _upstream = head.receive().await;
    server.terminate();
    wait_until_draining(&server).await;
    server.terminate();
    let ended = timeout(Duration::from_secs(5), server.ends()).await;
    assert_eq!(ended.expect("it ends at once").0, Some(130));
    assert!(under_way.is_closed().await);
}

#[tokio::test]
async fn fault_52_sigterm_without_requests_ends_promptly() {
    let (head, sandbox) = (Head::bind().await, start_simulator().await);
    let mut server = start_server(&head, &sandbox, 0).await;
    server.terminate();
    let (code, _) = timeout(Duration::from_secs(5), server.ends()).await.expect("promptly");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn fault_50_a_drain_with_every_slot_taken_finishes_requests() {
    let (head, sandbox) = (Head::bind().await, start_simulator().await);
    let lines = "connection_limit = 1\ndrain_delay_ms = 0\ndrain_timeout_ms = 10000";
    let scenario = Scenario::default().server(lines).with_head(head.origin());
    let mut server = TANDEM.serve(&scenario, &sandbox).await;
    let mut under_way = Connection::open(server.address).await;
    under_way.write(get("/slow").same_origin_fetch().bytes()).await;
    let (mut upstream, _) = head.receive().await;
    let waiting = Connection::open(server.address).await;
    server.terminate();
    assert_eq!(waiting.rest().await, "");
    upstream.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await;
    assert_eq!(under_way.response("GET").await.expect(200).text(), "done");
    assert_eq!(server.ends().await.0, Some(0));
}

#[tokio::test]
async fn fault_50_requests_are_cut_off_at_the_end_of_the_drain() {
    let (head, sandbox) = (Head::bind().await, start_simulator().await);
    let scenario = Scenario::default().server("drain_delay_ms = 0\ndrain_timeout_ms = 200");
    let mut server = TANDEM.serve(&scenario.with_head(head.origin()), &sandbox).await;
    let mut under_way = Connection::open(server.address).await;
    under_way.write(get("/slow").same_origin_fetch().bytes()).await;
    let _upstream = head.receive().await;
    server.terminate();
    assert!(under_way.is_closed().await);
    let (code, log) = server.ends().await;
    assert_eq!(code, Some(0));
    let cut = log.iter().filter(|line| line.contains("drain timeout; connections closed"));
    let cut: Vec<serde_json::Value> =
        cut.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(cut.len(), 1, "{log:#?}");
    assert_eq!(cut[0]["connections"], 1);
}

#[tokio::test]
async fn attack_91_every_input_is_logged_as_one_line_of_json() {
    let (head, sandbox) = (Head::bind().await, start_simulator().await);
    drop(head.accept());
    let address = head.address;
    drop(head);
    let scenario =
        Scenario::default().server("drain_delay_ms = 0").with_head(format!("http://{address}"));
    let mut server = TANDEM.serve(&scenario, &sandbox).await;
    let evil = "EVIL\u{1b}[31m";
    let requests = [
        get("/%0d%0a%1b[31mEVIL\"}{\"level\":\"x").same_origin_fetch().bytes(),
        get("/page").same_origin_fetch().header("user-agent", "EVIL\"}\t'").bytes(),
        get("/page").host("EVIL\"x").bytes(),
        get("/bff/EVIL").same_origin_fetch().bytes(),
        post("/bff/login")
            .same_origin_fetch()
            .json("{\"username\":\"EVIL\\n\",\"password\":\"EVIL\"}")
            .bytes(),
        format!("GET /page HTTP/1.1\r\nhost: shop.test\r\nuser-agent: {evil}\r\n\r\n").into_bytes(),
        format!("EVIL /page{evil} HTTP/1.1\r\nhost: shop.test\r\n\r\n").into_bytes(),
        "GET /bff/go?to=EVIL%0d%0a HTTP/1.1\r\nhost: shop.test\r\n\r\n".into(),
    ];
    let count = requests.len();
    for request in requests {
        let mut connection = Connection::open(server.address).await;
        connection.write(request).await;
        connection.try_response(false).await;
    }
    server.terminate();
    let (code, log) = server.ends().await;
    assert_eq!(code, Some(0));
    assert!(log.len() >= count - 3, "{log:#?}");
    for line in log {
        let json: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        assert!(json.is_object() && !line.contains("EVIL"), "{line}");
    }
}
