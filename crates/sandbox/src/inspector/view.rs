//! What the inspector sees: the cookies a browser sent, and what stands behind them.

use serde_json::{Value, json};

use super::{REFRESH_COOKIES, requests};
use crate::ask::Ask;
use crate::faults::Fault;
use crate::ledger::Upstream;
use crate::platform::Platform;
use crate::slas::access::{self, Claims};
use crate::state::{Client, Customer, GrantState, Life, State};

/// The whole document of `GET /inspector/state`.
pub(super) fn of(platform: &Platform, state: &State, ask: &Ask) -> Value {
    let now = platform.now();
    let access = ask.cookie("token").and_then(|token| access::open(state, &token));
    json!({
        "now": now,
        "cookies": ask.cookies().iter().map(cookie).collect::<Vec<_>>(),
        "access": access.as_ref().map(|claims| access_token(state, claims)),
        "refresh": refresh_token(state, ask, now),
        "dw_session": dw_session(state, ask, now),
        "agree": agree(state, ask, access.as_ref(), now),
        "requests": requests::latest(state, platform.now_ms()),
        "faults": faults(state),
    })
}

fn cookie((name, value): &(String, String)) -> Value {
    let (meaning, readable) = meaning(name);
    json!({"name": name, "meaning": meaning, "readable_by_scripts": readable,
           "bytes": name.len() + value.len()})
}

/// What a cookie is for, and whether scripts can read it as the names are usually set.
fn meaning(name: &str) -> (&'static str, bool) {
    match name {
        "token" => ("SLAS access token", false),
        "cc-nx" => ("SLAS refresh token of a registered shopper", false),
        "cc-nx-g" => ("SLAS refresh token of a guest", false),
        "cc-sg" => ("plugin_slas: this session is bridged", true),
        _ if name.starts_with("cc-at") => ("SLAS access token, or a piece of it, from ECOM", true),
        "usid" => ("SLAS session id", true),
        "cid" => ("customer id", true),
        "dwsid" => ("DW session of ECOM", false),
        "__Host-tandem" | "tandem" => ("Tandem's own notes, sealed", false),
        _ if name.starts_with("dwanonymous_") => ("guest id that ECOM keeps", true),
        _ if name.starts_with("dwsecuretoken_") => ("proof of the DW session over HTTPS", false),
        _ => ("yours", true),
    }
}

fn access_token(state: &State, claims: &Claims) -> Value {
    json!({"customer_type": claims.customer_type(), "customer_id": claims.customer_id(),
           "usid": claims.usid(), "login": login(state, claims.customer_id()),
           "issued_at": claims.iat, "expires_at": claims.exp})
}

fn login<'a>(state: &'a State, customer_id: &str) -> Option<&'a str> {
    state.customers.get(customer_id)?.login()
}

fn refresh_token(state: &State, ask: &Ask, now: i64) -> Option<Value> {
    let present = REFRESH_COOKIES.iter().find_map(|(name, kind)| Some((ask.cookie(name)?, *kind)));
    let (token, kind) = present?;
    let Some(grant) = state.grants.get(&token) else {
        return Some(json!({"kind": kind, "state": "unknown", "expires_at": null, "client": null}));
    };
    let standing = match grant.state_at(now) {
        GrantState::Live => "live",
        GrantState::Used | GrantState::Revoked => "revoked",
        GrantState::Expired => "expired",
    };
    let client = match grant.client {
        Client::Private => "private",
        Client::Public => "public",
    };
    let expires_at = grant.expires_at;
    Some(json!({"kind": kind, "state": standing, "expires_at": expires_at, "client": client}))
}

fn dw_session(state: &State, ask: &Ask, now: i64) -> Option<Value> {
    let dwsid = ask.cookie("dwsid")?;
    let Some(session) = state.sessions.get(&dwsid) else {
        return Some(json!({"state": "unknown", "customer_type": null, "customer_id": null,
                           "idle_ends_at": null, "hard_ends_at": null}));
    };
    let standing = if session.life(now) == Life::Live { "live" } else { "expired" };
    let kind = state.customers.get(&session.customer_id).map(Customer::kind);
    Some(json!({"state": standing, "customer_type": kind, "customer_id": session.customer_id,
                "idle_ends_at": session.idle_ends_at(), "hard_ends_at": session.hard_ends_at()}))
}

/// Whether both worlds name the same customer; unknown while either names none.
fn agree(state: &State, ask: &Ask, access: Option<&Claims>, now: i64) -> Option<bool> {
    let session = state.sessions.get(&ask.cookie("dwsid")?);
    let session = session.filter(|session| session.life(now) == Life::Live)?;
    Some(session.customer_id == access?.customer_id())
}

fn faults(state: &State) -> Value {
    let kind = |upstream| match state.faults.of(upstream) {
        None => "none",
        Some(Fault::Delay(_) | Fault::DelayAfter(_)) => "slow",
        Some(_) => "fail",
    };
    json!({"slas": kind(Upstream::Slas), "ocapi": kind(Upstream::Ocapi),
           "scapi": kind(Upstream::Scapi), "ecom": kind(Upstream::Ecom)})
}
