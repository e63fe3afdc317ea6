//! Pages of the Head, and those of ECOM that need no DW session.

use axum::body::Body;
use axum::response::Response;

use crate::flow::{Decision, Intent, Outcome, TokenChange};
use crate::problem::Problem;
use crate::route::{Kind, TokenNeed};
use crate::web::pages::{DwCompanions, ProxiedRequest, filter};
use crate::web::request_kind::RequestKind;
use crate::web::request_session::SessionUpdate;

impl ProxiedRequest {
    pub(crate) async fn serve_head(
        &self,
        kind: RequestKind,
        body: Body,
    ) -> Result<Response, Problem> {
        let intent = self.intent(kind);
        if self.session.is_late() {
            return Ok(self.serve_head_after_logout(kind, body).await);
        }
        if intent == Intent::Renew && self.session.presented.is_empty() {
            return Ok(self.without_session(kind, body).await);
        }
        let update = match self.session.resolve(self.session.facts(None), intent).await {
            // A login in another tab replaced the session: the call still works, and changes
            // nothing.
            Err(Problem::LoginConflict) if self.route.token != TokenNeed::Registered => {
                return Ok(self.without_session_cookies(self.forward(body, None).await));
            }
            update => update?,
        };
        let proceeds = intent == Intent::Renew || self.may_lack_dw_session(&update);
        if let Some(problem) = update.failure().filter(|_| !proceeds) {
            return Ok(self.serve_without_tokens(kind, body, problem, update).await);
        }
        if let Some(response) = self.response_instead(kind, &update) {
            return Ok(self.with_cookies(response, update));
        }
        let body = if self.route.kind == Kind::Ecom {
            match self.form_body(body, &update).await {
                Ok(body) => body,
                Err(response) => return Ok(self.with_cookies(response, update)),
            }
        } else {
            body
        };
        let response = self.forward(body, Some(update.changes())).await;
        self.after_head(response, update).await
    }

    /// Serves a request that was sent before a logout, without a session. A login at the Head
    /// counts all the same: the browser may never have received the response to its logout.
    async fn serve_head_after_logout(&self, kind: RequestKind, body: Body) -> Response {
        if self.route.token == TokenNeed::Registered {
            return self.redirect_to_login(kind);
        }
        let response = self.forward(body, None).await;
        let Ok(before) = self.session.commit(Decision::unchanged(Outcome::Ready), None) else {
            return self.without_session_cookies(response);
        };
        let observed = self.observe(&before, &response);
        match self.reconcile(&observed, before).await {
            Ok(update) if self.is_new_login(&update) => self.with_cookies(response, update),
            Ok(update) => {
                // A late request changes nothing: the browser has the cookies of its logout, or will
                // get them.
                update.discard();
                self.without_session_cookies(response)
            }
            Err(_) => self.without_session_cookies(response),
        }
    }

    fn is_new_login(&self, update: &SessionUpdate) -> bool {
        match (&update.decision().outcome, &update.decision().tokens) {
            (Outcome::LoggedIn { .. }, TokenChange::Set(grant)) => {
                self.session.is_after_logout(&grant.claims)
            }
            _ => false,
        }
    }

    /// Reconciles the session with the Head's response: its server may have fetched tokens, which
    /// it sets by the same cookies as ECOM.
    async fn after_head(
        &self,
        mut response: Response,
        sent: SessionUpdate,
    ) -> Result<Response, Problem> {
        let observed = self.observe(&sent, &response);
        match self.reconcile(&observed, sent).await {
            Ok(update) => {
                // Cookies that accompany another DW session are written with it, or not at all.
                if observed.other_dw.is_some() {
                    filter(&self.session.site, &self.route, DwCompanions::Stripped, &mut response);
                }
                Ok(self.with_cookies(response, update))
            }
            // The upstream has done its work: an error that invites a retry would have it done
            // twice.
            Err(_) => Ok(self.without_session_cookies(response)),
        }
    }
}
