//! What a decision changes in the browser, and the obligation to send it there.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::response::{IntoResponseParts, ResponseParts};
use http::header::{HeaderValue, SET_COOKIE};

use crate::cookies::response_cookies::UpstreamRefresh;
use crate::cookies::set_cookie::CookieChanges;
use crate::flow::{Decision, DwChange, TokenChange};
use crate::ids::{AccessToken, Dwsid, Tag};
use crate::model::{Claims, Customer, Grant};
use crate::problem::Problem;
use crate::revocations::{Reason, Revoked};
use crate::site::Site;
use crate::timestamp::Timestamp;
use crate::web::headers::no_store;
use crate::web::rejection::rejection;
use crate::web::request_log::LogFields;
use crate::web::request_session::RequestSession;

/// Longest `Set-Cookie` that every gateway relays, in bytes.
const MAX_SET_COOKIE: usize = 4000;

/// A decision, and what it changes in the browser.
///
/// A handler returns it as a part of its response: `(update, response).into_response()` adds the
/// cookies. An update that is dropped otherwise is a defect, because the browser may never get a
/// rotated refresh token: the request log reports it as an error, and in a debug build the request
/// fails. An update without value is [discarded](Self::discard); one that another update includes
/// gives up [its decision](Self::into_decision).
#[must_use = "the browser loses a rotated refresh token unless a response carries these cookies"]
pub(crate) struct SessionUpdate {
    decision: Decision,
    changes: CookieChanges,
    site: Arc<Site>,
    /// `None`: a login or a logout, which nothing supersedes once it is committed.
    revocation_check: Option<RevocationCheck>,
    /// When SLAS renewed the tokens for this very request.
    renewed_at: Option<Instant>,
    delivery: Delivery,
}

/// The update sets other cookies than our seal, or the seal is longer than a gateway relays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotOneCookie;

impl SessionUpdate {
    pub(super) fn new(
        session: &RequestSession,
        decision: Decision,
        changes: CookieChanges,
        revocation_check: Option<RevocationCheck>,
    ) -> Self {
        let delivery = Delivery { log_fields: session.log_fields.clone(), is_pending: true };
        let site = Arc::clone(&session.site.site);
        Self { decision, changes, site, revocation_check, renewed_at: None, delivery }
    }

    /// This update, for which SLAS renewed tokens at that time; not by another request's exchange.
    pub(super) fn with_renewal(self, renewed_at: Option<Instant>) -> Self {
        Self { renewed_at, ..self }
    }

    /// How many seconds ago SLAS renewed the tokens of a registered shopper for this very request.
    pub(crate) fn age_of_renewal(&self) -> Option<i64> {
        match &self.decision.tokens {
            TokenChange::Set(grant) if grant.claims.customer.is_registered() => {
                let now = self.site.clock.monotonic();
                let age = self.renewed_at.map(|at| now.saturating_duration_since(at).as_secs());
                age.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX))
            }
            TokenChange::Set(_) | TokenChange::Keep | TokenChange::Drop => None,
        }
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.decision
    }

    pub(crate) fn changes(&self) -> &CookieChanges {
        &self.changes
    }

    /// The problem that the decision is for a caller, if it did not get what it needs.
    pub(crate) fn rejection(&self) -> Option<Problem> {
        rejection(&self.decision)
    }

    /// The problem, if a call for the session has failed.
    pub(crate) fn failure(&self) -> Option<Problem> {
        self.decision.outcome.failure().and_then(|_| self.rejection())
    }

    /// The customer of `session` after this update.
    pub(crate) fn customer<'a>(&'a self, session: &'a RequestSession) -> Option<&'a Customer> {
        self.tokens(session).map(|(_, claims)| &claims.customer)
    }

    /// The access token of `session` after this update.
    pub(crate) fn access_token(&self, session: &RequestSession) -> Option<AccessToken> {
        self.tokens(session).map(|(access, _)| access.clone())
    }

    /// The access token of `session` after this update, and its claims.
    pub(crate) fn tokens<'a>(
        &'a self,
        session: &'a RequestSession,
    ) -> Option<(&'a AccessToken, &'a Claims)> {
        match &self.decision.tokens {
            TokenChange::Set(grant) => Some((&grant.access, &grant.claims)),
            TokenChange::Keep => session.held().map(|held| (&held.token, &held.claims)),
            TokenChange::Drop => None,
        }
    }

    /// The DW session of `session` after this update, if it is known to be this shopper's.
    pub(crate) fn dwsid(&self, session: &RequestSession) -> Option<Dwsid> {
        let customer = self.customer(session)?;
        match &self.decision.dw {
            DwChange::Set { cookies, .. } => Some(cookies.dwsid.clone()),
            DwChange::Drop | DwChange::Failed(_) | DwChange::Recheck => None,
            DwChange::Keep | DwChange::Confirm(_) => session.dwsid_of(customer),
        }
    }

    /// Whether a logout or a login in another tab has superseded the update. A slow page may delay
    /// a response long after its decision, so the check is made when the response is sent.
    pub(crate) fn is_superseded(&self) -> bool {
        self.revocation_check.as_ref().is_some_and(|check| check.is_revoked(&self.site))
    }

    /// Records that the request is about to reach ECOM, which keeps the DW session alive.
    pub(crate) fn record_dw_use(&mut self, session: &RequestSession) {
        let is_kept = matches!(self.decision.dw, DwChange::Keep | DwChange::Confirm(_));
        if is_kept && !session.superseded && !session.is_late() {
            self.changes.state.record_dw_use(self.site.clock.now());
            session.seal(&mut self.changes);
        }
    }

    /// Records that OCAPI was asked whose the DW session is because a form was answered by a redirect.
    pub(crate) fn record_dw_check(&mut self, session: &RequestSession) {
        if !session.superseded && !session.is_late() {
            self.changes.state.dw_checked_at = Some(self.site.clock.now());
            session.seal(&mut self.changes);
        }
    }

    /// Leaves a refresh token that an upstream handed over, and that cannot be exchanged now, for the
    /// next request. It may be the only one that is still valid.
    pub(crate) fn defer_refresh_token(
        &mut self,
        session: &RequestSession,
        offered: &UpstreamRefresh,
    ) {
        self.changes.defer_refresh_token(&self.site.names, &session.presented, offered);
        session.seal(&mut self.changes);
    }

    /// The only cookie that the update sets: our seal. None, if it sets none or is superseded. An
    /// update that sets more is dropped, because the next request comes to the same decision.
    pub(crate) fn into_single_cookie(mut self) -> Result<Option<HeaderValue>, NotOneCookie> {
        self.delivery.is_pending = false;
        let names = &self.site.names;
        match self.changes.cookies.as_slice() {
            _ if self.is_superseded() => Ok(None),
            [] => Ok(None),
            [only] if names.is_seal(only.name().as_bytes()) => {
                let cookie = self.changes.headers(names).next();
                let short = cookie.filter(|cookie| cookie.len() < MAX_SET_COOKIE);
                short.map(Some).ok_or(NotOneCookie)
            }
            _ => Err(NotOneCookie),
        }
    }

    /// The decision, for an update that includes it. If that one is superseded, so is this one:
    /// both are made from the same credentials.
    pub(crate) fn into_decision(mut self) -> Decision {
        self.delivery.is_pending = false;
        self.decision
    }

    /// Drops an update that must not reach the browser, or need not. The caller says why.
    pub(crate) fn discard(mut self) {
        self.delivery.is_pending = false;
    }
}

impl IntoResponseParts for SessionUpdate {
    type Error = Infallible;

    /// Adds the cookies, unless a login or logout in another tab has superseded them.
    fn into_response_parts(
        mut self,
        mut parts: ResponseParts,
    ) -> Result<ResponseParts, Infallible> {
        self.delivery.is_pending = false;
        if !self.is_superseded() {
            let headers = parts.headers_mut();
            for cookie in self.changes.headers(&self.site.names) {
                headers.append(SET_COOKIE, cookie);
            }
            if !self.changes.is_empty() {
                no_store(headers);
            }
        }
        Ok(parts)
    }
}

/// Reports an update that reaches no response. A request that is cancelled reports nothing: its log
/// line is cancelled with it.
struct Delivery {
    log_fields: LogFields,
    is_pending: bool,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.is_pending {
            self.log_fields.with(|fields| fields.update_lost = true);
        }
    }
}

/// Looks up whether the credentials of a request were revoked after it was received.
pub(super) struct RevocationCheck {
    received_at: Instant,
    credentials: Vec<Tag>,
    /// SLAS sessions, with the issue time of a token: the one presented, and the one granted.
    sessions: Vec<(Tag, Timestamp)>,
    refusals: Refusals,
}

/// Whether a refusal of the credentials overtakes an update.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusals {
    Count,
    Ignored,
}

impl RevocationCheck {
    /// For the credentials that `session` presents.
    pub(super) fn of(session: &RequestSession) -> Self {
        let lineage = session.lineage();
        let credentials = session.effective_tags.iter().copied().chain(lineage).collect();
        // Two devices of a shopper may share one `usid`: a lineage in our seal decides instead.
        let held = session.access.claims().filter(|_| lineage.is_none());
        let sessions = held.map(|claims| (claims.usid.tag(), claims.issued_at));
        let sessions = sessions.into_iter().collect();
        let (received_at, refusals) = (session.received_at, Refusals::Count);
        Self { received_at, credentials, sessions, refusals }
    }

    /// Also for the tokens of `grant`.
    pub(super) fn with_granted(mut self, grant: &Grant, session: &RequestSession) -> Self {
        self.credentials.extend(grant.tags());
        if session.lineage().is_none() {
            self.sessions.push((grant.claims.usid.tag(), grant.claims.issued_at));
        }
        self
    }

    /// For a login or a refusal, which another refusal of the credentials does not overtake.
    pub(super) fn without_refusals(mut self) -> Self {
        self.refusals = Refusals::Ignored;
        self
    }

    pub(super) fn is_revoked(&self, site: &Site) -> bool {
        let (revocations, now) = (&site.revocations, site.clock.monotonic());
        let overtakes = |(reason, at): &Revoked| {
            let ignored = self.refusals == Refusals::Ignored && *reason == Reason::Refused;
            *at >= self.received_at && !ignored
        };
        let has_ended = |(usid, issued): &(Tag, Timestamp)| {
            revocations
                .session_ended(*usid, *issued, now)
                .is_some_and(|revoked| overtakes(&revoked))
        };
        revocations.any(&self.credentials, now, overtakes) || self.sessions.iter().any(has_ended)
    }
}
