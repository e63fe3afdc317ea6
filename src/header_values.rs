//! Reads and makes values of single headers, by rules that all layers share.

use http::header::{AsHeaderName, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::ids::AccessToken;

/// `Cache-Control` of a response that no cache may store.
pub(crate) const PRIVATE_NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");

/// How often a header occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurrence<'h> {
    /// The message does not have the header.
    Absent,
    /// The message has the header once, with this value.
    Once(&'h HeaderValue),
    /// The message has the header more than once. Other servers may use the first value, the last
    /// or all of them, so no rule that protects something may choose one.
    Repeated,
}

/// How often `headers` has the header `name`.
pub(crate) fn occurrence(headers: &HeaderMap, name: impl AsHeaderName) -> Occurrence<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Occurrence::Absent,
        (Some(value), None) => Occurrence::Once(value),
        (Some(_), Some(_)) => Occurrence::Repeated,
    }
}

/// The value of the header `name`, if it occurs exactly once.
pub(crate) fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    match occurrence(headers, name) {
        Occurrence::Once(value) => Some(value),
        Occurrence::Absent | Occurrence::Repeated => None,
    }
}

/// The value of the header `name`, if it occurs exactly once and is visible ASCII.
pub(crate) fn single_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    single(headers, name).and_then(|value| value.to_str().ok())
}

/// The first value of the header `name`, if it is visible ASCII. It is meant for a header that only
/// describes a message, such as `User-Agent`: a client that repeats it gains nothing. A value that
/// gives access is read by [`single`].
pub(crate) fn first_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the media type in `Content-Type` is `wanted`. Parameters such as `charset` do not count.
pub(crate) fn has_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let content_type = first_text(headers, CONTENT_TYPE).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(wanted)
}

/// The header value `text`, marked as sensitive, so that no log shows it. Callers pass Base64,
/// tokens and session ids, which are always legal in a header; illegal text becomes an empty value.
pub(crate) fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The value of an `Authorization` header that presents `token`.
pub(crate) fn bearer(token: &AccessToken) -> HeaderValue {
    sensitive(&format!("Bearer {}", token.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let pair = |value: &&'static str| (CONTENT_TYPE, HeaderValue::from_static(value));
        values.iter().map(pair).fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    #[test]
    fn a_repeated_header_has_no_single_value() {
        assert_eq!(occurrence(&headers(&[]), CONTENT_TYPE), Occurrence::Absent);
        assert_eq!(single(&headers(&["a"]), CONTENT_TYPE).unwrap(), "a");
        assert_eq!(single(&headers(&["a", "a"]), CONTENT_TYPE), None);
        assert_eq!(occurrence(&headers(&["a", "b"]), CONTENT_TYPE), Occurrence::Repeated);
    }

    #[test]
    fn a_media_type_is_compared_without_parameters_and_case() {
        for value in ["text/html", "Text/HTML ; charset=utf-8", "text/html;q=1"] {
            assert!(has_media_type(&headers(&[value]), "text/html"), "{value}");
        }
        for value in ["text/htmlx", "text", "", "application/json; text/html"] {
            assert!(!has_media_type(&headers(&[value]), "text/html"), "{value}");
        }
        assert!(!has_media_type(&headers(&[]), "text/html"));
    }

    #[test]
    fn promise_8_a_bearer_value_does_not_print() {
        let value = bearer(&AccessToken::parse("CANARY.x.y").unwrap());
        assert_eq!(value, "Bearer CANARY.x.y");
        assert!(!format!("{value:?}").contains("CANARY"));
    }
}
