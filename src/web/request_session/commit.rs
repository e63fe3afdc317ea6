//! Turns a decision into cookie changes, and puts the cookies on the response.

use axum::response::Response;
use http::header::SET_COOKIE;

use crate::clock;
use crate::cookies::set_cookie::{CookieChanges, CookieContext, PreviewMarker, StrayCookies};
use crate::flow::{Decision, DwChange, Outcome, TokenChange};
use crate::problem::Problem;
use crate::web::headers::no_store;
use crate::web::request_session::stray_cookies::Strays;
use crate::web::request_session::{RequestSession, SessionUpdate};

impl RequestSession {
    /// Works out what `decision` changes in the browser.
    pub(crate) fn commit(
        &self,
        decision: Decision,
        remember: Option<bool>,
    ) -> Result<SessionUpdate, Problem> {
        let is_logout = matches!(decision.outcome, Outcome::LoggedOut { .. });
        let is_login = matches!(decision.outcome, Outcome::LoggedIn { .. });
        let is_superseded = self.has_successor(&TokenChange::Keep);
        if is_superseded && !is_logout && changes_anything(&decision) {
            // A logout or login in another tab has finished first, and its cookies must stay.
            return Err(Problem::LoginConflict);
        }
        let remember = remember.filter(|_| is_login);
        let now = self.site.clock.now();
        let context = CookieContext {
            names: &self.site.names,
            presented: &self.presented,
            state: &self.state,
            access: self.held(),
            revoked: &if is_logout { self.logged_out_tags() } else { Vec::new() },
            now,
        };
        let mut changes = context.changes(&decision, remember);
        if (self.superseded && !is_logout) || (self.is_late() && !is_logout && !is_login) {
            changes = CookieChanges { state: self.state.clone(), ..CookieChanges::default() };
        } else if self.preview.is_none() {
            let Strays { names, host, path } = &self.strays;
            context.delete_strays(&StrayCookies { names, host, path }, &mut changes);
        }
        self.seal(&mut changes);
        if let Some(preview) = self.preview.clone() {
            let marker = if is_logout { PreviewMarker::Deleted } else { PreviewMarker::Kept };
            changes.show_in_preview(preview, marker);
        }
        Ok(SessionUpdate { decision, changes })
    }

    /// Records that the request is about to reach ECOM, which keeps the DW session alive.
    pub(crate) fn record_dw_use(&self, update: &mut SessionUpdate) {
        let is_kept = matches!(update.decision.dw, DwChange::Keep | DwChange::Confirm(_));
        if is_kept && !self.superseded && !self.is_late() {
            update.changes.state.record_dw_use(self.site.clock.now());
            self.seal(&mut update.changes);
        }
    }

    /// Adds our sealed cookies to the changes, if their content has changed.
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

    /// Puts the cookies of `update` on `response`, unless a login or logout in another tab has
    /// superseded them.
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
            no_store(headers);
        }
    }
}

fn changes_anything(decision: &Decision) -> bool {
    decision.tokens != TokenChange::Keep || decision.dw != DwChange::Keep
}
