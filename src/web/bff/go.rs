//! `GET /bff/go?to=/cart`: repairs the session pair, then redirects. An ECOM that Tandem does not
//! front sends a returning visitor here, and the Head links to such an ECOM through it.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;

use crate::app::App;
use crate::flow::Intent;
use crate::problem::Problem;
use crate::web::headers::see_other;
use crate::web::redirect::local_path;
use crate::web::request_kind::RequestKind;
use crate::web::request_session::RequestSession;

#[derive(Deserialize)]
pub(crate) struct Target {
    to: String,
}

/// Redirects the browser with SLAS tokens and a DW session of one shopper.
pub(crate) async fn go(
    State(app): State<Arc<App>>,
    session: RequestSession,
    headers: HeaderMap,
    target: Result<Query<Target>, QueryRejection>,
) -> Result<Response, Problem> {
    let target =
        target.as_ref().ok().and_then(|Query(target)| local_path(&target.to)).unwrap_or("/");
    let response = see_other(target);
    // Only a person who follows a link gets a session: not an image or a script, on whatever site.
    if RequestKind::on_own_route(&app, &headers) != RequestKind::Document {
        return Ok(response);
    }
    let update = session.resolve(session.facts(None), Intent::Ecom).await?;
    // After an expired session the page is shown to the guest; `GET /bff/session` reports it.
    let response = update.failure().map_or(response, IntoResponse::into_response);
    Ok((update, response).into_response())
}
