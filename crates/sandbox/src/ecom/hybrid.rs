//! ECOM under Hybrid Auth: the platform changes token cookies and DW session together, without a
//! visible call and without a redirect.

use super::controller_context::ControllerContext;
use crate::cookies;
use crate::slas::in_process::{self, IssuedTokens};

const HTTP_ONLY: &str = "; HttpOnly; SameSite=Lax";

/// Assigns a new session to the returning shopper or to a new guest, and sets tokens.
pub(super) fn on_session(context: &mut ControllerContext<'_>) {
    if !context.is_new {
        return;
    }
    match refresh(context) {
        Some(issued) => {
            context.assign_to(&issued.customer_id);
            context.set_cookies.clear();
            let (headers, options) = (&mut context.set_cookies, &context.platform.options);
            cookies::open_session(headers, options, &context.dwsid, &issued.guest_id);
            set_tokens(context, &issued);
        }
        None => set_guest_tokens(context),
    }
}

/// New tokens for the refresh token of the request.
fn refresh(context: &mut ControllerContext<'_>) -> Option<IssuedTokens> {
    let token = context.refresh_cookie()?;
    let do_not_track = context.do_not_track();
    in_process::refresh(context.platform, context.state, &token, do_not_track)
}

/// Sets tokens for the shopper to whom the session was just assigned.
pub(super) fn log_in(context: &mut ControllerContext<'_>, customer_id: &str) {
    let do_not_track = context.do_not_track().unwrap_or_default();
    let usid = context.usid_cookie();
    let issued =
        in_process::log_in(context.platform, context.state, customer_id, usid, do_not_track);
    set_tokens(context, &issued);
}

/// Revokes the shopper's tokens, assigns the session to a new guest, and sets guest tokens.
pub(super) fn log_out(context: &mut ControllerContext<'_>) {
    if let Some(token) = context.token_cookie("cc-nx") {
        context.state.grants.revoke(&token);
    }
    context.reset_to_guest();
    set_guest_tokens(context);
}

fn set_guest_tokens(context: &mut ControllerContext<'_>) {
    let do_not_track = context.do_not_track().unwrap_or_default();
    let customer_id = context.customer_id();
    let issued =
        in_process::bridge_guest(context.platform, context.state, &customer_id, do_not_track);
    set_tokens(context, &issued);
}

/// Sets the token cookies. The access token is one cookie, never split.
fn set_tokens(context: &mut ControllerContext<'_>, issued: &IssuedTokens) {
    let (own, other) = if issued.registered { ("cc-nx", "cc-nx-g") } else { ("cc-nx-g", "cc-nx") };
    context.delete_token_cookie(other, HTTP_ONLY);
    context.set_token_cookie(own, &issued.refresh_token, issued.refresh_life, HTTP_ONLY);
    context.set_token_cookie("usid", &issued.usid, issued.refresh_life, HTTP_ONLY);
    context.set_token_cookie("cc-at", &issued.access_token, issued.access_life, HTTP_ONLY);
}
