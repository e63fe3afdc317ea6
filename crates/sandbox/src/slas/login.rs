//! `POST login`: a code for a shopper with a password.

use std::time::Duration;

use axum::http::StatusCode;

use super::refusal::Refusal;
use super::{Answered, authorize, client, redirect};
use crate::ask::Ask;
use crate::ids;
use crate::platform::Platform;
use crate::state::{Purpose, State};

/// A second login of the same shopper within this time is a conflict.
const CONFLICT_WINDOW: Duration = Duration::from_secs(1);

pub(super) fn login(platform: &Platform, ask: &Ask) -> Answered {
    let form = client::form(platform, ask)?;
    let client = client::of_front_call(platform, ask, &form)?;
    let redirect_uri = authorize::redirect_uri(platform, &form)?;
    let mut state = platform.state();
    let (login, customer_id) = shopper(&state, ask)?;
    let mut code = authorize::code(platform, &form, client, Purpose::Login(customer_id))?;
    check_conflict(platform, &mut state, login)?;
    if std::mem::take(&mut state.usid_moves) {
        code.usid = move_usid(&mut state, &code.usid);
    }
    let usid = code.usid.clone();
    let value = state.grants.keep_code(code);
    let fields = [
        ("usid", Some(usid.as_str())),
        ("state", form.get("state")),
        ("scope", Some("openid offline_access")),
        ("code", Some(&value)),
    ];
    Ok(redirect::to(redirect_uri, &fields))
}

/// Another usid with the holder of this one: what SLAS does when the shopper already has a session
/// elsewhere (slas.md 7).
fn move_usid(state: &mut State, usid: &str) -> String {
    let other = ids::uuid();
    if let Some(holder) = state.grants.holder(usid).map(ToOwned::to_owned) {
        state.grants.hold(&other, &holder, false);
    }
    other
}

/// Login id and customer id of the shopper whose credentials are right.
fn shopper(state: &State, ask: &Ask) -> Result<(String, String), Refusal> {
    let refused = || Refusal::client("Basic Authorization failed.");
    let (login, password) = ask.basic().ok_or_else(refused)?;
    let customer = state.customers.by_login(&login).filter(|one| one.has_password(&password));
    let customer_id = customer.ok_or_else(refused)?.id.clone();
    Ok((login, customer_id))
}

fn check_conflict(platform: &Platform, state: &mut State, login: String) -> Result<(), Refusal> {
    let now = platform.clock.monotonic();
    let last = state.logins.get(&login);
    if last.is_some_and(|last| now.saturating_duration_since(*last) < CONFLICT_WINDOW) {
        return Err(Refusal::Oauth(
            StatusCode::CONFLICT,
            "conflict",
            "The shopper has already performed a login operation in the last second.",
        ));
    }
    state.logins.insert(login, now);
    Ok(())
}
