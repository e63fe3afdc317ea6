//! Log output that blocks, breaks or is full affects no request and no signal (fault 61): the real
//! binary.

use std::time::Duration;

use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox};
use testkit::{Connection, HOST, Output, RawResponse, Scenario, Server, get, start_platform};
use tokio::time::timeout;

use crate::support::TANDEM;

/// Their log lines exceed the pipe, the queue and the write in progress together.
const MANY: usize = 12_000;
/// Requests that are pipelined on one connection.
const AT_ONCE: usize = 100;

async fn start_server(output: Output) -> (Server, Sandbox) {
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let scenario = Scenario::default().server("drain_delay_ms = 0\ndrain_timeout_ms = 1000");
    (TANDEM.serve_with(output, &scenario, &sandbox).await, sandbox)
}

/// The server responds to `count` requests.
async fn expect_responses(server: &Server, count: usize) {
    let request = format!("GET /bff/session HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    let mut connection = Connection::open(server.address).await;
    for _ in 0..count / AT_ONCE {
        connection.write(request.repeat(AT_ONCE)).await;
        for _ in 0..AT_ONCE {
            connection.response("GET").await.expect(200);
        }
    }
}

async fn get_from_admin(server: &Server, path: &str) -> RawResponse {
    let mut connection = Connection::open(server.admin).await;
    connection.write(get(path).bytes()).await;
    connection.response("GET").await
}

/// Log lines that were lost, by `/metrics`.
async fn count_lost_lines(server: &Server) -> usize {
    let metrics = get_from_admin(server, "/metrics").await.expect(200).text();
    let count =
        metrics.lines().find_map(|line| line.strip_prefix("tandem_log_lines_dropped_total "));
    count.expect("a count").parse().expect("a number")
}

async fn ends_on_sigterm(server: &mut Server) -> Vec<String> {
    server.terminate();
    let ended = timeout(Duration::from_secs(10), server.ends()).await;
    let (code, log) = ended.expect("it ends in time");
    assert_eq!(code, Some(0));
    log
}

#[tokio::test]
async fn kind_19_broken_closed_or_full_output_costs_no_response() {
    for output in [Output::Broken, Output::Closed, Output::Full] {
        let (mut server, _sandbox) = start_server(output).await;
        expect_responses(&server, 1000).await;
        assert_eq!(get_from_admin(&server, "/livez").await.status, 200, "{output:?}");
        // Rust opens the null device where an output was closed at the start.
        let lost = count_lost_lines(&server).await;
        assert_eq!(lost > 0, output != Output::Closed, "{output:?}: {lost}");
        ends_on_sigterm(&mut server).await;
    }
}

#[tokio::test]
async fn kind_19_and_fault_61_unread_output_costs_no_response() {
    let (mut server, _sandbox) = start_server(Output::Unread).await;
    expect_responses(&server, MANY).await;
    assert_eq!(get_from_admin(&server, "/livez").await.status, 200);
    assert_eq!(get_from_admin(&server, "/readyz").await.status, 200);
    assert!(count_lost_lines(&server).await > 0);
    ends_on_sigterm(&mut server).await;
}

#[tokio::test]
async fn kind_19_output_that_is_read_again_reports_lost_lines() {
    let (mut server, _sandbox) = start_server(Output::Unread).await;
    expect_responses(&server, MANY).await;
    server.read_on();
    let mut sent = MANY;
    let lost = loop {
        let before = count_lost_lines(&server).await;
        expect_responses(&server, AT_ONCE).await;
        sent += AT_ONCE;
        if count_lost_lines(&server).await == before {
            break before;
        }
    };
    let log = ends_on_sigterm(&mut server).await;
    let lines: Vec<serde_json::Value> =
        log.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let of = |message: &'static str| lines.iter().filter(move |line| line["message"] == message);
    assert_eq!(of("request").count() + lost, sent);
    assert_eq!((of("serving").count(), of("draining").count()), (1, 1));
    let reported = of("log lines dropped").map(|line| line["lines"].as_u64().expect("a number"));
    assert_eq!(reported.sum::<u64>(), lost as u64);
}
