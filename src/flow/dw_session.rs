//! The DW session of the session pair: keeps, confirms, replaces or drops it.

use super::calls::{BridgeCall, ProbeCall, ProbePurpose, RefreshPurpose};
use super::state::{FlowState, Goal, Tokens};
use super::{
    BridgeMode, BridgeResponse, BridgeTime, Cause, Dw, DwChange, Intent, Outcome, ProbeResponse,
    Step, UpstreamFailure, ensure_session,
};
use crate::model::{Customer, DwCookies, Grant};

/// Aligns the DW session with the tokens, which are valid.
pub(super) fn align(state: FlowState) -> Step {
    let Some(customer) = state.customer().cloned() else {
        return state.decide(DwChange::Keep);
    };
    match state.facts.policy.mode {
        BridgeMode::None => align_without_bridge(state, &customer),
        BridgeMode::HybridAuth => align_hybrid(state, customer),
        BridgeMode::Classic => align_classic(state, customer),
    }
}

/// Aligns the DW session with tokens that are still valid but could not be refreshed: `failure` is
/// why.
pub(super) fn align_without_refresh(state: FlowState, failure: UpstreamFailure) -> Step {
    match align(state) {
        // The missing DW session needed the refresh: report why the refresh failed.
        Step::Done(mut decision) => {
            if let Outcome::NoDwSession(reason) = &mut decision.outcome {
                *reason = failure;
            }
            Step::Done(decision)
        }
        step => step,
    }
}

fn align_without_bridge(state: FlowState, customer: &Customer) -> Step {
    let dropped = is_new(&state) || is_of_other_customer(&state, customer);
    state.decide(if dropped { DwChange::Drop } else { DwChange::Keep })
}

/// Decides on the DW session without valid tokens: it is dropped if an expired token names another
/// customer than its owner.
pub(super) fn discard_dw(state: FlowState) -> Step {
    let shopper = state.facts.customer();
    let foreign = shopper.is_some_and(|customer| is_of_other_customer(&state, customer));
    state.decide(if foreign { DwChange::Drop } else { DwChange::Keep })
}

/// The change to the DW session when a flow ends early, without a further call.
pub(super) fn without_call(state: &FlowState) -> DwChange {
    let Tokens::Renewed(grant) = &state.tokens else {
        let dropped = matches!(state.tokens, Tokens::Dropped);
        return if dropped { DwChange::Drop } else { DwChange::Keep };
    };
    let owner = grant.claims.customer.clone();
    match granted_dw(state) {
        Some(cookies) => DwChange::Set { cookies, owner: Some(owner) },
        None if is_of_other_customer(state, &owner) => DwChange::Drop,
        None => DwChange::Keep,
    }
}

/// The DW session that the platform of a Hybrid Auth tenant set on a token response.
fn granted_dw(state: &FlowState) -> Option<DwCookies> {
    match &state.tokens {
        Tokens::Renewed(grant) | Tokens::New(grant) => granted_with(state, grant),
        Tokens::Kept(_) | Tokens::Dropped => None,
    }
}

/// The DW session that the platform of a Hybrid Auth tenant set with `grant`.
pub(super) fn granted_with(state: &FlowState, grant: &Grant) -> Option<DwCookies> {
    grant.dw.clone().filter(|_| state.facts.policy.mode == BridgeMode::HybridAuth)
}

fn is_of_other_customer(state: &FlowState, customer: &Customer) -> bool {
    state.dw_owner().is_some_and(|owner| owner != customer)
}

/// The platform itself bridges, and sets the DW session on token responses.
fn align_hybrid(state: FlowState, customer: Customer) -> Step {
    if let Some(cookies) = granted_dw(&state) {
        return state.decide(DwChange::Set { cookies, owner: Some(customer) });
    }
    let unusable = state.held_dw().is_none() || is_of_other_customer(&state, &customer);
    if !is_new(&state) && !unusable {
        return state.decide(DwChange::Keep);
    }
    match state.unused_refresh() {
        _ if is_new(&state) || state.goal != Goal::EnsureSession(Intent::Ecom) => {
            state.decide(DwChange::Drop)
        }
        Some(refresh) => state.refresh(refresh, RefreshPurpose::EnsureSession),
        // The platform may make a session for the token of a registered shopper.
        None if must_restart(&state) && customer.is_guest() => ensure_session::restart(state),
        None => state.decide(DwChange::Drop),
    }
}

fn align_classic(state: FlowState, customer: Customer) -> Step {
    match &state.dw {
        Dw::Live { owner, .. } if *owner == customer && !is_new(&state) => {
            let change =
                if state.confirmed { DwChange::Confirm(Some(customer)) } else { DwChange::Keep };
            state.decide(change)
        }
        Dw::Unverified { owner: Some(owner), .. }
            if *owner == customer && !is_new(&state) && !is_needed(&state) =>
        {
            state.decide(DwChange::Keep)
        }
        Dw::Unverified { held, owner }
            if !is_new(&state) && owner.as_ref().is_none_or(|owner| *owner == customer) =>
        {
            let dw = held.clone();
            Step::Probe(ProbeCall { dw, purpose: ProbePurpose::Align, state: Box::new(state) })
        }
        _ if is_needed(&state) => bridge(state, customer),
        _ => state.decide(DwChange::Drop),
    }
}

/// Whether the shopper is new in this browser: no earlier DW session belongs to that shopper.
fn is_new(state: &FlowState) -> bool {
    matches!(state.tokens, Tokens::New(_))
}

fn is_needed(state: &FlowState) -> bool {
    let api = state.goal == Goal::EnsureSession(Intent::Api);
    let landing = state.facts.policy.time == BridgeTime::Landing && !api;
    let resting = state.facts.bridge_resting && !is_new(state);
    state.goal == Goal::EnsureSession(Intent::Ecom) || (landing && !resting)
}

/// An access token makes at most one DW session. If that session is lost, the token is refreshed,
/// and the new token makes the next session.
fn bridge(state: FlowState, owner: Customer) -> Step {
    let spent = state.facts.bridged && matches!(state.tokens, Tokens::Kept(_));
    match (state.access().cloned(), state.unused_refresh()) {
        (Some(access), _) if !spent => {
            Step::Bridge(BridgeCall { access, owner, state: Box::new(state) })
        }
        (_, Some(refresh)) => state.refresh(refresh, RefreshPurpose::EnsureSession),
        _ if must_restart(&state) => ensure_session::restart(state),
        _ => without_dw(state, UpstreamFailure::UNAVAILABLE),
    }
}

/// Whether ECOM needs a DW session that the tokens in hand cannot make, and nothing can renew them. A
/// refresh token that could not be exchanged now may still do so.
fn must_restart(state: &FlowState) -> bool {
    state.goal == Goal::EnsureSession(Intent::Ecom)
        && state.facts.refresh.is_none()
        && matches!(state.tokens, Tokens::Kept(_))
}

pub(super) fn bridged(state: FlowState, owner: Customer, response: BridgeResponse) -> Step {
    let ensuring = matches!(state.goal, Goal::EnsureSession(_));
    match (response, state.unused_refresh()) {
        (BridgeResponse::Bridged(cookies), _) => {
            state.decide(DwChange::Set { cookies, owner: Some(owner) })
        }
        (BridgeResponse::TokenRefused, Some(refresh)) if ensuring && !is_new(&state) => {
            mark_access_used(state).refresh(refresh, RefreshPurpose::EnsureSession)
        }
        // OCAPI refuses even a new token of SLAS: it does not know Tandem's client.
        (BridgeResponse::TokenRefused, _) => without_dw(state, UpstreamFailure::MISCONFIGURED),
        (BridgeResponse::Failed(failure), _) => without_dw(state, failure),
    }
}

/// OCAPI has just refused the access token, so the flow does not send it there again. Other APIs
/// may still accept it.
fn mark_access_used(mut state: FlowState) -> FlowState {
    state.facts.bridged = true;
    state
}

/// The shopper keeps the SLAS session. A `dwsid` of another customer must not stay in the browser.
fn without_dw(state: FlowState, failure: UpstreamFailure) -> Step {
    if state.goal == Goal::EnsureSession(Intent::Ecom) {
        state.decide_with(Outcome::NoDwSession(failure), DwChange::Failed(failure))
    } else {
        state.decide(DwChange::Failed(failure))
    }
}

/// Resumes with what OCAPI reports about the DW session that came with valid tokens.
pub(super) fn probed(mut state: FlowState, response: ProbeResponse) -> Step {
    match response {
        ProbeResponse::Alive { owner, .. } => {
            let held = state.held_dw().cloned();
            state.dw = held.map_or(Dw::Absent, |held| Dw::Live { held, owner });
            state.confirmed = true;
            align(state)
        }
        ProbeResponse::Failed(failure) if failure.cause != Cause::Misconfigured => {
            if state.goal == Goal::EnsureSession(Intent::Ecom) {
                state.decide_with(Outcome::NoDwSession(failure), DwChange::Keep)
            } else {
                state.decide(DwChange::Keep)
            }
        }
        ProbeResponse::Dead | ProbeResponse::Failed(_) => {
            state.dw = Dw::Dead;
            align(state)
        }
    }
}
