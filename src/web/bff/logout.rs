//! `POST /bff/logout`: ends the SLAS and the DW session, on this or all devices.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;

use crate::app::App;
use crate::flow::LogoutScope;
use crate::problem::Problem;
use crate::web::bff::body::Format;
use crate::web::request_session::RequestSession;

#[derive(Default, Deserialize)]
#[serde(default)]
struct LogoutRequest {
    all_devices: bool,
    /// The page that follows a form.
    #[serde(skip)]
    return_to: Option<String>,
}

/// Deletes local state whatever the upstream responds; then begins a guest session if the site's
/// policy says so.
pub(crate) async fn logout(
    State(app): State<Arc<App>>,
    mut session: RequestSession,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (request, format) = parse(&headers, &body)?;
    let scope = if request.all_devices { LogoutScope::AllDevices } else { LogoutScope::ThisDevice };
    let limit = app.server.request_timeout / 2;
    let update = session.log_out(scope, session.site.config.policy, limit).await?;
    Ok(format.respond(&session, update, request.return_to.as_deref()))
}

/// A plain form may log out as well. A body of any other type is read as JSON.
fn parse(headers: &HeaderMap, body: &[u8]) -> Result<(LogoutRequest, Format), Problem> {
    if Format::of(headers) == Some(Format::Form) {
        let field = |wanted: &str| {
            let mut fields = url::form_urlencoded::parse(body);
            fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let all_devices = field("all_devices").is_some_and(|value| value != "false");
        return Ok((LogoutRequest { all_devices, return_to: field("return_to") }, Format::Form));
    }
    if body.trim_ascii().is_empty() {
        return Ok((LogoutRequest::default(), Format::Json));
    }
    let request = serde_json::from_slice(body)
        .map_err(|_| Problem::BadRequest("The body must be JSON, a form, or empty."))?;
    Ok((request, Format::Json))
}
