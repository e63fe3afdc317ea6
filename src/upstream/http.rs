//! Sends all calls to SLAS, OCAPI and SCAPI: timeout, body limit, circuit breaker, metrics, and an
//! error that tells whose fault it is and whether a retry is safe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use reqwest::{RequestBuilder, Response};

use super::breaker::Breaker;
use crate::clock::{Clock, Timestamp};
use crate::config::UpstreamLimits;
use crate::flow::UpstreamFailure;
use crate::metrics::Metrics;

/// `Retry-After` where an upstream sends none, in seconds.
const DEFAULT_RETRY_AFTER: u32 = 5;

/// The name of the operation that exchanges a refresh token: what SLAS responds to it may concern that
/// token only.
const REFRESH: &str = "refresh";

/// The called operation, for metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `slas`, `ocapi` or `scapi`.
    pub upstream: &'static str,
    /// The name of the operation.
    pub name: &'static str,
}

/// A complete response of any status.
#[derive(Debug)]
pub struct BufferedResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the limit.
    pub body: Bytes,
}

/// Why there is no usable response.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Too many calls failed; this one was not made.
    #[error("circuit breaker open for {0:?}, call not made")]
    BreakerOpen(Duration),
    /// No connection: nothing was sent, so a retry is safe.
    #[error("connection to the upstream failed")]
    Connect(#[source] reqwest::Error),
    /// The response did not arrive in time.
    #[error("upstream call timeout")]
    Timeout(#[source] reqwest::Error),
    /// The connection was lost before the response was complete.
    #[error("connection to the upstream lost")]
    Broken(#[source] reqwest::Error),
    /// The response is longer than the limit.
    #[error("upstream response too large")]
    TooLarge,
    /// 429.
    #[error("call throttled by the upstream (429)")]
    Throttled(Option<u32>),
    /// 412 or 5xx, and the seconds of its `Retry-After`.
    #[error("upstream failed with {0}")]
    ServerError(StatusCode, Option<u32>),
}

impl CallError {
    /// Whether the upstream cannot have acted on the call.
    #[must_use]
    pub fn is_safe_to_repeat(&self) -> bool {
        matches!(self, Self::Connect(_))
    }

    /// Whether the call may succeed at once, if it may be made twice: the upstream failed without
    /// asking for a pause, or its response was lost.
    #[must_use]
    pub fn is_momentary(&self) -> bool {
        match self {
            Self::ServerError(status, after) => status.is_server_error() && after.is_none(),
            Self::Broken(_) | Self::Timeout(_) | Self::Connect(_) => true,
            Self::BreakerOpen(_) | Self::TooLarge | Self::Throttled(_) => false,
        }
    }

    /// The failure as the core knows it.
    #[must_use]
    pub fn failure(&self) -> UpstreamFailure {
        match self {
            Self::Throttled(after) => {
                UpstreamFailure::throttled_for(after.unwrap_or(DEFAULT_RETRY_AFTER))
            }
            Self::BreakerOpen(wait) => UpstreamFailure::unavailable_for(super::seconds(*wait)),
            _ => UpstreamFailure::unavailable_for(DEFAULT_RETRY_AFTER),
        }
    }

    fn outcome(&self) -> &'static str {
        match self {
            Self::BreakerOpen(_) => "breaker_open",
            Self::Connect(_) => "connect_failed",
            Self::Timeout(_) => "timeout",
            Self::Broken(_) => "connection_broken",
            Self::TooLarge => "response_too_large",
            Self::Throttled(_) => "throttled",
            Self::ServerError(..) => "server_error",
        }
    }
}

/// The HTTP client that all senders share: it follows no redirects (a redirect of SLAS *is* the
/// response), uses no proxy from the environment, and has neither cookies nor retries.
pub fn client(limits: &UpstreamLimits) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.timeout)
        // Below the 400 s after which the platform closes an idle connection.
        .pool_idle_timeout(Duration::from_secs(90))
        .pool_max_idle_per_host(64)
        .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends the calls of one site to one upstream.
#[derive(Clone)]
pub struct Sender {
    /// For building requests; only [`Sender::send`] sends them.
    pub(super) http: reqwest::Client,
    body_limit: usize,
    breaker: Arc<Mutex<Breaker>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Sender {
    /// A sender with a circuit breaker of its own.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        limits: &UpstreamLimits,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { http, body_limit: limits.body_limit, breaker: Arc::default(), clock, metrics }
    }

    /// Makes a call, and repeats it once if no connection could be made.
    pub(super) async fn send(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> Result<BufferedResponse, CallError> {
        let retry = request.try_clone();
        let result = self.send_once(operation, request).await;
        match (result, retry) {
            (Err(error), Some(retry)) if error.is_safe_to_repeat() => {
                self.send_once(operation, retry).await
            }
            (result, _) => result,
        }
    }

    async fn send_once(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> Result<BufferedResponse, CallError> {
        let started = self.clock.monotonic();
        let admitted = self.breaker().admit(started);
        let result = match admitted {
            Ok(()) => self.exchange(operation, request).await,
            Err(wait) => Err(CallError::BreakerOpen(wait)),
        };
        let now = self.clock.monotonic();
        let duration = now.saturating_duration_since(started);
        let outcome = match &result {
            Ok(reply) => outcome(reply.status),
            Err(error) => error.outcome(),
        };
        self.metrics.upstream_call(operation.upstream, operation.name, outcome, duration);
        tracing::debug!(
            upstream = operation.upstream,
            operation = operation.name,
            outcome,
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "upstream call"
        );
        self.update_breaker(operation, &result, now);
        result
    }

    async fn exchange(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> Result<BufferedResponse, CallError> {
        #[expect(clippy::disallowed_methods, reason = "the only place that sends calls")]
        let response = request.send().await.map_err(classify)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let after = retry_after(response.headers(), self.clock.now());
            return Err(CallError::Throttled(after));
        }
        // SLAS may mean a single refresh token by a 412, and its text shows that.
        let failed = status == StatusCode::PRECONDITION_FAILED && operation.name != REFRESH;
        if status.is_server_error() || failed {
            let after = retry_after(response.headers(), self.clock.now());
            return Err(CallError::ServerError(status, after));
        }
        let headers = response.headers().clone();
        Ok(BufferedResponse { status, headers, body: self.read(response).await? })
    }

    async fn read(&self, mut response: Response) -> Result<Bytes, CallError> {
        let length = response.content_length().unwrap_or_default();
        if length > self.body_limit as u64 {
            return Err(CallError::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(classify)? {
            if body.len() + chunk.len() > self.body_limit {
                return Err(CallError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn update_breaker(
        &self,
        operation: Operation,
        result: &Result<BufferedResponse, CallError>,
        now: std::time::Instant,
    ) {
        let mut breaker = self.breaker();
        match result {
            Err(CallError::BreakerOpen(_)) => {}
            Ok(reply) if reply.status == StatusCode::PRECONDITION_FAILED => {}
            // SLAS may throttle a single refresh token; other calls are not affected.
            Err(CallError::Throttled(after)) if operation.name != REFRESH => {
                let seconds = after.unwrap_or(DEFAULT_RETRY_AFTER);
                breaker.hold(now, Duration::from_secs(seconds.into()));
            }
            Ok(_) | Err(CallError::TooLarge | CallError::Throttled(_)) => breaker.succeeded(),
            Err(_) => breaker.failed(now),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the URL from the error: it may contain a refresh token, a code or a login.
fn classify(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    if error.is_connect() {
        CallError::Connect(error)
    } else if error.is_timeout() {
        CallError::Timeout(error)
    } else {
        CallError::Broken(error)
    }
}

fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=399 => "ok",
        412 => "server_error",
        400..=499 => "rejected",
        _ => "invalid_status",
    }
}

/// When the limits of SLAS per minute and per five minutes are reset, in Unix seconds.
const RESETS: [&str; 2] = ["x-ratelimit-1m-reset", "x-ratelimit-5m-reset"];

/// `Retry-After` in seconds; without it, the time until the earlier of the two resets of SLAS.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let until = |name: &&str| number(name).map(|reset| reset - now.unix()).filter(|time| *time > 0);
    let seconds = number(RETRY_AFTER.as_str()).or_else(|| RESETS.iter().filter_map(until).min())?;
    u32::try_from(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_preferred_to_the_resets_and_then_the_earlier_future_reset() {
        let after = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            retry_after(&headers, Timestamp::from_unix(1_000))
        };
        let [minute, five] = RESETS;
        assert_eq!(after(&[("retry-after", "7"), (minute, "1030")]), Some(7));
        assert_eq!(after(&[(minute, "1030"), (five, "1200")]), Some(30));
        assert_eq!(after(&[(minute, "990"), (five, "1200")]), Some(200));
        assert_eq!(after(&[(minute, "soon")]), None);
        assert_eq!(after(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]), None);
    }
}
