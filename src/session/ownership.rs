//! Which of the presented credentials are this browser's own (promise 13).

use super::CustomerType;
use super::memory::Memory;
use super::names::{CookieNames, DWSID};
use super::read::Presented;
use super::token::Claims;
use crate::flow::{BridgeMode, Policy, Speaker};
use crate::ids::{AccessToken, Dwsid, RefreshToken, Tag};

/// Who writes cookies about the shopper into the browsers of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Writers {
    /// Only Tandem, now and ever: what the seal does not name has been planted.
    OnlyTandem,
    /// Only Tandem, because every response of ECOM and of the Head passes through it; but browsers
    /// may bring tokens from before it.
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

/// Takes out of `presented` what cannot be this browser's own, by what our seal says (promise 13),
/// and returns the names of the cookies it took something from.
///
/// A `Cookie` header does not say which host has set a cookie, so whoever may write for a parent
/// domain, or an older set-up with another `Path`, can put one beside ours or in the place of one
/// that has expired. What our seal names counts before everything else; the rest counts only where
/// the seal names nothing, or where somebody beside us may have written it in place of ours.
pub fn sift(
    presented: &mut Presented,
    memory: &Memory,
    policy: Policy,
    writers: Writers,
    names: &CookieNames,
) -> Vec<String> {
    let before = counts(presented);
    let live = |tag: Tag| !memory.logged_out.has(tag);
    presented.access.retain(|token| live(token.tag()));
    presented.registered_refresh.retain(|token| live(token.tag()));
    presented.guest_refresh.retain(|token| live(token.tag()));
    presented.dwsid.retain(|dwsid| live(dwsid.tag()));
    if memory.is_blank() && writers == Writers::OnlyTandem {
        presented.clear();
    } else if !memory.is_blank() {
        sift_tokens(presented, memory, writers);
        sift_dwsid(presented, memory, policy, writers);
    }
    let names = [&names.access, &names.registered_refresh, &names.guest_refresh, DWSID];
    let changed = names.into_iter().zip(before.iter().zip(counts(presented)));
    changed
        .filter(|(_, (before, after))| *before != after)
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn counts(presented: &Presented) -> [usize; 4] {
    let Presented { access, registered_refresh, guest_refresh, dwsid, .. } = presented;
    [access.len(), registered_refresh.len(), guest_refresh.len(), dwsid.len()]
}

fn sift_tokens(presented: &mut Presented, memory: &Memory, writers: Writers) {
    let alone = writers.is_tandem();
    let known = memory.session.as_ref().map(|session| session.customer.kind);
    let ours = |token: &RefreshToken| memory.refresh == Some(token.tag());
    if presented.refresh_tokens().any(ours) {
        presented.registered_refresh.retain(ours);
        presented.guest_refresh.retain(ours);
    } else if alone {
        // Tabs whose answers cross leave the tokens of the one beside the seal of the other.
        if known != Some(CustomerType::Registered) {
            presented.registered_refresh.clear();
        }
        if known != Some(CustomerType::Guest) {
            presented.guest_refresh.clear();
        }
    }
    let ours = |token: &AccessToken| memory.access == Some(token.tag());
    if presented.access.iter().any(ours) {
        presented.access.retain(ours);
    } else if alone && known.is_none() {
        presented.access.clear();
    }
}

/// A DW session that our seal does not name can be asked about where OCAPI tells whose it is.
fn sift_dwsid(presented: &mut Presented, memory: &Memory, policy: Policy, writers: Writers) {
    let ours = |dwsid: &Dwsid| memory.dw.as_ref().is_some_and(|dw| dw.dwsid == dwsid.tag());
    if presented.dwsid.iter().any(ours) {
        presented.dwsid.retain(ours);
    } else if writers.is_tandem() && policy.mode != BridgeMode::Classic {
        presented.dwsid.clear();
    }
}

/// What of `presented` may go to an upstream with a request for which no shopper is looked for:
/// only what our seal names, where nobody else writes cookies about the shopper.
pub fn sift_unverified(presented: &mut Presented, memory: &Memory, writers: Writers) {
    if writers.is_tandem() {
        presented.access.retain(|token| memory.access == Some(token.tag()));
        presented.registered_refresh.retain(|token| memory.refresh == Some(token.tag()));
        presented.guest_refresh.retain(|token| memory.refresh == Some(token.tag()));
        presented.dwsid.retain(|it| memory.dw.as_ref().is_some_and(|dw| dw.dwsid == it.tag()));
    }
}

/// Whether a genuine access token says who the shopper of this browser is.
#[must_use]
pub fn is_own(
    token: &AccessToken,
    claims: &Claims,
    presented: &Presented,
    memory: &Memory,
    writers: Writers,
) -> bool {
    let by = if memory.access == Some(token.tag()) {
        Speaker::Seal
    } else {
        let ours = |token: &RefreshToken| memory.refresh == Some(token.tag());
        let replaced = !presented.refresh_tokens().any(ours);
        if !writers.is_tandem() && replaced { Speaker::Ecom } else { Speaker::Slas }
    };
    let known = memory.session.as_ref().map(|session| &session.customer);
    by.may_name(&claims.customer, known)
        && !memory.logged_out.has_session(claims.usid.tag(), claims.issued_at)
}
