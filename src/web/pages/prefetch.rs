//! Pages that a browser fetches before the shopper opens them.
//!
//! The browser may show such a response at the click without another request. So it must be the
//! shopper's page, or an error: browsers drop a 401, 409 or 503 and request the page at the click.
//! They do not drop a 204.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode};

use crate::flow::{EcomPage, Intent};
use crate::model::CustomerType;
use crate::problem::Problem;
use crate::route::{Kind, TokenNeed};
use crate::web::pages::{ProxiedRequest, without};
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
        if self.page(StatusCode::OK) != EcomPage::Ordinary {
            // A link to a logout must not log out before the click.
            return Problem::RenewalNeeded.into_response();
        }
        let Some(update) = self.session.ready(intent) else {
            return Problem::RenewalNeeded.into_response();
        };
        if let Some(response) = self.login_required_response(kind, &update) {
            update.discard();
            return response;
        }
        let cookies = self.cookies(Some(update.changes()));
        let cookies = cookies.and_then(|cookies| self.prefetch_cookies(&cookies));
        let response = self.forward_with(body, cookies).await;
        let observed = self.observe(&update, &response);
        if observed.other_dw.is_some() || !observed.is_silent() {
            // The DW session has ended, or the upstream has changed the session: the click decides.
            update.discard();
            return Problem::RenewalNeeded.into_response();
        }
        self.with_cookies(response, update)
    }

    /// The cookies of a prefetch. ECOM gets no tokens, and the Head no refresh token: they may spend
    /// one, and the new one would not reach the browser. ECOM knows the shopper by the DW session.
    fn prefetch_cookies(&self, cookies: &HeaderValue) -> Option<HeaderValue> {
        let names = &self.session.site.names;
        let is_refresh = |name: &str| {
            [CustomerType::Guest, CustomerType::Registered]
                .iter()
                .any(|kind| names.refresh(*kind) == name)
        };
        match self.route.kind {
            Kind::Ecom => without(cookies, |name| names.owns(name)),
            _ => without(cookies, is_refresh),
        }
    }
}
