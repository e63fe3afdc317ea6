//! `POST session-bridge/token`: SLAS tokens for the customer of a DW session.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::SlasError;
use super::token_request::{self, TokenRequest};
use super::{HandlerResult, authorize, client_auth, tokens};
use crate::ids;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::{Fields, Request};
use crate::state::{Identity, Purpose, State};

/// Lifetime of a signed DW session, in seconds.
const SIGNATURE_LIFE: i64 = 10 * 60;

/// A DW session signed by the instance: `dwsgst` (type `G`) or `dwsrst` (type `R`).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedSession {
    tenant_id: String,
    dwsid: String,
    customer_id: String,
    #[serde(rename = "type")]
    kind: String,
    vers: String,
    iss: String,
    iat: i64,
    exp: i64,
}

/// Signs a live DW session, as script code on the instance can: `dwsgst` for a guest, `dwsrst` for
/// a registered shopper.
pub(crate) fn sign(platform: &Platform, state: &mut State, dwsid: &str) -> Option<String> {
    let now = platform.now();
    let customer_id = state.sessions.live(dwsid, now)?.customer_id.clone();
    let guest = state.customers.is_guest(&customer_id);
    let (kind, vers) = if guest { ("G", "1") } else { ("R", "2") };
    let tenant = platform.options.tenant();
    let session = SignedSession {
        tenant_id: tenant.to_owned(),
        dwsid: dwsid.to_owned(),
        customer_id,
        kind: kind.to_owned(),
        vers: vers.to_owned(),
        iss: format!("ecom/{tenant}"),
        iat: now,
        exp: now + SIGNATURE_LIFE,
    };
    let key = &state.instance_key;
    Some(key.sign(&json!({"typ": "JWT", "alg": "ES256", "kid": key.kid()}), &session))
}

pub(super) fn token(platform: &Platform, request: &Request) -> HandlerResult {
    let form = client_auth::read_form(platform, request)?;
    let client = client_auth::authenticate_token_request(platform, request, &form)?;
    form.get("client_id").ok_or_else(|| SlasError::invalid_request("Bad or missing client_id."))?;
    let call = TokenRequest { platform, request, form, client };
    let mut state = platform.state();
    let usid = permitted_usid(&call, &mut state)?;
    let (customer_id, bridge) = shopper(&call, &mut state)?;
    let do_not_track = call.do_not_track().unwrap_or_default();
    let identity = identity(&mut state, usid, customer_id, do_not_track);
    let identity = Identity { bridge: Some(bridge), ..identity };
    Ok(tokens::issue(platform, &mut state, request, client, identity))
}

/// The identity of a DW session's customer on this usid.
pub(super) fn identity(
    state: &mut State,
    usid: String,
    customer_id: String,
    do_not_track: bool,
) -> Identity {
    state.grants.assign_usid(&usid, &customer_id, false);
    if !state.customers.is_guest(&customer_id) {
        return token_request::shopper_identity(state, usid, customer_id, do_not_track);
    }
    let guest_id = customer_id.clone();
    Identity { usid, customer_id, guest_id, bridge: None, do_not_track }
}

/// Checks the grant type of the client and returns the usid. A public client sends a code of
/// `/authorize`.
fn permitted_usid(call: &TokenRequest<'_>, state: &mut State) -> Result<String, SlasError> {
    let rejected = || SlasError::invalid_request("Bad or missing grant_type.");
    let grant_type = call.form.get("grant_type");
    let sent = authorize::usid(&call.form)?.map(ToOwned::to_owned);
    match call.client {
        ClientKind::Private if grant_type == Some("client_credentials") => {
            Ok(sent.unwrap_or_else(ids::uuid))
        }
        ClientKind::Public if grant_type == Some("session_bridge") => {
            let code = token_request::redeem(call, state)?;
            match code.purpose {
                Purpose::Bridge(hint) if hint == expected_hint(&call.form) => Ok(code.usid),
                _ => Err(SlasError::Undocumented("invalid authorization code")),
            }
        }
        _ => Err(rejected()),
    }
}

fn expected_hint(form: &Fields) -> &'static str {
    if form.get("login_id") == Some("guest") { "sb-guest" } else { "sb-user" }
}

/// The customer of the DW session in the request, and the bridge hint of the token.
fn shopper(
    call: &TokenRequest<'_>,
    state: &mut State,
) -> Result<(String, &'static str), SlasError> {
    let login = call.form.get("login_id").ok_or_else(SlasError::missing_parameter)?;
    let (dwsid, kind) = session_of(call, state, login)?;
    let session = state.sessions.get(&dwsid);
    let live = session.filter(|session| session.is_live(call.platform.now()));
    let customer_id = live.ok_or(SlasError::Undocumented("invalid dwsid"))?.customer_id.clone();
    let customer =
        state.customers.get(&customer_id).ok_or(SlasError::Undocumented("invalid dwsid"))?;
    let matches = match kind {
        Kind::Guest => customer.login().is_none(),
        Kind::Registered => customer.login() == Some(login),
    };
    match kind {
        _ if !matches => Err(SlasError::Undocumented("login_id does not match the session")),
        Kind::Guest => Ok((customer_id, "sb-guest")),
        Kind::Registered => Ok((customer_id, "sb-user")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Guest,
    Registered,
}

/// The `dwsid` of the request: signed, or plain where the tenant still accepts that.
fn session_of(
    call: &TokenRequest<'_>,
    state: &State,
    login: &str,
) -> Result<(String, Kind), SlasError> {
    let kind = if login == "guest" { Kind::Guest } else { Kind::Registered };
    let (field, letter) = match kind {
        Kind::Guest => ("dwsgst", "G"),
        Kind::Registered => ("dwsrst", "R"),
    };
    if let Some(signed) = call.form.get(field) {
        let session: Option<SignedSession> = state.instance_key.open(signed);
        let valid = session.filter(|session| session.kind == letter);
        let valid = valid.filter(|session| call.platform.now() < session.exp);
        return valid
            .map(|session| (session.dwsid, kind))
            .ok_or(SlasError::Undocumented("invalid session signature"));
    }
    let dwsid = call.form.get("dwsid").ok_or_else(SlasError::missing_parameter)?;
    if kind == Kind::Guest && !call.platform.options.guest_dwsid_bridge {
        return Err(SlasError::Undocumented("dwsid is not supported for guests, use dwsgst"));
    }
    Ok((dwsid.to_owned(), kind))
}
