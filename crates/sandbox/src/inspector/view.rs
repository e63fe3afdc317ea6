//! The inspector's document: the cookies that a browser sent, and the tokens and session they name.

use serde_json::{Value, json};

use super::{REFRESH_COOKIES, UNUSABLE_TOKEN, requests};
use crate::call_log::{Operation, Upstream};
use crate::faults::Fault;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::Request;
use crate::slas::access_token::{self, Claims};
use crate::state::{Customer, GrantState, State};

/// The document of `GET /inspector/state`.
pub(super) fn of(platform: &Platform, state: &State, request: &Request) -> Value {
    let now = platform.now();
    let access = request.cookie("token").and_then(|token| access_token::open(state, &token));
    json!({
        "now": now,
        "cookies": request.cookies().iter().map(cookie).collect::<Vec<_>>(),
        "access": access.as_ref().map(|claims| access_token(state, claims)),
        "refresh": refresh_token(state, request, now),
        "dw_session": dw_session(state, request, now),
        "agree": agree(state, request, access.as_ref(), now),
        "requests": requests::latest(state, platform.now_ms()),
        "faults": faults(state),
    })
}

fn cookie((name, value): &(String, String)) -> Value {
    let (meaning, readable) = meaning(name);
    json!({"name": name, "meaning": meaning, "readable_by_scripts": readable,
           "bytes": name.len() + value.len()})
}

/// The meaning of a cookie, and whether scripts can usually read it.
fn meaning(name: &str) -> (&'static str, bool) {
    match name {
        "token" => ("SLAS access token", false),
        "token.1" | "token.2" => ("half of a long SLAS access token", false),
        "cc-nx" => ("SLAS refresh token of a registered shopper", false),
        "cc-nx-g" => ("SLAS refresh token of a guest", false),
        "cc-sg" => ("plugin_slas: this session is bridged", true),
        _ if name.starts_with("cc-at") => {
            ("SLAS access token, or a piece of it, set by ECOM", true)
        }
        "usid" => ("SLAS session id", true),
        "cid" => ("customer id", true),
        "dwsid" => ("DW session of ECOM", false),
        "__Host-tandem" | "tandem" => ("Tandem's encrypted state", false),
        _ if name.starts_with("dwanonymous_") => ("guest id of ECOM", true),
        _ if name.starts_with("dwsecuretoken_") => ("proof of the DW session over HTTPS", false),
        // The page shows this to a developer: neither the platform nor Tandem sets the cookie.
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

fn refresh_token(state: &State, request: &Request, now: i64) -> Option<Value> {
    let found =
        REFRESH_COOKIES.iter().find_map(|(name, kind)| Some((request.cookie(name)?, *kind)));
    let (token, kind) = found?;
    let Some(grant) = state.grants.get(&token) else {
        return Some(json!({"kind": kind, "state": "unknown", "expires_at": null, "client": null}));
    };
    let condition = match grant.state_at(now) {
        GrantState::Live => "live",
        GrantState::Used | GrantState::Revoked => "revoked",
        GrantState::Expired => "expired",
    };
    let client = match grant.client {
        ClientKind::Private => "private",
        ClientKind::Public => "public",
    };
    let expires_at = grant.expires_at;
    Some(json!({"kind": kind, "state": condition, "expires_at": expires_at, "client": client}))
}

fn dw_session(state: &State, request: &Request, now: i64) -> Option<Value> {
    let dwsid = request.cookie("dwsid")?;
    let Some(session) = state.sessions.get(&dwsid) else {
        return Some(json!({"state": "unknown", "customer_type": null, "customer_id": null,
                           "idle_ends_at": null, "hard_ends_at": null}));
    };
    let condition = if session.is_live(now) { "live" } else { "expired" };
    let kind = state.customers.get(&session.customer_id).map(Customer::kind);
    Some(json!({"state": condition, "customer_type": kind, "customer_id": session.customer_id,
                "idle_ends_at": session.idle_ends_at(), "hard_ends_at": session.hard_ends_at()}))
}

/// Whether the access token and the DW session name the same customer; `None` while one is missing.
fn agree(state: &State, request: &Request, access: Option<&Claims>, now: i64) -> Option<bool> {
    let session = state.sessions.get(&request.cookie("dwsid")?);
    let session = session.filter(|session| session.is_live(now))?;
    Some(session.customer_id == access?.customer_id())
}

fn faults(state: &State) -> Value {
    let kind = |upstream| match state.faults.of(upstream) {
        None => "none",
        Some(Fault::Delay(_) | Fault::DelayAfter(_)) => "slow",
        Some(_) => "fail",
    };
    let refresh = match state.faults.of_operation(Operation::TokenRefresh) {
        None => "none",
        Some(Fault::Body(400, _)) => "client",
        Some(_) => "locked",
    };
    let tokens = match state.access_token_length {
        0 => "none",
        UNUSABLE_TOKEN.. => "unusable",
        _ => "long",
    };
    json!({"slas": kind(Upstream::Slas), "ocapi": kind(Upstream::Ocapi),
           "scapi": kind(Upstream::Scapi), "ecom": kind(Upstream::Ecom),
           "refresh": refresh, "tokens": tokens})
}
