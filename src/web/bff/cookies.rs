//! `GET /bff/cookies?return_to=/account`: where a form login redirects a browser that presented no
//! cookie of Tandem with it. The login page comes through Tandem too, so such a browser may keep none;
//! only its next request can tell.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::problem::Problem;
use crate::web::headers::see_other;
use crate::web::redirect::local_path;
use crate::web::request_session::{LocalSession, RequestSession};

#[derive(Deserialize)]
pub(crate) struct Target {
    return_to: String,
}

/// Redirects a browser that has kept the cookies of its login, and tells any other that it is not
/// logged in.
pub(crate) async fn check(
    LocalSession(session): LocalSession,
    target: Result<Query<Target>, QueryRejection>,
) -> Response {
    if !keeps_cookies(&session) {
        return Problem::CookiesNeeded.into_response();
    }
    let target = target.as_ref().ok().and_then(|Query(target)| local_path(&target.return_to));
    see_other(target.unwrap_or("/"))
}

/// Whether the browser presents a sealed cookie, which every response that begins a session sets.
pub(crate) fn keeps_cookies(session: &RequestSession) -> bool {
    session.presented.seal.is_some() || session.presented.registered_seal.is_some()
}

/// The address of the check that leads to `return_to`, on a site below `prefix`.
pub(crate) fn check_path(prefix: &str, return_to: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("return_to", return_to).finish();
    format!("{}/bff/cookies?{query}", prefix.trim_end_matches('/'))
}
