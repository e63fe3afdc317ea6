//! `GET /bff/session` returns the session; `POST /bff/session` creates or renews it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;

use crate::app::App;
use crate::flow::Intent;
use crate::ids::DwSignature;
use crate::problem::Problem;
use crate::web::bff::body::Format;
use crate::web::bff::session_view::SessionView;
use crate::web::request_kind::RequestKind;
use crate::web::request_session::{LocalSession, RequestSession};

/// Returns what the browser may know: never a token. Calls no upstream and extends no session.
pub(crate) async fn show(LocalSession(session): LocalSession) -> Response {
    Json(SessionView::of(&session, None)).into_response()
}

/// ECOM's signature over its session, where the page has one.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Signed {
    dwsgst: Option<String>,
    dwsrst: Option<String>,
}

/// Creates or renews the session, with a DW session by the site's policy; responds like [`show`].
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    session: RequestSession,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if !RequestKind::on_own_route(&app, &headers).has_shopper() {
        return Ok(Json(SessionView::of(&session, None)).into_response());
    }
    let signature = signature(&body)?;
    let facts = session.facts(signature);
    let update = session.resolve(facts, Intent::Head).await?;
    Ok(Format::Json.respond(&session, update, None))
}

fn signature(body: &[u8]) -> Result<Option<DwSignature>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let signed: Signed = serde_json::from_slice(body).map_err(|_| {
        Problem::BadRequest("The body must be JSON with dwsgst or dwsrst, or empty.")
    })?;
    let Some(text) = signed.dwsgst.or(signed.dwsrst) else { return Ok(None) };
    let signature = DwSignature::parse(&text);
    signature.map(Some).ok_or(Problem::BadRequest("Malformed session signature."))
}
