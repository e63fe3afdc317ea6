//! Everything that a decision depends on.

use super::{Decision, DwChange, Provenance, TokenChange};
use crate::ids::{AccessToken, DwSignature, DwValue, Dwsid, RefreshToken};
use crate::lifetimes::EARLY_REFRESH;
use crate::model::{Claims, Customer, CustomerType, DwCompanion, DwCookies};
use crate::timestamp::Timestamp;

/// How a site makes a DW session for SLAS tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BridgeMode {
    /// OCAPI `POST /sessions`.
    Classic,
    /// The platform sets `dwsid` on SLAS token responses; OCAPI is never called.
    HybridAuth,
    /// No DW session is made.
    None,
}

/// When a site makes a DW session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BridgeTime {
    /// Together with the tokens.
    Landing,
    /// When a request is about to reach ECOM.
    OnDemand,
}

/// What the site's operator has configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How Tandem makes a DW session for the tokens.
    pub mode: BridgeMode,
    /// When Tandem makes a DW session for the tokens.
    pub time: BridgeTime,
    /// Whether a guest session follows a logout at once.
    pub guest_after_logout: bool,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// A request for the Head: the SLAS tokens must be valid.
    Head,
    /// A request for ECOM: the DW session must be valid too.
    Ecom,
    /// A request that may renew the browser's session but never begins one.
    Renew,
    /// An API call: only the tokens matter. It begins no session and makes no DW session (the Head
    /// may be about to merge baskets, which must come first), and a shopper whose session is over
    /// does not become a guest.
    Api,
    /// A login with B2C Commerce credentials.
    Login(GuestBasket),
    /// A logout.
    Logout(LogoutScope),
}

/// Which sessions of a shopper a logout ends at SLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogoutScope {
    /// The session of this browser.
    ThisDevice,
    /// All of them.
    AllDevices,
}

impl Intent {
    /// The label `flow` in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Ecom => "ecom",
            Self::Renew => "renew",
            Self::Api => "api",
            Self::Login(_) => "login",
            Self::Logout(_) => "logout",
        }
    }
}

/// Whether the guest who logs in has items in the basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestBasket {
    /// Unknown: the flow checks the basket through the API.
    Unknown,
    /// The caller states that it is empty.
    Empty,
    /// The caller states that it has items.
    HasItems,
}

/// Everything that a decision depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude each other")]
pub struct Facts {
    /// The site's policy.
    pub policy: Policy,
    /// The access token in hand.
    pub access: Access,
    /// The refresh token in hand, registered before guest.
    pub refresh: Option<HeldRefresh>,
    /// Further refresh tokens, in the order in which the flow tries them if SLAS refuses that one:
    /// a guest's beside a registered shopper's.
    pub fallbacks: Vec<HeldRefresh>,
    /// The shopper whose tokens the seal names.
    pub known: Option<Customer>,
    /// The seal names a registered shopper, and the browser presents none of the sealed tokens any
    /// more: that session is over.
    pub registered_tokens_lost: bool,
    /// The DW session in hand.
    pub dw: Dw,
    /// Who vouches that the DW session is this browser's.
    pub dw_provenance: Provenance,
    /// The access token in hand has already made a DW session.
    pub bridged: bool,
    /// An attempt to make a DW session failed a short time ago: requests for the Head do not wait
    /// for another attempt.
    pub bridge_resting: bool,
    /// A signature by which ECOM vouches for its session, if the caller sent one.
    pub signature: Option<DwSignature>,
    /// SLAS is known to issue no tokens for a guest's DW session by its plain `dwsid`.
    pub guest_adoption_retired: bool,
    /// The shopper's do-not-track choice differs from the one in the access token.
    pub dnt_changed: bool,
}

impl Facts {
    /// The access token in hand, if it is still valid.
    pub(super) fn held(&self) -> Option<&HeldAccess> {
        self.access.held()
    }

    /// The shopper whom the access token names, valid or expired.
    pub(super) fn customer(&self) -> Option<&Customer> {
        self.access.claims().map(|claims| &claims.customer)
    }

    /// Whether the shopper after `decision` is the one who was known before it.
    #[must_use]
    pub fn keeps_shopper(&self, decision: &Decision) -> bool {
        let before = self.dw.owner().or(self.known.as_ref()).or_else(|| self.customer());
        let after = match &decision.tokens {
            TokenChange::Set(grant) => Some(&grant.claims.customer),
            TokenChange::Keep => self.customer(),
            TokenChange::Drop => None,
        };
        before.is_some() && before == after && !decision.session_expired
    }

    /// Whether ECOM may serve a page in the DW session in hand although no valid tokens can be had:
    /// the seal names the session and its customer, who is the shopper as far as is known.
    #[must_use]
    pub fn may_use_dw_without_tokens(&self) -> bool {
        let shopper = self.customer().or(self.known.as_ref());
        let owner = self.dw.owner();
        self.dw_provenance == Provenance::Seal
            && owner.is_some()
            && shopper.is_none_or(|shopper| Some(shopper) == owner)
    }

    /// The facts of the browser once the cookies of `decision` have reached it. The exhaustive walk
    /// compares this with the facts that are read back from those cookies.
    #[must_use]
    pub fn after(self, decision: &Decision, now: Timestamp) -> Self {
        let facts = self.after_tokens(&decision.tokens, &decision.dw, now);
        let new_dw = matches!(decision.dw, DwChange::Set { .. });
        let sealed = new_dw || matches!(decision.dw, DwChange::Confirm(_));
        let dw = facts.dw.after(&decision.dw);
        Self {
            dw_provenance: if sealed || dw == Dw::Absent {
                Provenance::Seal
            } else {
                facts.dw_provenance
            },
            dw,
            bridged: facts.bridged || (new_dw && facts.access.held().is_some()),
            bridge_resting: match decision.dw {
                DwChange::Failed(_) => true,
                _ => facts.bridge_resting && !new_dw,
            },
            guest_adoption_retired: facts.guest_adoption_retired || decision.guest_adoption_refused,
            ..facts
        }
    }

    fn after_tokens(self, change: &TokenChange, dw: &DwChange, now: Timestamp) -> Self {
        match change {
            TokenChange::Keep => {
                let known = self.held().map(|held| held.claims.customer.clone()).or(self.known);
                Self { known, ..self }
            }
            TokenChange::Set(grant) => Self {
                access: Access::classify(grant.access.clone(), grant.claims.clone(), now),
                refresh: grant.refresh.as_ref().map(|refresh| HeldRefresh {
                    kind: grant.claims.customer.kind,
                    token: refresh.token.clone(),
                    provenance: Provenance::Seal,
                }),
                fallbacks: Vec::new(),
                known: Some(grant.claims.customer.clone()),
                registered_tokens_lost: false,
                bridged: false,
                dnt_changed: grant.other_dnt,
                ..self
            },
            TokenChange::Drop => Self {
                access: Access::None,
                refresh: None,
                fallbacks: Vec::new(),
                known: None,
                registered_tokens_lost: false,
                bridged: false,
                bridge_resting: matches!(dw, DwChange::Failed(_)),
                dnt_changed: false,
                ..self
            },
        }
    }
}

/// The access token that the browser holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// None that can be used on this site.
    None,
    /// Expired, but its signature is valid: it still names the shopper.
    Expired(Claims),
    /// Valid for less than the early-refresh margin: it is refreshed, but still works if that
    /// fails.
    Expiring(HeldAccess),
    /// Valid.
    Fresh(HeldAccess),
}

impl Access {
    /// Classifies an access token, whose signature was verified, by its remaining lifetime.
    #[must_use]
    pub fn classify(token: AccessToken, claims: Claims, now: Timestamp) -> Self {
        // Without this limit, a token with a lifetime close to the margin would be refreshed on
        // every request.
        let half = claims.expires_at.since(claims.issued_at) / 2;
        let early = EARLY_REFRESH.min(half).max(0);
        match claims.expires_at.since(now) {
            left if left > early => Self::Fresh(HeldAccess { token, claims }),
            left if left > 0 => Self::Expiring(HeldAccess { token, claims }),
            _ => Self::Expired(claims),
        }
    }

    /// The token, if it is still valid.
    #[must_use]
    pub fn held(&self) -> Option<&HeldAccess> {
        match self {
            Self::Fresh(held) | Self::Expiring(held) => Some(held),
            Self::Expired(_) | Self::None => None,
        }
    }

    /// The claims of the token, valid or expired.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Fresh(held) | Self::Expiring(held) => Some(&held.claims),
            Self::Expired(claims) => Some(claims),
            Self::None => None,
        }
    }
}

/// A valid access token and its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAccess {
    /// The token.
    pub token: AccessToken,
    /// Its claims.
    pub claims: Claims,
}

/// A refresh token, and which of the two cookies it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRefresh {
    /// Whose cookie: `cc-nx-g` of a guest, `cc-nx` of a registered shopper.
    pub kind: CustomerType,
    /// The token.
    pub token: RefreshToken,
    /// Who vouches that the token is this browser's.
    pub provenance: Provenance,
}

/// The DW session that the browser holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dw {
    /// The browser holds no `dwsid`.
    Absent,
    /// By Tandem's own records the DW session is alive, and its owner is known.
    Live {
        /// The cookies of the DW session.
        held: HeldDw,
        /// The customer whom the DW session belongs to.
        owner: Customer,
    },
    /// Only the platform knows whether the DW session is alive, and perhaps who owns it.
    Unverified {
        /// The cookies of the DW session.
        held: HeldDw,
        /// The customer whom the DW session belongs to, if known.
        owner: Option<Customer>,
    },
    /// By Tandem's own records the DW session has ended.
    Dead,
}

impl Dw {
    /// Its customer, if known.
    #[must_use]
    pub fn owner(&self) -> Option<&Customer> {
        match self {
            Self::Live { owner, .. } => Some(owner),
            Self::Unverified { owner, .. } => owner.as_ref(),
            Self::Absent | Self::Dead => None,
        }
    }

    /// The DW session of the browser after `change`.
    #[must_use]
    pub fn after(self, change: &DwChange) -> Self {
        match (change, self) {
            (DwChange::Keep, before) => before,
            (DwChange::Set { cookies, owner: Some(owner) }, _) => {
                Self::Live { held: HeldDw::of(cookies), owner: owner.clone() }
            }
            (DwChange::Set { cookies, owner: None }, _) => {
                Self::Unverified { held: HeldDw::of(cookies), owner: None }
            }
            (
                DwChange::Confirm(Some(owner)),
                Self::Live { held, .. } | Self::Unverified { held, .. },
            ) => Self::Live { held, owner: owner.clone() },
            (
                DwChange::Confirm(None) | DwChange::Recheck,
                Self::Live { held, .. } | Self::Unverified { held, .. },
            ) => Self::Unverified { held, owner: None },
            (DwChange::Confirm(_) | DwChange::Recheck, before @ (Self::Absent | Self::Dead)) => {
                before
            }
            (DwChange::Drop | DwChange::Failed(_), _) => Self::Absent,
        }
    }
}

/// The cookies of a DW session as the browser presents them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldDw {
    /// The session.
    pub dwsid: Dwsid,
    /// `dwsecuretoken_…` cookies, needed by OCAPI where enforce-https is off.
    pub secure_tokens: Vec<(String, DwValue)>,
}

impl HeldDw {
    /// A DW session as the browser will present it.
    #[must_use]
    pub fn of(cookies: &DwCookies) -> Self {
        let secure = |companion: &&DwCompanion| companion.name.starts_with("dwsecuretoken_");
        let secure_tokens = cookies
            .companions
            .iter()
            .filter(secure)
            .filter_map(|companion| Some((companion.name.clone(), companion.value.clone()?)))
            .collect();
        Self { dwsid: cookies.dwsid.clone(), secure_tokens }
    }
}
