//! A refresh token is exchanged here as everywhere else: once, whoever asks.

use axum::response::{IntoResponse as _, Response};

use crate::driver;
use crate::flow::{Intent, Outcome, RefreshResponse, TokenChange};
use crate::ids::RefreshToken;
use crate::problem::Problem;
use crate::web::slas_proxy::{SlasProxyCall, response};
use crate::web::tokens::with_cookies;

impl SlasProxyCall {
    /// Exchanges the refresh token of the cookie; one that a caller `given` counts only without.
    pub(crate) async fn renew(&self, given: Option<&str>) -> Result<Response, Problem> {
        match given.map(RefreshToken::parse) {
            Some(given) if self.server || self.session.facts(None).refresh.is_none() => {
                match given.filter(|token| !self.session.is_logged_out(token.tag())) {
                    Some(token) => self.renew_given(&token).await,
                    None => Ok(response::invalid_refresh_token()),
                }
            }
            _ => self.renew_own().await,
        }
    }

    async fn renew_own(&self) -> Result<Response, Problem> {
        let facts = self.session.facts_to_renew();
        let update = self.session.resolve(facts, Intent::Api).await?;
        let response = match (&update.decision.tokens, &update.decision.outcome) {
            (TokenChange::Set(grant), _) => response::tokens(grant, &self.session),
            (_, Outcome::Unavailable(failure)) => Problem::Upstream(*failure).into_response(),
            (TokenChange::Keep, _) => match self.session.access.held() {
                // It cannot be renewed now, but it still works.
                Some(held) => response::held(held, &self.session),
                None => response::invalid_refresh_token(),
            },
            (TokenChange::Drop, _) => response::invalid_refresh_token(),
        };
        Ok(with_cookies(&self.session, &update, response))
    }

    async fn renew_given(&self, token: &RefreshToken) -> Result<Response, Problem> {
        let context = self.session.context();
        let grant = match driver::renew(&self.session.site, token, None, None, context).await {
            RefreshResponse::Granted(grant) => grant,
            RefreshResponse::Refused => return Ok(response::invalid_refresh_token()),
            RefreshResponse::Unavailable(failure) => return Err(Problem::Upstream(failure)),
        };
        if self.server {
            return Ok(response::unsealed(&grant, &self.session));
        }
        let response = response::tokens(&grant, &self.session);
        let update = self.receive(*grant)?;
        Ok(with_cookies(&self.session, &update, response))
    }
}
