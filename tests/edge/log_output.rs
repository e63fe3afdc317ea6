//! Log output that blocks, breaks or has no room decides about no request and about no signal
//! (fault 61): the real binary.

use std::time::Duration;

use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox};
use testkit::{Connection, HOST, Output, RawResponse, Scenario, Server, get, start_platform};
use tokio::time::timeout;

use crate::support::TANDEM;

/// Their lines come to more than a pipe, the queue and what is being written hold together.
const MANY: usize = 12_000;
/// Requests that are sent at once on one connection.
const AT_ONCE: usize = 100;

async fn server(output: Output) -> (Server, Sandbox) {
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let scenario = Scenario::default().server("drain_delay_ms = 0\ndrain_timeout_ms = 1000");
    (TANDEM.serve_with(output, &scenario, &sandbox).await, sandbox)
}

/// Every request of `count` is answered.
async fn answers(server: &Server, count: usize) {
    let request = format!("GET /bff/session HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    let mut connection = Connection::open(server.address).await;
    for _ in 0..count / AT_ONCE {
        connection.write(request.repeat(AT_ONCE)).await;
        for _ in 0..AT_ONCE {
            connection.response("GET").await.expect(200);
        }
    }
}

async fn admin(server: &Server, path: &str) -> RawResponse {
    let mut connection = Connection::open(server.admin).await;
    connection.write(get(path).bytes()).await;
    connection.response("GET").await
}

/// Log lines that were lost, by `/metrics`.
async fn lost(server: &Server) -> usize {
    let metrics = admin(server, "/metrics").await.expect(200).text();
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
async fn kind_19_output_that_is_broken_closed_or_full_costs_no_answer() {
    for output in [Output::Broken, Output::Closed, Output::Full] {
        let (mut server, _sandbox) = server(output).await;
        answers(&server, 1000).await;
        assert_eq!(admin(&server, "/livez").await.status, 200, "{output:?}");
        // What was closed before the process began is the null device by now.
        let lost = lost(&server).await;
        assert_eq!(lost > 0, output != Output::Closed, "{output:?}: {lost}");
        ends_on_sigterm(&mut server).await;
    }
}

#[tokio::test]
async fn kind_19_and_fault_61_output_that_nobody_reads_costs_no_answer_and_keeps_no_process() {
    let (mut server, _sandbox) = server(Output::Unread).await;
    answers(&server, MANY).await;
    assert_eq!(admin(&server, "/livez").await.status, 200);
    assert_eq!(admin(&server, "/readyz").await.status, 200);
    assert!(lost(&server).await > 0);
    ends_on_sigterm(&mut server).await;
}

#[tokio::test]
async fn kind_19_output_that_is_read_again_says_how_much_was_lost() {
    let (mut server, _sandbox) = server(Output::Unread).await;
    answers(&server, MANY).await;
    server.read_on();
    let mut sent = MANY;
    let lost = loop {
        let before = lost(&server).await;
        answers(&server, AT_ONCE).await;
        sent += AT_ONCE;
        if lost(&server).await == before {
            break before;
        }
    };
    let log = ends_on_sigterm(&mut server).await;
    let lines: Vec<serde_json::Value> =
        log.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let of = |message: &'static str| lines.iter().filter(move |line| line["message"] == message);
    assert_eq!(of("request").count() + lost, sent);
    assert_eq!((of("serving").count(), of("draining").count()), (1, 1));
    let said = of("log lines dropped").map(|line| line["lines"].as_u64().expect("a number"));
    assert_eq!(said.sum::<u64>(), lost as u64);
}
