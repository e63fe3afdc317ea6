//! What `/metrics` shows. Labels are words from fixed sets, never anything a client sent.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<UpstreamLabels, Histogram>,
    journeys: Family<JourneyLabels, Counter>,
    refreshes: Family<RefreshLabels, Counter>,
    cookies_filtered: Family<ReasonLabels, Counter>,
    remembered_bytes: Family<KindLabels, Gauge>,
    remembered_limit_bytes: Family<KindLabels, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    upstream: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UpstreamLabels {
    upstream: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct JourneyLabels {
    intent: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefreshLabels {
    answer: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tandem");
        let metrics = Self {
            requests: Family::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.005, 2.0, 12))
            }),
            journeys: Family::default(),
            refreshes: Family::default(),
            cookies_filtered: Family::default(),
            remembered_bytes: Family::default(),
            remembered_limit_bytes: Family::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("upstream_calls", "Calls to SLAS, OCAPI, SCAPI", metrics.calls.clone());
        registry.register(
            "upstream_call_seconds",
            "Duration of calls to SLAS, OCAPI, SCAPI",
            metrics.call_seconds.clone(),
        );
        registry.register("journeys", "Decisions about a shopper", metrics.journeys.clone());
        registry.register(
            "refreshes",
            "Refreshes asked for, by where the answer came from",
            metrics.refreshes.clone(),
        );
        registry.register(
            "cookies_filtered",
            "Cookies of upstreams that did not pass, or not as they were",
            metrics.cookies_filtered.clone(),
        );
        registry.register(
            "remembered_bytes",
            "Memory taken by what is remembered between requests",
            metrics.remembered_bytes.clone(),
        );
        registry.register(
            "remembered_limit_bytes",
            "The most that may be taken",
            metrics.remembered_limit_bytes.clone(),
        );
        registry.register(
            "log_lines_lost",
            "Log lines that were not written, because the output was blocked or broken",
            crate::telemetry::lost_lines(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a request.
    pub fn request(&self, route: &'static str, status: http::StatusCode) {
        let status = match status.as_u16() {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }

    /// Counts a call to an upstream.
    pub fn call(
        &self,
        upstream: &'static str,
        operation: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        self.calls.get_or_create(&CallLabels { upstream, operation, outcome }).inc();
        self.call_seconds.get_or_create(&UpstreamLabels { upstream }).observe(took.as_secs_f64());
    }

    /// Counts a finished journey.
    pub fn journey(&self, intent: &'static str, outcome: &'static str) {
        self.journeys.get_or_create(&JourneyLabels { intent, outcome }).inc();
    }

    /// Counts a refresh: `asked` SLAS, `joined` one under way, or `remembered` its answer.
    pub fn refresh(&self, answer: &'static str) {
        self.refreshes.get_or_create(&RefreshLabels { answer }).inc();
    }

    /// Counts a cookie of an upstream that did not pass as it was.
    pub fn cookie_filtered(&self, reason: &'static str) {
        self.cookies_filtered.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// The gauge of what is remembered of one kind, to whose `limit` in bytes one more site adds.
    #[must_use]
    pub fn remembered(&self, kind: &'static str, limit: usize) -> Gauge {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.remembered_limit_bytes.get_or_create(&KindLabels { kind }).inc_by(limit);
        self.remembered_bytes.get_or_create(&KindLabels { kind }).clone()
    }

    /// Everything in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
