//! To the Head; and to pages of ECOM that need no DW session, which go the same way.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};

use crate::flow::{self, Intent, Outcome, TokenChange};
use crate::problem::Problem;
use crate::route::{Kind, TokenNeed};
use crate::web::pages::{Hop, filter};
use crate::web::request_kind::{Visit, is_reading};
use crate::web::request_session::Travelled;

impl Hop {
    pub(crate) async fn to_head(&self, visit: Visit, body: Body) -> Result<Response, Problem> {
        let intent = self.intent(visit);
        if self.arrival.is_late() {
            return Ok(self.late_to_head(visit, body).await);
        }
        if intent == Intent::Renew && self.arrival.presented.is_empty() {
            return Ok(self.without_session(visit, body).await);
        }
        let travelled = match self.arrival.travel(self.arrival.facts(None), intent).await {
            // A call that a login in another tab has overtaken still works; it changes nothing.
            Err(Problem::LoginConflict) if self.route.token != TokenNeed::Registered => {
                return Ok(self.undressed(self.forward(body, None).await));
            }
            travelled => travelled?,
        };
        if let Some(failure) = travelled.decision.outcome.failure()
            && intent != Intent::Renew
        {
            return Ok(self.dressed(Problem::Upstream(failure).into_response(), &travelled));
        }
        if let Some(told) = self.told_of_expiry(visit, &travelled) {
            return Ok(self.dressed(told, &travelled));
        }
        let form = self.route.kind == Kind::Ecom && !is_reading(&self.parts.method);
        if form && self.was_replaced(&travelled) {
            return Ok(self.dressed(self.back_to_form(), &travelled));
        }
        let response = self.forward(body, Some(&travelled.changes)).await;
        self.heard(response, travelled).await
    }

    /// A request from before a logout is answered without a session. A sign-in at the Head is heard all
    /// the same: the browser may never have had the answer to its logout.
    async fn late_to_head(&self, visit: Visit, body: Body) -> Response {
        if self.route.token == TokenNeed::Registered {
            return self.sign_in(visit);
        }
        let response = self.forward(body, None).await;
        let Ok(before) = self.arrival.finish(flow::unchanged(), None) else {
            return self.undressed(response);
        };
        let said = self.said(&before, &response);
        match self.heed(&said, before).await {
            Ok(travelled) if self.is_new_login(&travelled) => self.dressed(response, &travelled),
            _ => self.undressed(response),
        }
    }

    fn is_new_login(&self, travelled: &Travelled) -> bool {
        match (&travelled.decision.outcome, &travelled.decision.tokens) {
            (Outcome::LoggedIn { .. }, TokenChange::Set(grant)) => {
                self.arrival.is_after_logout(&grant.claims)
            }
            _ => false,
        }
    }

    /// A Head may fetch tokens by itself, on its server, and tell so by the same cookies as ECOM.
    async fn heard(&self, mut response: Response, sent: Travelled) -> Result<Response, Problem> {
        let said = self.said(&sent, &response);
        match self.heed(&said, sent).await {
            Ok(travelled) => {
                // The companions of another DW session are written with it, or not at all.
                if said.other_dw.is_some() {
                    filter(&self.arrival.site, &self.route, true, &mut response);
                }
                Ok(self.dressed(response, &travelled))
            }
            // What has been done stands: saying "try again" would have it done twice.
            Err(_) => Ok(self.undressed(response)),
        }
    }
}
