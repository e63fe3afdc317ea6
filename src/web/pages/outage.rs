//! Pages for which no valid tokens can be had, because SLAS or OCAPI is unavailable.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;

use crate::config::Unavailable;
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{Decision, Dw, DwChange, Outcome};
use crate::problem::Problem;
use crate::route::Kind;
use crate::web::headers::no_store;
use crate::web::pages::{ProxiedRequest, without};
use crate::web::request_kind::{RequestKind, is_reading};
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
        if refused || self.is_protected() || !self.has_page_without_tokens(kind, update.decision())
        {
            let expired = update.decision().session_expired;
            let problem = if expired { Problem::SessionExpired } else { problem };
            return self.with_cookies(problem.into_response(), update);
        }
        let mut response =
            self.forward_with(body, self.cookies_without_tokens(Some(update.changes()))).await;
        if self.route.kind == Kind::Ecom && self.observe(&update, &response).other_dw.is_some() {
            // The DW session has ended: this is another shopper's page.
            if !is_reading(&self.parts.method) {
                // ECOM has done its work: an error that invites a retry would have it done twice.
                return self.serve_without_session(response, update);
            }
            return self.with_cookies(problem.into_response(), update);
        }
        no_store(response.headers_mut());
        self.with_cookies(response, update)
    }

    /// Whether the upstream can serve the page to a shopper without tokens.
    pub(crate) fn has_page_without_tokens(&self, kind: RequestKind, decision: &Decision) -> bool {
        match self.route.kind {
            Kind::Ecom => {
                let facts = self.session.facts(None);
                let is_kept = matches!(decision.dw, DwChange::Keep | DwChange::Confirm(_));
                // A form must not reach a session that may have ended.
                let is_live = matches!(facts.dw, Dw::Live { .. });
                let may_send = is_reading(&self.parts.method) || is_live;
                is_kept
                    && may_send
                    && !decision.session_expired
                    && facts.may_use_dw_without_tokens()
            }
            _ => kind == RequestKind::Document,
        }
    }

    /// The cookies of a page without tokens, after `changes`.
    pub(crate) fn cookies_without_tokens(
        &self,
        changes: Option<&CookieChanges>,
    ) -> Option<HeaderValue> {
        if self.route.kind != Kind::Ecom {
            return foreign_cookies(&self.session.site, &self.parts.headers);
        }
        let cookies = self.cookies(changes)?;
        without(&cookies, |name| self.session.site.names.owns(name))
    }

    /// Whether only the DW session is missing, which the Head does not need.
    pub(crate) fn may_lack_dw_session(&self, update: &SessionUpdate) -> bool {
        self.route.kind == Kind::Head
            && self.session.site.config.session.unavailable == Unavailable::Served
            && matches!(update.decision().outcome, Outcome::NoDwSession(_))
    }
}
