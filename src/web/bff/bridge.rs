//! `POST /bff/bridge`: the shopper met ECOM first, and a page of ECOM vouches for the DW session.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::flow::{BridgeMode, DwClaim, DwProof, Outcome};
use crate::ids::{DwSignature, Dwsid};
use crate::model::CustomerType;
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::web::bff::body;
use crate::web::bff::session_view::SessionView;
use crate::web::request_session::RequestSession;

/// The longest login of SLAS, in octets.
const LONGEST_LOGIN: usize = 256;

/// What ECOM's page says of its session.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BridgeRequest {
    /// A guest's session, signed.
    dwsgst: Option<SecretString>,
    /// A registered shopper's session, signed; with `login_id`.
    dwsrst: Option<SecretString>,
    /// A registered shopper's session itself; with `login_id`.
    dwsid: Option<SecretString>,
    login_id: Option<String>,
    /// For a form: where to go then.
    return_to: Option<String>,
}

/// Tokens for the session, whatever tokens the browser holds; answers as `GET /bff/session`.
pub(crate) async fn bridge(
    session: RequestSession,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (request, format): (Option<BridgeRequest>, _) = body::read(&headers, &body)?;
    let request = request.ok_or(Problem::BadRequest(
        "The body must have dwsgst, or dwsrst or dwsid with login_id, each once.",
    ))?;
    if session.site.config.policy.mode == BridgeMode::None {
        return Err(Problem::NotFound);
    }
    if session.is_late() {
        // It was on its way before the logout, and speaks of the session that was left.
        return Err(Problem::LoginConflict);
    }
    let claim = claim(&request)?;
    if let DwProof::Session(dwsid) = &claim.proof
        && session.is_logged_out(dwsid.tag())
    {
        // Nothing can end it at the platform, but here it is over.
        return Err(Problem::SignatureRefused);
    }
    let update = session.session_bridge(claim).await?;
    let mut response = match update.decision.outcome {
        Outcome::Unavailable(failure) => Problem::Upstream(failure).into_response(),
        Outcome::NotBridged { scope: true } => Problem::ScopeMissing.into_response(),
        Outcome::NotBridged { scope: false } => Problem::SignatureRefused.into_response(),
        _ => {
            let view = SessionView::of(&session, Some(&update));
            format.respond(&view, request.return_to.as_deref())
        }
    };
    session.apply_cookies(&update, &mut response);
    if matches!(update.decision.outcome, Outcome::LoggedIn { .. }) {
        session.revoke_all_but(Reason::Superseded, &update.decision);
    }
    Ok(response)
}

fn claim(request: &BridgeRequest) -> Result<DwClaim, Problem> {
    const ONE: Problem = Problem::BadRequest("Exactly one of dwsgst, dwsrst and dwsid is needed.");
    let login = request.login_id.as_deref().filter(|login| is_login(login)).map(str::to_owned);
    let signature = |text: &SecretString| {
        let signature = DwSignature::parse(text.expose_secret()).map(DwProof::Signature);
        signature.ok_or(Problem::BadRequest("The signature is not one."))
    };
    let (proof, kind) = match (&request.dwsgst, &request.dwsrst, &request.dwsid) {
        (Some(guest), None, None) => (signature(guest)?, CustomerType::Guest),
        (None, Some(registered), None) => (signature(registered)?, CustomerType::Registered),
        (None, None, Some(dwsid)) => {
            let dwsid = Dwsid::parse(dwsid.expose_secret()).map(DwProof::Session);
            let dwsid = dwsid.ok_or(Problem::BadRequest("The dwsid is not one."))?;
            (dwsid, CustomerType::Registered)
        }
        _ => return Err(ONE),
    };
    let login = match kind {
        CustomerType::Guest => "guest".to_owned(),
        CustomerType::Registered => {
            login.ok_or(Problem::BadRequest("A registered session needs its login_id."))?
        }
    };
    Ok(DwClaim { proof, kind, login })
}

fn is_login(login: &str) -> bool {
    !login.is_empty() && login.len() <= LONGEST_LOGIN && !login.chars().any(char::is_control)
}
