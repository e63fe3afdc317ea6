//! Maps a decision to the problem that it is for the caller.

use crate::flow::{BridgeRefusal, Decision, Outcome};
use crate::problem::Problem;

/// The problem, if the caller did not get what it needs. A page may be shown all the same: to a
/// guest after an expired session, or with the tokens that are left.
pub(crate) fn rejection(decision: &Decision) -> Option<Problem> {
    match decision.outcome {
        Outcome::Unavailable(failure) | Outcome::NoDwSession(failure) => {
            Some(Problem::Upstream(failure))
        }
        Outcome::BadCredentials => Some(Problem::BadCredentials),
        Outcome::LoginConflict => Some(Problem::LoginConflict),
        Outcome::NotBridged(BridgeRefusal::ScopeMissing) => Some(Problem::ScopeMissing),
        Outcome::NotBridged(BridgeRefusal::ProofRefused) => Some(Problem::SignatureRefused),
        Outcome::Ready => decision.session_expired.then_some(Problem::SessionExpired),
        Outcome::LoggedIn { .. } | Outcome::LoggedOut { .. } => None,
    }
}
