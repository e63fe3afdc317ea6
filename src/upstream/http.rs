//! The one way out to SLAS, OCAPI and SCAPI: deadline, bounded body, breaker, metrics, and an
//! error that knows whose fault it is and whether asking again is safe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{RequestBuilder, Response};

use super::breaker::Breaker;
use crate::clock::{Clock, Timestamp};
use crate::config::UpstreamLimits;
use crate::flow::{Cause, UpstreamFailure};
use crate::metrics::Metrics;

/// `Retry-After` where an upstream does not say, in seconds.
const RETRY_AFTER_UNKNOWN: u32 = 5;

/// What is being called: words for metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `slas`, `ocapi` or `scapi`.
    pub upstream: &'static str,
    /// What is asked of it.
    pub name: &'static str,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub struct BufferedResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the limit.
    pub body: Bytes,
}

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Too many calls failed; this one was not made.
    #[error("the upstream is given {0:?} to recover")]
    BreakerOpen(Duration),
    /// No connection: nothing was sent, so asking again is safe.
    #[error("no connection to the upstream")]
    Connect(#[source] reqwest::Error),
    /// The answer did not come in time.
    #[error("the upstream took too long")]
    Timeout(#[source] reqwest::Error),
    /// The connection broke before the answer was whole.
    #[error("the connection to the upstream broke")]
    Broken(#[source] reqwest::Error),
    /// The answer is longer than anything the upstream should say.
    #[error("the upstream's answer is too long")]
    TooLarge,
    /// 429.
    #[error("the upstream asked to slow down")]
    Throttled(Option<u32>),
    /// 412 or 5xx.
    #[error("the upstream answered {0}")]
    ServerError(StatusCode),
}

impl CallError {
    /// Whether the upstream cannot have acted on the call.
    #[must_use]
    pub fn is_safe_to_repeat(&self) -> bool {
        matches!(self, Self::Connect(_))
    }

    /// The core's word for it.
    #[must_use]
    pub fn failure(&self) -> UpstreamFailure {
        let (cause, retry_after) = match self {
            Self::Throttled(after) => (Cause::Throttled, *after),
            Self::BreakerOpen(left) => (Cause::Unavailable, u32::try_from(left.as_secs() + 1).ok()),
            _ => (Cause::Unavailable, None),
        };
        UpstreamFailure { cause, retry_after: retry_after.or(Some(RETRY_AFTER_UNKNOWN)) }
    }

    fn outcome(&self) -> &'static str {
        match self {
            Self::BreakerOpen(_) => "breaker_open",
            Self::Connect(_) => "connect_failed",
            Self::Timeout(_) => "timeout",
            Self::Broken(_) => "connection_broken",
            Self::TooLarge => "response_too_large",
            Self::Throttled(_) => "throttled",
            Self::ServerError(_) => "server_error",
        }
    }
}

/// Makes the client that all senders share: no redirects (a SLAS redirect *is* the answer), no
/// proxy from the environment, no cookies, no retries of its own.
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
    /// For building requests; they leave through [`Sender::send`] only.
    pub(super) http: reqwest::Client,
    body_limit: usize,
    breaker: Arc<Mutex<Breaker>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Sender {
    /// A sender with a breaker of its own.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        limits: &UpstreamLimits,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { http, body_limit: limits.body_limit, breaker: Arc::default(), clock, metrics }
    }

    /// Makes one call; a second one only if the first found no connection.
    pub(super) async fn send(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> Result<BufferedResponse, CallError> {
        let again = request.try_clone();
        let first = self.send_once(operation, request).await;
        match (first, again) {
            (Err(error), Some(again)) if error.is_safe_to_repeat() => {
                self.send_once(operation, again).await
            }
            (first, _) => first,
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
            Ok(()) => self.exchange(request).await,
            Err(left) => Err(CallError::BreakerOpen(left)),
        };
        let now = self.clock.monotonic();
        let took = now.saturating_duration_since(started);
        let outcome = match &result {
            Ok(reply) => outcome(reply.status),
            Err(error) => error.outcome(),
        };
        self.metrics.upstream_call(operation.upstream, operation.name, outcome, took);
        tracing::debug!(
            upstream = operation.upstream,
            operation = operation.name,
            outcome,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "upstream call"
        );
        self.update_breaker(operation, &result, now);
        result
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<BufferedResponse, CallError> {
        #[expect(clippy::disallowed_methods, reason = "this is the way out")]
        let response = request.send().await.map_err(classify)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let after = retry_after(response.headers(), self.clock.now());
            return Err(CallError::Throttled(after));
        }
        if status.is_server_error() || status == StatusCode::PRECONDITION_FAILED {
            return Err(CallError::ServerError(status));
        }
        let headers = response.headers().clone();
        Ok(BufferedResponse { status, headers, body: self.read(response).await? })
    }

    async fn read(&self, mut response: Response) -> Result<Bytes, CallError> {
        let announced = response.content_length().unwrap_or_default();
        if announced > self.body_limit as u64 {
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
            // One refresh token may be throttled by itself; that says nothing about the tenant.
            Err(CallError::Throttled(after)) if operation.name != "refresh" => {
                let wish = after.unwrap_or(RETRY_AFTER_UNKNOWN);
                breaker.hold(now, Duration::from_secs(wish.into()));
            }
            Ok(_) | Err(CallError::TooLarge | CallError::Throttled(_)) => breaker.succeeded(),
            Err(_) => breaker.failed(now),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A header whose value no log shows. Base64, tokens and session ids are always legal values.
pub(super) fn secret_header(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// A URL may carry a refresh token, a code or a login: it does not belong in an error.
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
        400..=499 => "rejected",
        _ => "invalid_status",
    }
}

/// When SLAS's limits per minute and per five minutes start anew, in Unix seconds.
const RESETS: [&str; 2] = ["x-ratelimit-1m-reset", "x-ratelimit-5m-reset"];

/// `Retry-After` in seconds; where it is missing, the time until the nearer of SLAS's resets.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let until = |name: &&str| number(name).map(|reset| reset - now.unix()).filter(|left| *left > 0);
    let seconds = number(RETRY_AFTER.as_str()).or_else(|| RESETS.iter().filter_map(until).min())?;
    u32::try_from(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_wins_over_the_resets_and_the_nearer_future_reset_over_the_other() {
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
