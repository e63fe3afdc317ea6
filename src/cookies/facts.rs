//! Derives the facts that a decision needs from the request's cookies, the sealed state and the
//! time.

use super::ownership::{self, Layout, Writers};
use super::profiles::{CookieNames, DWSID, is_dw_companion};
use super::request_cookies::{RequestCookies, RequestHandoff};
use super::sealed_state::{SealedDw, SealedState};
use super::token_pieces::PIECE;
use crate::access_token::{self, Audience};
use crate::flow::{Access, Dw, Facts, HeldAccess, HeldDw, HeldRefresh, Policy, Provenance};
use crate::ids::{AccessToken, DwSignature, Dwsid, RefreshToken, Tag};
use crate::lifetimes::{DW_IDLE, DW_MARGIN, DW_MAX_AGE, DW_USE_RECORD};
use crate::model::CustomerType;
use crate::timestamp::Timestamp;

/// The access token that counts. Of several, only the one that the seal names counts.
#[must_use]
pub fn effective_access_token<'a>(
    presented: &'a RequestCookies,
    state: &SealedState,
) -> Option<&'a AccessToken> {
    select(&presented.access, state.access, AccessToken::tag)
}

/// The refresh token that counts: registered before guest.
#[must_use]
pub fn effective_refresh_token(
    presented: &RequestCookies,
    state: &SealedState,
    writers: Writers,
) -> Option<HeldRefresh> {
    effective_refresh_tokens(presented, state, writers).next()
}

/// The refresh tokens that count, in that order. Of several under one name, only the one that the
/// seal names counts.
fn effective_refresh_tokens<'p>(
    presented: &'p RequestCookies,
    state: &'p SealedState,
    writers: Writers,
) -> impl Iterator<Item = HeldRefresh> + 'p {
    let held = |kind: CustomerType, candidates: &'p [RefreshToken]| {
        let by = |token: &RefreshToken| match writers {
            _ if state.refresh == Some(token.tag()) => Provenance::Seal,
            Writers::OnlyTandem | Writers::Tandem => Provenance::Browser,
            Writers::Others => Provenance::Ecom,
        };
        let picked = select(candidates, state.refresh, RefreshToken::tag);
        picked.map(|token| HeldRefresh { kind, token: token.clone(), provenance: by(token) })
    };
    let registered = held(CustomerType::Registered, &presented.registered_refresh);
    registered.into_iter().chain(held(CustomerType::Guest, &presented.guest_refresh))
}

/// The access token that ECOM handed over, if it was issued after the one in hand. The caller must
/// still verify its signature.
#[must_use]
pub fn newer_handoff<'a>(
    presented: &'a RequestCookies,
    state: &SealedState,
    audience: &Audience,
) -> Option<&'a AccessToken> {
    let Some(RequestHandoff::Token(handoff)) = &presented.handoff else { return None };
    let issued = |token| access_token::read_issued(token, audience).map(|claims| claims.issued_at);
    let at = issued(handoff).ok()?;
    let ours = effective_access_token(presented, state).and_then(|token| issued(token).ok());
    ours.is_none_or(|ours| ours < at).then_some(handoff)
}

/// Of several candidates, the one that the seal names; of one, that one.
fn select<T>(candidates: &[T], ours: Option<Tag>, tag: impl Fn(&T) -> Tag) -> Option<&T> {
    match candidates {
        [only] => Some(only),
        several => several.iter().find(|candidate| Some(tag(candidate)) == ours),
    }
}

/// Whether a pair of a `Cookie` header may be forwarded to an upstream. Of the credentials, only
/// those that count may: another one of the same name may come from a sibling host, and the
/// upstream might use it.
#[must_use]
pub fn may_forward(
    pair: (&str, &str),
    names: &CookieNames,
    presented: &RequestCookies,
    state: &SealedState,
) -> bool {
    // Trims as much as the most lenient upstream may trim.
    let (name, value) = (pair.0.trim(), pair.1.trim());
    if names.part_of(name).is_some() || (presented.lax_withheld && is_dw_companion(name)) {
        return false;
    }
    if let Some(number) = names.piece_of(name)
        && (names.in_pieces() || names.access != names.handoff)
    {
        let token = effective_access_token(presented, state).filter(|_| names.in_pieces());
        let piece = token.and_then(|token| token.expose().as_bytes().chunks(PIECE).nth(number - 1));
        return piece == Some(value.as_bytes());
    }
    let effective = if name == names.access {
        effective_access_token(presented, state).map(AccessToken::expose)
    } else if name == names.registered_refresh {
        select(&presented.registered_refresh, state.refresh, RefreshToken::tag)
            .map(RefreshToken::expose)
    } else if name == names.guest_refresh {
        select(&presented.guest_refresh, state.refresh, RefreshToken::tag).map(RefreshToken::expose)
    } else if name == DWSID {
        effective_dwsid(presented, state).map(Dwsid::expose)
    } else {
        return true;
    };
    effective == Some(value)
}

/// The pair of the access token that counts, if the browser presents that token in parts: an upstream
/// receives the whole token in one cookie.
#[must_use]
pub fn whole_token(
    names: &CookieNames,
    presented: &RequestCookies,
    state: &SealedState,
) -> Option<String> {
    let token = effective_access_token(presented, state)?;
    let is_in_parts = !names.in_pieces() && !names.fits(token);
    is_in_parts.then(|| format!("{}={}", names.access, token.expose()))
}

/// The DW session that counts.
pub(super) fn effective_dwsid<'a>(
    presented: &'a RequestCookies,
    state: &SealedState,
) -> Option<&'a Dwsid> {
    select(&presented.dwsid, state.dw.as_ref().map(|dw| dw.dwsid), Dwsid::tag)
}

/// What is known of the site.
#[derive(Clone, Debug)]
pub struct SiteFacts {
    /// What its operator decided.
    pub policy: Policy,
    /// ECOM's signature over its session, if the caller sent one.
    pub signature: Option<DwSignature>,
    /// The tenant has refused to bridge a guest's plain `dwsid`.
    pub guest_adoption_retired: bool,
    /// Every request to ECOM passes through Tandem, so the recorded time of the last one is right.
    pub fronts_ecom: bool,
    /// Who writes cookies about the shopper.
    pub layout: Layout,
}

/// Derives the facts.
#[must_use]
pub fn derive(
    presented: &RequestCookies,
    state: &SealedState,
    access: Access,
    site: SiteFacts,
    now: Timestamp,
) -> Facts {
    let held = access.held().map(|held| held.token.tag());
    let other_dnt = |held: &HeldAccess| {
        let choice = state.dnt_to_apply(presented.dnt);
        choice.is_some() && held.claims.dnt.is_some() && choice != held.claims.dnt
    };
    let dnt_changed = matches!(&access, Access::Fresh(held) if other_dnt(held));
    let Layout { tokens: writers, dw: dw_writers } = site.layout;
    let mut refresh = effective_refresh_tokens(presented, state, writers);
    Facts {
        policy: site.policy,
        bridged: held.is_some() && held == state.bridged,
        bridge_resting: state.bridge_after.is_some_and(|after| now < after),
        access,
        refresh: refresh.next(),
        fallbacks: refresh.collect(),
        registered_tokens_lost: ownership::has_lost_registered(presented, state, writers),
        known: ownership::sealed_customer(presented, state, writers).cloned(),
        dw: dw(presented, state, &site, now),
        dw_provenance: dw_source(presented, state, dw_writers),
        signature: site.signature,
        guest_adoption_retired: site.guest_adoption_retired,
        dnt_changed,
    }
}

fn dw(presented: &RequestCookies, state: &SealedState, site: &SiteFacts, now: Timestamp) -> Dw {
    let Some(dwsid) = effective_dwsid(presented, state) else { return Dw::Absent };
    let held = held_dw(dwsid, presented);
    match &state.dw {
        // A handoff may mean a login or a logout in the same session.
        Some(known) if known.dwsid == dwsid.tag() && presented.handoff.is_none() => {
            match (liveness(known, site, now), known.owner.clone()) {
                (Liveness::Live, Some(owner)) => Dw::Live { held, owner },
                (Liveness::Live | Liveness::Unverified, owner) => Dw::Unverified { held, owner },
                (Liveness::Dead, _) => Dw::Dead,
            }
        }
        _ => Dw::Unverified { held, owner: None },
    }
}

fn dw_source(presented: &RequestCookies, state: &SealedState, writers: Writers) -> Provenance {
    let picked = effective_dwsid(presented, state).map(Dwsid::tag);
    match writers {
        _ if state.dw.as_ref().map(|dw| dw.dwsid) == picked => Provenance::Seal,
        Writers::OnlyTandem | Writers::Tandem => Provenance::Browser,
        Writers::Others => Provenance::Ecom,
    }
}

fn held_dw(dwsid: &Dwsid, presented: &RequestCookies) -> HeldDw {
    let secure = |(name, _): &&(String, _)| name.starts_with("dwsecuretoken_");
    HeldDw {
        dwsid: dwsid.clone(),
        secure_tokens: presented.dw_companions.iter().filter(secure).cloned().collect(),
    }
}

enum Liveness {
    Live,
    Unverified,
    Dead,
}

fn liveness(known: &SealedDw, site: &SiteFacts, now: Timestamp) -> Liveness {
    let (age, idle) = (now.since(known.created_at), now.since(known.used_at));
    if age >= DW_MAX_AGE - DW_MARGIN {
        Liveness::Dead
    } else if idle < DW_IDLE - DW_MARGIN {
        Liveness::Live
    } else if site.fronts_ecom && idle >= DW_IDLE + DW_USE_RECORD {
        // Even a request that is not recorded yet would be too long ago.
        Liveness::Dead
    } else {
        Liveness::Unverified
    }
}
