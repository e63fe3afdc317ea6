//! `POST /bff/bridge`: a session bridge for a shopper who visited ECOM first. A page of ECOM
//! vouches for its DW session.

use axum::body::Bytes;
use axum::response::Response;
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::flow::{BridgeMode, DwClaim, DwProof};
use crate::ids::{DwSignature, Dwsid};
use crate::model::CustomerType;
use crate::problem::Problem;
use crate::web::bff::body;
use crate::web::request_session::RequestSession;

/// The longest login of SLAS, in bytes.
const LONGEST_LOGIN: usize = 256;

/// What ECOM's page states about its session.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BridgeRequest {
    /// The signature over a guest's session.
    dwsgst: Option<SecretString>,
    /// The signature over a registered shopper's session; with `login_id`.
    dwsrst: Option<SecretString>,
    /// The session of a registered shopper itself; with `login_id`.
    dwsid: Option<SecretString>,
    login_id: Option<String>,
    /// The page that follows a form.
    return_to: Option<String>,
}

/// Gets tokens for the DW session and replaces those of the browser; responds like
/// `GET /bff/session`.
pub(crate) async fn bridge(
    session: RequestSession,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (request, format): (Option<BridgeRequest>, _) = body::read(&headers, &body)?;
    let request = request.ok_or(Problem::BadRequest(
        "The body must contain dwsgst, or dwsrst or dwsid with login_id, each once.",
    ))?;
    if session.site.config.policy.mode == BridgeMode::None {
        return Err(Problem::NotFound);
    }
    if session.is_late() {
        // The request was sent before the logout, for the session that ended with it.
        return Err(Problem::LoginConflict);
    }
    let claim = claim(&request)?;
    if let DwProof::Session(dwsid) = &claim.proof
        && session.is_logged_out(dwsid.tag())
    {
        // The platform cannot end a DW session at a logout, but it no longer counts here.
        return Err(Problem::SignatureRefused);
    }
    let update = session.session_bridge(claim).await?;
    Ok(format.respond(&session, update, request.return_to.as_deref()))
}

fn claim(request: &BridgeRequest) -> Result<DwClaim, Problem> {
    const NOT_ONE_PROOF: Problem =
        Problem::BadRequest("The body must contain exactly one of dwsgst, dwsrst and dwsid.");
    let login = request.login_id.as_deref().filter(|login| is_login(login)).map(str::to_owned);
    let signature = |text: &SecretString| {
        let signature = DwSignature::parse(text.expose_secret()).map(DwProof::Signature);
        signature.ok_or(Problem::BadRequest("Malformed session signature."))
    };
    let (proof, kind) = match (&request.dwsgst, &request.dwsrst, &request.dwsid) {
        (Some(guest), None, None) => (signature(guest)?, CustomerType::Guest),
        (None, Some(registered), None) => (signature(registered)?, CustomerType::Registered),
        (None, None, Some(dwsid)) => {
            let dwsid = Dwsid::parse(dwsid.expose_secret()).map(DwProof::Session);
            let dwsid = dwsid.ok_or(Problem::BadRequest("Malformed dwsid."))?;
            (dwsid, CustomerType::Registered)
        }
        _ => return Err(NOT_ONE_PROOF),
    };
    let login = match kind {
        CustomerType::Guest => "guest".to_owned(),
        CustomerType::Registered => {
            login.ok_or(Problem::BadRequest("Missing or invalid login_id."))?
        }
    };
    Ok(DwClaim { proof, kind, login })
}

fn is_login(login: &str) -> bool {
    !login.is_empty() && login.len() <= LONGEST_LOGIN && !login.chars().any(char::is_control)
}
