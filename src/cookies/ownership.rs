//! Which of the presented credentials are this browser's own (promise 13).

use super::profiles::{CookieNames, DWSID};
use super::request_cookies::{RequestCookies, RequestHandoff, candidate};
use super::sealed_state::SealedState;
use crate::flow::Provenance;
use crate::ids::{AccessToken, Dwsid, RefreshToken, Tag};
use crate::model::{Claims, Customer};

/// Who sets cookies about the shopper in the browsers of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Writers {
    /// Only Tandem, now and in the past: a credential that the seal does not name was planted.
    OnlyTandem,
    /// Only Tandem, because every response of ECOM and of the Head passes through it; but browsers
    /// may present tokens from before Tandem.
    #[default]
    Tandem,
    /// ECOM, a Head or its scripts as well, beside Tandem.
    Others,
}

impl Writers {
    fn is_tandem(self) -> bool {
        self != Self::Others
    }
}

/// Who sets which cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Layout {
    /// The cookies of SLAS tokens.
    pub tokens: Writers,
    /// `dwsid` and its companions.
    pub dw: Writers,
}

/// Makes the token that the access cookie holds an access token, if the seal names it. Beside a token in
/// parts it was read as a handoff of ECOM, but any host of the domain may have set those parts.
pub fn settle_handoff(presented: &mut RequestCookies, state: &SealedState, names: &CookieNames) {
    if names.access != names.handoff {
        return;
    }
    if let Some(RequestHandoff::Token(token)) = &presented.handoff
        && state.access == Some(token.tag())
    {
        candidate(&mut presented.access, Some(token.clone()));
        presented.handoff = None;
    }
}

/// Removes from `presented` every credential that cannot be this browser's own according to the
/// seal (promise 13), and every one that is no longer `live`. Returns the names of the cookies that
/// lost a value.
///
/// A `Cookie` header does not show which host set a cookie. A host that may write for a parent
/// domain, or an older installation with another `Path`, can add one beside Tandem's. A credential
/// that the seal names counts before all others; these count only if the browser does not present
/// that one.
pub fn retain_own(
    presented: &mut RequestCookies,
    state: &SealedState,
    layout: Layout,
    names: &CookieNames,
    live: impl Fn(Tag) -> bool,
) -> Vec<String> {
    let before = counts(presented);
    let live = |tag: Tag| live(tag) && !state.logged_out.has(tag);
    presented.access.retain(|token| live(token.tag()));
    presented.registered_refresh.retain(|token| live(token.tag()));
    presented.guest_refresh.retain(|token| live(token.tag()));
    presented.dwsid.retain(|dwsid| live(dwsid.tag()));
    retain_own_tokens(presented, state, layout.tokens);
    retain_own_dwsid(presented, state, layout.dw);
    let (registered, guest) = (names.registered_refresh.clone(), names.guest_refresh.clone());
    let names =
        [presented.access_names(names), vec![registered], vec![guest], vec![DWSID.to_owned()]];
    let changed = names.into_iter().zip(before.iter().zip(counts(presented)));
    changed.filter(|(_, (before, after))| *before != after).flat_map(|(names, _)| names).collect()
}

fn counts(presented: &RequestCookies) -> [usize; 4] {
    let RequestCookies { access, registered_refresh, guest_refresh, dwsid, .. } = presented;
    [access.len(), registered_refresh.len(), guest_refresh.len(), dwsid.len()]
}

/// Tokens that the seal does not name may still be this browser's: two concurrent responses may
/// leave the tokens of one beside the seal of the other.
fn retain_own_tokens(presented: &mut RequestCookies, state: &SealedState, writers: Writers) {
    let refresh = |token: &RefreshToken| state.refresh == Some(token.tag());
    let access = |token: &AccessToken| state.access == Some(token.tag());
    let is_sealed = presented.refresh_tokens().any(refresh);
    let foreign = match writers {
        Writers::OnlyTandem => state.session.is_none(),
        Writers::Tandem => state.session.is_none() && !state.is_blank(),
        Writers::Others => false,
    };
    if is_sealed || foreign {
        presented.registered_refresh.retain(refresh);
        presented.guest_refresh.retain(refresh);
    }
    if presented.access.iter().any(access) || foreign {
        presented.access.retain(access);
    }
}

/// In a browser without any seal, a DW session may be a guest's from before Tandem.
fn retain_own_dwsid(presented: &mut RequestCookies, state: &SealedState, writers: Writers) {
    let sealed = |dwsid: &Dwsid| state.dw.as_ref().is_some_and(|dw| dw.dwsid == dwsid.tag());
    let foreign = match writers {
        Writers::OnlyTandem => true,
        Writers::Tandem => !state.is_blank(),
        Writers::Others => false,
    };
    if presented.dwsid.iter().any(sealed) || foreign {
        presented.dwsid.retain(sealed);
    }
}

/// Removes the DW session that the seal of another site at the same host names. A page of one site
/// never gets the session of another.
pub fn remove_dwsid_of_neighbour(
    presented: &mut RequestCookies,
    own: &SealedState,
    neighbour: &SealedState,
) {
    let theirs = neighbour.dwsid().filter(|dwsid| own.dwsid() != Some(*dwsid));
    presented.dwsid.retain(|dwsid| Some(dwsid.tag()) != theirs);
}

/// Whether a browser sends cookies that are `SameSite=Lax` with a request (RFC 6265bis section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaxCookies {
    /// It does.
    Sent,
    /// It does not: a page of another site has caused the request.
    Withheld,
}

/// Takes the DW session out of a request without `Lax` cookies: as `SameSite=None`, it comes with such
/// requests too. Seals are `Lax`, so with a seal the request is the shopper's own. Returns the session
/// that `dw_seal` names, for a path that expects such requests.
pub fn take_cross_site_dwsid(
    presented: &mut RequestCookies,
    dw_seal: &SealedState,
    lax: LaxCookies,
) -> Option<Dwsid> {
    if presented.seal.is_some() || lax == LaxCookies::Sent {
        return None;
    }
    presented.lax_withheld = true;
    presented.dw_companions.clear();
    let mut taken = std::mem::take(&mut presented.dwsid).into_iter();
    taken.find(|dwsid| dw_seal.dwsid() == Some(dwsid.tag()))
}

/// The shopper whom the seal names, as long as the browser presents a token that it names. If only
/// Tandem can have written tokens, the seal suffices.
#[must_use]
pub fn sealed_customer<'m>(
    presented: &RequestCookies,
    state: &'m SealedState,
    writers: Writers,
) -> Option<&'m Customer> {
    let sealed = presents_sealed_token(presented, state);
    let session = state.session.as_ref().filter(|_| sealed || writers == Writers::OnlyTandem);
    session.map(|session| &session.customer)
}

/// Whether the seal names a registered shopper and the browser presents neither of the sealed tokens.
/// Where others write tokens too, they may have deleted them.
#[must_use]
pub fn has_lost_registered(
    presented: &RequestCookies,
    state: &SealedState,
    writers: Writers,
) -> bool {
    let registered = state.session.as_ref().is_some_and(|session| session.customer.is_registered());
    writers.is_tandem() && registered && !presents_sealed_token(presented, state)
}

fn presents_sealed_token(presented: &RequestCookies, state: &SealedState) -> bool {
    let refresh = |token: &RefreshToken| state.refresh == Some(token.tag());
    let access = |token: &AccessToken| state.access == Some(token.tag());
    presented.refresh_tokens().any(refresh) || presented.access.iter().any(access)
}

/// Reduces `presented` to what may be sent upstream with a request that is handled without a
/// shopper: if only Tandem writes cookies about the shopper, that is what the seal names.
pub fn retain_sealed(presented: &mut RequestCookies, state: &SealedState, layout: Layout) {
    if layout.tokens.is_tandem() {
        presented.access.retain(|token| state.access == Some(token.tag()));
        presented.registered_refresh.retain(|token| state.refresh == Some(token.tag()));
        presented.guest_refresh.retain(|token| state.refresh == Some(token.tag()));
    }
    if layout.dw.is_tandem() {
        presented.dwsid.retain(|it| state.dw.as_ref().is_some_and(|dw| dw.dwsid == it.tag()));
    }
}

/// Whether an access token with a valid signature names the shopper of this browser.
#[must_use]
pub fn is_own(
    token: &AccessToken,
    claims: &Claims,
    presented: &RequestCookies,
    state: &SealedState,
    writers: Writers,
) -> bool {
    let refresh = |token: &RefreshToken| state.refresh == Some(token.tag());
    if state.access == Some(token.tag()) {
        return true;
    }
    let replaced = !presented.refresh_tokens().any(refresh);
    let provenance =
        if !writers.is_tandem() && replaced { Provenance::Ecom } else { Provenance::Slas };
    provenance.may_identify(&claims.customer, sealed_customer(presented, state, writers))
        && !state.logged_out.has_session(claims.usid.tag(), claims.issued_at)
}
