//! `POST token`: authenticates the client and runs one of three grants.

use super::error::SlasError;
use super::tokens::{self, Tokens};
use super::{HandlerResult, authorize, client_auth};
use crate::ids;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::{Fields, Request};
use crate::state::{Code, ExchangeLimit, Identity, Purpose, State};

/// A token request with its authenticated client.
pub(super) struct TokenRequest<'a> {
    pub(super) platform: &'a Platform,
    pub(super) request: &'a Request,
    pub(super) form: Fields,
    pub(super) client: ClientKind,
}

pub(super) fn token(platform: &Platform, request: &Request) -> HandlerResult {
    let form = client_auth::read_form(platform, request)?;
    let client = client_auth::authenticate_token_request(platform, request, &form)?;
    let call = TokenRequest { platform, request, form, client };
    match call.form.get("grant_type") {
        Some("client_credentials") => guest(&call),
        Some("authorization_code_pkce") => code(&call),
        Some("refresh_token") => refresh(&call),
        _ => Err(SlasError::invalid_request("Bad or missing grant_type.")),
    }
}

impl TokenRequest<'_> {
    /// The `dnt` field, when it is sent.
    pub(super) fn do_not_track(&self) -> Option<bool> {
        self.form.get("dnt").map(|dnt| dnt == "true")
    }
}

/// `client_credentials`: a guest of a private client.
pub(super) fn guest(call: &TokenRequest<'_>) -> HandlerResult {
    if call.client != ClientKind::Private {
        return Err(SlasError::invalid_client("Authorization failed."));
    }
    if call.form.get("hint").is_some() {
        return Err(SlasError::missing_parameter());
    }
    let usid = authorize::usid(&call.form)?;
    let mut state = call.platform.state();
    if usid.is_some_and(|usid| state.grants.has_live_usid(usid, call.platform.now())) {
        return Err(SlasError::Undocumented("The usid is already assigned to another session."));
    }
    let usid = usid.map_or_else(ids::uuid, ToOwned::to_owned);
    let identity = guest_identity(&mut state, usid, call.do_not_track().unwrap_or_default());
    Ok(tokens::issue(call.platform, &mut state, call.request, call.client, identity))
}

/// `authorization_code_pkce`: the code of `/authorize` or `/login`.
pub(super) fn code(call: &TokenRequest<'_>) -> HandlerResult {
    let mut state = call.platform.state();
    let code = redeem(call, &mut state)?;
    if call.form.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(SlasError::invalid_request("Bad or missing redirect_uri."));
    }
    let sent = authorize::usid(&call.form)?;
    if sent.is_some_and(|sent| sent != code.usid) {
        return Err(SlasError::Undocumented("usid mismatch"));
    }
    let do_not_track = call.do_not_track().unwrap_or_default();
    let identity = match code.purpose {
        Purpose::Guest => guest_identity(&mut state, code.usid, do_not_track),
        Purpose::Login(customer_id) => {
            state.grants.assign_usid(&code.usid, &customer_id, sent.is_some());
            shopper_identity(&mut state, code.usid, customer_id, do_not_track)
        }
        Purpose::Bridge(_) => return Err(SlasError::invalid_request("Bad or missing grant_type.")),
    };
    Ok(tokens::issue(call.platform, &mut state, call.request, call.client, identity))
}

/// Consumes the code, and checks its client and its verifier.
pub(super) fn redeem(call: &TokenRequest<'_>, state: &mut State) -> Result<Code, SlasError> {
    let value = call.form.get("code").ok_or_else(SlasError::missing_parameter)?;
    let code = state.grants.consume_code(value, call.platform.now());
    let code = code.filter(|code| code.client == call.client);
    let code = code.ok_or(SlasError::Undocumented("invalid authorization code"))?;
    let verifier = call.form.get("code_verifier").filter(|text| (43..=128).contains(&text.len()));
    let verifier = verifier.ok_or(SlasError::Undocumented("code_verifier is required"))?;
    if ids::sha256(verifier) == code.challenge {
        Ok(code)
    } else {
        Err(SlasError::Undocumented("invalid code_verifier"))
    }
}

/// `refresh_token`: the token rotates for a public client and stays for a private one. A proxy can
/// send it in the header `sfdc_refresh_token` if the form has none.
pub(super) fn refresh(call: &TokenRequest<'_>) -> HandlerResult {
    let missing = || SlasError::invalid_request("Bad or missing refresh token.");
    let sent = call.form.get("refresh_token").or_else(|| call.request.header("sfdc_refresh_token"));
    let token = sent.filter(|token| !token.is_empty()).ok_or_else(missing)?;
    let state = &mut *call.platform.state();
    let tokens = exchange(call.platform, state, call.client, token, call.do_not_track())?;
    Ok(tokens::respond(call.platform, state, call.request, &tokens))
}

/// Exchanges a refresh token.
pub(super) fn exchange(
    platform: &Platform,
    state: &mut State,
    client: ClientKind,
    token: &str,
    do_not_track: Option<bool>,
) -> Result<Tokens, SlasError> {
    let grant = state.grants.get_mut(token).ok_or_else(SlasError::invalid_refresh_token)?;
    if let ExchangeLimit::Exceeded(wait) = grant.attempt(platform.clock.monotonic()) {
        return Err(SlasError::Throttled(wait));
    }
    if grant.client != client || !grant.is_live(platform.now()) {
        return Err(SlasError::invalid_refresh_token());
    }
    if let Some(do_not_track) = do_not_track {
        grant.identity.do_not_track = do_not_track;
    }
    let (identity, expires_at) = (grant.identity.clone(), grant.expires_at);
    let rotates = client == ClientKind::Public;
    if rotates {
        grant.mark_used();
    }
    state.grants.assign_usid(&identity.usid, &identity.customer_id, false);
    if rotates {
        return Ok(tokens::new_grant(platform, state, client, identity));
    }
    Ok(Tokens { client, identity, refresh_token: token.to_owned(), expires_at })
}

/// The identity of a guest on this usid: its holder, if that is a guest, else a new one.
fn guest_identity(state: &mut State, usid: String, do_not_track: bool) -> Identity {
    let known = state.grants.usid_holder(&usid).filter(|id| state.customers.is_guest(id));
    let known = known.map(ToOwned::to_owned);
    let customer_id = known.unwrap_or_else(|| state.customers.new_guest());
    state.grants.assign_usid(&usid, &customer_id, false);
    Identity { usid, guest_id: customer_id.clone(), customer_id, bridge: None, do_not_track }
}

/// The identity of a registered shopper on this usid, with the guest that held it before.
pub(super) fn shopper_identity(
    state: &mut State,
    usid: String,
    customer_id: String,
    do_not_track: bool,
) -> Identity {
    let previous =
        state.grants.previous_usid_holder(&usid).filter(|id| state.customers.is_guest(id));
    let previous = previous.map(ToOwned::to_owned);
    let guest_id = previous.unwrap_or_else(|| state.customers.new_guest());
    Identity { usid, customer_id, guest_id, bridge: None, do_not_track }
}
