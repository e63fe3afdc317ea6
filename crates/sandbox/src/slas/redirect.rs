//! Redirect responses. The client does not follow them but reads the code from `Location`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// 303 to the redirect URI with these fields. Omits fields without a value.
pub(super) fn to(redirect_uri: &str, fields: &[(&str, Option<&str>)]) -> Response {
    let present = fields.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let pairs =
        present.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{redirect_uri}{joint}{query}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}
