//! To the Head.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};

use super::arrival::Travelled;
use super::hop::Hop;
use super::visit::Visit;
use crate::flow::Intent;
use crate::problem::Problem;
use crate::route::TokenNeed;

impl Hop {
    pub(super) async fn to_head(&self, visit: Visit, body: Body) -> Result<Response, Problem> {
        let intent = self.head_intent(visit);
        if intent != Intent::Head && self.arrival.presented.is_empty() {
            return Ok(self.undressed(self.forward(body, None).await));
        }
        let travelled = match self.arrival.travel(self.arrival.facts(None), intent).await {
            // A call that a login in another tab has overtaken still works; it changes nothing.
            Err(Problem::LoginConflict) => {
                return Ok(self.undressed(self.forward(body, None).await));
            }
            travelled => travelled?,
        };
        if let Some(trouble) = travelled.ending.outcome.trouble()
            && intent != Intent::Renew
        {
            return Ok(self.dressed(Problem::Upstream(trouble).into_response(), &travelled));
        }
        if let Some(told) = self.told_of_expiry(visit, &travelled) {
            return Ok(self.dressed(told, &travelled));
        }
        let response = self.forward(body, Some(&travelled.changes)).await;
        self.heard(response, travelled).await
    }

    /// A Head may fetch tokens by itself, on its server, and tell so by the same cookies as ECOM.
    async fn heard(&self, response: Response, sent: Travelled) -> Result<Response, Problem> {
        let said = self.said(&sent, &response);
        match self.heed(&said, sent).await {
            Ok(travelled) => Ok(self.dressed(response, &travelled)),
            // What has been done stands: saying "try again" would have it done twice.
            Err(_) => Ok(self.undressed(response)),
        }
    }

    /// A document begins a session where its route asks for one; a call renews what there is.
    pub(super) fn head_intent(&self, visit: Visit) -> Intent {
        let begins = visit == Visit::Document && self.route.token != TokenNeed::Optional;
        match (self.route.bridge, begins) {
            (true, true) => Intent::Ecom,
            (_, true) => Intent::Head,
            (_, false) => Intent::Renew,
        }
    }
}
