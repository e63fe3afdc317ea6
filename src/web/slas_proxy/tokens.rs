//! Tokens of SLAS calls: stored in the browser's cookies, renewed, and deleted by a logout.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;

use crate::allowlist::redact;
use crate::driver;
use crate::flow::{
    self, Facts, Intent, LogoutScope, Policy, RefreshResponse, TokenChange, TokenSource,
    UpstreamFailure,
};
use crate::ids::RefreshToken;
use crate::model::Grant;
use crate::problem::Problem;
use crate::upstream::http::BufferedResponse;
use crate::web::request_session::SessionUpdate;
use crate::web::slas_proxy::request::Message;
use crate::web::slas_proxy::{SlasProxyCall, response};

impl SlasProxyCall {
    /// Stores the tokens of a response in cookies, and removes them from the body where scripts
    /// must not read them.
    pub(crate) async fn store_tokens(&self, reply: &BufferedResponse) -> Result<Response, Problem> {
        let mut fields: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let tokens = match redact::find_tokens(&fields) {
            Some(tokens) => tokens,
            // A passkey was rejected: SLAS is available.
            None if fields["success"] == false => {
                return Ok(response::without_tokens(self.call.operation, reply));
            }
            None => return Err(Problem::Upstream(UpstreamFailure::UNAVAILABLE)),
        };
        let reply = BufferedResponse {
            status: reply.status,
            headers: reply.headers.clone(),
            body: tokens.to_string().into(),
        };
        let grant = self.session.site.slas.parse_grant(&reply).map_err(Problem::Upstream)?;
        if is_downgrade(&self.session.facts(None), &grant) {
            // Heads begin a guest session when a refresh fails, even in an outage. A shopper whose
            // session is still valid stays logged in.
            let update = self.resolve_renewal().await?;
            let response = self.renewal_response(&update);
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok((update, response).into_response());
            }
            // The session has ended. The new tokens replace everything that this update deletes.
            update.discard();
        }
        let update = self.accept(grant, TokenSource::Grant)?;
        if !self.session.site.names.readable_tokens {
            redact::strip(&mut fields);
        }
        let response = response::json(reply.status, &fields, &reply.headers);
        Ok((update, response).into_response())
    }

    /// Refreshes the tokens with the refresh token of the cookie. Only without one, or for a
    /// server, does the one `given` by the caller count. The refresh is the single-flight one of
    /// pages.
    pub(crate) async fn renew(&self, given: Option<&str>) -> Result<Response, Problem> {
        match given.map(RefreshToken::parse) {
            Some(given) if self.server || self.session.facts(None).refresh.is_none() => {
                match given.filter(|token| !self.session.is_logged_out(token.tag())) {
                    Some(token) => self.renew_given(&token).await,
                    None => Ok(response::invalid_refresh_token()),
                }
            }
            _ => {
                let update = self.resolve_renewal().await?;
                let response = self.renewal_response(&update);
                Ok((update, response).into_response())
            }
        }
    }

    /// Renews the tokens of the cookies.
    async fn resolve_renewal(&self) -> Result<SessionUpdate, Problem> {
        self.session.resolve(self.session.facts_to_renew(), Intent::Api).await
    }

    fn renewal_response(&self, update: &SessionUpdate) -> Response {
        match (&update.decision().tokens, update.failure()) {
            (TokenChange::Set(grant), _) => response::tokens(grant, &self.session),
            (_, Some(problem)) => problem.into_response(),
            (TokenChange::Keep, _) => match self.session.access.held() {
                // It cannot be renewed now, but it is still valid.
                Some(held) => response::held(held, &self.session),
                None => response::invalid_refresh_token(),
            },
            (TokenChange::Drop, _) => response::invalid_refresh_token(),
        }
    }

    async fn renew_given(&self, token: &RefreshToken) -> Result<Response, Problem> {
        let context = self.session.context();
        let grant = match driver::renew(&self.session.site.site, token, None, None, context).await {
            RefreshResponse::Granted(grant) => grant,
            RefreshResponse::Refused => return Ok(response::invalid_refresh_token()),
            RefreshResponse::Doubtful(failure) | RefreshResponse::Failed(failure) => {
                return Err(Problem::Upstream(failure));
            }
        };
        if self.server {
            return Ok(response::for_server(&grant, &self.session));
        }
        let response = response::tokens(&grant, &self.session);
        let update = self.accept(*grant, TokenSource::Refresh)?;
        Ok((update, response).into_response())
    }

    /// Accepts tokens as the browser's.
    fn accept(&self, grant: Grant, source: TokenSource) -> Result<SessionUpdate, Problem> {
        let decision = flow::accept_tokens(self.session.facts(None), Box::new(grant), source);
        self.session.site.metrics.flow("accept_tokens", decision.label());
        self.session.commit(decision, None)
    }

    /// Logs out, whatever SLAS responds. No guest session follows: Heads begin their own.
    pub(crate) async fn log_out(&mut self, message: &Message) -> Result<Response, Problem> {
        let scope = match message.get("hint") {
            Some("all-sessions") => LogoutScope::AllDevices,
            _ => LogoutScope::ThisDevice,
        };
        let policy = Policy { guest_after_logout: false, ..self.session.site.config.policy };
        let limit = self.app.server.request_timeout / 2;
        let update = self.session.log_out(scope, policy, limit).await?;
        Ok((update, response::logged_out()).into_response())
    }
}

/// Whether the tokens are a guest's while the browser has the refresh token of a registered
/// shopper.
fn is_downgrade(facts: &Facts, grant: &Grant) -> bool {
    grant.claims.customer.is_guest()
        && facts.refresh.as_ref().is_some_and(|held| held.kind.is_registered())
}
