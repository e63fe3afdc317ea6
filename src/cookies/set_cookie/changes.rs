//! The cookies that a response sets and deletes, and their `Set-Cookie` headers.

use std::fmt;

use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, SameSite};
use http::HeaderValue;

use super::PreviewMarker;
use crate::cookies::logged_out::LoggedOut;
use crate::cookies::preview::{MARKER, Preview};
use crate::cookies::profiles::{CookieNames, Readable};
use crate::cookies::request_cookies::{RequestCookies, pairs_in};
use crate::cookies::response_cookies::UpstreamRefresh;
use crate::cookies::sealed_state::SealedState;
use crate::timestamp::Timestamp;

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

impl CookieChanges {
    pub(super) fn set(&mut self, name: &str, value: &str, max_age: Option<i64>) {
        let value = Some(value.to_owned());
        self.cookies.push(CookieWrite { name: name.to_owned(), value, max_age });
    }

    pub(super) fn delete(&mut self, name: &str) {
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

    /// Adds the seal of the DW session alone, which lives as long as `dwsid`; deletes it if `sealed` is
    /// `None`.
    pub fn seal_dw(&mut self, names: &CookieNames, sealed: Option<&str>) {
        self.cookies.retain(|write| write.name != names.dw_seal);
        match sealed {
            Some(sealed) => self.set(&names.dw_seal, sealed, None),
            None => self.delete(&names.dw_seal),
        }
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
    pub fn defer_refresh_token(
        &mut self,
        names: &CookieNames,
        presented: &RequestCookies,
        upstream: &UpstreamRefresh,
    ) {
        for entry in names.entries() {
            self.cookies.retain(|write| write.name != entry.name);
        }
        self.cookies.retain(|write| names.part_of(&write.name).is_none());
        for name in names.part_names().filter(|name| presented.has(name)) {
            self.delete(&name);
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
        let mut written: Vec<Vec<u8>> = self.cookies.iter().filter_map(|w| w.pair(names)).collect();
        written.extend(self.whole_token(names));
        pairs.extend(written.iter().map(Vec::as_slice));
        (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
    }

    fn replaces(&self, pair: &[u8], names: &CookieNames) -> bool {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        // The whole token of the request is replaced with the parts that held it.
        let is_whole = name == names.access.as_bytes();
        names.is_seal(name)
            || self.cookies.iter().any(|write| {
                write.name.as_bytes() == name || (is_whole && names.part_of(&write.name).is_some())
            })
    }

    /// The access token that is written in parts, as one pair.
    fn whole_token(&self, names: &CookieNames) -> Option<Vec<u8>> {
        let parts = self.cookies.iter().filter(|write| names.part_of(&write.name).is_some());
        let token: String = parts.filter_map(|write| write.value.as_deref()).collect();
        (!token.is_empty()).then(|| format!("{}={token}", names.access).into_bytes())
    }
}

impl CookieWrite {
    /// The name of the cookie.
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
        let cross_site = preview.is_some() || names.is_cross_site(&self.name);
        let same_site = if cross_site { SameSite::None } else { SameSite::Lax };
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
        let is_hidden = names.is_seal(self.name.as_bytes()) || names.part_of(&self.name).is_some();
        let value = self.value.as_ref().filter(|_| !is_hidden)?;
        Some(format!("{}={value}", self.name).into_bytes())
    }
}
