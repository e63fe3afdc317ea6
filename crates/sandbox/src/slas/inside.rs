//! What the instance itself has from SLAS: `plugin_slas` by calls of its own, Hybrid Auth from within
//! the platform.

use super::{access, bridge, grants, tokens};
use crate::ids;
use crate::platform::Platform;
use crate::state::{Identity, State};

/// Tokens in the hands of ECOM.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    /// Seconds.
    pub(crate) access_life: i64,
    pub(crate) refresh_token: String,
    /// Seconds.
    pub(crate) refresh_life: i64,
    pub(crate) usid: String,
    pub(crate) customer_id: String,
    pub(crate) guest_id: String,
    pub(crate) registered: bool,
}

/// Tokens of a new SLAS session for the guest of a DW session: `session-bridge/token`.
pub(crate) fn bridge_guest(
    platform: &Platform,
    state: &mut State,
    customer_id: &str,
    do_not_track: bool,
) -> Issued {
    let identity = bridge::identity(state, ids::uuid(), customer_id.to_owned(), do_not_track);
    begin(platform, state, Identity { bridge: Some("sb-guest"), ..identity })
}

/// Tokens of a shopper who signed in, on the guest's usid where that is known: `login`, `token`.
pub(crate) fn log_in(
    platform: &Platform,
    state: &mut State,
    customer_id: &str,
    usid: Option<String>,
    do_not_track: bool,
) -> Issued {
    let known = usid.is_some();
    let usid = usid.unwrap_or_else(ids::uuid);
    state.grants.hold(&usid, customer_id, known);
    let customer_id = customer_id.to_owned();
    let identity = grants::shopper_identity(state, usid, customer_id, do_not_track);
    begin(platform, state, identity)
}

/// New tokens for a refresh token, if it is good.
pub(crate) fn refresh(
    platform: &Platform,
    state: &mut State,
    token: &str,
    do_not_track: Option<bool>,
) -> Option<Issued> {
    let client = platform.options.ecom_client;
    let tokens = grants::exchange(platform, state, client, token, do_not_track).ok()?;
    Some(issued(platform, state, tokens))
}

/// Ends a SLAS session: `logout`.
pub(crate) fn log_out(state: &mut State, issued: &Issued) -> Option<()> {
    state.grants.revoke(&issued.refresh_token);
    let claims = access::open(state, &issued.access_token)?;
    state.revoked.insert(claims.jti);
    Some(())
}

fn begin(platform: &Platform, state: &mut State, identity: Identity) -> Issued {
    let tokens = tokens::grant(platform, state, platform.options.ecom_client, identity);
    issued(platform, state, tokens)
}

fn issued(platform: &Platform, state: &State, tokens: tokens::Tokens) -> Issued {
    let claims = tokens::claims(platform, state, &tokens);
    let tokens::Tokens { identity, refresh_token, expires_at, .. } = tokens;
    Issued {
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
