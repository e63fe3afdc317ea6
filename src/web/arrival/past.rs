//! What a login, a logout or a refresh elsewhere has made a thing of the past.

use std::time::Instant;

use super::Arrival;
use crate::flow::Access;
use crate::flow::{Ending, Outcome, RefreshAnswer, TokenChange};
use crate::ids::{AccessToken, Dwsid, RefreshToken, Tag};
use crate::retired::Reason;
use crate::session::memory::Memory;
use crate::session::read::Presented;
use crate::session::{CustomerType, Grant, judge};
use crate::site::Site;

impl Arrival {
    /// A refresh of what the browser presents may be under way, or have come back a moment ago:
    /// then its successor is what a logout must end.
    pub(in crate::web) async fn catch_up(&mut self) {
        let Some(held) = judge::refresh_token(&self.presented, &self.memory) else { return };
        let tag = held.token.tag();
        let current = self.site.refreshes.current(&tag);
        let current = tokio::time::timeout(self.site.patience, current).await.ok().flatten();
        if let Some(RefreshAnswer::Granted(grant)) = current {
            self.take_over(*grant);
        }
    }

    fn take_over(&mut self, grant: Grant) {
        if let Some(refresh) = grant.refresh {
            let candidates = match grant.claims.customer.kind {
                CustomerType::Guest => &mut self.presented.guest_refresh,
                CustomerType::Registered => &mut self.presented.registered_refresh,
            };
            *candidates = vec![refresh.token];
        }
        self.all.push(grant.access.tag());
        self.all.extend(tags(&self.presented));
        self.access = judge::access(grant.access, grant.claims, self.site.clock.now());
    }

    /// Retires what this request presents, and what a refresh of it has just brought. Whoever
    /// shows neither a genuine token nor our seal has nothing that could come back, and must not
    /// fill our memory.
    pub(in crate::web) fn retire(&self, reason: Reason) {
        self.retire_those(&self.all, reason);
    }

    /// The same, but for the DW session, which goes on as the new shopper's.
    pub(in crate::web) fn retire_tokens(&self, reason: Reason) {
        let dw = |tag: &Tag| self.presented.dwsid.iter().any(|dwsid| dwsid.tag() == *tag);
        let tokens: Vec<Tag> = self.all.iter().filter(|tag| !dw(tag)).copied().collect();
        self.retire_those(&tokens, reason);
    }

    fn retire_those(&self, tags: &[Tag], reason: Reason) {
        if self.access == Access::None && self.memory == Memory::default() {
            return;
        }
        let now = self.site.clock.monotonic();
        let successors = tags.iter().flat_map(|tag| successors(&self.site, *tag));
        self.site.retired.retire(tags.iter().copied().chain(successors), reason, now);
    }

    /// Whether a logout or a login in another tab has made `ending` a thing of the past. An answer
    /// may be held up by a slow page long after it was worked out, so this is asked when it leaves.
    pub(in crate::web) fn is_past(&self, ending: &Ending) -> bool {
        let own = matches!(ending.outcome, Outcome::SignedIn { .. } | Outcome::SignedOut { .. });
        let granted = match &ending.tokens {
            TokenChange::Set(grant) => grant.tags(),
            TokenChange::Keep | TokenChange::Drop => Vec::new(),
        };
        let retired = &self.site.retired;
        let since = self.arrived;
        !own && (retired.any_since(&self.chosen, since) || retired.any_since(&granted, since))
    }
}

pub(super) fn tags(presented: &Presented) -> Vec<Tag> {
    let refresh = presented.registered_refresh.iter().chain(&presented.guest_refresh);
    let slas = presented.access.iter().map(AccessToken::tag).chain(refresh.map(RefreshToken::tag));
    slas.chain(presented.dwsid.iter().map(Dwsid::tag)).collect()
}

pub(super) fn chosen(presented: &Presented, memory: &Memory) -> Vec<Tag> {
    let access = judge::access_token(presented, memory).map(AccessToken::tag);
    let refresh = judge::refresh_token(presented, memory).map(|held| held.token.tag());
    let slas: Vec<Tag> = access.into_iter().chain(refresh).collect();
    // Without SLAS credentials, it is by the DW session that the shopper is known.
    if slas.is_empty() { presented.dwsid.iter().map(Dwsid::tag).collect() } else { slas }
}

/// Why a credential, or what it has just been refreshed to, is retired.
pub(super) fn retired(site: &Site, tag: Tag, now: Instant) -> Option<Reason> {
    let reason = |tag| site.retired.reason(tag, now);
    reason(tag).or_else(|| successors(site, tag).into_iter().find_map(reason))
}

/// The fingerprints of what a refresh of `tag` has brought within the last minute.
pub(super) fn successors(site: &Site, tag: Tag) -> Vec<Tag> {
    let granted = |answer: &RefreshAnswer| match answer {
        RefreshAnswer::Granted(grant) => grant.tags(),
        RefreshAnswer::Refused | RefreshAnswer::Unavailable(_) => Vec::new(),
    };
    site.refreshes.remembered(&tag, granted).unwrap_or_default()
}

/// Credentials of a session that has been signed out count as absent. That goes for the DW session
/// too: nothing can end it at the platform, and whoever shows it would get tokens for it.
pub(super) fn drop_signed_out(presented: &mut Presented, site: &Site, now: Instant) {
    let live = |tag| retired(site, tag, now) != Some(Reason::SignedOut);
    presented.access.retain(|token| live(token.tag()));
    presented.registered_refresh.retain(|token| live(token.tag()));
    presented.guest_refresh.retain(|token| live(token.tag()));
    presented.dwsid.retain(|dwsid| live(dwsid.tag()));
}
