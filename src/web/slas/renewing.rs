//! A refresh token is exchanged here as everywhere else: once, whoever asks.

use axum::response::{IntoResponse as _, Response};

use super::{Facade, answer};
use crate::driver;
use crate::flow::{Access, Intent, Outcome, RefreshResponse, TokenChange};
use crate::ids::RefreshToken;
use crate::problem::Problem;
use crate::web::tokens::dressed;

impl Facade {
    /// Exchanges the refresh token of the cookie; one that a caller `given` counts only without.
    pub(super) async fn renew(&self, given: Option<&str>) -> Result<Response, Problem> {
        match given.map(RefreshToken::parse) {
            Some(given) if self.server || self.arrival.facts(None).refresh.is_none() => {
                match given.filter(|token| !self.arrival.is_signed_out(token.tag())) {
                    Some(token) => self.renew_given(&token).await,
                    None => Ok(answer::invalid_refresh_token()),
                }
            }
            _ => self.renew_own().await,
        }
    }

    async fn renew_own(&self) -> Result<Response, Problem> {
        let facts = self.arrival.facts_to_renew();
        let travelled = self.arrival.travel(facts, Intent::Api).await?;
        let response = match (&travelled.decision.tokens, &travelled.decision.outcome) {
            (TokenChange::Set(grant), _) => answer::tokens(grant, &self.arrival),
            (_, Outcome::Unavailable(failure)) => Problem::Upstream(*failure).into_response(),
            (TokenChange::Keep, _) => match &self.arrival.access {
                // It cannot be renewed now, but it still works.
                Access::Fresh(held) | Access::Expiring(held) => answer::held(held, &self.arrival),
                Access::Expired(_) | Access::None => answer::invalid_refresh_token(),
            },
            (TokenChange::Drop, _) => answer::invalid_refresh_token(),
        };
        Ok(dressed(&self.arrival, &travelled, response))
    }

    async fn renew_given(&self, token: &RefreshToken) -> Result<Response, Problem> {
        let context = self.arrival.context();
        let grant = match driver::renew(&self.arrival.site, token, None, None, context).await {
            RefreshResponse::Granted(grant) => grant,
            RefreshResponse::Refused => return Ok(answer::invalid_refresh_token()),
            RefreshResponse::Unavailable(failure) => return Err(Problem::Upstream(failure)),
        };
        if self.server {
            return Ok(answer::unsealed(&grant, &self.arrival));
        }
        let response = answer::tokens(&grant, &self.arrival);
        let travelled = self.receive(*grant)?;
        Ok(dressed(&self.arrival, &travelled, response))
    }
}
