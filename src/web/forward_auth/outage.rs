//! Pages behind a gateway for which no valid tokens can be had, because SLAS or OCAPI is unavailable.
//!
//! An auth subrequest makes no upstream call. So [`establish`](super::establish) learns of the outage,
//! and redirects the browser back to the page with the time in the query. For a few seconds that is
//! the permission to serve the page without tokens; afterwards the same address tries again. Anyone
//! may write such an address: it leads to a page without a shopper, and changes nothing.

use axum::response::Response;

use crate::config::Unavailable;
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{Decision, Outcome};
use crate::route::Kind;
use crate::web::forward_auth::decision::{AuthDecision, AuthHeaders};
use crate::web::headers::{path_and_query, see_other};
use crate::web::pages::ProxiedRequest;
use crate::web::request_kind::{RequestKind, is_reading};
use crate::web::request_session::SessionUpdate;

/// In the query of a page: when its tokens could not be had, in seconds since 1970.
const UNAVAILABLE_AT: &str = "bff-unavailable-at=";
/// Seconds for which the page is then served without tokens. The clocks of replicas may differ by as
/// much.
const SERVED_FOR: i64 = 10;

impl ProxiedRequest {
    /// The redirect back to the page, if it can be served although `update` has failed.
    pub(crate) fn back_in_outage(
        &self,
        kind: RequestKind,
        update: &SessionUpdate,
    ) -> Option<Response> {
        let lacks_dw_only = self.may_lack_dw_session(update);
        if !lacks_dw_only && !self.is_served_without_tokens(kind, update.decision()) {
            return None;
        }
        let target = path_and_query(&self.parts.uri);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mark = format!("{UNAVAILABLE_AT}{}", self.session.site.clock.now().unix());
        let fields = query.split('&').filter(|field| !field.is_empty() && !is_mark(field));
        let query: Vec<&str> = fields.chain([mark.as_str()]).collect();
        Some(see_other(&format!("{path}?{}", query.join("&"))))
    }

    /// The decision about the page that such a redirect leads to; `None` if it needs tokens.
    pub(crate) fn allow_in_outage(&self, kind: RequestKind) -> Option<AuthDecision> {
        if !self.is_marked() {
            return None;
        }
        let held = self.session.held().filter(|held| self.may_use(held));
        let headers = if held.is_some() && self.route.kind == Kind::Head {
            // Only the DW session is missing.
            AuthHeaders::for_shopper(self, &CookieChanges::default())
        } else if self.is_served_without_tokens(kind, &Decision::unchanged(Outcome::Ready)) {
            AuthHeaders::without_tokens(self)
        } else {
            return None;
        };
        Some(AuthDecision::Allow(Box::new(headers)))
    }

    fn is_served_without_tokens(&self, kind: RequestKind, decision: &Decision) -> bool {
        self.session.site.config.session.unavailable == Unavailable::Served
            && kind == RequestKind::Document
            && is_reading(&self.parts.method)
            && !self.is_protected()
            && self.has_page_without_tokens(kind, decision)
    }

    fn is_marked(&self) -> bool {
        let now = self.session.site.clock.now();
        let query = self.parts.uri.query().unwrap_or_default();
        let times = query.split('&').filter_map(|field| field.strip_prefix(UNAVAILABLE_AT));
        let mut ages = times.filter_map(|at| now.unix().checked_sub(at.parse().ok()?));
        ages.any(|age| (-SERVED_FOR..=SERVED_FOR).contains(&age))
    }
}

fn is_mark(field: &str) -> bool {
    field.starts_with(UNAVAILABLE_AT)
}
