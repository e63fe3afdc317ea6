//! The metrics of `/metrics`. A label has values from a fixed set, never one that a client sent.
//!
//! Names and values are an interface; `docs/operations.md` lists them.

use std::time::Duration;

use http::StatusCode;
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
    http_requests: Family<RequestLabels, Counter>,
    upstream_calls: Family<CallLabels, Counter>,
    upstream_call_duration: Family<UpstreamLabels, Histogram>,
    flows: Family<FlowLabels, Counter>,
    token_refreshes: Family<RefreshLabels, Counter>,
    upstream_cookies_filtered: Family<CookieLabels, Counter>,
    cache_bytes: Family<CacheLabels, Gauge>,
    cache_limit_bytes: Family<CacheLabels, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status_class: &'static str,
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
struct FlowLabels {
    flow: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefreshLabels {
    source: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CookieLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CacheLabels {
    cache: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let durations = || Histogram::new(exponential_buckets(0.005, 2.0, 12));
        let mut metrics = Self {
            registry: Registry::with_prefix("tandem"),
            http_requests: Family::default(),
            upstream_calls: Family::default(),
            upstream_call_duration: Family::new_with_constructor(durations),
            flows: Family::default(),
            token_refreshes: Family::default(),
            upstream_cookies_filtered: Family::default(),
            cache_bytes: Family::default(),
            cache_limit_bytes: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// The encoder appends `_total` to the name of a counter.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "HTTP requests answered", self.http_requests.clone());
        registry.register(
            "upstream_calls",
            "Calls to SLAS, OCAPI and SCAPI",
            self.upstream_calls.clone(),
        );
        registry.register(
            "upstream_call_duration_seconds",
            "Duration of calls to SLAS, OCAPI and SCAPI",
            self.upstream_call_duration.clone(),
        );
        registry.register("flows", "Decisions about a shopper's session", self.flows.clone());
        registry.register(
            "token_refreshes",
            "Refreshes of SLAS tokens, by where the response came from",
            self.token_refreshes.clone(),
        );
        registry.register(
            "upstream_cookies_filtered",
            "Upstream Set-Cookie lines removed or changed",
            self.upstream_cookies_filtered.clone(),
        );
        registry.register("cache_bytes", "Memory used by a cache", self.cache_bytes.clone());
        registry.register(
            "cache_limit_bytes",
            "Memory that a cache may use",
            self.cache_limit_bytes.clone(),
        );
        registry.register(
            "log_lines_dropped",
            "Log lines not written because the output was blocked or failed",
            crate::telemetry::dropped_lines(),
        );
    }

    /// Counts a request.
    pub fn http_request(&self, route: &'static str, status: StatusCode) {
        let status_class = match status.as_u16() {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.http_requests.get_or_create(&RequestLabels { route, status_class }).inc();
    }

    /// Counts and times a call to an upstream.
    pub fn upstream_call(
        &self,
        upstream: &'static str,
        operation: &'static str,
        outcome: &'static str,
        duration: Duration,
    ) {
        let labels = CallLabels { upstream, operation, outcome };
        self.upstream_calls.get_or_create(&labels).inc();
        let histogram = self.upstream_call_duration.get_or_create(&UpstreamLabels { upstream });
        histogram.observe(duration.as_secs_f64());
    }

    /// Counts a flow that has ended with a decision.
    pub fn flow(&self, flow: &'static str, outcome: &'static str) {
        self.flows.get_or_create(&FlowLabels { flow, outcome }).inc();
    }

    /// Counts a refresh: by the `leader` that called SLAS, `shared` with a call in progress, or
    /// `cached`.
    pub fn token_refresh(&self, source: &'static str) {
        self.token_refreshes.get_or_create(&RefreshLabels { source }).inc();
    }

    /// Counts a `Set-Cookie` line of an upstream that was removed or changed.
    pub fn upstream_cookie_filtered(&self, reason: &'static str) {
        self.upstream_cookies_filtered.get_or_create(&CookieLabels { reason }).inc();
    }

    /// The gauge of the bytes in `cache`. Adds the `limit` of one more site to those of the others.
    #[must_use]
    pub fn cache(&self, cache: &'static str, limit: usize) -> Gauge {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.cache_limit_bytes.get_or_create(&CacheLabels { cache }).inc_by(limit);
        self.cache_bytes.get_or_create(&CacheLabels { cache }).clone()
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
