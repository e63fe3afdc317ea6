//! Tokens of SLAS calls: stored in the browser's cookies, renewed, and deleted by a logout.

use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use crate::allowlist::redact;
use crate::driver;
use crate::flow::{self, Decision, Facts, Intent, RefreshResponse, TokenChange, UpstreamFailure};
use crate::ids::RefreshToken;
use crate::model::Grant;
use crate::problem::Problem;
use crate::revocations::Reason;
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
            let renewed = self.renew(None).await?;
            if renewed.status() != http::StatusCode::UNAUTHORIZED {
                return Ok(renewed);
            }
        }
        let update = self.accept(grant)?;
        if !self.session.site.names.script_readable {
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
            _ => self.renew_own().await,
        }
    }

    async fn renew_own(&self) -> Result<Response, Problem> {
        let facts = self.session.facts_to_renew();
        let update = self.session.resolve(facts, Intent::Api).await?;
        let response = match (&update.decision().tokens, update.rejection()) {
            (TokenChange::Set(grant), _) => response::tokens(grant, &self.session),
            (_, Some(problem @ Problem::Upstream(_))) => problem.into_response(),
            (TokenChange::Keep, _) => match self.session.access.held() {
                // It cannot be renewed now, but it is still valid.
                Some(held) => response::held(held, &self.session),
                None => response::invalid_refresh_token(),
            },
            (TokenChange::Drop, _) => response::invalid_refresh_token(),
        };
        Ok((update, response).into_response())
    }

    async fn renew_given(&self, token: &RefreshToken) -> Result<Response, Problem> {
        let context = self.session.context();
        let grant = match driver::renew(&self.session.site, token, None, None, context).await {
            RefreshResponse::Granted(grant) => grant,
            RefreshResponse::Refused => return Ok(response::invalid_refresh_token()),
            RefreshResponse::Unavailable(failure) => return Err(Problem::Upstream(failure)),
        };
        if self.server {
            return Ok(response::for_server(&grant, &self.session));
        }
        let response = response::tokens(&grant, &self.session);
        let update = self.accept(*grant)?;
        Ok((update, response).into_response())
    }

    /// Accepts tokens as the browser's.
    fn accept(&self, grant: Grant) -> Result<SessionUpdate, Problem> {
        let decision = flow::accept_tokens(self.session.facts(None), Box::new(grant));
        self.session.site.metrics.flow("accept_tokens", decision.label());
        self.session.commit(decision, None)
    }

    /// Logs out, whatever SLAS responds. No guest session follows: Heads begin their own.
    pub(crate) async fn log_out(&mut self, message: &Message) -> Result<Response, Problem> {
        let all_devices = message.get("hint") == Some("all-sessions");
        self.session.revoke_presented(Reason::LoggedOut);
        self.session.await_refresh().await;
        self.session.revoke_presented(Reason::LoggedOut);
        let mut facts = self.session.facts(None);
        facts.policy.guest_after_logout = false;
        let resolved = self.session.resolve(facts, Intent::Logout { all_devices });
        let update = tokio::time::timeout(self.app.server.request_timeout / 2, resolved)
            .await
            .unwrap_or_else(|_| self.session.commit(Decision::logged_out_locally(), None))?;
        Ok((update, response::logged_out()).into_response())
    }
}

/// Whether the tokens are a guest's while the browser has the refresh token of a registered
/// shopper.
fn is_downgrade(facts: &Facts, grant: &Grant) -> bool {
    grant.claims.customer.is_guest()
        && facts.refresh.as_ref().is_some_and(|held| held.kind.is_registered())
}
