//! Logout: ends the session at SLAS, deletes tokens and DW session from the browser whatever SLAS
//! responds, and begins a guest session if the site's policy requires one.
//!
//! SLAS may refuse an access token that has not expired here. The flow then refreshes it, once, and
//! logs out with the new one.

use super::calls::{LogoutCall, RefreshPurpose};
use super::state::{FlowState, Goal, Tokens};
use super::{DwChange, Facts, LogoutResponse, LogoutScope, RefreshResponse, Step};
use crate::ids::{AccessToken, RefreshToken};

pub(super) fn begin(facts: Facts, scope: LogoutScope) -> Step {
    let mut state = FlowState::new(facts, Goal::Logout { scope, revoked: false });
    if !state.is_registered() {
        // SLAS logout is for registered shoppers only; a guest has nothing there to revoke.
        state.goal = Goal::Logout { scope, revoked: true };
        return clear(state);
    }
    match (state.access().cloned(), state.unused_refresh()) {
        (Some(access), Some(refresh)) if !state.is_superseded_by_registered() => {
            revoke(state, access, refresh.token)
        }
        // The logout of SLAS requires an access token of the same session that it accepts.
        (_, Some(refresh)) => state.refresh(refresh, RefreshPurpose::Logout),
        (_, None) => clear(state),
    }
}

fn revoke(state: FlowState, access: AccessToken, refresh: RefreshToken) -> Step {
    let scope = match state.goal {
        Goal::Logout { scope, .. } => scope,
        _ => LogoutScope::ThisDevice,
    };
    Step::Logout(LogoutCall { access, refresh, scope, state: Box::new(state) })
}

pub(super) fn refreshed(mut state: FlowState, response: RefreshResponse) -> Step {
    match response {
        RefreshResponse::Granted(grant) if grant.claims.customer.is_registered() => {
            let renewed = grant.refresh.as_ref().map(|refresh| refresh.token.clone());
            let presented = state.facts.refresh.as_ref().map(|held| held.token.clone());
            match renewed.or(presented) {
                Some(refresh) => revoke(state, grant.access, refresh),
                None => clear(state),
            }
        }
        RefreshResponse::Refused => {
            end_here(&mut state);
            clear(state)
        }
        // A guest's tokens cannot end a registered session.
        RefreshResponse::Granted(_) | RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_) => {
            clear(state)
        }
    }
}

pub(super) fn logged_out(mut state: FlowState, response: LogoutResponse) -> Step {
    match (response, state.unused_refresh()) {
        (LogoutResponse::AccessRefused, Some(refresh)) => {
            return state.refresh(refresh, RefreshPurpose::Logout);
        }
        (LogoutResponse::Revoked, _) => set_revoked(&mut state),
        (LogoutResponse::NothingToRevoke, _) => end_here(&mut state),
        // Even a new access token was refused, or the result is unknown.
        (LogoutResponse::AccessRefused | LogoutResponse::Failed, _) => {}
    }
    clear(state)
}

/// The refresh token is invalid, so the session of this browser has ended. Those of other devices
/// may live on.
fn end_here(state: &mut FlowState) {
    if matches!(state.goal, Goal::Logout { scope: LogoutScope::ThisDevice, .. }) {
        set_revoked(state);
    }
}

fn set_revoked(state: &mut FlowState) {
    if let Goal::Logout { revoked, .. } = &mut state.goal {
        *revoked = true;
    }
}

fn clear(mut state: FlowState) -> Step {
    state.tokens = Tokens::Dropped;
    if state.facts.policy.guest_after_logout {
        state.request_guest(None)
    } else {
        state.decide(DwChange::Drop)
    }
}
