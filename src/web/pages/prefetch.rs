//! Pages that a browser fetches before the shopper opens them.
//!
//! The browser may show such a response at the click without another request. So it must be the
//! shopper's page, or an error: browsers drop a 401, 409 or 503 and request the page at the click.
//! They do not drop a 204.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;

use crate::cookies::request_cookies::pairs_in;
use crate::flow::Intent;
use crate::problem::Problem;
use crate::route::{Kind, TokenNeed};
use crate::web::pages::{ProxiedRequest, is_token};
use crate::web::request_kind::RequestKind;

impl ProxiedRequest {
    /// Serves the page if the session needs no call for it. The page may never be looked at, so it is
    /// worth neither an auth call nor a change of the session.
    pub(crate) async fn serve_prefetch(&self, kind: RequestKind, body: Body) -> Response {
        let intent = self.intent(RequestKind::Document);
        let begins_none = intent == Intent::Renew || self.route.token == TokenNeed::Registered;
        if begins_none && self.session.presented.is_empty() {
            return self.without_session(kind, body).await;
        }
        let Some(update) = self.session.ready(intent) else {
            return Problem::RenewalNeeded.into_response();
        };
        if let Some(response) = self.login_required_response(kind, &update) {
            update.discard();
            return response;
        }
        let cookies = self.cookies(Some(update.changes()));
        let cookies = cookies.and_then(|cookies| self.without_tokens_for_ecom(&cookies));
        let response = self.forward_with(body, cookies).await;
        if self.observe(&update, &response).other_dw.is_some() {
            // The DW session has ended: this is another shopper's page.
            update.discard();
            return Problem::RenewalNeeded.into_response();
        }
        self.with_cookies(response, update)
    }

    /// ECOM gets no tokens: it would spend them if its own session has ended, and the new ones would
    /// not reach the browser. It knows the shopper by the DW session.
    pub(crate) fn without_tokens_for_ecom(&self, cookies: &HeaderValue) -> Option<HeaderValue> {
        if self.route.kind != Kind::Ecom {
            return Some(cookies.clone());
        }
        let pairs = pairs_in(cookies.as_bytes()).map(<[u8]>::trim_ascii);
        let kept: Vec<&[u8]> = pairs.filter(|pair| !is_token(&self.session.site, pair)).collect();
        HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()
    }
}
