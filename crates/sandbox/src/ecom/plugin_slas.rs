//! What the cartridge `plugin_slas` does: its `onSession` hook, and its part in login and logout.
//! Scripts can read its cookies, because a PWA needs them.

use axum::http::Method;

use super::ControllerResponse;
use super::controller_context::ControllerContext;
use super::server_calls::call;
use super::token_cookies::name;
use crate::call_log::Operation;
use crate::options::{ClientKind, Remember};
use crate::slas::in_process::{self, IssuedTokens};
use crate::state::MergeMode;

/// Lifetime of the access token cookie and of the guard cookie, in seconds.
const SHORT_LIFE: i64 = 1800;
/// Lifetime of the usid cookie in seconds: 90 days, independent of the refresh token.
const USID_LIFE: i64 = 90 * 24 * 60 * 60;
/// The longest value of a script cookie on ECOM, in characters. A longer token is split.
const PIECE: usize = 1199;

/// Prefixes of the controllers for which the hook does not run.
const EXCLUDED: [&str; 5] =
    ["__Analytics-", "__SYSTEM", "ConsentTracking-", "SLASSessionHelper-", "TandemBridge-"];

/// The hook `onSession`: gives tokens to a session that has none. A new shopper gets guest tokens
/// without a redirect. A returning shopper is redirected to the same URL in a bridged session.
pub(super) fn on_session(context: &mut ControllerContext<'_>) -> Option<ControllerResponse> {
    if !needs_tokens(context) {
        return None;
    }
    match context.refresh_cookie() {
        Some(token) => resume_shopper(context, &token),
        None => start_guest(context),
    }
}

/// Whether this is a GET of a guest whose session is new or not marked as bridged.
fn needs_tokens(context: &ControllerContext<'_>) -> bool {
    let controller = context.request.path("controller");
    let excluded = EXCLUDED.iter().any(|excluded| controller.starts_with(excluded));
    let guarded = !context.is_new && context.token_cookie("cc-sg").is_some();
    context.request.method == Method::GET && !excluded && !guarded && context.login().is_none()
}

fn resume_shopper(context: &mut ControllerContext<'_>, token: &str) -> Option<ControllerResponse> {
    let do_not_track = context.do_not_track();
    let issued = call(context, Operation::TokenRefresh, |platform, state| {
        in_process::refresh(platform, state, token, do_not_track)
    });
    let Some(issued) = issued else {
        return start_guest(context);
    };
    let bridged = bridge(context, &issued);
    set_tokens(context, &issued, true);
    bridged?;
    set_guard(context);
    Some(ControllerResponse::RedirectToSelf)
}

/// Opens a DW session for the tokens with OCAPI `/sessions`, which always makes a new one.
fn bridge(context: &mut ControllerContext<'_>, issued: &IssuedTokens) -> Option<()> {
    let dwsid = call(context, Operation::Sessions, |platform, state| {
        Some(state.sessions.open(&issued.customer_id, platform.now()))
    })?;
    context.switch_session(dwsid, &issued.guest_id);
    Some(())
}

/// Sets tokens for the guest of the current session. If SLAS fails, the page is shown without them.
fn start_guest(context: &mut ControllerContext<'_>) -> Option<ControllerResponse> {
    let customer_id = context.customer_id();
    let do_not_track = context.do_not_track().unwrap_or_default();
    if context.platform.options.ecom_client == ClientKind::Public {
        call(context, Operation::Authorize, |_, _| Some(()))?;
    }
    let issued = call(context, Operation::SessionBridge, |platform, state| {
        Some(in_process::bridge_guest(platform, state, &customer_id, do_not_track))
    })?;
    set_tokens(context, &issued, true);
    set_guard(context);
    None
}

/// Login and registration: registered tokens, then a new DW session for them, then the basket.
/// `None` when a call fails; the shopper then sees the message for a wrong password.
pub(super) fn log_in(
    context: &mut ControllerContext<'_>,
    customer_id: &str,
    ticked: bool,
) -> Option<()> {
    let usid = context.usid_cookie();
    let has_basket = context.customer().is_some_and(|customer| customer.basket.is_some());
    let merges = has_basket && usid.is_some();
    let do_not_track = context.do_not_track().unwrap_or_default();
    call(context, Operation::Login, |_, _| Some(()))?;
    let issued = call(context, Operation::TokenCode, |platform, state| {
        Some(in_process::log_in(platform, state, customer_id, usid, do_not_track))
    })?;
    bridge(context, &issued)?;
    if merges {
        // Without a previous holder of the usid there is nothing to merge. That is not an error.
        let _merged = call(context, Operation::BasketMerge, |_, state| {
            let previous = state.grants.previous_usid_holder(&issued.usid)?.to_owned();
            state.customers.move_basket(&previous, customer_id, MergeMode::Sum);
            Some(())
        });
    }
    let remember = ticked || context.platform.options.remember == Remember::Always;
    set_tokens(context, &issued, remember);
    set_guard(context);
    Some(())
}

/// Logout ends the SLAS session and sets the access token cookie to `refresh`, which tells a PWA to
/// start a new session. Further pieces of the old access token stay in the browser.
pub(super) fn log_out(context: &mut ControllerContext<'_>) {
    if let Some(token) = context.token_cookie("cc-nx") {
        let issued = call(context, Operation::TokenRefresh, |platform, state| {
            in_process::refresh(platform, state, &token, None)
        });
        if let Some(issued) = issued {
            call(context, Operation::Logout, |_, state| in_process::log_out(state, &issued));
        }
    }
    context.reset_to_guest();
    for base in ["cc-nx", "cc-sg", "usid"] {
        context.delete_token_cookie(base, "");
    }
    context.set_token_cookie("cc-at", "refresh", SHORT_LIFE, "");
}

/// Sets the token cookies.
fn set_tokens(context: &mut ControllerContext<'_>, issued: &IssuedTokens, remember: bool) {
    let (own, other) = if issued.registered { ("cc-nx", "cc-nx-g") } else { ("cc-nx-g", "cc-nx") };
    context.delete_token_cookie(other, "");
    if remember {
        context.set_token_cookie(own, &issued.refresh_token, issued.refresh_life, "");
    }
    context.set_token_cookie("usid", &issued.usid, USID_LIFE, "");
    let first = name(&context.platform.options, "cc-at");
    let mut rest = issued.access_token.as_str();
    let mut number = 1;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(PIECE.min(rest.len()));
        let name = if number == 1 { first.clone() } else { format!("{first}_{number}") };
        context.set_line(format!("{name}={piece}; Max-Age={SHORT_LIFE}; Path=/; Secure"));
        (rest, number) = (after, number + 1);
    }
}

/// Marks the DW session as bridged, so that the hook does not run again.
fn set_guard(context: &mut ControllerContext<'_>) {
    context.set_token_cookie("cc-sg", "1", SHORT_LIFE, "");
}
