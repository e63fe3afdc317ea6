//! The cookies of a request that may be forwarded to an upstream.

use std::borrow::Cow;

use http::header::{COOKIE, GetAll};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::access_token;
use crate::cookies::facts;
use crate::cookies::ownership::{self, LaxCookies};
use crate::cookies::profiles::{DWSID, is_dw_companion};
use crate::cookies::request_cookies::{RequestCookies, pair_of, pairs_in};
use crate::cookies::sealed_state::SealedState;
use crate::header_values::single_text;
use crate::ids::{AccessToken, Dwsid, RefreshToken};
use crate::site::{Site, SiteAtHost};
use crate::web::request_kind::is_reading;
use crate::web::request_session::RequestSession;
use crate::web::request_session::revocation::{is_live, without_logged_out};

impl RequestSession {
    /// The cookie pairs of `headers` that may be forwarded to an upstream.
    pub(crate) fn forwardable<'h>(&self, headers: &GetAll<'h, HeaderValue>) -> Vec<Cow<'h, [u8]>> {
        forwardable(headers, &self.site, &self.presented, &self.state)
    }
}

/// The cookie pairs of `headers` that may be forwarded with a request whose shopper is not identified.
/// Of several candidates, the upstream receives the same one as with a page.
pub(crate) fn forwardable_unverified<'h>(
    site: &SiteAtHost,
    parts: &'h Parts,
) -> Vec<Cow<'h, [u8]>> {
    let headers = &parts.headers;
    let cookies = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let mut presented = RequestCookies::read(cookies, &site.names);
    let now = site.clock.monotonic();
    let state = sealed(&presented, site);
    ownership::settle_handoff(&mut presented, &state, &site.names);
    let state = without_logged_out(state, site, now);
    let dw_seal = opened_dw_seal(&presented, site);
    take_cross_site_dwsid(&mut presented, &dw_seal, parts, site);
    remove_dwsid_of_neighbours(&mut presented, headers, site, &state);
    let live = |tag| is_live(site, tag, now);
    ownership::retain_own(&mut presented, &state, site.layout, &site.names, live);
    ownership::retain_sealed(&mut presented, &state, site.layout);
    // No signature is checked here, so the claims of a token may only remove it.
    let ended = |token: &AccessToken| {
        let claims = access_token::read_issued(token, site.audience()).ok();
        claims.is_some_and(|claims| site.revocations.has_ended(&claims, now))
    };
    presented.access.retain(|token| state.access == Some(token.tag()) || !ended(token));
    forwardable(&headers.get_all(COOKIE), site, &presented, &state)
}

/// Takes the DW session out of a request that another site has caused, if the browser has sent it all
/// the same. Returns it if it may be used on a path that expects such requests, and has not ended.
pub(crate) fn take_cross_site_dwsid(
    presented: &mut RequestCookies,
    dw_seal: &SealedState,
    parts: &Parts,
    site: &Site,
) -> Option<Dwsid> {
    let lax = lax_cookies(parts, site.names.dw_cross_site);
    let taken = ownership::take_cross_site_dwsid(presented, dw_seal, lax)?;
    let is_live = is_live(site, taken.tag(), site.clock.monotonic());
    (is_live && dw_seal.has_live_dw(site.clock.now())).then_some(taken)
}

/// The DW session that comes with a request of another site, if it may be used.
pub(crate) fn cross_site_dwsid(parts: &Parts, site: &Site) -> Option<Dwsid> {
    let cookies = parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let mut presented = RequestCookies::read(cookies, &site.names);
    let dw_seal = opened_dw_seal(&presented, site);
    take_cross_site_dwsid(&mut presented, &dw_seal, parts, site)
}

/// By what the browser says of the request. One that says nothing withholds the cookies if it sends the
/// DW session with every request.
fn lax_cookies(parts: &Parts, dw_cross_site: bool) -> LaxCookies {
    let text = |name: &str| single_text(&parts.headers, name);
    let is_link = is_reading(&parts.method)
        && text("sec-fetch-mode") == Some("navigate")
        && text("sec-fetch-dest") == Some("document");
    match text("sec-fetch-site") {
        Some("cross-site") if !is_link => LaxCookies::Withheld,
        None if dw_cross_site => LaxCookies::Withheld,
        _ => LaxCookies::Sent,
    }
}

/// What the seal of the DW session alone holds, where such seals are written.
pub(crate) fn opened_dw_seal(presented: &RequestCookies, site: &Site) -> SealedState {
    match presented.dw_seal.as_deref().filter(|_| site.names.dw_cross_site) {
        Some(value) => site.seal.open(&site.names.dw_seal, &site.config.id, value),
        None => SealedState::default(),
    }
}

/// The state that our sealed cookies hold. A registered shopper's seal counts if the request presents
/// its refresh token, even if a response about another shopper has changed the common seal since. It
/// does not count if the common seal records its logout.
pub(crate) fn sealed(presented: &RequestCookies, site: &Site) -> SealedState {
    let id = &site.config.id;
    let state = presented.seal.as_deref().unwrap_or_default();
    let state = site.seal.open(&site.names.seal, id, state);
    let registered = presented.registered_seal.as_deref();
    let registered = registered.map(|value| site.seal.open(&site.names.registered_seal, id, value));
    let is_current = |own: &SealedState| {
        let ours = |token: &RefreshToken| own.refresh == Some(token.tag());
        own.refresh != state.refresh
            && presented.registered_refresh.iter().any(ours)
            && !own.sealed_tags().any(|tag| state.logged_out.has(tag))
    };
    match registered.filter(is_current) {
        Some(own) => state.with_registered_session(own),
        None => state,
    }
}

/// Removes the DW session of another site at this host: `dwsid` has the same name for all of them.
pub(crate) fn remove_dwsid_of_neighbours(
    presented: &mut RequestCookies,
    headers: &HeaderMap,
    site: &SiteAtHost,
    state: &SealedState,
) {
    for neighbour in &site.neighbours {
        let cookies = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let theirs = sealed(&RequestCookies::read(cookies, &neighbour.names), neighbour);
        ownership::remove_dwsid_of_neighbour(presented, state, &theirs);
    }
}

fn forwardable<'h>(
    headers: &GetAll<'h, HeaderValue>,
    site: &Site,
    presented: &RequestCookies,
    state: &SealedState,
) -> Vec<Cow<'h, [u8]>> {
    let may_forward = |pair: &&[u8]| match std::str::from_utf8(pair).ok().and_then(pair_of) {
        Some(pair) => facts::may_forward(pair, &site.names, presented, state),
        None => true,
    };
    let pairs = headers.iter().flat_map(|header| pairs_in(header.as_bytes()));
    let whole = facts::whole_token(&site.names, presented, state);
    let whole = whole.map(|pair| Cow::Owned(pair.into_bytes()));
    pairs.filter(may_forward).map(Cow::Borrowed).chain(whole).collect()
}

/// The browser's cookies without those of the session, which an API gets in headers. The others are
/// forwarded: one has the campaign to which an order is attributed.
pub(crate) fn foreign_cookies(site: &Site, headers: &HeaderMap) -> Option<HeaderValue> {
    let names = &site.names;
    let ours = |name: &str| names.owns(name) || name == DWSID || is_dw_companion(name);
    let foreign = |pair: &&[u8]| {
        let pair = std::str::from_utf8(pair).ok().and_then(pair_of);
        // As the most lenient reader may read it.
        pair.is_some_and(|(name, _)| !ours(name.trim()))
    };
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| pairs_in(line.as_bytes()));
    let kept: Vec<&[u8]> = pairs.map(<[u8]>::trim_ascii).filter(foreign).collect();
    (!kept.is_empty()).then(|| HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()).flatten()
}
