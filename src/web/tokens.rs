//! The browser's access token for a call that needs one, and the cookies of the response.

use axum::response::{IntoResponse as _, Response};

use crate::flow::{Decision, Facts, Intent, Outcome, TokenChange};
use crate::ids::AccessToken;
use crate::problem::Problem;
use crate::web::request_session::{RequestSession, SessionUpdate};

/// The browser's tokens, renewed if necessary; or the response for a browser that has none.
pub(crate) async fn renewed(
    session: &RequestSession,
    facts: Facts,
) -> Result<SessionUpdate, Result<Response, Problem>> {
    let update = match session.resolve(facts, Intent::Api).await {
        // A login in another tab replaced the session: the call still works, and changes nothing.
        Err(Problem::LoginConflict) => session.commit(Decision::unchanged(Outcome::Ready), None),
        update => update,
    };
    let update = update.map_err(Err)?;
    let problem = if update.decision.session_expired {
        Some(Problem::SessionExpired)
    } else {
        update.decision.outcome.failure().map(Problem::Upstream)
    };
    match problem {
        Some(problem) => Err(Ok(with_cookies(session, &update, problem.into_response()))),
        None => Ok(update),
    }
}

/// The access token of the browser after `update`.
pub(crate) fn token_after(session: &RequestSession, update: &SessionUpdate) -> Option<AccessToken> {
    match (&update.decision.tokens, &session.access) {
        (TokenChange::Set(grant), _) => Some(grant.access.clone()),
        (TokenChange::Keep, access) => access.held().map(|held| held.token.clone()),
        (TokenChange::Drop, _) => None,
    }
}

/// `response` with the cookies of `update`.
pub(crate) fn with_cookies(
    session: &RequestSession,
    update: &SessionUpdate,
    mut response: Response,
) -> Response {
    session.apply_cookies(update, &mut response);
    response
}
