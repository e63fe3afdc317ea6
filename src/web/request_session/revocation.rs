//! Credentials revoked or superseded by a login, a logout or a refresh in another request.

use std::time::{Duration, Instant};

use crate::cookies::facts;
use crate::cookies::request_cookies::RequestCookies;
use crate::cookies::sealed_state::SealedState;
use crate::flow::{Access, Decision, RefreshResponse};
use crate::ids::{AccessToken, Dwsid, RefreshToken, Tag};
use crate::model::{CustomerType, Grant};
use crate::revocations::{Reason, Revoked};
use crate::site::Site;
use crate::timestamp::Timestamp;
use crate::web::request_session::RequestSession;

/// A request that presents credentials logged out less than this ago was sent before the browser had
/// the response to its logout, or comes from a tab without that response. After this time, the
/// browser has never received that response, and gets a new session.
const LATE: Duration = Duration::from_secs(60);

/// After this time, the browser has received the response to its login or never will.
const FRESH: Duration = Duration::from_secs(30);

impl RequestSession {
    /// Waits for a refresh of the presented token that is in progress or has just finished: a logout
    /// must end its successor.
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
            self.apply_refresh(*grant);
        }
    }

    fn apply_refresh(&mut self, grant: Grant) {
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

    /// Revokes the session of this request, and the tokens that a refresh of it has just brought.
    pub(crate) fn revoke_presented(&self, reason: Reason) {
        self.revoke(reason, |_| true);
        if reason.ends_session() {
            self.end_sessions(reason, |_| true);
        }
    }

    /// Revokes the session of this request, except for what `decision` keeps in the browser for the
    /// new shopper.
    pub(crate) fn revoke_all_but(&self, reason: Reason, decision: &Decision) {
        let dwsid = self.state.dw.as_ref().map(|dw| dw.dwsid);
        let is_dropped = |tag: &Tag| !decision.keeps(*tag, dwsid);
        self.revoke(reason, is_dropped);
        if reason.ends_session() {
            self.end_sessions(reason, |usid| is_dropped(&usid));
        }
    }

    /// Revokes what was issued to this browser, with what a refresh of it has just brought.
    fn revoke(&self, reason: Reason, is_dropped: impl Fn(&Tag) -> bool) {
        let tags = self.issued();
        let successors = tags.iter().flat_map(|tag| successors(&self.site, *tag));
        let tags = tags.iter().copied().chain(successors).filter(is_dropped);
        self.site.revocations.revoke(tags, reason, self.site.clock.monotonic());
    }

    /// Fingerprints of the credentials that are known to have been issued: our seal names them, or a
    /// signature or SLAS has confirmed them in this request. All others may be forged, and must not
    /// fill the memory of revocations.
    pub(crate) fn issued(&self) -> Vec<Tag> {
        let held = self.held().map(|held| held.token.tag());
        let exchanged = |tag: &Tag| !successors(&self.site, *tag).is_empty();
        let refreshed = self.presented.refresh_tokens().map(RefreshToken::tag).filter(exchanged);
        let confirmed = self.confirmed.iter().chain(&self.ended_tags).copied();
        refreshed.chain(confirmed).chain(held).chain(self.state.sealed_tags()).collect()
    }

    /// Ends the SLAS session of this request, including all its tokens that others still hold.
    fn end_sessions(&self, reason: Reason, is_dropped: impl Fn(Tag) -> bool) {
        let (now, at) = (self.site.clock.monotonic(), self.site.clock.now());
        let held = self.access.claims().map(|claims| (claims.usid.tag(), claims.issued_at));
        // A refusal speaks of the refused token and of older ones. A login may have brought newer
        // ones with the same `usid`.
        let until = |issued: Timestamp| match reason {
            Reason::Refused => held.map_or(at, |(_, refused)| refused),
            Reason::LoggedOut | Reason::Superseded => issued.max(at),
        };
        let sealed = self.state.session.as_ref().map(|session| (session.usid, at));
        for (usid, issued) in sealed.into_iter().chain(held).filter(|(usid, _)| is_dropped(*usid)) {
            self.site.revocations.end_session(usid, until(issued), reason, now);
        }
    }

    /// What the seal records of a logout: every credential presented, and the SLAS session.
    pub(crate) fn logged_out_tags(&self) -> Vec<Tag> {
        let sealed = self.state.session.as_ref().map(|session| session.usid);
        let session = self.access.claims().map(|claims| claims.usid.tag());
        let issued = self.issued().into_iter();
        self.presented_tags.iter().copied().chain(issued).chain(sealed).chain(session).collect()
    }

    /// The session that our seal names.
    pub(super) fn lineage(&self) -> Option<Tag> {
        self.state.session.as_ref().map(|session| session.lineage)
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
    // Without SLAS credentials, the DW session identifies the shopper.
    if slas.is_empty() { presented.dwsid.iter().map(Dwsid::tag).collect() } else { slas }
}

/// Why and since when a credential, or its successor by a recent refresh, is revoked.
pub(crate) fn revoked(site: &Site, tag: Tag, now: Instant) -> Option<Revoked> {
    let find = |tag| site.revocations.find(tag, now);
    find(tag).or_else(|| successors(site, tag).into_iter().find_map(find))
}

fn logged_out(site: &Site, tag: Tag, now: Instant) -> Option<Instant> {
    revoked(site, tag, now).and_then(|(reason, at)| reason.ends_session().then_some(at))
}

/// Whether a logout is so recent that the browser may not have its response yet.
pub(crate) fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < LATE
}

/// Whether a login is so recent that the browser may not have its response yet.
pub(crate) fn is_fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < FRESH
}

/// When the session of a request was logged out, if that is so recent that the browser may not have
/// the response yet. The seal identifies the session. The presented credentials do so only if there is
/// no seal, because they may have been planted.
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

/// The state without a session that has been logged out: the browser never received the response.
pub(crate) fn without_logged_out(state: SealedState, site: &Site, now: Instant) -> SealedState {
    let sealed: Vec<Tag> = state.sealed_tags().collect();
    if !sealed.iter().any(|tag| logged_out(site, *tag, now).is_some()) {
        return state;
    }
    let session = state.session.as_ref().map(|session| session.usid);
    let mut left = SealedState { dw: None, ..state.without_tokens() };
    left.logged_out.add(sealed.into_iter().chain(session), site.clock.now());
    left
}

/// The fingerprints of the tokens that a refresh of `tag` has brought within the last minute.
fn successors(site: &Site, tag: Tag) -> Vec<Tag> {
    let granted = |response: &RefreshResponse| match response {
        RefreshResponse::Granted(grant) => grant.tags(),
        RefreshResponse::Refused | RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_) => {
            Vec::new()
        }
    };
    site.refreshes.peek(&tag, granted).unwrap_or_default()
}

/// Whether a credential does not belong to a session that has been logged out. This includes the DW
/// session: no call ends it on the platform, and a client that presents it would get tokens for it.
pub(crate) fn is_live(site: &Site, tag: Tag, now: Instant) -> bool {
    logged_out(site, tag, now).is_none()
}
