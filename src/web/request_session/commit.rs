//! What changes in the browser, and the cookies that say so.

use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, SET_COOKIE};

use crate::clock;
use crate::cookies::set_cookie::{CookieChanges, CookieContext, StrayCookies};
use crate::flow::{Decision, DwChange, Outcome, TokenChange};
use crate::problem::Problem;
use crate::web::request_session::stray_cookies::Strays;
use crate::web::request_session::{RequestSession, SessionUpdate};

/// By these an upstream tells a cache before us more than `Cache-Control` does (RFC 9213 and its
/// older relatives), so they would win over our `no-store`.
pub(crate) const SHARED_CACHES: [&str; 8] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "expires",
    "netlify-cdn-cache-control",
    "surrogate-control",
    "vercel-cdn-cache-control",
    "x-accel-expires",
];

impl RequestSession {
    /// Works out what `ending` changes in the browser.
    pub(crate) fn commit(
        &self,
        decision: Decision,
        remember: Option<bool>,
    ) -> Result<SessionUpdate, Problem> {
        let leaving = matches!(decision.outcome, Outcome::LoggedOut { .. });
        let arriving = matches!(decision.outcome, Outcome::LoggedIn { .. });
        let replaced = self.has_successor(&TokenChange::Keep);
        if replaced && !leaving && changes_anything(&decision) {
            // A logout or login in another tab came first, and its cookies must stay.
            return Err(Problem::LoginConflict);
        }
        let remember = remember.filter(|_| matches!(decision.outcome, Outcome::LoggedIn { .. }));
        let now = self.site.clock.now();
        let before = CookieContext {
            names: &self.site.names,
            presented: &self.presented,
            state: &self.state,
            access: self.held(),
            revoked: &if leaving { self.ends() } else { Vec::new() },
            now,
        };
        let mut changes = before.changes(&decision, remember);
        if (self.superseded && !leaving) || (self.is_late() && !leaving && !arriving) {
            changes = CookieChanges { state: self.state.clone(), ..CookieChanges::default() };
        } else if self.preview.is_none() {
            let Strays { names, host, path } = &self.strays;
            before.delete_strays(&StrayCookies { names, host, path }, &mut changes);
        }
        self.seal(&mut changes);
        if let Some(preview) = self.preview.clone() {
            changes.show_in_preview(preview, leaving);
        }
        Ok(SessionUpdate { decision, changes })
    }

    /// The request goes on to ECOM now, which keeps the DW session alive.
    pub(crate) fn record_dw_use(&self, update: &mut SessionUpdate) {
        let stays = matches!(update.decision.dw, DwChange::Keep | DwChange::Confirm(_));
        if stays && !self.superseded && !self.is_late() {
            update.changes.state.record_dw_use(self.site.clock.now());
            self.seal(&mut update.changes);
        }
    }

    /// Adds our sealed cookies to the changes, as far as there is anything new in them.
    pub(crate) fn seal(&self, changes: &mut CookieChanges) {
        let (names, id, now) = (&self.site.names, &self.site.config.id, self.site.clock.now());
        if changes.state == self.state {
            return;
        }
        let registered = changes.state.registered_only();
        if let Some(own) = &registered
            && registered != self.state.registered_only()
        {
            let sealed = self.site.seal.seal(&names.registered_seal, id, own, clock::random());
            changes.seal_registered(names, &sealed, now);
        }
        let sealed = self.site.seal.seal(&names.seal, id, &changes.state, clock::random());
        changes.store_state(names, &sealed, now);
    }

    /// Puts the cookies of `travelled` on `response`, unless another tab's have taken their place.
    pub(crate) fn apply_cookies(&self, update: &SessionUpdate, response: &mut Response) {
        let SessionUpdate { decision, changes } = update;
        if self.is_superseded(decision) {
            return;
        }
        let headers = response.headers_mut();
        for cookie in changes.headers(&self.site.names) {
            headers.append(SET_COOKIE, cookie);
        }
        if !changes.is_empty() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
            for name in SHARED_CACHES {
                headers.remove(name);
            }
        }
    }
}

fn changes_anything(decision: &Decision) -> bool {
    decision.tokens != TokenChange::Keep || decision.dw != DwChange::Keep
}
