//! The browser's access token for a call that needs one, and the cookies of the answer.

use axum::response::{IntoResponse as _, Response};

use crate::flow::{self, Access, Facts, Intent, TokenChange};
use crate::ids::AccessToken;
use crate::problem::Problem;
use crate::web::request_session::{Arrival, Travelled};

/// The browser's tokens, renewed if need be; or the answer for a browser that has none.
pub(crate) async fn renewed(
    arrival: &Arrival,
    facts: Facts,
) -> Result<Travelled, Result<Response, Problem>> {
    let travelled = match arrival.travel(facts, Intent::Api).await {
        // A call that a login in another tab has overtaken still works; it changes nothing.
        Err(Problem::LoginConflict) => arrival.finish(flow::unchanged(), None),
        travelled => travelled,
    };
    let travelled = travelled.map_err(Err)?;
    let told = if travelled.decision.session_expired {
        Some(Problem::SessionExpired)
    } else {
        travelled.decision.outcome.failure().map(Problem::Upstream)
    };
    match told {
        Some(problem) => Err(Ok(dressed(arrival, &travelled, problem.into_response()))),
        None => Ok(travelled),
    }
}

/// The access token of the browser after `travelled`.
pub(crate) fn token_after(arrival: &Arrival, travelled: &Travelled) -> Option<AccessToken> {
    match (&travelled.decision.tokens, &arrival.access) {
        (TokenChange::Set(grant), _) => Some(grant.access.clone()),
        (TokenChange::Keep, Access::Fresh(held) | Access::Expiring(held)) => {
            Some(held.token.clone())
        }
        _ => None,
    }
}

/// `response` with the cookies of `travelled`.
pub(crate) fn dressed(
    arrival: &Arrival,
    travelled: &Travelled,
    mut response: Response,
) -> Response {
    arrival.dress(travelled, &mut response);
    response
}
