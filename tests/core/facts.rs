//! Sample values, and every combination of facts that a decision depends on.
//!
//! Four shoppers are enough: the guest and the registered shopper whose tokens a browser may
//! hold, and one more of each kind, so that both can meet another customer's credentials.

use tandem::flow::{
    Access, BridgeMode, BridgeTime, Dw, Facts, GuestBasket, HeldAccess, HeldDw, HeldRefresh,
    Intent, LogoutScope, Policy, Provenance,
};
use tandem::ids::{AccessToken, CustomerId, DwSignature, DwValue, Dwsid, RefreshToken, Usid};
use tandem::model::{Claims, Customer, CustomerType};
use tandem::timestamp::Timestamp;

pub(crate) use tandem::model::CustomerType::{Guest, Registered};

/// The current time in every test.
pub(crate) const NOW: i64 = 1_700_000_000;
/// Seconds until a fresh access token expires.
pub(crate) const FRESH: i64 = 1_500;
const EXPIRING: i64 = 30;
const EXPIRED: i64 = -10;

pub(crate) fn guest() -> Customer {
    customer(Guest, "guest")
}

pub(crate) fn other_guest() -> Customer {
    customer(Guest, "other-guest")
}

pub(crate) fn shopper() -> Customer {
    customer(Registered, "shopper")
}

pub(crate) fn other_shopper() -> Customer {
    customer(Registered, "other-shopper")
}

fn customer(kind: CustomerType, id: &str) -> Customer {
    Customer { kind, id: CustomerId::parse(id).expect("an id") }
}

pub(crate) fn usid(of: &Customer) -> Usid {
    Usid::parse(&format!("usid-of-{}", of.id)).expect("a usid")
}

pub(crate) fn claims(customer: Customer, left: i64) -> Claims {
    Claims {
        usid: usid(&customer),
        login_id: (customer.kind == Registered).then(|| "jo@example.com".to_owned()),
        customer,
        issued_at: Timestamp::from_unix(NOW + left - 1_800),
        expires_at: Timestamp::from_unix(NOW + left),
        dnt: Some(false),
        origin: None,
    }
}

pub(crate) fn access_token(text: &str) -> AccessToken {
    AccessToken::parse(text).expect("an access token")
}

pub(crate) fn refresh_token(text: &str) -> RefreshToken {
    RefreshToken::parse(text).expect("a refresh token")
}

/// The access token a browser holds for `customer`.
pub(crate) fn held_access(customer: Customer, left: i64) -> HeldAccess {
    let token = access_token(&format!("held.{}.{left}", customer.id));
    HeldAccess { token, claims: claims(customer, left) }
}

/// The refresh token a browser holds in the cookie of `kind`.
pub(crate) fn held_refresh(kind: CustomerType) -> HeldRefresh {
    let text = if kind == Guest { "held-guest-refresh" } else { "held-registered-refresh" };
    HeldRefresh { kind, token: refresh_token(text), provenance: Provenance::Seal }
}

/// A guest's refresh token beside a registered shopper's.
fn fallback() -> HeldRefresh {
    let token = refresh_token("fallback-guest-refresh");
    HeldRefresh { kind: Guest, token, provenance: Provenance::Browser }
}

pub(crate) fn held_dw() -> HeldDw {
    let token = DwValue::parse("held-secure").expect("a companion");
    HeldDw {
        dwsid: Dwsid::parse("held-dwsid").expect("a dwsid"),
        secure_tokens: vec![("dwsecuretoken_0".to_owned(), token)],
    }
}

/// The start of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) facts: Facts,
    pub(crate) intent: Intent,
}

impl Start {
    /// The claims of the browser's access token, even of an expired one.
    pub(crate) fn claims(&self) -> Option<&Claims> {
        match &self.facts.access {
            Access::None => None,
            Access::Expired(claims) => Some(claims),
            Access::Expiring(held) | Access::Fresh(held) => Some(&held.claims),
        }
    }

    /// The browser's access token, if it is still valid.
    pub(crate) fn valid(&self) -> Option<&HeldAccess> {
        match &self.facts.access {
            Access::None | Access::Expired(_) => None,
            Access::Expiring(held) | Access::Fresh(held) => Some(held),
        }
    }

    /// Whether the access or the refresh token belongs to a registered shopper.
    pub(crate) fn is_registered(&self) -> bool {
        self.claims().is_some_and(|claims| claims.customer.kind == Registered)
            || self.refresh_kind() == Some(Registered)
    }

    pub(crate) fn refresh_kind(&self) -> Option<CustomerType> {
        self.facts.refresh.as_ref().map(|refresh| refresh.kind)
    }

    /// A guest's access token beside a registered refresh token, which takes precedence.
    pub(crate) fn has_better_refresh(&self) -> bool {
        self.claims().is_some_and(|claims| claims.customer.kind == Guest)
            && self.refresh_kind() == Some(Registered)
    }

    pub(crate) fn is_ensure_session(&self) -> bool {
        matches!(self.intent, Intent::Head | Intent::Ecom | Intent::Renew | Intent::Api)
    }

    pub(crate) fn is_login(&self) -> bool {
        matches!(self.intent, Intent::Login(_))
    }

    pub(crate) fn is_logout(&self) -> bool {
        matches!(self.intent, Intent::Logout(_))
    }
}

pub(crate) const ENSURE_SESSION: [Intent; 4] =
    [Intent::Head, Intent::Ecom, Intent::Renew, Intent::Api];
pub(crate) const LOGINS: [Intent; 3] = [
    Intent::Login(GuestBasket::Unknown),
    Intent::Login(GuestBasket::Empty),
    Intent::Login(GuestBasket::HasItems),
];
pub(crate) const LOGOUTS: [Intent; 2] =
    [Intent::Logout(LogoutScope::ThisDevice), Intent::Logout(LogoutScope::AllDevices)];
pub(crate) const MODES: [BridgeMode; 3] =
    [BridgeMode::Classic, BridgeMode::HybridAuth, BridgeMode::None];

/// Every combination of facts for `intents`, without those that differ only in irrelevant facts
/// ([`with_irrelevant_changes`] covers these).
pub(crate) fn starts(intents: &[Intent]) -> impl Iterator<Item = Start> {
    let start = |intent: &Intent| Start { facts: nothing(BridgeMode::None), intent: *intent };
    let mut all = intents.iter().map(start).collect();
    all = vary(all, &MODES, |facts, mode| facts.policy.mode = *mode);
    let times = [BridgeTime::Landing, BridgeTime::OnDemand];
    all = vary(all, &times, |facts, time| facts.policy.time = *time);
    all = vary(all, &accesses(), |facts, access| facts.access = access.clone());
    all = vary(all, &refreshes(), |facts, refresh| facts.refresh.clone_from(refresh));
    let fallbacks = [Vec::new(), vec![fallback()]];
    all = vary(all, &fallbacks, |facts, tokens| facts.fallbacks.clone_from(tokens));
    all = vary(all, &dws(), |facts, dw| facts.dw = dw.clone());
    all = vary(all, &[true, false], |facts, flag| facts.policy.guest_after_logout = *flag);
    all = vary(all, &[false, true], |facts, flag| facts.bridged = *flag);
    all = vary(all, &[false, true], |facts, flag| facts.bridge_resting = *flag);
    let signatures = [None, Some(signature())];
    all = vary(all, &signatures, |facts, signature| facts.signature.clone_from(signature));
    all = vary(all, &[false, true], |facts, flag| facts.guest_adoption_retired = *flag);
    all = vary(all, &[false, true], |facts, flag| facts.dnt_changed = *flag);
    all.into_iter()
}

fn vary<T>(all: Vec<Start>, values: &[T], set: impl Fn(&mut Facts, &T)) -> Vec<Start> {
    let one = |start: Start| {
        let set = &set;
        values.iter().map(move |value| {
            let mut start = start.clone();
            set(&mut start.facts, value);
            start
        })
    };
    all.into_iter().flat_map(one).filter(is_representative).collect()
}

/// Whether this start represents all that differ from it only in irrelevant facts.
fn is_representative(start: &Start) -> bool {
    let facts = &start.facts;
    let may_adopt = may_adopt(start);
    (start.is_logout() || facts.policy.guest_after_logout)
        && (may_adopt || (facts.signature.is_none() && !facts.guest_adoption_retired))
        && (may_be_spent(start) || !facts.bridged)
        && (may_fall_back(start) || facts.fallbacks.is_empty())
        && (start.is_ensure_session() || !facts.bridge_resting)
        && (may_change_dnt(start) || !facts.dnt_changed)
}

/// Only a browser without any token can adopt its DW session.
fn may_adopt(start: &Start) -> bool {
    start.facts.access == Access::None && start.facts.refresh.is_none()
}

/// Only after the refusal of a registered shopper's refresh token is another one used.
fn may_fall_back(start: &Start) -> bool {
    start.is_ensure_session() && start.valid().is_none() && start.refresh_kind() == Some(Registered)
}

/// Only a fresh access token with a refresh token is refreshed because do-not-track has changed.
fn may_change_dnt(start: &Start) -> bool {
    let fresh = matches!(start.facts.access, Access::Fresh(_));
    start.is_ensure_session() && fresh && start.facts.refresh.is_some()
}

/// Only a request that ensures a session can need another DW session for its valid token: a login or
/// logout brings new tokens.
fn may_be_spent(start: &Start) -> bool {
    start.is_ensure_session() && start.valid().is_some()
}

/// The same start with all facts changed that are irrelevant to it.
pub(crate) fn with_irrelevant_changes(start: &Start) -> Start {
    let mut changed = start.clone();
    if !start.is_logout() {
        changed.facts.policy.guest_after_logout = false;
    }
    if !may_adopt(start) {
        changed.facts.signature = Some(signature());
        changed.facts.guest_adoption_retired = true;
    }
    changed.facts.bridged |= !may_be_spent(start);
    changed.facts.bridge_resting |= !start.is_ensure_session();
    changed.facts.dnt_changed |= !may_change_dnt(start);
    changed
}

/// A browser without credentials on a site that bridges at landing.
pub(crate) fn nothing(mode: BridgeMode) -> Facts {
    Facts {
        policy: Policy { mode, time: BridgeTime::Landing, guest_after_logout: true },
        access: Access::None,
        refresh: None,
        fallbacks: Vec::new(),
        known: None,
        registered_tokens_lost: false,
        dw: Dw::Absent,
        dw_provenance: Provenance::Seal,
        bridged: false,
        bridge_resting: false,
        signature: None,
        guest_adoption_retired: false,
        dnt_changed: false,
    }
}

pub(crate) fn accesses() -> Vec<Access> {
    let mut all = vec![Access::None];
    for customer in [guest(), shopper()] {
        all.push(Access::Expired(claims(customer.clone(), EXPIRED)));
        all.push(Access::Expiring(held_access(customer.clone(), EXPIRING)));
        all.push(Access::Fresh(held_access(customer, FRESH)));
    }
    all
}

pub(crate) fn expired(customer: Customer) -> Access {
    Access::Expired(claims(customer, EXPIRED))
}

pub(crate) fn expiring(customer: Customer) -> Access {
    Access::Expiring(held_access(customer, EXPIRING))
}

pub(crate) fn fresh(customer: Customer) -> Access {
    Access::Fresh(held_access(customer, FRESH))
}

pub(crate) fn refreshes() -> [Option<HeldRefresh>; 3] {
    [None, Some(held_refresh(Guest)), Some(held_refresh(Registered))]
}

pub(crate) fn dws() -> Vec<Dw> {
    let mut all = vec![Dw::Absent, Dw::Dead, Dw::Unverified { held: held_dw(), owner: None }];
    for owner in [guest(), shopper(), other_guest(), other_shopper()] {
        all.push(Dw::Live { held: held_dw(), owner: owner.clone() });
        all.push(Dw::Unverified { held: held_dw(), owner: Some(owner) });
    }
    all
}

pub(crate) fn signature() -> DwSignature {
    DwSignature::parse("signed-by-ecom").expect("a signature")
}
