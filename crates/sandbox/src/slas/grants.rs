//! The three grants of `POST token`.

use super::refusal::Refusal;
use super::token::TokenCall;
use super::tokens::{self, Tokens};
use super::{Answered, authorize};
use crate::ids;
use crate::platform::Platform;
use crate::state::{Client, Code, Exchange, Identity, Purpose, State};

/// `client_credentials`: a guest of a private client.
pub(super) fn guest(call: &TokenCall<'_>) -> Answered {
    if call.client != Client::Private {
        return Err(Refusal::client("Authorization failed."));
    }
    if call.form.get("hint").is_some() {
        return Err(Refusal::incomplete());
    }
    let usid = authorize::usid(&call.form)?;
    let mut state = call.platform.state();
    if usid.is_some_and(|usid| state.grants.usid_is_taken(usid, call.platform.now())) {
        return Err(Refusal::Live("The usid is already assigned to another session."));
    }
    let usid = usid.map_or_else(ids::uuid, ToOwned::to_owned);
    let identity = guest_identity(&mut state, usid, call.do_not_track().unwrap_or_default());
    Ok(tokens::begin(call.platform, &mut state, call.ask, call.client, identity))
}

/// `authorization_code_pkce`: the code of `/authorize` or `/login`.
pub(super) fn code(call: &TokenCall<'_>) -> Answered {
    let mut state = call.platform.state();
    let code = redeem(call, &mut state)?;
    if call.form.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(Refusal::request("Bad or missing redirect_uri."));
    }
    let sent = authorize::usid(&call.form)?;
    if sent.is_some_and(|sent| sent != code.usid) {
        return Err(Refusal::Live("usid mismatch"));
    }
    let do_not_track = call.do_not_track().unwrap_or_default();
    let identity = match code.purpose {
        Purpose::Guest => guest_identity(&mut state, code.usid, do_not_track),
        Purpose::Login(customer_id) => {
            state.grants.hold(&code.usid, &customer_id, sent.is_some());
            shopper_identity(&mut state, code.usid, customer_id, do_not_track)
        }
        Purpose::Bridge(_) => return Err(Refusal::request("Bad or missing grant_type.")),
    };
    Ok(tokens::begin(call.platform, &mut state, call.ask, call.client, identity))
}

/// Takes the code out and checks that it was this client's, and its verifier.
pub(super) fn redeem(call: &TokenCall<'_>, state: &mut State) -> Result<Code, Refusal> {
    let value = call.form.get("code").ok_or_else(Refusal::incomplete)?;
    let code = state.grants.take_code(value, call.platform.now());
    let code = code.filter(|code| code.client == call.client);
    let code = code.ok_or(Refusal::Live("invalid authorization code"))?;
    let verifier = call.form.get("code_verifier").filter(|text| (43..=128).contains(&text.len()));
    let verifier = verifier.ok_or(Refusal::Live("code_verifier is required"))?;
    if ids::sha256(verifier) == code.challenge {
        Ok(code)
    } else {
        Err(Refusal::Live("invalid code_verifier"))
    }
}

/// `refresh_token`: rotates for a public client, stays for a private one. A proxy may send the
/// token in a header of its own, which counts when the form has none.
pub(super) fn refresh(call: &TokenCall<'_>) -> Answered {
    let missing = || Refusal::request("Bad or missing refresh token.");
    let sent = call.form.get("refresh_token").or_else(|| call.ask.header("sfdc_refresh_token"));
    let token = sent.filter(|token| !token.is_empty()).ok_or_else(missing)?;
    let state = &mut *call.platform.state();
    let tokens = exchange(call.platform, state, call.client, token, call.do_not_track())?;
    Ok(tokens::answer(call.platform, state, call.ask, &tokens))
}

/// The exchange of a refresh token, whoever asks for it.
pub(super) fn exchange(
    platform: &Platform,
    state: &mut State,
    client: Client,
    token: &str,
    do_not_track: Option<bool>,
) -> Result<Tokens, Refusal> {
    let grant = state.grants.get_mut(token).ok_or_else(Refusal::refresh_token)?;
    if let Exchange::TooMany(wait) = grant.attempt(platform.clock.monotonic()) {
        return Err(Refusal::Throttled(wait));
    }
    if grant.client != client || !grant.is_live(platform.now()) {
        return Err(Refusal::refresh_token());
    }
    if let Some(do_not_track) = do_not_track {
        grant.identity.do_not_track = do_not_track;
    }
    let (identity, expires_at) = (grant.identity.clone(), grant.expires_at);
    let rotates = client == Client::Public;
    if rotates {
        grant.use_up();
    }
    state.grants.hold(&identity.usid, &identity.customer_id, false);
    if rotates {
        return Ok(tokens::grant(platform, state, client, identity));
    }
    Ok(Tokens { client, identity, refresh_token: token.to_owned(), expires_at })
}

/// A guest on that usid: the one who held it before, if that was a guest, else a new one.
fn guest_identity(state: &mut State, usid: String, do_not_track: bool) -> Identity {
    let known = state.grants.holder(&usid).filter(|id| state.customers.is_guest(id));
    let known = known.map(ToOwned::to_owned);
    let customer_id = known.unwrap_or_else(|| state.customers.new_guest());
    state.grants.hold(&usid, &customer_id, false);
    Identity { usid, guest_id: customer_id.clone(), customer_id, bridge: None, do_not_track }
}

/// A registered shopper on that usid, together with the guest from whom it was taken over.
pub(super) fn shopper_identity(
    state: &mut State,
    usid: String,
    customer_id: String,
    do_not_track: bool,
) -> Identity {
    let previous = state.grants.previous(&usid).filter(|id| state.customers.is_guest(id));
    let previous = previous.map(ToOwned::to_owned);
    let guest_id = previous.unwrap_or_else(|| state.customers.new_guest());
    Identity { usid, customer_id, guest_id, bridge: None, do_not_track }
}
