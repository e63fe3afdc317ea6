//! What the platform does under Hybrid Auth: token cookies and DW session change together, without
//! a call that anyone could see and without a redirect.

use super::turn::Turn;
use crate::cookies;
use crate::slas::inside::{self, Issued};

const HTTP_ONLY: &str = "; HttpOnly; SameSite=Lax";

/// A session that begins is the returning shopper's, or a new guest's; either way with tokens.
pub(super) fn on_session(turn: &mut Turn<'_>) {
    if !turn.is_new {
        return;
    }
    match restored(turn) {
        Some(issued) => {
            turn.hand_to(&issued.customer_id);
            turn.set_cookies.clear();
            let (headers, options) = (&mut turn.set_cookies, &turn.platform.options);
            cookies::open_session(headers, options, &turn.dwsid, &issued.guest_id);
            keep(turn, &issued);
        }
        None => keep_guest(turn),
    }
}

/// New tokens for the refresh token that the browser sent.
fn restored(turn: &mut Turn<'_>) -> Option<Issued> {
    let token = turn.refresh_cookie()?;
    let do_not_track = turn.do_not_track();
    inside::refresh(turn.platform, turn.state, &token, do_not_track)
}

/// The session has become that shopper's: so do the tokens.
pub(super) fn log_in(turn: &mut Turn<'_>, customer_id: &str) {
    let do_not_track = turn.do_not_track().unwrap_or_default();
    let usid = turn.usid_cookie();
    let issued = inside::log_in(turn.platform, turn.state, customer_id, usid, do_not_track);
    keep(turn, &issued);
}

/// The session becomes a new guest's, with a guest's tokens; the shopper's are revoked.
pub(super) fn log_out(turn: &mut Turn<'_>) {
    if let Some(token) = turn.token_cookie("cc-nx") {
        turn.state.grants.revoke(&token);
    }
    turn.become_guest();
    keep_guest(turn);
}

fn keep_guest(turn: &mut Turn<'_>) {
    let do_not_track = turn.do_not_track().unwrap_or_default();
    let customer_id = turn.customer_id();
    let issued = inside::bridge_guest(turn.platform, turn.state, &customer_id, do_not_track);
    keep(turn, &issued);
}

/// Writes the cookies of these tokens; the access token is one cookie, never split.
fn keep(turn: &mut Turn<'_>, issued: &Issued) {
    let (own, other) = if issued.registered { ("cc-nx", "cc-nx-g") } else { ("cc-nx-g", "cc-nx") };
    turn.drop_token_cookie(other, HTTP_ONLY);
    turn.set_token_cookie(own, &issued.refresh_token, issued.refresh_life, HTTP_ONLY);
    turn.set_token_cookie("usid", &issued.usid, issued.refresh_life, HTTP_ONLY);
    turn.set_token_cookie("cc-at", &issued.access_token, issued.access_life, HTTP_ONLY);
}
