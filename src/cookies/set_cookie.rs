//! Writes decisions as `Set-Cookie` headers. It is the only writer of that header.
//!
//! Deletions come before writes (some clients use the last header for a name), and a deletion
//! repeats the attributes of the write, because a browser deletes no other cookie.

mod changes;
mod stray_cookies;
mod tokens;

pub use changes::{CookieChanges, CookieWrite};
pub use stray_cookies::StrayCookies;

use super::facts;
use super::profiles::{CookieNames, DWSID, MAX_COMPANIONS, Profile, Readable, is_dw_companion};
use super::request_cookies::RequestCookies;
use super::sealed_state::{SealedDw, SealedState};
use crate::flow::{Cause, Decision, DwChange, HeldAccess, Outcome, TokenChange};
use crate::ids::{AccessToken, Dwsid, Tag};
use crate::lifetimes::DW_IDLE;
use crate::model::{Customer, DwCookies};
use crate::timestamp::Timestamp;

/// Seconds for which a DW session counts as alive after the platform has confirmed it.
const CONFIRMED_FOR: i64 = 10 * 60;
/// Seconds until a request for the Head again attempts to make a DW session.
const RETRY_AFTER: i64 = 30;
/// Seconds until a request for the Head again attempts to make a DW session, if the cause is in the
/// settings of the platform and does not go away without a change.
const RETRY_AFTER_MISCONFIGURED: i64 = 5 * 60;

/// What the browser held, and the time.
#[derive(Clone, Copy, Debug)]
pub struct CookieContext<'a> {
    /// The site's cookie names.
    pub names: &'a CookieNames,
    /// What the browser presented.
    pub presented: &'a RequestCookies,
    /// The sealed state that it presented.
    pub state: &'a SealedState,
    /// The access token in hand when the flow began.
    pub access: Option<&'a HeldAccess>,
    /// What a logout ends: tags of every credential that the browser presented, the most certain
    /// ones last.
    pub revoked: &'a [Tag],
    /// The time of the response.
    pub now: Timestamp,
}

/// When a cookie is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletion {
    /// Whatever the request presents: another tab may have received the cookie since.
    Always,
    /// If the request presents the cookie.
    IfPresented,
}

/// How long the cookies of a login live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieLife {
    /// As long as the tokens ("remember me").
    Tokens,
    /// Until the browser closes.
    BrowserSession,
}

/// What happens to the cookie that marks the preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewMarker {
    /// The cookie stays, or is set.
    Kept,
    /// The cookie is deleted: a logout ends the preview.
    Deleted,
}

impl CookieContext<'_> {
    /// The cookie changes that `decision` requires. At a login, `life` is
    /// the shopper's choice.
    #[must_use]
    pub fn changes(&self, decision: &Decision, life: Option<CookieLife>) -> CookieChanges {
        let mut changes = CookieChanges { state: self.state.clone(), ..CookieChanges::default() };
        if let Some(life) = life
            && matches!(decision.outcome, Outcome::LoggedIn { .. })
        {
            changes.state.forget_on_close = life == CookieLife::BrowserSession;
        }
        let logging_out = matches!(decision.outcome, Outcome::LoggedOut { .. });
        let deletion = if logging_out { Deletion::Always } else { Deletion::IfPresented };
        self.delete_tokens(&decision.tokens, deletion, &mut changes);
        self.delete_dw(&decision.dw, deletion, &mut changes);
        match (&decision.tokens, self.access) {
            (TokenChange::Set(grant), _) => self.set_tokens(grant, deletion, &mut changes),
            (TokenChange::Keep, Some(held)) => {
                self.accept_handoff(held, &mut changes);
                tokens::seal_held_token(held, &mut changes.state);
            }
            _ => {}
        }
        if let (Outcome::LoggedIn { .. }, TokenChange::Set(grant)) =
            (&decision.outcome, &decision.tokens)
            && grant.claims.customer.is_registered()
        {
            self.delete_guest_refresh(&mut changes);
        }
        if logging_out {
            let ends =
                self.revoked.iter().copied().filter(|tag| !decision.keeps(*tag, self.dwsid()));
            changes.state.logged_out.add(ends, self.now);
        }
        self.set_dw(decision, &mut changes);
        self.record_expiry(decision, &mut changes.state);
        changes
    }

    fn delete_dw(&self, change: &DwChange, deletion: Deletion, changes: &mut CookieChanges) {
        let kept: &[_] = match change {
            DwChange::Keep | DwChange::Recheck | DwChange::Confirm(_) => return,
            DwChange::Set { cookies, .. } => &cookies.companions,
            DwChange::Drop | DwChange::Failed(_) => {
                self.delete(DWSID, deletion, changes);
                self.delete(&self.names.guard, Deletion::IfPresented, changes);
                &[]
            }
        };
        // By name, because a companion with an invalid value must be deleted too.
        let presented = self.presented.names.iter().filter(|name| is_dw_companion(name));
        for name in presented.take(MAX_COMPANIONS) {
            let secret = self.names.readable(name) == Readable::ByServersOnly;
            if secret && !kept.iter().any(|companion| companion.name == *name) {
                changes.delete(name);
            }
        }
        changes.state.dw = None;
    }

    fn set_dw(&self, decision: &Decision, changes: &mut CookieChanges) {
        match &decision.dw {
            DwChange::Keep | DwChange::Drop => {}
            DwChange::Recheck => changes.state.mark_dw_unverified(),
            DwChange::Confirm(owner) => self.confirm(owner.as_ref(), &mut changes.state),
            DwChange::Set { cookies, owner } => {
                self.write_dw(cookies, changes);
                changes.state.bridged = match &decision.tokens {
                    TokenChange::Set(grant) => Some(AccessToken::tag(&grant.access)),
                    TokenChange::Keep | TokenChange::Drop => {
                        self.access.map(|held| held.token.tag())
                    }
                };
                changes.state.bridge_after = None;
                changes.state.dw = Some(SealedDw {
                    dwsid: cookies.tag(),
                    owner: owner.clone(),
                    created_at: self.now,
                    used_at: self.now,
                });
            }
            DwChange::Failed(failure) => {
                let wait = if failure.cause == Cause::Misconfigured {
                    RETRY_AFTER_MISCONFIGURED
                } else {
                    RETRY_AFTER
                };
                changes.state.bridge_after = Some(self.now.plus(wait));
            }
        }
    }

    fn write_dw(&self, cookies: &DwCookies, changes: &mut CookieChanges) {
        for companion in &cookies.companions {
            match &companion.value {
                Some(value) => changes.set(&companion.name, value.expose(), companion.max_age),
                None if self.presented.has(&companion.name) => changes.delete(&companion.name),
                None => {}
            }
        }
        changes.set(DWSID, cookies.dwsid.expose(), None);
        if self.names.profile == Profile::PluginSlas {
            changes.set(&self.names.guard, "1", Some(DW_IDLE));
        }
    }

    /// The DW session that the browser presents.
    fn dwsid(&self) -> Option<Tag> {
        facts::effective_dwsid(self.presented, self.state).map(Dwsid::tag)
    }

    fn confirm(&self, owner: Option<&Customer>, state: &mut SealedState) {
        let Some(dwsid) = self.dwsid() else { return };
        let known = state.dw.take().filter(|known| known.dwsid == dwsid);
        state.dw = Some(SealedDw {
            dwsid,
            owner: owner.cloned(),
            created_at: known.map_or(self.now, |known| known.created_at),
            used_at: self.now.plus(CONFIRMED_FOR - DW_IDLE),
        });
    }

    fn record_expiry(&self, decision: &Decision, state: &mut SealedState) {
        let settled =
            matches!(decision.outcome, Outcome::LoggedIn { .. } | Outcome::LoggedOut { .. });
        if decision.session_expired {
            state.session_expired_at = Some(self.now);
        } else if settled {
            state.session_expired_at = None;
        }
    }

    fn delete(&self, name: &str, deletion: Deletion, changes: &mut CookieChanges) {
        if deletion == Deletion::Always || self.presented.has(name) {
            changes.delete(name);
        }
    }
}
