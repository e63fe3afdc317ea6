//! What a login, a logout or a refresh elsewhere has made a thing of the past.

use std::time::{Duration, Instant};

use crate::cookies::facts;
use crate::cookies::request_cookies::RequestCookies;
use crate::cookies::sealed_state::SealedState;
use crate::flow::{Access, Decision, Outcome, RefreshResponse, TokenChange};
use crate::ids::{AccessToken, Dwsid, RefreshToken, Tag};
use crate::model::{Claims, CustomerType, Grant};
use crate::revocations::Reason;
use crate::site::Site;
use crate::web::request_session::RequestSession;

/// A request that presents what was logged out less than this ago was on its way before the browser
/// had the answer to its logout, or comes of a tab that has not seen it. Later than that, the
/// browser has never had that answer, and begins anew.
const LATE: Duration = Duration::from_secs(60);

/// By then the browser has the answer to its login, or will never have it.
const FRESH: Duration = Duration::from_secs(30);

impl RequestSession {
    /// A refresh of what the browser presents may be under way, or have come back a moment ago:
    /// then its successor is what a logout must end.
    pub(crate) async fn await_refresh(&mut self) {
        let writers = self.site.layout.tokens;
        let Some(held) = facts::effective_refresh_token(&self.presented, &self.state, writers)
        else {
            return;
        };
        let tag = held.token.tag();
        let current = self.site.refreshes.current(&tag);
        let current = tokio::time::timeout(self.site.call_timeout, current).await.ok().flatten();
        if let Some(RefreshResponse::Granted(grant)) = current {
            self.take_over(*grant);
        }
    }

    fn take_over(&mut self, grant: Grant) {
        self.confirmed.extend(grant.tags());
        if let Some(refresh) = grant.refresh {
            let candidates = match grant.claims.customer.kind {
                CustomerType::Guest => &mut self.presented.guest_refresh,
                CustomerType::Registered => &mut self.presented.registered_refresh,
            };
            *candidates = vec![refresh.token];
        }
        self.access = Access::classify(grant.access, grant.claims, self.site.clock.now());
    }

    /// Revokes the session of this request, and what a refresh of it has just brought.
    pub(crate) fn revoke_presented(&self, reason: Reason) {
        self.revoke(&self.issued(), reason);
        if reason == Reason::LoggedOut {
            self.end_sessions(|_| true);
        }
    }

    /// The same, but for what `ending` keeps in the browser as the new shopper's.
    pub(crate) fn revoke_all_but(&self, reason: Reason, decision: &Decision) {
        let dwsid = self.state.dw.as_ref().map(|dw| dw.dwsid);
        let gone = |tag: &Tag| !decision.keeps(*tag, dwsid);
        let tags: Vec<Tag> = self.issued().into_iter().filter(gone).collect();
        self.revoke(&tags, reason);
        if reason == Reason::LoggedOut {
            self.end_sessions(|usid| gone(&usid));
        }
    }

    fn revoke(&self, tags: &[Tag], reason: Reason) {
        let successors = tags.iter().flat_map(|tag| successors(&self.site, *tag));
        let tags = tags.iter().copied().chain(successors);
        self.site.revocations.revoke(tags, reason, self.site.clock.monotonic());
    }

    /// Fingerprints of the credentials that are known to have been issued: our seal names them, a
    /// signature or SLAS has confirmed them in this request. Whatever else a request presents may be
    /// made up, and must not fill what is remembered.
    pub(crate) fn issued(&self) -> Vec<Tag> {
        let held = self.held().map(|held| held.token.tag());
        let exchanged = |tag: &Tag| !successors(&self.site, *tag).is_empty();
        let refreshed = self.presented.refresh_tokens().map(RefreshToken::tag).filter(exchanged);
        let confirmed = self.confirmed.iter().copied();
        refreshed.chain(confirmed).chain(held).chain(self.state.sealed_tags()).collect()
    }

    /// Ends the SLAS session of this request, whatever other tokens of it are still about.
    fn end_sessions(&self, gone: impl Fn(Tag) -> bool) {
        let (now, at) = (self.site.clock.monotonic(), self.site.clock.now());
        let sealed = self.state.session.as_ref().map(|session| (session.usid, at));
        let held = self.claims().map(|claims| (claims.usid.tag(), claims.issued_at.max(at)));
        for (usid, issued) in sealed.into_iter().chain(held).filter(|(usid, _)| gone(*usid)) {
            self.site.revocations.end_session(usid, issued, now);
        }
    }

    /// What the browser is to remember of a logout: everything it presents, and its SLAS session.
    pub(crate) fn ends(&self) -> Vec<Tag> {
        let sealed = self.state.session.as_ref().map(|session| session.usid);
        let session = self.claims().map(|claims| claims.usid.tag());
        let issued = self.issued().into_iter();
        self.presented_tags.iter().copied().chain(issued).chain(sealed).chain(session).collect()
    }

    fn claims(&self) -> Option<&Claims> {
        match &self.access {
            Access::Fresh(held) | Access::Expiring(held) => Some(&held.claims),
            Access::Expired(claims) => Some(claims),
            Access::None => None,
        }
    }

    /// Whether a logout or a login in another tab has made `ending` a thing of the past. An answer
    /// may be held up by a slow page long after it was worked out, so this is asked when it leaves.
    pub(crate) fn is_superseded(&self, decision: &Decision) -> bool {
        let own = matches!(decision.outcome, Outcome::LoggedIn { .. } | Outcome::LoggedOut { .. });
        !own && self.has_successor(&decision.tokens)
    }

    /// Whether what this request presents, or has been granted, was revoked since it arrived.
    pub(crate) fn has_successor(&self, change: &TokenChange) -> bool {
        let (revocations, now) = (&self.site.revocations, self.site.clock.monotonic());
        let granted = match change {
            TokenChange::Set(grant) => Some(grant),
            TokenChange::Keep | TokenChange::Drop => None,
        };
        let lineage = self.state.session.as_ref().map(|session| session.lineage);
        let granted_tags = granted.map(|grant| grant.tags()).unwrap_or_default();
        let tags: Vec<Tag> = granted_tags.into_iter().chain(lineage).collect();
        // Two devices of a shopper may have one `usid`: where our seal names a lineage, that decides.
        let ended = |claims: &Claims| {
            let (usid, issued) = (claims.usid.tag(), claims.issued_at);
            let at = revocations.session_ended(usid, issued, now);
            lineage.is_none() && at.is_some_and(|at| at >= self.arrived)
        };
        revocations.any_since(&self.effective_tags, self.arrived, now)
            || revocations.any_since(&tags, self.arrived, now)
            || granted.is_some_and(|grant| ended(&grant.claims))
            || self.claims().is_some_and(ended)
    }
}

pub(crate) fn presented_tags(presented: &RequestCookies) -> Vec<Tag> {
    let refresh = presented.refresh_tokens().map(RefreshToken::tag);
    let slas = presented.access.iter().map(AccessToken::tag).chain(refresh);
    slas.chain(presented.dwsid.iter().map(Dwsid::tag)).collect()
}

pub(crate) fn effective_tags(
    presented: &RequestCookies,
    state: &SealedState,
    site: &Site,
) -> Vec<Tag> {
    let access = facts::effective_access_token(presented, state).map(AccessToken::tag);
    let refresh = facts::effective_refresh_token(presented, state, site.layout.tokens);
    let refresh = refresh.map(|held| held.token.tag());
    let slas: Vec<Tag> = access.into_iter().chain(refresh).collect();
    // Without SLAS credentials, it is by the DW session that the shopper is known.
    if slas.is_empty() { presented.dwsid.iter().map(Dwsid::tag).collect() } else { slas }
}

/// Why and since when a credential, or what it has just been refreshed to, is revoked.
pub(crate) fn revoked(site: &Site, tag: Tag, now: Instant) -> Option<(Reason, Instant)> {
    let found = |tag| site.revocations.find(tag, now);
    found(tag).or_else(|| successors(site, tag).into_iter().find_map(found))
}

fn logged_out(site: &Site, tag: Tag, now: Instant) -> Option<Instant> {
    revoked(site, tag, now).and_then(|(reason, at)| (reason == Reason::LoggedOut).then_some(at))
}

/// Whether a moment of logout is so recent that the browser may not have its answer yet.
pub(crate) fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < LATE
}

/// Whether a moment of login is so recent that the browser may not have its answer yet.
pub(crate) fn is_fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < FRESH
}

/// Since when what a request presents has been logged out, if that is so recent that the browser may
/// not have had the answer yet. Its own seal says what the request's session is; only without one
/// does what it presents, for that may have been planted.
pub(crate) fn logged_out_since(
    presented: &RequestCookies,
    state: &SealedState,
    site: &Site,
    now: Instant,
) -> Option<Instant> {
    let presented =
        if state.is_blank() { effective_tags(presented, state, site) } else { Vec::new() };
    let recent = |tag: Tag| logged_out(site, tag, now).filter(|at| is_recent(*at, now));
    let tags = presented.into_iter().chain(state.sealed_tags());
    tags.filter(|tag| !state.logged_out.has(*tag)).find_map(recent)
}

/// What a seal still says whose session has been logged out: the browser never got the answer.
pub(crate) fn without_logged_out(state: SealedState, site: &Site, now: Instant) -> SealedState {
    let vouched: Vec<Tag> = state.sealed_tags().collect();
    if !vouched.iter().any(|tag| logged_out(site, *tag, now).is_some()) {
        return state;
    }
    let session = state.session.as_ref().map(|session| session.usid);
    let mut left = SealedState { dw: None, ..state.without_tokens() };
    left.logged_out.add(vouched.into_iter().chain(session), site.clock.now());
    left
}

/// The fingerprints of what a refresh of `tag` has brought within the last minute.
fn successors(site: &Site, tag: Tag) -> Vec<Tag> {
    let granted = |answer: &RefreshResponse| match answer {
        RefreshResponse::Granted(grant) => grant.tags(),
        RefreshResponse::Refused | RefreshResponse::Unavailable(_) => Vec::new(),
    };
    site.refreshes.peek(&tag, granted).unwrap_or_default()
}

/// Whether a credential is not one of a session that has been logged out. That goes for the DW
/// session too: nothing can end it at the platform, and whoever shows it would get tokens for it.
pub(crate) fn is_live(site: &Site, tag: Tag, now: Instant) -> bool {
    logged_out(site, tag, now).is_none()
}
