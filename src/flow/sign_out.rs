//! Logout: end the session at SLAS, clear both worlds here whatever the upstream says, and begin
//! a guest session where the site wants one.

use super::asks::SignOutAsk;
use super::journey::{Goal, Journey, Tokens};
use super::{DwChange, Ending, Facts, Outcome, RefreshAnswer, SignOutAnswer, Step, TokenChange};
use crate::ids::{AccessToken, RefreshToken};
use crate::model::CustomerType;

pub(super) fn begin(facts: Facts, all_devices: bool) -> Step {
    // SLAS logout is for registered shoppers only; a guest has nothing there to revoke.
    let revoked = !is_registered(&facts);
    let journey = Journey::new(facts, Goal::SignOut { all_devices, revoked });
    if revoked {
        return clear(journey);
    }
    match (journey.access().cloned(), journey.unused_refresh()) {
        (Some(access), Some(refresh)) if !journey.outranked() => {
            ask_sign_out(journey, access, refresh.token)
        }
        // SLAS wants a valid access token of the same session for its logout.
        (_, Some(refresh)) => journey.ask_refresh(refresh),
        (_, None) => clear(journey),
    }
}

/// Signed out here without a question to anybody.
#[must_use]
pub fn signed_out_here() -> Ending {
    Ending {
        outcome: Outcome::SignedOut { revoked: false },
        tokens: TokenChange::Drop,
        dw: DwChange::Drop,
        session_expired: false,
        guest_adoption_refused: false,
    }
}

fn is_registered(facts: &Facts) -> bool {
    let registered = CustomerType::Registered;
    facts.customer().is_some_and(|customer| customer.kind == registered)
        || facts.refresh.as_ref().is_some_and(|refresh| refresh.kind == registered)
}

fn ask_sign_out(journey: Journey, access: AccessToken, refresh: RefreshToken) -> Step {
    let all_devices = matches!(journey.goal, Goal::SignOut { all_devices: true, .. });
    Step::SignOut(SignOutAsk { access, refresh, all_devices, journey: Box::new(journey) })
}

pub(super) fn refreshed(mut journey: Journey, answer: RefreshAnswer) -> Step {
    match answer {
        RefreshAnswer::Granted(grant) if grant.claims.customer.kind == CustomerType::Registered => {
            let renewed = grant.refresh.as_ref().map(|refresh| refresh.token.clone());
            let presented = journey.facts.refresh.as_ref().map(|held| held.token.clone());
            match renewed.or(presented) {
                Some(refresh) => ask_sign_out(journey, grant.access, refresh),
                None => clear(journey),
            }
        }
        RefreshAnswer::Refused => {
            set_revoked(&mut journey, true);
            clear(journey)
        }
        // A guest's tokens do not end a registered session.
        RefreshAnswer::Granted(_) | RefreshAnswer::Unavailable(_) => clear(journey),
    }
}

pub(super) fn signed_out(mut journey: Journey, answer: SignOutAnswer) -> Step {
    set_revoked(&mut journey, answer == SignOutAnswer::Revoked);
    clear(journey)
}

fn set_revoked(journey: &mut Journey, now: bool) {
    if let Goal::SignOut { revoked, .. } = &mut journey.goal {
        *revoked = now;
    }
}

fn clear(mut journey: Journey) -> Step {
    journey.tokens = Tokens::Dropped;
    if journey.facts.policy.guest_after_logout {
        journey.ask_guest(None)
    } else {
        journey.reached(DwChange::Drop)
    }
}
