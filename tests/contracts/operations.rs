//! The interface for operators: `docs/operations.md` and the code name the same metrics, labels and
//! fields of log lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tandem::metrics::Metrics;

use crate::logs::{CLIENTS, Visit};
use crate::slas::oauth;
use crate::support::CapturedLog;

const PAGE: &str = include_str!("../../docs/operations.md");

/// Fields that every line has.
const COMMON: [&str; 4] = ["timestamp", "level", "target", "message"];

/// The rows of the table that follows `marker`, without its head.
fn table<'a>(page: &'a str, marker: &str) -> Vec<Vec<&'a str>> {
    let (_, after) = page.split_once(marker).expect("the marker is on the page");
    let lines = after.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The words of `text` between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// `counter tandem_flows_total {"flow", "outcome"}` for each row of the table.
fn documented_metrics(page: &str) -> BTreeSet<String> {
    let rows = table(page, "## Metrics").into_iter();
    rows.map(|row| format!("{} {} {:?}", row[1], row[0].trim_matches('`'), quoted(row[3])))
        .collect()
}

/// The same, out of the text format.
fn exposed_metrics(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            format!("{kind} {name} {:?}", labels(text, &name))
        })
        .collect()
}

/// The labels of one metric, but for the bounds of a histogram.
fn labels(text: &str, metric: &str) -> BTreeSet<String> {
    let samples = text.lines().filter_map(|line| line.strip_prefix(metric));
    let labels = samples.filter_map(|sample| Some(sample.split_once('{')?.1.split_once('}')?.0));
    let names = labels.flat_map(|labels| labels.split(',')).filter_map(|pair| pair.split_once('='));
    names.map(|(name, _)| name.to_owned()).filter(|name| name != "le").collect()
}

/// Metrics in which everything has been counted once.
fn every_metric() -> String {
    let metrics = Metrics::default();
    metrics.http_request("head", StatusCode::OK);
    metrics.upstream_call("slas", "refresh", "ok", Duration::from_millis(1));
    metrics.flow("head", "ready");
    metrics.token_refresh("leader");
    metrics.upstream_cookie_filtered("too_many");
    metrics.cache("revocations", 1).set(1);
    metrics.text()
}

/// Name and type of each field of the log lines with this message.
fn logged_fields(log: &str, message: &str) -> BTreeMap<String, &'static str> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.filter(|line| line["message"] == message);
    let fields = lines.flat_map(|line| line.as_object().unwrap().clone());
    let fields = fields.filter(|(name, _)| !COMMON.contains(&name.as_str()));
    fields.map(|(name, value)| (name, kind(&value))).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        _ => "neither a string nor a number",
    }
}

/// What a visit logs that sees a page, a call of SLAS, and an error.
async fn visit() -> String {
    let captured = CapturedLog::start();
    let mut visit = Visit::begin(&CLIENTS[0]).await;
    visit.all_goes_well().await;
    assert_eq!(visit.opens("/").await, 200);
    visit.opens(&format!("/mobify/slas/private{}", oauth("userinfo"))).await;
    assert_eq!(visit.posts("/bff/login", &json!({"CANARY": 1})).await, 400);
    captured.text()
}

#[test]
fn every_metric_and_label_is_documented_and_every_documented_one_exists() {
    assert_eq!(exposed_metrics(&every_metric()), documented_metrics(PAGE));
}

#[test]
fn the_name_of_a_metric_ends_in_its_unit() {
    for row in table(PAGE, "## Metrics") {
        let (name, unit) = (row[0].trim_matches('`'), row[2]);
        let ends = if unit == "–" { "_total".to_owned() } else { format!("_{unit}") };
        assert!(name.starts_with("tandem_") && name.ends_with(&ends), "{name} in {unit}");
    }
}

#[tokio::test]
async fn every_field_of_the_request_line_is_documented_and_every_documented_one_is_written() {
    let log = visit().await;
    let rows = table(PAGE, "\"message\":\"request\"");
    let documented: BTreeMap<_, _> =
        rows.iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1])).collect();
    assert_eq!(logged_fields(&log, "request"), documented);
    let call = "\"message\":\"upstream call\"`";
    let (_, after) = PAGE.split_once(call).unwrap();
    let fields = quoted(after.split(';').next().unwrap());
    assert_eq!(logged_fields(&log, "upstream call").into_keys().collect::<BTreeSet<_>>(), fields);
}

#[tokio::test]
async fn every_value_that_a_visit_logs_is_documented() {
    let (log, known) = (visit().await, quoted(PAGE));
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.filter(|line| line["message"] == "request");
    let mut seen = 0;
    for line in lines {
        for field in ["route", "outcome"] {
            if let Some(value) = line[field].as_str() {
                assert!(known.contains(value), "{field} {value}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "{log}");
}

#[test]
fn a_name_that_only_one_side_has_is_found() {
    let text = every_metric();
    let undocumented = text.replace("tandem_flows", "tandem_journeys");
    assert_ne!(exposed_metrics(&undocumented), documented_metrics(PAGE));
    assert_ne!(exposed_metrics(&text.replace("flow=", "intent=")), documented_metrics(PAGE));
    let mut page = PAGE.to_owned();
    page = page.replace("| `tandem_cache_bytes` | gauge", "| `tandem_cache_bytes` | counter");
    assert_ne!(exposed_metrics(&text), documented_metrics(&page));
    let mut log = String::new();
    writeln!(log, "{}", json!({"message": "request", "level": "INFO", "ms": 1})).unwrap();
    assert_eq!(logged_fields(&log, "request"), BTreeMap::from([("ms".to_owned(), "number")]));
}
