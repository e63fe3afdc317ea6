//! Tokens that pass through become the browser's, are renewed, or leave it.

use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use crate::allowlist::redact;
use crate::driver;
use crate::flow::{
    self, Decision, Facts, Intent, Outcome, RefreshResponse, TokenChange, UpstreamFailure,
};
use crate::ids::RefreshToken;
use crate::model::Grant;
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::upstream::http::BufferedResponse;
use crate::web::request_session::SessionUpdate;
use crate::web::slas_proxy::request::Message;
use crate::web::slas_proxy::{SlasProxyCall, response};
use crate::web::tokens::with_cookies;

impl SlasProxyCall {
    /// Tokens become cookies, and leave the body where scripts must not see them.
    pub(crate) async fn keep(&self, reply: &BufferedResponse) -> Result<Response, Problem> {
        let mut said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let tokens = match redact::find_tokens(&said) {
            Some(tokens) => tokens,
            // A passkey that does not fit is no fault of SLAS.
            None if said["success"] == false => {
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
        if is_demotion(&self.session.facts(None), &grant) {
            // Heads become guests whenever a refresh fails, even by an outage: a shopper whose
            // session still lives stays signed in.
            let renewed = self.renew(None).await?;
            if renewed.status() != http::StatusCode::UNAUTHORIZED {
                return Ok(renewed);
            }
        }
        let update = self.receive(grant)?;
        if !self.session.site.names.tokens_are_readable() {
            redact::strip(&mut said);
        }
        let response = response::json(reply.status, &said, &reply.headers);
        Ok(with_cookies(&self.session, &update, response))
    }

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

    /// What the browser holds from now on.
    pub(crate) fn receive(&self, grant: Grant) -> Result<SessionUpdate, Problem> {
        let decision = flow::accept_tokens(self.session.facts(None), Box::new(grant));
        self.session.site.metrics.flow("accept_tokens", decision.label());
        let signed_in = matches!(decision.outcome, Outcome::LoggedIn { .. });
        let update = self.session.commit(decision, None)?;
        if signed_in {
            self.session.revoke_presented(Reason::Superseded);
        }
        Ok(update)
    }

    /// Signs out here, whatever SLAS says; no guest follows, because heads begin their own.
    pub(crate) async fn leave(&mut self, message: &Message) -> Result<Response, Problem> {
        let all_devices = message.get("hint") == Some("all-sessions");
        self.session.revoke_presented(Reason::LoggedOut);
        self.session.await_refresh().await;
        self.session.revoke_presented(Reason::LoggedOut);
        let mut facts = self.session.facts(None);
        facts.policy.guest_after_logout = false;
        let journey = self.session.resolve(facts, Intent::Logout { all_devices });
        let update = tokio::time::timeout(self.app.server.request_timeout / 2, journey)
            .await
            .unwrap_or_else(|_| self.session.commit(Decision::logged_out_locally(), None))?;
        Ok(with_cookies(&self.session, &update, response::signed_out()))
    }
}

/// A guest's tokens for a browser that holds a registered shopper's refresh token.
fn is_demotion(facts: &Facts, grant: &Grant) -> bool {
    grant.claims.customer.is_guest()
        && facts.refresh.as_ref().is_some_and(|held| held.kind.is_registered())
}
