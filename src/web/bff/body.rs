//! Bodies of our own routes: a JSON object, or a form with each field once.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde::de::DeserializeOwned;

use crate::header_values::has_media_type;
use crate::problem::Problem;
use crate::web::bff::session_view::SessionView;
use crate::web::headers::see_other;
use crate::web::redirect::local_path;
use crate::web::request_session::{RequestSession, SessionUpdate};

const FORM: &str = "application/x-www-form-urlencoded";

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// By a script.
    Json,
    /// By a plain HTML form.
    Form,
}

impl Format {
    /// The format that the request's headers name, if they name one of these.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        if has_media_type(headers, "application/json") {
            Some(Self::Json)
        } else if has_media_type(headers, FORM) {
            Some(Self::Form)
        } else {
            None
        }
    }

    /// The response after `update`, with its cookies: a problem if the caller did not get what it
    /// asked for; otherwise the session for a script, and a redirect to the page `return_to` for a
    /// form.
    pub(crate) fn respond(
        self,
        session: &RequestSession,
        update: SessionUpdate,
        return_to: Option<&str>,
    ) -> Response {
        let response = match (update.rejection(), self) {
            (Some(problem), _) => problem.into_response(),
            (None, Self::Json) => Json(SessionView::of(session, Some(&update))).into_response(),
            (None, Self::Form) => see_other(return_to.and_then(local_path).unwrap_or("/")),
        };
        (update, response).into_response()
    }
}

/// The fields of a body, if they are those wanted; and its format.
///
/// # Errors
///
/// When the body is of another type.
pub(crate) fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Option<T>, Format), Problem> {
    let format = Format::of(headers);
    let format = format.ok_or(Problem::BadRequest("The body must be JSON or a form."))?;
    let fields = match format {
        // serde would read a list as the fields of an object, in order.
        Format::Json if body.trim_ascii_start().starts_with(b"{") => {
            serde_json::from_slice(body).ok()
        }
        Format::Json => None,
        Format::Form => from_form(body),
    };
    Ok((fields, format))
}

fn from_form<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut fields = serde_json::Map::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = serde_json::Value::String(value.into_owned());
        // A repeated field is ambiguous.
        if fields.insert(name.into_owned(), value).is_some() {
            return None;
        }
    }
    serde_json::from_value(fields.into()).ok()
}
