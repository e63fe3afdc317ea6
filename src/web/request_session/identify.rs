//! Identifies the shopper by the browser's access token or a newer one from ECOM, if its signature is
//! valid and it belongs to this browser.

use crate::cookies::facts;
use crate::cookies::ownership;
use crate::cookies::request_cookies::RequestHandoff;
use crate::flow::Access;
use crate::ids::AccessToken;
use crate::model::Claims;
use crate::web::request_session::revocation::{effective_tags, is_recent};
use crate::web::request_session::{Keys, RequestSession};

impl RequestSession {
    /// Identifies the shopper by the browser's access token, or by a newer one from ECOM.
    pub(crate) async fn identify(&mut self, keys: Keys) {
        let newer = facts::newer_handoff(&self.presented, &self.state, self.site.audience());
        if let Some(token) = newer.cloned()
            && let Some(claims) = self.check(&token, keys).await
            && self.is_own(&token, &claims)
        {
            self.presented.access = vec![token.clone()];
            self.presented_tags.push(token.tag());
            self.effective_tags = effective_tags(&self.presented, &self.state, &self.site);
            self.accept(token, claims);
            return;
        }
        if matches!(self.presented.handoff, Some(RequestHandoff::Token(_))) {
            self.presented.handoff = None;
        }
        let Some(token) = facts::effective_access_token(&self.presented, &self.state).cloned()
        else {
            return;
        };
        match self.check(&token, keys).await {
            Some(claims) if self.is_own(&token, &claims) => self.accept(token, claims),
            // It belongs to an ended session or to another shopper, and is not forwarded either.
            Some(claims) => self.reject(&claims),
            None => {}
        }
    }

    fn is_own(&self, token: &AccessToken, claims: &Claims) -> bool {
        let (presented, state) = (&self.presented, &self.state);
        // Two devices of a shopper may share one `usid`: the seal tells their sessions apart.
        let sealed = state.access == Some(token.tag());
        let ended = !sealed && self.site.revocations.has_ended(claims, self.received_at);
        !ended && ownership::is_own(token, claims, presented, state, self.site.layout.tokens)
    }

    /// Discards an access token whose signature is valid, but which does not count here.
    fn reject(&mut self, claims: &Claims) {
        let (usid, issued) = (claims.usid.tag(), claims.issued_at);
        let ended = self.site.revocations.session_ended(usid, issued, self.received_at);
        let ended = ended.map(|(_, at)| at);
        self.presented.access.clear();
        self.strays.add(self.presented.access_names(&self.site.names));
        let recent = ended.filter(|at| self.state.is_blank() && is_recent(*at, self.received_at));
        if recent.is_some() {
            self.logged_out_at = recent;
            self.presented.clear();
        }
    }

    pub(super) async fn check(&self, token: &AccessToken, keys: Keys) -> Option<Claims> {
        let (verifier, sealed) = (&self.site.verifier, self.state.access);
        match keys {
            Keys::Known => verifier.verify_cached(token, sealed).await,
            Keys::Fetched => verifier.verify(token, sealed).await,
        }
    }

    fn accept(&mut self, token: AccessToken, claims: Claims) {
        let is_sealed = self.state.access == Some(token.tag());
        self.record_shopper(&claims);
        self.access = match Access::classify(token, claims, self.site.clock.now()) {
            // An expired token identifies a guest only if Tandem wrote it to this browser.
            Access::Expired(claims) if !is_sealed && claims.customer.is_guest() => Access::None,
            access => access,
        };
    }

    /// Records the session in the request log.
    pub(super) fn record_shopper(&self, claims: &Claims) {
        let log_id = self.site.seal.log_id(claims.usid.as_str());
        self.log_fields.with(|fields| fields.session = Some(log_id));
    }
}
