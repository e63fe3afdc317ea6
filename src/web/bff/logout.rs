//! `POST /bff/logout`: out of both worlds, on this device or on all.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use crate::app::App;
use crate::flow::{Decision, Intent};
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::web::bff::session_view::SessionView;
use crate::web::csrf::local_path;
use crate::web::request_session::RequestSession;

#[derive(Default, Deserialize)]
#[serde(default)]
struct LogoutRequest {
    all_devices: bool,
}

/// Local state goes whatever the upstream says; then a fresh guest by the site's policy.
pub(crate) async fn logout(
    State(app): State<Arc<App>>,
    mut session: RequestSession,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (request, return_to) = parse(&headers, &body)?;
    // First of all, so that no request that is under way or comes now can bring the session back.
    session.revoke_presented(Reason::LoggedOut);
    session.await_refresh().await;
    session.revoke_presented(Reason::LoggedOut);
    let intent = Intent::Logout { all_devices: request.all_devices };
    // Upstreams that take their time must not keep the shopper signed in here.
    let update = tokio::time::timeout(
        app.server.request_timeout / 2,
        session.resolve(session.facts(None), intent),
    )
    .await
    .unwrap_or_else(|_| session.commit(Decision::logged_out_locally(), None))?;
    let mut response = answer(&SessionView::of(&session, Some(&update)), return_to);
    session.apply_cookies(&update, &mut response);
    Ok(response)
}

fn answer(view: &SessionView, return_to: Option<HeaderValue>) -> Response {
    match return_to {
        Some(target) => (StatusCode::SEE_OTHER, [(LOCATION, target)]).into_response(),
        None => Json(view).into_response(),
    }
}

/// A plain form may log out as well; it is sent on to a page.
fn parse(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(LogoutRequest, Option<HeaderValue>), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        let field = |wanted: &str| {
            let mut fields = url::form_urlencoded::parse(body);
            fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let all_devices = field("all_devices").is_some_and(|value| value != "false");
        let wish = field("return_to");
        let target = wish.as_deref().and_then(local_path).unwrap_or("/");
        let target = HeaderValue::from_str(target).ok();
        return Ok((LogoutRequest { all_devices }, target));
    }
    if body.trim_ascii().is_empty() {
        return Ok((LogoutRequest::default(), None));
    }
    let request = serde_json::from_slice(body)
        .map_err(|_| Problem::BadRequest("The body must be JSON, a form, or nothing."))?;
    Ok((request, None))
}
