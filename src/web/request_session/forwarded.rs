//! Which of a request's cookies may go on to an upstream.

use http::HeaderValue;
use http::header::GetAll;

use crate::access_token;
use crate::cookies::facts;
use crate::cookies::ownership;
use crate::cookies::request_cookies::{RequestCookies, pair_of, pairs_in};
use crate::cookies::sealed_state::SealedState;
use crate::ids::{AccessToken, RefreshToken};
use crate::site::Site;
use crate::web::request_session::RequestSession;
use crate::web::request_session::revocation::{is_live, without_logged_out};

impl RequestSession {
    /// The pairs of `headers` that may go on to an upstream.
    pub(crate) fn judged<'h>(&self, headers: &GetAll<'h, HeaderValue>) -> Vec<&'h [u8]> {
        judged(headers, &self.site, &self.presented, &self.state)
    }
}

/// The pairs of `headers` that may go on to an upstream with a request for which no shopper is
/// looked for: of several candidates it gets the same one as a page.
pub(crate) fn forwardable_unverified<'h>(
    site: &Site,
    headers: &GetAll<'h, HeaderValue>,
) -> Vec<&'h [u8]> {
    let cookies = headers.iter().map(HeaderValue::as_bytes);
    let mut presented = RequestCookies::read(cookies, &site.names);
    let now = site.clock.monotonic();
    let state = without_logged_out(sealed(&presented, site), site, now);
    let live = |tag| is_live(site, tag, now);
    ownership::retain_own(&mut presented, &state, site.layout, &site.names, live);
    ownership::retain_sealed(&mut presented, &state, site.layout);
    // No signature is checked here: what a token says can only take it away.
    let ended = |token: &AccessToken| {
        let claims = access_token::read_issued(token, site.audience()).ok();
        claims.is_some_and(|claims| site.revocations.has_ended(&claims, now))
    };
    presented.access.retain(|token| state.access == Some(token.tag()) || !ended(token));
    judged(headers, site, &presented, &state)
}

/// What our own cookies say. A registered shopper's seal counts where its refresh token is presented,
/// whatever a response about another shopper has written into the common one since; but not what that
/// one says has been logged out.
pub(crate) fn sealed(presented: &RequestCookies, site: &Site) -> SealedState {
    let id = &site.config.id;
    let state = presented.seal.as_deref().unwrap_or_default();
    let state = site.seal.open(&site.names.seal, id, state);
    let registered = presented.registered_seal.as_deref();
    let registered = registered.map(|value| site.seal.open(&site.names.registered_seal, id, value));
    let counts = |own: &SealedState| {
        let ours = |token: &RefreshToken| own.refresh == Some(token.tag());
        own.refresh != state.refresh
            && presented.registered_refresh.iter().any(ours)
            && !own.sealed_tags().any(|tag| state.logged_out.has(tag))
    };
    match registered.filter(counts) {
        Some(own) => state.with_registered_session(own),
        None => state,
    }
}

fn judged<'h>(
    headers: &GetAll<'h, HeaderValue>,
    site: &Site,
    presented: &RequestCookies,
    state: &SealedState,
) -> Vec<&'h [u8]> {
    let judged = |pair: &&[u8]| match std::str::from_utf8(pair).ok().and_then(pair_of) {
        Some(pair) => facts::may_forward(pair, &site.names, presented, state),
        None => true,
    };
    let pairs = headers.iter().flat_map(|header| pairs_in(header.as_bytes()));
    pairs.filter(judged).collect()
}
