//! Who the shopper is: the access token in hand or a newer one from ECOM, once it is known to be
//! genuine and this browser's own.

use crate::cookies::facts;
use crate::cookies::ownership;
use crate::cookies::request_cookies::RequestHandoff;
use crate::flow::Access;
use crate::ids::AccessToken;
use crate::model::{Claims, CustomerType};
use crate::web::request_session::revocation::{effective_tags, is_recent};
use crate::web::request_session::{Keys, RequestSession};

impl RequestSession {
    /// Finds out who the shopper is, by the token in hand or by a newer one from ECOM.
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
            // Of a session that was left, or of somebody else: it goes to no upstream either.
            Some(claims) => self.reject(&claims),
            None => {}
        }
    }

    fn is_own(&self, token: &AccessToken, claims: &Claims) -> bool {
        let (presented, state) = (&self.presented, &self.state);
        // Two devices of a shopper may have one `usid`: the seal knows which session it names.
        let sealed = state.access == Some(token.tag());
        let ended = !sealed && self.site.revocations.has_ended(claims, self.arrived);
        !ended && ownership::is_own(token, claims, presented, state, self.site.layout.tokens)
    }

    /// The access token is genuine, but does not count here.
    fn reject(&mut self, claims: &Claims) {
        let (usid, issued) = (claims.usid.tag(), claims.issued_at);
        let ended = self.site.revocations.session_ended(usid, issued, self.arrived);
        self.presented.access.clear();
        self.strays.add(vec![self.site.names.access.clone()]);
        let late = ended.filter(|at| self.state.is_blank() && is_recent(*at, self.arrived));
        if late.is_some() {
            self.late = late;
            self.presented.clear();
        }
    }

    async fn check(&self, token: &AccessToken, keys: Keys) -> Option<Claims> {
        let (verifier, ours) = (&self.site.verifier, self.state.access);
        match keys {
            Keys::Known => verifier.recognise(token, ours).await,
            Keys::Fetched => verifier.verify(token, ours).await,
        }
    }

    fn accept(&mut self, token: AccessToken, claims: Claims) {
        let vouched = self.state.access == Some(token.tag());
        let hashed = self.site.seal.log_id(claims.usid.as_str());
        self.log_fields.with(|fields| fields.session = Some(hashed));
        self.access = match Access::classify(token, claims, self.site.clock.now()) {
            // By an expired token a guest is found again: only by one that we wrote here.
            Access::Expired(claims) if !vouched && claims.customer.kind == CustomerType::Guest => {
                Access::None
            }
            access => access,
        };
    }
}
