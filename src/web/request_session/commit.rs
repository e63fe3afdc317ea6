//! Turns a decision into cookie changes.

use crate::clock;
use crate::cookies::sealed_state::SealedState;
use crate::cookies::set_cookie::{
    CookieChanges, CookieContext, CookieLife, PreviewMarker, StrayCookies,
};
use crate::flow::{Decision, DwChange, Outcome, SessionEnd, TokenChange};
use crate::ids::AccessToken;
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::web::request_session::stray_cookies::Strays;
use crate::web::request_session::update::RevocationCheck;
use crate::web::request_session::{RequestSession, SessionUpdate};

impl RequestSession {
    /// Works out what `decision` changes in the browser. At a login, `life` is the shopper's choice; the
    /// configuration has the default. A login revokes the credentials that it
    /// replaces.
    pub(crate) fn commit(
        &self,
        decision: Decision,
        life: Option<CookieLife>,
    ) -> Result<SessionUpdate, Problem> {
        let is_logout = decision.end() == Some(SessionEnd::Wish);
        let is_login = matches!(decision.outcome, Outcome::LoggedIn { .. });
        let check = match decision.end() {
            Some(SessionEnd::Refusal) => RevocationCheck::of(self).without_refusals(),
            _ if is_login => RevocationCheck::of(self).without_refusals(),
            _ => RevocationCheck::of(self),
        };
        if !is_logout && changes_anything(&decision) && check.is_revoked(&self.site) {
            // A logout or login in another tab has finished first, and its cookies must stay.
            return Err(Problem::LoginConflict);
        }
        let decision = if is_login { self.without_refused_dw(decision) } else { decision };
        // However the shopper logs in: only Tandem's own login has a checkbox.
        let life = is_login.then(|| life.unwrap_or_else(|| self.default_life()));
        let now = self.site.clock.now();
        let context = CookieContext {
            names: &self.site.names,
            presented: &self.presented,
            state: &self.state,
            access: self.held(),
            revoked: &if decision.end().is_some() { self.logged_out_tags() } else { Vec::new() },
            now,
        };
        let mut changes = context.changes(&decision, life);
        if (self.superseded && !is_logout) || (self.is_late() && !is_logout && !is_login) {
            changes = CookieChanges { state: self.state.clone(), ..CookieChanges::default() };
        } else if self.preview.is_none() {
            let Strays { names, host, path } = &self.strays;
            context.delete_strays(&StrayCookies { names, host, path }, &mut changes);
        }
        self.seal(&mut changes);
        if let Some(preview) = self.preview.clone() {
            let marker =
                if decision.end().is_some() { PreviewMarker::Deleted } else { PreviewMarker::Kept };
            changes.show_in_preview(preview, marker);
        }
        if is_login {
            self.revoke_all_but(Reason::Superseded, &decision);
            self.restore_confirmed_dw(&decision);
        }
        if let TokenChange::Set(grant) = &decision.tokens {
            self.report_unreadable(&grant.access);
        }
        let check = match &decision.tokens {
            TokenChange::Set(grant) => check.with_granted(grant, self),
            TokenChange::Keep | TokenChange::Drop => check,
        };
        let check = (!is_login && !is_logout).then_some(check);
        Ok(SessionUpdate::new(self, decision, changes, check))
    }

    /// The decision of a login that keeps the DW session, without that session if it has been refused
    /// since: only ECOM's own login vouches for it anew.
    fn without_refused_dw(&self, decision: Decision) -> Decision {
        let dwsid = self.state.dw.as_ref().map(|dw| dw.dwsid);
        let is_kept = matches!(decision.dw, DwChange::Keep | DwChange::Recheck);
        match dwsid {
            Some(dwsid) if is_kept && self.is_logged_out(dwsid) => {
                Decision { dw: DwChange::Drop, ..decision }
            }
            _ => decision,
        }
    }

    fn restore_confirmed_dw(&self, decision: &Decision) {
        if let (DwChange::Confirm(Some(_)), Some(dw)) = (&decision.dw, &self.state.dw) {
            self.site.revocations.restore_refused(dw.dwsid, self.site.clock.monotonic());
        }
    }

    /// How long the cookies of the shopper live, by the choice at the last login.
    pub(crate) fn life(&self) -> CookieLife {
        if self.state.forget_on_close { CookieLife::BrowserSession } else { CookieLife::Tokens }
    }

    /// Reports a token that scripts cannot read, because no cookie of theirs can hold it.
    fn report_unreadable(&self, token: &AccessToken) {
        let names = &self.site.names;
        if names.readable_tokens && !names.in_pieces() && !names.fits(token) {
            let length = token.expose().len();
            tracing::error!(
                length,
                cookie = names.access,
                "access token too long for the cookie that scripts read: remove scopes that the \
                 shop does not use from the SLAS client"
            );
        }
    }

    fn default_life(&self) -> CookieLife {
        if self.site.config.session.remember_me {
            CookieLife::Tokens
        } else {
            CookieLife::BrowserSession
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
        if names.dw_cross_site && changes.state.dw != self.dw_seal.dw {
            self.seal_dw(changes.state.dw_only(), changes);
        }
        let sealed = self.site.seal.seal(&names.seal, id, &changes.state, clock::random());
        changes.store_state(names, &sealed, now);
    }
}

impl RequestSession {
    /// The update after ECOM has served a form of another site in the DW session: whose it is now must be
    /// looked up. The browser's other cookies are not at hand.
    pub(crate) fn after_cross_site_form(&self) -> SessionUpdate {
        let mut own = self.dw_seal.clone();
        own.mark_dw_unverified();
        let mut changes = CookieChanges { state: self.state.clone(), ..CookieChanges::default() };
        self.seal_dw(Some(own), &mut changes);
        SessionUpdate::new(self, Decision::unchanged(Outcome::Ready), changes, None)
    }

    fn seal_dw(&self, own: Option<SealedState>, changes: &mut CookieChanges) {
        let (names, id) = (&self.site.names, &self.site.config.id);
        let seal = |own| self.site.seal.seal(&names.dw_seal, id, &own, clock::random());
        changes.seal_dw(names, own.map(seal).as_deref());
    }
}

fn changes_anything(decision: &Decision) -> bool {
    decision.tokens != TokenChange::Keep || decision.dw != DwChange::Keep
}
