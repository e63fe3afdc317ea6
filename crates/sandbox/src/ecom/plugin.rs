//! What the cartridge `plugin_slas` does: its `onSession` hook, and its part in login and logout
//! (flows.md 2, 4, 7 and 8). Its cookies are readable by scripts, for a PWA's sake.

use axum::http::Method;

use super::backstage::call;
use super::token_cookies::name;
use super::turn::{Reply, Turn};
use crate::ledger::Operation;
use crate::options::{ClientKind, Remember};
use crate::slas::inside::{self, Issued};
use crate::state::Merge;

/// Seconds that access token and guard live in the browser.
const SHORT_LIFE: i64 = 1800;
/// Seconds that the usid lives in the browser: 90 days, whatever the refresh token does.
const USID_LIFE: i64 = 90 * 24 * 60 * 60;
/// Characters of a script cookie's value on ECOM; a longer token is split.
const CHUNK: usize = 1199;

/// Controllers for which the hook does not run, by the beginning of their names.
const EXCLUDED: [&str; 5] =
    ["__Analytics-", "__SYSTEM", "ConsentTracking-", "SLASSessionHelper-", "TandemBridge-"];

/// Tokens for a session that has none: a new shopper gets a guest's without a redirect, a returning
/// one is sent to the same address once more, in the right session.
pub(super) fn on_session(turn: &mut Turn<'_>) -> Option<Reply> {
    if !is_due(turn) {
        return None;
    }
    match turn.refresh_cookie() {
        Some(token) => returning(turn, &token),
        None => new_guest(turn),
    }
}

/// A GET of a guest whose session is new, or is not marked as bridged.
fn is_due(turn: &Turn<'_>) -> bool {
    let controller = turn.ask.path("controller");
    let excluded = EXCLUDED.iter().any(|excluded| controller.starts_with(excluded));
    let guarded = !turn.is_new && turn.token_cookie("cc-sg").is_some();
    turn.ask.method == Method::GET && !excluded && !guarded && turn.login().is_none()
}

fn returning(turn: &mut Turn<'_>, token: &str) -> Option<Reply> {
    let do_not_track = turn.do_not_track();
    let issued = call(turn, Operation::TokenRefresh, |platform, state| {
        inside::refresh(platform, state, token, do_not_track)
    });
    let Some(issued) = issued else {
        return new_guest(turn);
    };
    let bridged = bridge(turn, &issued);
    keep(turn, &issued, true);
    bridged?;
    guard(turn);
    Some(Reply::Again)
}

/// A DW session for tokens, by OCAPI `/sessions`: always another one.
fn bridge(turn: &mut Turn<'_>, issued: &Issued) -> Option<()> {
    let dwsid = call(turn, Operation::Sessions, |platform, state| {
        Some(state.sessions.open(&issued.customer_id, platform.now()))
    })?;
    turn.move_to(dwsid, &issued.guest_id);
    Some(())
}

/// Tokens for the guest of this very session; without them, the page is shown all the same.
fn new_guest(turn: &mut Turn<'_>) -> Option<Reply> {
    let customer_id = turn.customer_id();
    let do_not_track = turn.do_not_track().unwrap_or_default();
    if turn.platform.options.ecom_client == ClientKind::Public {
        call(turn, Operation::Authorize, |_, _| Some(()))?;
    }
    let issued = call(turn, Operation::SessionBridge, |platform, state| {
        Some(inside::bridge_guest(platform, state, &customer_id, do_not_track))
    })?;
    keep(turn, &issued, true);
    guard(turn);
    None
}

/// Login and registration: registered tokens, then a new DW session for them, then the basket.
/// `None` when a call fails, for which the shopper sees the wrong-password message.
pub(super) fn log_in(turn: &mut Turn<'_>, customer_id: &str, ticked: bool) -> Option<()> {
    let usid = turn.usid_cookie();
    let has_basket = turn.customer().is_some_and(|customer| customer.basket.is_some());
    let merges = has_basket && usid.is_some();
    let do_not_track = turn.do_not_track().unwrap_or_default();
    call(turn, Operation::Login, |_, _| Some(()))?;
    let issued = call(turn, Operation::TokenCode, |platform, state| {
        Some(inside::log_in(platform, state, customer_id, usid, do_not_track))
    })?;
    bridge(turn, &issued)?;
    if merges {
        // Without a previous customer of the usid there is nothing to merge, and that is no failure.
        let _merged = call(turn, Operation::BasketMerge, |_, state| {
            let previous = state.grants.previous(&issued.usid)?.to_owned();
            state.customers.move_basket(&previous, customer_id, Merge::Sum);
            Some(())
        });
    }
    keep(turn, &issued, ticked || turn.platform.options.remember == Remember::Always);
    guard(turn);
    Some(())
}

/// Logout ends the SLAS session and tells a PWA by the word `refresh` to begin a new one. Further
/// chunks of the old access token stay in the browser.
pub(super) fn log_out(turn: &mut Turn<'_>) {
    if let Some(token) = turn.token_cookie("cc-nx") {
        let issued = call(turn, Operation::TokenRefresh, |platform, state| {
            inside::refresh(platform, state, &token, None)
        });
        if let Some(issued) = issued {
            call(turn, Operation::Logout, |_, state| inside::log_out(state, &issued));
        }
    }
    turn.become_guest();
    for base in ["cc-nx", "cc-sg", "usid"] {
        turn.drop_token_cookie(base, "");
    }
    turn.set_token_cookie("cc-at", "refresh", SHORT_LIFE, "");
}

/// Writes the cookies of these tokens.
fn keep(turn: &mut Turn<'_>, issued: &Issued, remember: bool) {
    let (own, other) = if issued.registered { ("cc-nx", "cc-nx-g") } else { ("cc-nx-g", "cc-nx") };
    turn.drop_token_cookie(other, "");
    if remember {
        turn.set_token_cookie(own, &issued.refresh_token, issued.refresh_life, "");
    }
    turn.set_token_cookie("usid", &issued.usid, USID_LIFE, "");
    let first = name(&turn.platform.options, "cc-at");
    let mut rest = issued.access_token.as_str();
    let mut number = 1;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(CHUNK.min(rest.len()));
        let name = if number == 1 { first.clone() } else { format!("{first}_{number}") };
        turn.set_line(format!("{name}={chunk}; Max-Age={SHORT_LIFE}; Path=/; Secure"));
        (rest, number) = (after, number + 1);
    }
}

/// Marks the DW session as bridged, which keeps the hook quiet.
fn guard(turn: &mut Turn<'_>) {
    turn.set_token_cookie("cc-sg", "1", SHORT_LIFE, "");
}
