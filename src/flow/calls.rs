//! The upstream calls of a flow. Each carries the unfinished flow and resumes it with its own kind
//! of response.

use super::state::FlowState;
use super::{
    AdoptResponse, BridgeResponse, CheckBasketResponse, GuestResponse, HeldDw, LoginResponse,
    LogoutResponse, LogoutScope, ProbeResponse, Provenance, RefreshResponse, Step,
    TransferBasketResponse, dw_session, ensure_session, login, logout, reconcile, session_bridge,
};
use crate::ids::{AccessToken, CustomerId, DwSignature, Dwsid, RefreshToken, Tag, Usid};
use crate::model::{Customer, CustomerType, Grant};

/// [`Step::Refresh`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCall {
    /// The token to exchange.
    pub token: RefreshToken,
    /// Whose refresh cookie held the token: a guest's or a registered shopper's.
    pub kind: CustomerType,
    /// Who vouches that the token is this browser's.
    pub provenance: Provenance,
    /// The DW session to keep, for a Hybrid Auth tenant.
    pub dwsid: Option<Dwsid>,
    /// The access token in hand, which must be replaced: the result of an earlier exchange that
    /// returned this same token must not be reused.
    pub spent: Option<Tag>,
    pub(super) purpose: RefreshPurpose,
    pub(super) state: Box<FlowState>,
}

/// Why a refresh token is exchanged: it decides which part of the flow the response resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RefreshPurpose {
    /// To give the request good tokens.
    EnsureSession,
    /// To find the guest whose basket a login carries over.
    Login,
    /// To get the access token that a SLAS logout needs.
    Logout,
    /// A page named the refresh token that the browser holds.
    OwnToken,
    /// A page set this refresh token; the one that the browser holds may still be good.
    PageToken,
    /// A page handed a guest's tokens to a registered shopper, whose own refresh token decides.
    VerifyGuestGrant(Box<Grant>),
}

impl RefreshCall {
    /// Whether the new tokens are needed only to end their session.
    #[must_use]
    pub fn is_for_logout(&self) -> bool {
        self.purpose == RefreshPurpose::Logout
    }

    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: RefreshResponse) -> Step {
        let response = self.state.unless_foreign(self.provenance, response);
        match self.purpose {
            RefreshPurpose::EnsureSession => {
                ensure_session::refreshed(*self.state, self.kind, response)
            }
            RefreshPurpose::Login => login::refreshed(*self.state, response),
            RefreshPurpose::Logout => logout::refreshed(*self.state, response),
            RefreshPurpose::OwnToken => reconcile::own_refreshed(*self.state, response),
            RefreshPurpose::PageToken => reconcile::page_token_refreshed(*self.state, response),
            RefreshPurpose::VerifyGuestGrant(grant) => {
                reconcile::after_guest_grant_check(*self.state, grant, response)
            }
        }
    }
}

/// [`Step::Guest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestCall {
    /// The SLAS session that the guest continues; `None` for a new guest.
    pub usid: Option<Usid>,
    pub(super) state: Box<FlowState>,
}

impl GuestCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: GuestResponse) -> Step {
        ensure_session::guest(*self.state, self.usid.is_some(), response)
    }
}

/// [`Step::Probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeCall {
    /// The DW session that is looked up.
    pub dw: HeldDw,
    pub(super) purpose: ProbePurpose,
    pub(super) state: Box<FlowState>,
}

/// Why a DW session is looked up: it decides which part of the flow the response resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbePurpose {
    /// The browser holds nothing else: the session's owner is the shopper.
    Adopt,
    /// To learn whether it belongs to the shopper of the tokens.
    Align,
    /// To learn how a page of ECOM, or a Head, changed it.
    Reconcile,
}

impl ProbeCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: ProbeResponse) -> Step {
        match self.purpose {
            ProbePurpose::Adopt => ensure_session::probed(*self.state, response),
            ProbePurpose::Align => dw_session::probed(*self.state, response),
            ProbePurpose::Reconcile => reconcile::probed(*self.state, response),
        }
    }
}

/// [`Step::Adopt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptCall {
    /// The proof of the session for SLAS.
    pub proof: DwProof,
    /// Whether the DW session is a guest's or a registered shopper's.
    pub kind: CustomerType,
    /// The owner of the DW session, if the platform has reported it.
    pub owner: Option<Customer>,
    /// The owner's login; `guest` for a guest.
    pub login: String,
    pub(super) purpose: AdoptPurpose,
    pub(super) state: Box<FlowState>,
}

/// Why tokens are requested for a DW session: it decides which part of the flow the response
/// resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdoptPurpose {
    /// The browser holds nothing else.
    EnsureSession,
    /// The shopper logged in on a page of ECOM.
    Reconcile,
    /// A page of ECOM vouches for its session.
    SessionBridge,
}

/// What proves a DW session to SLAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DwProof {
    /// The id of the DW session.
    Session(Dwsid),
    /// ECOM's signature over the id, which is the stronger proof.
    Signature(DwSignature),
}

impl AdoptCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: AdoptResponse) -> Step {
        match self.purpose {
            AdoptPurpose::EnsureSession => {
                ensure_session::adopted(*self.state, self.owner.as_ref(), response)
            }
            AdoptPurpose::Reconcile => reconcile::adopted(*self.state, self.owner, response),
            AdoptPurpose::SessionBridge => {
                session_bridge::adopted(*self.state, self.kind, response)
            }
        }
    }
}

/// [`Step::Bridge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeCall {
    /// The access token to make a DW session for.
    pub access: AccessToken,
    pub(super) owner: Customer,
    pub(super) state: Box<FlowState>,
}

impl BridgeCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: BridgeResponse) -> Step {
        dw_session::bridged(*self.state, self.owner, response)
    }
}

/// [`Step::Login`]; the credentials stay with the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCall {
    /// The guest session that becomes the shopper's.
    pub usid: Option<Usid>,
    pub(super) state: Box<FlowState>,
}

impl LoginCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: LoginResponse) -> Step {
        login::logged_in(*self.state, response)
    }
}

/// [`Step::CheckBasket`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckBasketCall {
    /// The guest's token.
    pub access: AccessToken,
    /// The guest.
    pub customer: CustomerId,
    pub(super) state: Box<FlowState>,
}

impl CheckBasketCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: CheckBasketResponse) -> Step {
        login::basket_checked(*self.state, response)
    }
}

/// [`Step::TransferBasket`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferBasketCall {
    /// The registered shopper's token.
    pub access: AccessToken,
    pub(super) state: Box<FlowState>,
}

impl TransferBasketCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: TransferBasketResponse) -> Step {
        login::transferred(*self.state, response)
    }
}

/// [`Step::Logout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutCall {
    /// A valid access token of the session that ends.
    pub access: AccessToken,
    /// Its refresh token.
    pub refresh: RefreshToken,
    /// Which sessions end.
    pub scope: LogoutScope,
    pub(super) state: Box<FlowState>,
}

impl LogoutCall {
    /// Resumes the flow with the response.
    #[must_use]
    pub fn resume(self, response: LogoutResponse) -> Step {
        logout::logged_out(*self.state, response)
    }
}
