//! Tokens that pass through become the browser's, or leave it.

use axum::response::Response;
use serde_json::Value;

use crate::allowlist::redact;
use crate::flow::{self, Cause, Facts, Intent, Outcome, UpstreamFailure};
use crate::model::{CustomerType, Grant};
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::upstream::http::BufferedResponse;
use crate::web::request_session::Travelled;
use crate::web::slas_proxy::request::Message;
use crate::web::slas_proxy::{Facade, response};
use crate::web::tokens::dressed;

impl Facade {
    /// Tokens become cookies, and leave the body where scripts must not see them.
    pub(crate) async fn keep(&self, reply: &BufferedResponse) -> Result<Response, Problem> {
        const NONSENSE: UpstreamFailure =
            UpstreamFailure { cause: Cause::Unavailable, retry_after: None };
        let mut said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let tokens = match redact::tokens(&said) {
            Some(tokens) => tokens,
            // A passkey that does not fit is no fault of SLAS.
            None if said["success"] == false => {
                return Ok(response::without_tokens(self.call.operation, reply));
            }
            None => return Err(Problem::Upstream(NONSENSE)),
        };
        let reply = BufferedResponse {
            status: reply.status,
            headers: reply.headers.clone(),
            body: tokens.to_string().into(),
        };
        let grant = self.arrival.site.slas.parse_grant(&reply).map_err(Problem::Upstream)?;
        if is_demotion(&self.arrival.facts(None), &grant) {
            // Heads become guests whenever a refresh fails, even by an outage: a shopper whose
            // session still lives stays signed in.
            let renewed = self.renew(None).await?;
            if renewed.status() != http::StatusCode::UNAUTHORIZED {
                return Ok(renewed);
            }
        }
        let travelled = self.receive(grant)?;
        if !self.arrival.site.names.tokens_are_readable() {
            redact::strip(&mut said);
        }
        let response = response::json(reply.status, &said, &reply.headers);
        Ok(dressed(&self.arrival, &travelled, response))
    }

    /// What the browser holds from now on.
    pub(crate) fn receive(&self, grant: Grant) -> Result<Travelled, Problem> {
        let decision = flow::accept_tokens(self.arrival.facts(None), Box::new(grant));
        self.arrival.site.metrics.journey("receive", decision.label());
        let signed_in = matches!(decision.outcome, Outcome::LoggedIn { .. });
        let travelled = self.arrival.finish(decision, None)?;
        if signed_in {
            self.arrival.retire(Reason::Superseded);
        }
        Ok(travelled)
    }

    /// Signs out here, whatever SLAS says; no guest follows, because heads begin their own.
    pub(crate) async fn leave(&mut self, message: &Message) -> Result<Response, Problem> {
        let all_devices = message.get("hint") == Some("all-sessions");
        self.arrival.retire(Reason::LoggedOut);
        self.arrival.catch_up().await;
        self.arrival.retire(Reason::LoggedOut);
        let mut facts = self.arrival.facts(None);
        facts.policy.guest_after_logout = false;
        let journey = self.arrival.travel(facts, Intent::Logout { all_devices });
        let travelled = tokio::time::timeout(self.app.server.request_timeout / 2, journey)
            .await
            .unwrap_or_else(|_| self.arrival.finish(flow::logged_out_locally(), None))?;
        Ok(dressed(&self.arrival, &travelled, response::signed_out()))
    }
}

/// A guest's tokens for a browser that holds a registered shopper's refresh token.
fn is_demotion(facts: &Facts, grant: &Grant) -> bool {
    let registered = CustomerType::Registered;
    grant.claims.customer.kind == CustomerType::Guest
        && facts.refresh.as_ref().is_some_and(|held| held.kind == registered)
}
