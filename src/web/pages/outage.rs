//! Pages for which no valid tokens can be had, because SLAS or OCAPI is unavailable.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;

use crate::config::Unavailable;
use crate::flow::Outcome;
use crate::problem::Problem;
use crate::route::Kind;
use crate::web::headers::no_store;
use crate::web::pages::ProxiedRequest;
use crate::web::request_kind::RequestKind;
use crate::web::request_session::{SessionUpdate, foreign_cookies};

impl ProxiedRequest {
    /// Serves the page without tokens if that is possible; otherwise responds with `problem`, the
    /// failure of `update`. No cookie changes but those of `update`, and the next page tries again.
    pub(crate) async fn serve_without_tokens(
        &self,
        kind: RequestKind,
        body: Body,
        problem: Problem,
        update: SessionUpdate,
    ) -> Response {
        let refused = self.session.site.config.session.unavailable == Unavailable::Refused;
        if refused || self.is_protected() || !self.has_page_without_tokens(kind) {
            return self.with_cookies(problem.into_response(), update);
        }
        let mut response = self.forward_with(body, self.cookies_without_tokens(&update)).await;
        if self.route.kind == Kind::Ecom && self.observe(&update, &response).other_dw.is_some() {
            // The DW session has ended: this is another shopper's page.
            return self.with_cookies(problem.into_response(), update);
        }
        no_store(response.headers_mut());
        self.with_cookies(response, update)
    }

    /// Whether the upstream can serve the page to a shopper without tokens.
    fn has_page_without_tokens(&self, kind: RequestKind) -> bool {
        match self.route.kind {
            Kind::Ecom => self.session.facts(None).may_use_dw_without_tokens(),
            _ => kind == RequestKind::Document,
        }
    }

    fn cookies_without_tokens(&self, update: &SessionUpdate) -> Option<HeaderValue> {
        match (self.route.kind, update.decision().outcome) {
            (Kind::Ecom, _) => {
                let cookies = self.cookies(Some(update.changes()))?;
                self.without_tokens_for_ecom(&cookies)
            }
            // Only the DW session is missing, which the Head does not need.
            (_, Outcome::NoDwSession(_)) => self.cookies(Some(update.changes())),
            _ => foreign_cookies(&self.session.site, &self.parts.headers),
        }
    }
}
