//! Writes decisions as `Set-Cookie` headers. It is the only writer of that header.
//!
//! Deletions come before writes (some clients use the last header for a name), and a deletion
//! repeats the attributes of the write, because a browser deletes no other cookie.

mod stray_cookies;
mod tokens;

use std::fmt;

use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, SameSite};
use http::HeaderValue;

pub use stray_cookies::StrayCookies;

use super::facts;
use super::logged_out::LoggedOut;
use super::preview::{MARKER, Preview};
use super::profiles::{CookieNames, DWSID, MOST_COMPANIONS, Profile, Readable, is_dw_companion};
use super::request_cookies::{RequestCookies, pairs_in};
use super::response_cookies::UpstreamRefresh;
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
/// The same, if the cause is in the tenant's settings and does not go away without a change.
const RETRY_AFTER_MISCONFIGURED: i64 = 5 * 60;

/// One cookie to set or to delete.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieWrite {
    name: String,
    value: Option<String>,
    max_age: Option<i64>,
}

impl fmt::Debug for CookieWrite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.value.is_some() { "set" } else { "delete" };
        write!(formatter, "{verb} {} {:?}", self.name, self.max_age)
    }
}

/// Everything that changes in the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CookieChanges {
    /// Deletions, then writes.
    pub cookies: Vec<CookieWrite>,
    /// The sealed state afterwards.
    pub state: SealedState,
    /// Deletions of cookies that others have set under Tandem's names; they precede all other
    /// headers.
    pub strays: Vec<HeaderValue>,
    /// The trusted preview that shows the shop.
    pub preview: Option<Preview>,
}

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

/// What happens to the cookie that marks the preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewMarker {
    /// It stays, or is set.
    Kept,
    /// It is deleted: a logout ends the preview.
    Deleted,
}

impl CookieContext<'_> {
    /// The cookie changes that `decision` requires. `remember` is the shopper's choice at a login.
    #[must_use]
    pub fn changes(&self, decision: &Decision, remember: Option<bool>) -> CookieChanges {
        let mut changes = CookieChanges { state: self.state.clone(), ..CookieChanges::default() };
        if let Some(remember) = remember
            && matches!(decision.outcome, Outcome::LoggedIn { .. })
        {
            changes.state.forget_on_close = !remember;
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
        for name in presented.take(MOST_COMPANIONS) {
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

impl CookieChanges {
    fn set(&mut self, name: &str, value: &str, max_age: Option<i64>) {
        let value = Some(value.to_owned());
        self.cookies.push(CookieWrite { name: name.to_owned(), value, max_age });
    }

    fn delete(&mut self, name: &str) {
        let deletion = CookieWrite { name: name.to_owned(), value: None, max_age: None };
        // Deletions come first: this one is inserted behind the last deletion.
        let behind = self.cookies.iter().take_while(|write| write.value.is_none()).count();
        self.cookies.insert(behind, deletion);
    }

    /// Adds the sealed state as the last cookie and replaces one that was added before. It lives as
    /// long as the refresh token.
    pub fn store_state(&mut self, names: &CookieNames, sealed: &str, now: Timestamp) {
        self.cookies.retain(|write| write.name != names.seal);
        self.set_seal(&names.seal, sealed, now);
    }

    /// Adds the seal of a registered shopper's tokens.
    pub fn seal_registered(&mut self, names: &CookieNames, sealed: &str, now: Timestamp) {
        self.cookies.retain(|write| write.name != names.registered_seal);
        self.set_seal(&names.registered_seal, sealed, now);
    }

    fn set_seal(&mut self, name: &str, sealed: &str, now: Timestamp) {
        let state = &self.state;
        let logged_out = (!state.logged_out.is_empty()).then_some(LoggedOut::LIFE);
        let refresh = state.refresh_expires_at.map(|expires| expires.since(now).max(1));
        let life = refresh.max(logged_out).filter(|_| !state.forget_on_close);
        self.set(name, sealed, life);
    }

    /// Replaces all tokens with the refresh token of another writer, and leaves its exchange to the
    /// next request.
    pub fn defer_refresh_token(&mut self, names: &CookieNames, upstream: &UpstreamRefresh) {
        for entry in names.entries() {
            self.cookies.retain(|write| write.name != entry.name);
        }
        let name = names.refresh(upstream.kind);
        for entry in names.entries().iter().filter(|entry| entry.name != name) {
            self.delete(&entry.name);
        }
        self.set(name, upstream.token.expose(), upstream.max_age);
        self.state =
            SealedState { refresh: Some(upstream.token.tag()), ..self.state.without_tokens() };
        self.state.mark_dw_unverified();
    }

    /// Records that the shop is shown in `preview`, until the browser closes. A logout also ends
    /// the preview.
    pub fn show_in_preview(&mut self, preview: Preview, marker: PreviewMarker) {
        let changed = !self.cookies.is_empty();
        if marker == PreviewMarker::Deleted {
            self.delete(MARKER);
        } else if changed && !preview.marked {
            self.set(MARKER, &preview.parent, None);
        }
        self.preview = Some(preview);
    }

    /// Whether no cookie is set or deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.strays.is_empty()
    }

    /// The `Set-Cookie` headers, in order.
    pub fn headers<'a>(&'a self, names: &'a CookieNames) -> impl Iterator<Item = HeaderValue> + 'a {
        // Every value was parsed as a cookie value, so none is invalid here.
        let cookies = self.cookies.iter();
        let cookies = cookies.filter_map(|write| write.header(names, self.preview.as_ref()).ok());
        self.strays.iter().cloned().chain(cookies)
    }

    /// The `Cookie` header of the request at hand, as the browser would send it after these
    /// changes, without the seals. `None` if no cookie is left.
    #[must_use]
    pub fn request_header<'a>(
        &self,
        headers: impl Iterator<Item = &'a [u8]>,
        names: &CookieNames,
    ) -> Option<Vec<u8>> {
        let mut pairs: Vec<&[u8]> = Vec::new();
        for header in headers {
            let kept = pairs_in(header).map(<[u8]>::trim_ascii);
            pairs.extend(kept.filter(|pair| !pair.is_empty() && !self.replaces(pair, names)));
        }
        let written: Vec<Vec<u8>> = self.cookies.iter().filter_map(|w| w.pair(names)).collect();
        pairs.extend(written.iter().map(Vec::as_slice));
        (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
    }

    fn replaces(&self, pair: &[u8], names: &CookieNames) -> bool {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        names.is_seal(name) || self.cookies.iter().any(|write| write.name.as_bytes() == name)
    }
}

impl CookieWrite {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn header(
        &self,
        names: &CookieNames,
        preview: Option<&Preview>,
    ) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let mut cookie = Cookie::new(&self.name, self.value.as_deref().unwrap_or_default());
        cookie.set_path("/");
        let same_site = if preview.is_some() { SameSite::None } else { SameSite::Lax };
        cookie.set_same_site(same_site);
        cookie.set_partitioned(preview.map(|_| true));
        cookie.set_secure(names.transport.is_secure());
        cookie.set_http_only(names.readable(&self.name) == Readable::ByServersOnly);
        if self.value.is_none() {
            cookie.set_max_age(Duration::ZERO);
            cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
        } else if let Some(seconds) = self.max_age {
            cookie.set_max_age(Duration::seconds(seconds.max(0)));
        }
        HeaderValue::from_str(&cookie.to_string())
    }

    fn pair(&self, names: &CookieNames) -> Option<Vec<u8>> {
        let value = self.value.as_ref().filter(|_| !names.is_seal(self.name.as_bytes()))?;
        Some(format!("{}={value}", self.name).into_bytes())
    }
}
