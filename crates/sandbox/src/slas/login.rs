//! `POST login`: a code for a shopper with a password.

use std::time::Duration;

use axum::http::StatusCode;

use super::error::SlasError;
use super::{HandlerResult, authorize, client_auth, redirect};
use crate::ids;
use crate::platform::Platform;
use crate::request::Request;
use crate::state::{Purpose, State};

/// A second login of the same shopper within this time is a conflict.
const CONFLICT_WINDOW: Duration = Duration::from_secs(1);

pub(super) fn login(platform: &Platform, request: &Request) -> HandlerResult {
    let form = client_auth::read_form(platform, request)?;
    let client = client_auth::authenticate_code_request(platform, request, &form)?;
    let redirect_uri = authorize::redirect_uri(platform, &form)?;
    let mut state = platform.state();
    let (login, customer_id) = shopper(&state, request)?;
    let mut code = authorize::code(platform, &form, client, Purpose::Login(customer_id))?;
    check_conflict(platform, &mut state, login)?;
    if std::mem::take(&mut state.changes_usid_at_login) {
        code.usid = change_usid(&mut state, &code.usid);
    }
    let usid = code.usid.clone();
    let value = state.grants.add_code(code);
    let fields = [
        ("usid", Some(usid.as_str())),
        ("state", form.get("state")),
        ("scope", Some("openid offline_access")),
        ("code", Some(&value)),
    ];
    Ok(redirect::to(redirect_uri, &fields))
}

/// Another usid with the same holder: what SLAS returns if the shopper already has a session
/// elsewhere.
fn change_usid(state: &mut State, usid: &str) -> String {
    let other = ids::uuid();
    if let Some(holder) = state.grants.usid_holder(usid).map(ToOwned::to_owned) {
        state.grants.assign_usid(&other, &holder, false);
    }
    other
}

/// Login id and customer id of the shopper, if the credentials are valid.
fn shopper(state: &State, request: &Request) -> Result<(String, String), SlasError> {
    let rejected = || SlasError::invalid_client("Basic Authorization failed.");
    let (login, password) = request.basic().ok_or_else(rejected)?;
    let customer = state.customers.by_login(&login).filter(|one| one.has_password(&password));
    let customer_id = customer.ok_or_else(rejected)?.id.clone();
    Ok((login, customer_id))
}

fn check_conflict(platform: &Platform, state: &mut State, login: String) -> Result<(), SlasError> {
    let now = platform.clock.monotonic();
    let last = state.logins.get(&login);
    if last.is_some_and(|last| now.saturating_duration_since(*last) < CONFLICT_WINDOW) {
        return Err(SlasError::Oauth(
            StatusCode::CONFLICT,
            "conflict",
            "The shopper has already performed a login operation in the last second.",
        ));
    }
    state.logins.insert(login, now);
    Ok(())
}
