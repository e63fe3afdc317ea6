//! Every error that a caller can get, and the one place that turns it into HTTP.
//!
//! `application/problem+json` (RFC 9457) with a stable `code`; for documents a small HTML page.
//! Neither contains internal details or anything that a client sent. A problem is passed to
//! [`present`] in the response's extensions; the request determines the format.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::flow::{Cause, UpstreamFailure};
use crate::header_values::{PRIVATE_NO_STORE, first_text};

/// Default of `Retry-After`, in seconds.
const RETRY: u32 = 5;
/// The same where somebody has to correct a setting first.
const RETRY_MISCONFIGURED: u32 = 60;

const TRY_AGAIN: &str = r#"<a href="">Try again</a> &middot; "#;
/// The browser requests the page of the form again, which has a CSRF token of the new session.
const BACK: &str = r#"<a href="javascript:history.back()">Back to the form</a> &middot; "#;

/// An error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The request is invalid; the text says why.
    BadRequest(&'static str),
    /// No site has this host.
    UnknownHost,
    /// A state-changing request that does not come from a page of this shop.
    CsrfRejected,
    /// The route does not accept this method.
    MethodNotAllowed,
    /// The route does not accept this caller.
    Refused,
    /// There is no such route.
    NotFound,
    /// The body is longer than our routes accept.
    PayloadTooLarge,
    /// Path and query are too long.
    TargetTooLong,
    /// The headers are longer than the platform would accept.
    HeadersTooLong,
    /// Wrong login or password.
    BadCredentials,
    /// SLAS rejects ECOM's signature of its session.
    SignatureRefused,
    /// The SLAS client lacks the scope to bridge sessions.
    ScopeMissing,
    /// The same login is in use, or the session changed during the request.
    LoginConflict,
    /// The registered session has expired.
    SessionExpired,
    /// The session that a form was rendered in has been replaced before the form was sent.
    FormExpired,
    /// The browser has not kept the cookies of its login.
    CookiesNeeded,
    /// The session must be renewed before this call, which cannot do it.
    RenewalNeeded,
    /// Only a registered shopper may have this.
    LoginRequired,
    /// SLAS, OCAPI or SCAPI fails, throttles, or rejects our client.
    Upstream(UpstreamFailure),
    /// The Head or ECOM cannot be reached.
    Unreachable,
    /// The Head or ECOM does not respond in time.
    TooSlow,
    /// The Head or ECOM already has `proxy_concurrency` requests.
    Busy,
    /// One of our own routes did not respond in time.
    TimedOut,
    /// A defect in Tandem.
    Internal,
}

struct Parts {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    retry_after: Option<u32>,
}

impl Problem {
    #[expect(clippy::too_many_lines, reason = "one list of all errors")]
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
                StatusCode::SERVICE_UNAVAILABLE,
                "misconfigured",
                "The SLAS client lacks the scope sfcc.session_bridge.",
                Some(RETRY_MISCONFIGURED),
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
                "The session has expired. Please log in again.",
                None,
            ),
            Self::FormExpired => (
                StatusCode::UNAUTHORIZED,
                "session_expired",
                "The form was not sent, because the session had expired. The session is renewed: \
                 please go back and send the form again.",
                None,
            ),
            Self::CookiesNeeded => (
                StatusCode::BAD_REQUEST,
                "cookies_needed",
                "You are not logged in, because your browser keeps no cookies of this shop. Please \
                 allow cookies and log in again.",
                None,
            ),
            Self::RenewalNeeded => (
                StatusCode::UNAUTHORIZED,
                "renewal_needed",
                "The session must be renewed first. POST /bff/session does that.",
                None,
            ),
            Self::LoginRequired => {
                (StatusCode::UNAUTHORIZED, "login_required", "Please log in.", None)
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
                "The shop did not respond in time.",
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
                "The request timed out. Please try again.",
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

    /// The stable code of the problem.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.parts().code
    }

    /// The link that the page offers beside the one to the shop.
    fn way_on(self, method: &Method) -> &'static str {
        match self {
            Self::FormExpired => BACK,
            _ if method.is_safe() => TRY_AGAIN,
            _ => "",
        }
    }

    /// The HTML page. After a safe `method` it offers to load the same address again.
    fn page(self, method: &Method) -> Response {
        let Parts { status, code, title, retry_after } = self.parts();
        // All of these are fixed texts of ours.
        let page = include_str!("problem.html")
            .replace("{{status}}", status.as_str())
            .replace("{{title}}", title)
            .replace("{{code}}", code)
            .replace("{{again}}", self.way_on(method));
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
            // Nothing is wrong with the request: it succeeds once the setting is corrected.
            Cause::Misconfigured => (
                StatusCode::SERVICE_UNAVAILABLE,
                "misconfigured",
                "The shop is misconfigured. Please try again later.",
            ),
        };
        let default = match failure.cause {
            Cause::Unavailable | Cause::Throttled => RETRY,
            Cause::Misconfigured => RETRY_MISCONFIGURED,
        };
        let retry_after = Some(failure.retry_after.unwrap_or(default));
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
    headers.insert(CACHE_CONTROL, PRIVATE_NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Whether the caller is a browser that loads a page: by `Sec-Fetch-Mode`, then by `Accept`.
#[must_use]
pub fn wants_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => first_text(headers, ACCEPT).is_some_and(|accept| accept.contains("text/html")),
    }
}

/// Layer: gives a problem the format that the caller wants, and keeps the headers it already has.
pub async fn present(request: Request, next: Next) -> Response {
    let page = wants_page(request.headers());
    let method = request.method().clone();
    let response = next.run(request).await;
    match response.extensions().get::<Problem>().copied() {
        Some(problem) if page => {
            let (mut parts, _) = response.into_parts();
            let (page, body) = problem.page(&method).into_parts();
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

    async fn page(method: Method) -> String {
        let body = Problem::TimedOut.page(&method).into_body();
        let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_page_offers_to_try_again_only_after_a_safe_method() {
        assert!(page(Method::GET).await.contains("Try again"));
        let posted = page(Method::POST).await;
        assert!(!posted.contains("Try again<") && !posted.contains("{{"), "{posted}");
    }
}
