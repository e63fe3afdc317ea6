//! Bodies of our own routes: a JSON object, or a form with each field once.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// What a body says, if it says what is wanted; and whether it is a form.
///
/// # Errors
///
/// When the body is of another type.
pub(crate) fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Option<T>, bool), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        // A list would be read as an object's fields in their order.
        "application/json" if body.trim_ascii_start().starts_with(b"{") => {
            Ok((serde_json::from_slice(body).ok(), false))
        }
        "application/json" => Ok((None, false)),
        "application/x-www-form-urlencoded" => Ok((from_form(body), true)),
        _ => Err(Problem::BadRequest("The body must be JSON or a form.")),
    }
}

fn from_form<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut fields = serde_json::Map::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = serde_json::Value::String(value.into_owned());
        // A field that comes twice has no one meaning.
        if fields.insert(name.into_owned(), value).is_some() {
            return None;
        }
    }
    serde_json::from_value(fields.into()).ok()
}
