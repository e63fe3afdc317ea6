//! Tokens for ECOM itself: `plugin_slas` gets them with its own calls, Hybrid Auth inside the
//! platform.

use super::{access_token, bridge, token_request, tokens};
use crate::ids;
use crate::platform::Platform;
use crate::state::{Identity, State};

/// The tokens that ECOM receives.
pub(crate) struct IssuedTokens {
    pub(crate) access_token: String,
    /// In seconds.
    pub(crate) access_life: i64,
    pub(crate) refresh_token: String,
    /// In seconds.
    pub(crate) refresh_life: i64,
    pub(crate) usid: String,
    pub(crate) customer_id: String,
    pub(crate) guest_id: String,
    pub(crate) registered: bool,
}

/// `session-bridge/token`: tokens of a new SLAS session for the guest of a DW session.
pub(crate) fn bridge_guest(
    platform: &Platform,
    state: &mut State,
    customer_id: &str,
    do_not_track: bool,
) -> IssuedTokens {
    let identity = bridge::identity(state, ids::uuid(), customer_id.to_owned(), do_not_track);
    issue(platform, state, Identity { bridge: Some("sb-guest"), ..identity })
}

/// `login` and `token`: tokens of a shopper who logged in, on the guest's usid if it is known.
pub(crate) fn log_in(
    platform: &Platform,
    state: &mut State,
    customer_id: &str,
    usid: Option<String>,
    do_not_track: bool,
) -> IssuedTokens {
    let known = usid.is_some();
    let usid = usid.unwrap_or_else(ids::uuid);
    state.grants.assign_usid(&usid, customer_id, known);
    let customer_id = customer_id.to_owned();
    let identity = token_request::shopper_identity(state, usid, customer_id, do_not_track);
    issue(platform, state, identity)
}

/// `token`: new tokens for a refresh token, if it is valid.
pub(crate) fn refresh(
    platform: &Platform,
    state: &mut State,
    token: &str,
    do_not_track: Option<bool>,
) -> Option<IssuedTokens> {
    let client = platform.options.ecom_client;
    let tokens = token_request::exchange(platform, state, client, token, do_not_track).ok()?;
    Some(sign(platform, state, tokens))
}

/// `logout`: ends a SLAS session.
pub(crate) fn log_out(state: &mut State, issued: &IssuedTokens) -> Option<()> {
    state.grants.revoke(&issued.refresh_token);
    let claims = access_token::open(state, &issued.access_token)?;
    state.revoked.insert(claims.jti);
    Some(())
}

fn issue(platform: &Platform, state: &mut State, identity: Identity) -> IssuedTokens {
    let tokens = tokens::new_grant(platform, state, platform.options.ecom_client, identity);
    sign(platform, state, tokens)
}

fn sign(platform: &Platform, state: &State, tokens: tokens::Tokens) -> IssuedTokens {
    let claims = tokens::claims(platform, state, &tokens);
    let tokens::Tokens { identity, refresh_token, expires_at, .. } = tokens;
    IssuedTokens {
        access_token: claims.sign(state),
        access_life: claims.exp - claims.iat,
        refresh_token,
        refresh_life: expires_at - platform.now(),
        registered: !state.customers.is_guest(&identity.customer_id),
        usid: identity.usid,
        customer_id: identity.customer_id,
        guest_id: identity.guest_id,
    }
}
