//! Ensures that the request has valid SLAS tokens: lands a new visitor, renews or adopts the
//! session of a returning one.

use super::calls::{AdoptCall, AdoptPurpose, DwProof, ProbeCall, ProbePurpose, RefreshPurpose};
use super::state::{FlowState, Goal, Tokens};
use super::{
    Access, AdoptResponse, BridgeMode, Cause, Dw, DwChange, Facts, GuestResponse, Intent, Outcome,
    ProbeResponse, Provenance, RefreshResponse, Step, UpstreamFailure, dw_session, guest_usid,
};
use crate::model::{Customer, CustomerType};

/// The `login_id` by which SLAS knows a guest.
const GUEST_LOGIN: &str = "guest";

pub(super) fn begin(facts: Facts, intent: Intent) -> Step {
    let mut state = FlowState::new(facts, Goal::EnsureSession(intent));
    let usable = match &state.facts.access {
        Access::Fresh(_) => !state.is_superseded_by_registered() && !state.has_other_dnt(),
        Access::Expiring(_) => state.facts.refresh.is_none(),
        Access::Expired(_) | Access::None => false,
    };
    if usable {
        return dw_session::align(state);
    }
    // A registered shopper never silently becomes a guest, whose token may be all that is left.
    state.session_expired = state.facts.registered_tokens_lost;
    match state.unused_refresh() {
        Some(refresh) => state.refresh(refresh, RefreshPurpose::EnsureSession),
        None => without_refresh(state),
    }
}

fn without_refresh(state: FlowState) -> Step {
    match &state.facts.access {
        Access::Expired(claims) if claims.customer.is_registered() => {
            expire_session(state, CustomerType::Registered)
        }
        Access::Fresh(_) => dw_session::align(state),
        // Its DW session alone must not restore the tokens.
        _ if state.facts.registered_tokens_lost => expire_session(state, CustomerType::Registered),
        _ if state.goal == Goal::EnsureSession(Intent::Api) => dw_session::discard_dw(state),
        Access::Expired(claims) => {
            let usid = guest_usid(claims);
            state.request_guest(usid)
        }
        _ if state.only_renews() => state.decide(DwChange::Keep),
        _ => match state.held_dw().cloned() {
            Some(dw) if state.facts.policy.mode == BridgeMode::Classic => {
                Step::Probe(ProbeCall { dw, purpose: ProbePurpose::Adopt, state: Box::new(state) })
            }
            _ => state.request_guest(None),
        },
    }
}

/// The DW session is lost, its access token must not make another one, and no refresh token is left
/// to replace it. SLAS re-attaches a guest by the `usid`; the session of a registered shopper is over.
pub(super) fn restart(state: FlowState) -> Step {
    let held = state.facts.held().map(|held| held.claims.clone());
    match held {
        Some(claims) if claims.customer.is_guest() => state.request_guest(Some(claims.usid)),
        _ => expire_session(state, CustomerType::Registered),
    }
}

/// The session is over: drops its tokens, and reports the expiry to a registered shopper.
fn expire_session(mut state: FlowState, kind: CustomerType) -> Step {
    state.tokens = Tokens::Dropped;
    state.session_expired |= kind == CustomerType::Registered;
    if state.goal == Goal::EnsureSession(Intent::Api) {
        return state.decide(DwChange::Drop);
    }
    if state.facts.fallbacks.is_empty() {
        state.request_guest(None)
    } else {
        let next = state.facts.fallbacks.remove(0);
        state.refresh(next, RefreshPurpose::EnsureSession)
    }
}

pub(super) fn refreshed(
    mut state: FlowState,
    kind: CustomerType,
    response: RefreshResponse,
) -> Step {
    match response {
        // A registered shopper never silently becomes a guest, even if the upstream grants a
        // guest's tokens.
        RefreshResponse::Granted(grant)
            if kind == CustomerType::Registered && grant.claims.customer.is_guest() =>
        {
            expire_session(state, kind)
        }
        RefreshResponse::Granted(grant) => {
            // The fallback for a refused token may be a registered shopper's after all.
            state.session_expired &= grant.claims.customer.is_guest();
            state.tokens = Tokens::Renewed(grant);
            dw_session::align(state)
        }
        RefreshResponse::Refused => expire_session(state, kind),
        // The tokens that take its place show that the rejection is about the token.
        RefreshResponse::Doubtful(_) if state.may_replace_tokens() => {
            state.doubtful = true;
            expire_session(state, kind)
        }
        RefreshResponse::Doubtful(failure) | RefreshResponse::Failed(failure)
            if state.access().is_some() && !state.is_superseded_by_registered() =>
        {
            dw_session::align_without_refresh(state, failure)
        }
        RefreshResponse::Doubtful(failure) | RefreshResponse::Failed(failure) => {
            unavailable(state, failure)
        }
    }
}

/// The result is unknown, so nothing changes. That holds even if a registered session is known to
/// be over, because the guest's token may still be valid.
fn unavailable(mut state: FlowState, failure: UpstreamFailure) -> Step {
    if state.tokens == Tokens::Dropped {
        state.tokens = Tokens::Kept(None);
    }
    state.session_expired = false;
    state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
}

pub(super) fn guest(mut state: FlowState, sent_usid: bool, response: GuestResponse) -> Step {
    match response {
        GuestResponse::Granted(grant) if grant.claims.customer.is_guest() => {
            let same = state.facts.customer() == Some(&grant.claims.customer);
            state.tokens =
                if sent_usid && same { Tokens::Renewed(grant) } else { Tokens::New(grant) };
            dw_session::align(state)
        }
        // The usid belongs to a registered shopper by now. No guest can use it, and a shopper who
        // has just logged out must not be logged in again.
        GuestResponse::UsidTaken | GuestResponse::Granted(_) if sent_usid => {
            state.request_guest(None)
        }
        GuestResponse::UsidTaken | GuestResponse::Granted(_) => {
            without_guest(state, UpstreamFailure::UNAVAILABLE)
        }
        GuestResponse::Failed(failure) => without_guest(state, failure),
    }
}

fn without_guest(state: FlowState, failure: UpstreamFailure) -> Step {
    match (&state.goal, &state.tokens) {
        (Goal::Logout { .. }, _) => state.decide(DwChange::Drop),
        // No refresh token was refused: the access token in hand may still be used.
        (_, Tokens::Dropped) if state.doubtful => unavailable(state, failure),
        (_, Tokens::Dropped) if state.facts.refresh.is_none() && state.facts.held().is_some() => {
            unavailable(state, failure)
        }
        (_, Tokens::Dropped) => state.decide_with(Outcome::Unavailable(failure), DwChange::Drop),
        _ => state.decide_with(Outcome::Unavailable(failure), DwChange::Keep),
    }
}

/// The browser holds only a DW session: the shopper visited ECOM first.
pub(super) fn probed(mut state: FlowState, response: ProbeResponse) -> Step {
    match response {
        // If every page of ECOM passes through Tandem, only Tandem writes a registered shopper's
        // session to the browser. A session that the seal does not name was set by another host.
        ProbeResponse::Alive { owner, .. } if is_planted(&state, &owner) => {
            state.dw = Dw::Dead;
            state.request_guest(None)
        }
        ProbeResponse::Alive { owner, login } => {
            if let Some(held) = state.held_dw().cloned() {
                state.dw = Dw::Live { held, owner: owner.clone() };
            }
            adopt(state, owner, login)
        }
        ProbeResponse::Failed(failure) if failure.cause != Cause::Misconfigured => {
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
        ProbeResponse::Dead => {
            state.dw = Dw::Dead;
            state.request_guest(None)
        }
        // If OCAPI may not report it, a later attempt does not help.
        ProbeResponse::Failed(_) => state.request_guest(None),
    }
}

fn is_planted(state: &FlowState, owner: &Customer) -> bool {
    owner.is_registered()
        && state.facts.dw_provenance == Provenance::Browser
        && state.facts.signature.is_none()
}

/// Requests tokens for the DW session. If SLAS cannot issue any, a new guest with a new DW session
/// replaces it; it stays until that guest exists.
fn adopt(state: FlowState, owner: Customer, login: Option<String>) -> Step {
    let signature = state.facts.signature.clone();
    let login = match owner.kind {
        CustomerType::Guest if signature.is_none() && state.facts.guest_adoption_retired => None,
        CustomerType::Guest => Some(GUEST_LOGIN.to_owned()),
        CustomerType::Registered => login,
    };
    if let (Some(login), Some(dw)) = (login, state.held_dw().cloned()) {
        let proof = signature.map_or(DwProof::Session(dw.dwsid), DwProof::Signature);
        let (kind, owner) = (owner.kind, Some(owner));
        return Step::Adopt(AdoptCall {
            proof,
            kind,
            owner,
            login,
            purpose: AdoptPurpose::EnsureSession,
            state: Box::new(state),
        });
    }
    state.request_guest(None)
}

pub(super) fn adopted(
    mut state: FlowState,
    owner: Option<&Customer>,
    response: AdoptResponse,
) -> Step {
    let guest = owner.is_some_and(Customer::is_guest);
    match response {
        AdoptResponse::Granted(grant) if Some(&grant.claims.customer) == owner => {
            state.confirmed = true;
            state.tokens = Tokens::Renewed(grant);
            dw_session::align(state)
        }
        // The tokens of a new guest can be used; the DW session cannot. But a signature that names
        // another session than the browser's may come from any other browser.
        AdoptResponse::Granted(grant)
            if state.facts.signature.is_none() && guest && grant.claims.customer.is_guest() =>
        {
            state.tokens = Tokens::New(grant);
            dw_session::align(state)
        }
        AdoptResponse::Granted(_) => state.request_guest(None),
        AdoptResponse::Refused | AdoptResponse::NotPermitted => {
            let plain_guest = guest && state.facts.signature.is_none();
            state.guest_adoption_refused |= plain_guest;
            state.request_guest(None)
        }
        AdoptResponse::Failed(failure) => {
            state.decide_with(Outcome::Unavailable(failure), DwChange::Keep)
        }
    }
}
