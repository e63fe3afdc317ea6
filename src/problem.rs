//! Everything that can go wrong for a caller, and the one place where it becomes HTTP.
//!
//! `application/problem+json` (RFC 9457) with a stable `code`; for documents a small HTML page.
//! Nothing internal and nothing a client sent is in either. A problem travels to
//! [`present`] in the response's extensions, where the request decides the form.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::flow::{Cause, UpstreamFailure};

/// Seconds after which asking again may help, where nobody said.
const RETRY: u32 = 5;

const AGAIN: &str = r#"<a href="">Try again</a> &middot; "#;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The request makes no sense; the text says what.
    BadRequest(&'static str),
    /// No site has this host.
    UnknownHost,
    /// A state-changing request that does not come from our own pages.
    CsrfRejected,
    /// The route exists, but not with this method.
    MethodNotAllowed,
    /// The route exists, but not for this caller.
    Refused,
    /// Nothing is there.
    NotFound,
    /// The body is longer than our routes take.
    PayloadTooLarge,
    /// Path and query are longer than any of ours.
    TargetTooLong,
    /// The headers are longer than the platform would take.
    HeadersTooLong,
    /// Wrong login or password.
    BadCredentials,
    /// SLAS does not take ECOM's word for its session.
    SignatureRefused,
    /// Our SLAS client may not bridge sessions.
    ScopeMissing,
    /// The same login is being used, or the session changed, at this very moment.
    LoginConflict,
    /// The registered session is over.
    SessionExpired,
    /// The session must be renewed before this call, which cannot be done on the way.
    RenewalNeeded,
    /// Only a shopper who has signed in may have this.
    LoginRequired,
    /// An upstream of ours fails, throttles, or refuses us.
    Upstream(UpstreamFailure),
    /// The Head or ECOM cannot be reached.
    Unreachable,
    /// The Head or ECOM takes too long.
    TooSlow,
    /// The Head or ECOM has as many requests of ours as it may have.
    Busy,
    /// We took too long ourselves.
    TimedOut,
    /// A defect of ours.
    Internal,
}

struct Parts {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    retry_after: Option<u32>,
}

impl Problem {
    #[expect(clippy::too_many_lines, reason = "one list of everything that can go wrong")]
    fn parts(self) -> Parts {
        let (status, code, title, retry_after) = match self {
            Self::BadRequest(title) => (StatusCode::BAD_REQUEST, "bad_request", title, None),
            Self::UnknownHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "bad_request",
                "This host is not served here.",
                None,
            ),
            Self::CsrfRejected => (
                StatusCode::FORBIDDEN,
                "csrf_rejected",
                "The request did not come from a page of this shop.",
                None,
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "not_allowed",
                "This method is not allowed here.",
                None,
            ),
            Self::Refused => {
                (StatusCode::FORBIDDEN, "not_allowed", "This is not allowed here.", None)
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing here.", None),
            Self::PayloadTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The request is too long.",
                None,
            ),
            Self::TargetTooLong => {
                (StatusCode::URI_TOO_LONG, "bad_request", "The address is too long.", None)
            }
            Self::HeadersTooLong => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "bad_request",
                "The request has too many cookies or other headers.",
                None,
            ),
            Self::BadCredentials => (
                StatusCode::UNAUTHORIZED,
                "bad_credentials",
                "Login and password do not match.",
                None,
            ),
            Self::SignatureRefused => (
                StatusCode::UNAUTHORIZED,
                "bad_credentials",
                "SLAS does not accept this session. Its signature may be older than ten minutes.",
                None,
            ),
            Self::ScopeMissing => (
                StatusCode::BAD_GATEWAY,
                "misconfigured",
                "The SLAS client lacks the scope sfcc.session_bridge.",
                None,
            ),
            Self::LoginConflict => (
                StatusCode::CONFLICT,
                "login_conflict",
                "The session is changing at this moment. Please try again.",
                Some(1),
            ),
            Self::SessionExpired => (
                StatusCode::UNAUTHORIZED,
                "session_expired",
                "The session has expired. Please sign in again.",
                None,
            ),
            Self::RenewalNeeded => (
                StatusCode::UNAUTHORIZED,
                "renewal_needed",
                "The session must be renewed first. POST /bff/session does that.",
                None,
            ),
            Self::LoginRequired => {
                (StatusCode::UNAUTHORIZED, "login_required", "Please sign in.", None)
            }
            Self::Upstream(failure) => return Parts::of_failure(failure),
            Self::Unreachable => (
                StatusCode::BAD_GATEWAY,
                "upstream_unavailable",
                "The shop cannot be reached right now.",
                Some(RETRY),
            ),
            Self::TooSlow => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_unavailable",
                "The shop takes too long to answer.",
                Some(RETRY),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_unavailable",
                "The shop is very busy right now. Please try again in a moment.",
                Some(RETRY),
            ),
            Self::TimedOut => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_unavailable",
                "This took too long. Please try again.",
                Some(RETRY),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong on our side.",
                None,
            ),
        };
        Parts { status, code, title, retry_after }
    }

    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.parts().code
    }

    /// `again`: asking for the same address once more makes sense.
    fn page(self, again: bool) -> Response {
        let Parts { status, code, title, retry_after } = self.parts();
        // Only our own fixed texts are put into the page.
        let page = include_str!("problem.html")
            .replace("{{status}}", status.as_str())
            .replace("{{title}}", title)
            .replace("{{code}}", code)
            .replace("{{again}}", if again { AGAIN } else { "" });
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        respond(status, html, page, retry_after)
    }
}

impl Parts {
    fn of_failure(failure: UpstreamFailure) -> Self {
        let (status, code, title) = match failure.cause {
            Cause::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_unavailable",
                "The shop is not available right now. Please try again in a moment.",
            ),
            Cause::Throttled => (
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_throttled",
                "The shop is very busy right now. Please try again in a moment.",
            ),
            Cause::Misconfigured => (
                StatusCode::BAD_GATEWAY,
                "misconfigured",
                "The shop is not set up correctly. Its operators have been told.",
            ),
        };
        let waits = failure.cause != Cause::Misconfigured;
        let retry_after = failure.retry_after.or(waits.then_some(RETRY));
        Self { status, code, title, retry_after }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { status, code, title, retry_after } = self.parts();
        let body = json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "code": code,
        });
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = respond(status, json, body.to_string(), retry_after);
        response.extensions_mut().insert(self);
        response
    }
}

fn respond(
    status: StatusCode,
    content_type: HeaderValue,
    body: String,
    retry_after: Option<u32>,
) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Whether the caller is a person looking at a page: by `Sec-Fetch-Mode`, then by `Accept`.
#[must_use]
pub fn wants_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html")),
    }
}

/// Layer: gives a problem the form the caller wants, and keeps the headers it already has.
pub async fn present(request: Request, next: Next) -> Response {
    let page = wants_page(request.headers());
    let again = request.method().is_safe();
    let response = next.run(request).await;
    match response.extensions().get::<Problem>().copied() {
        Some(problem) if page => {
            let (mut parts, _) = response.into_parts();
            let (page, body) = problem.page(again).into_parts();
            parts.headers.remove(CONTENT_LENGTH);
            for (name, value) in &page.headers {
                parts.headers.insert(name, value.clone());
            }
            Response::from_parts(parts, body)
        }
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn page(again: bool) -> String {
        let body = Problem::TimedOut.page(again).into_body();
        let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_page_offers_to_try_again_only_what_can_be_asked_for_again() {
        assert!(page(true).await.contains("Try again"));
        let posted = page(false).await;
        assert!(!posted.contains("Try again<") && !posted.contains("{{"), "{posted}");
    }
}
