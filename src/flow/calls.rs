//! The questions: each carries the unfinished state and goes on with its own kind of answer.

use super::state::{FlowState, Goal};
use super::{
    AdoptResponse, BasketResponse, BridgeResponse, GuestResponse, HeldDw, LoginResponse,
    LogoutResponse, ProbeResponse, Provenance, RefreshResponse, Step, dw_session, ensure_session,
    login, logout, reconcile, session_bridge,
};
use crate::ids::{AccessToken, CustomerId, DwSignature, Dwsid, RefreshToken, Tag, Usid};
use crate::model::{Customer, CustomerType};

/// [`Step::Refresh`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCall {
    /// The token to exchange.
    pub token: RefreshToken,
    /// The cookie it came in.
    pub kind: CustomerType,
    /// Who says that it is this browser's.
    pub provenance: Provenance,
    /// The DW session to keep, for a Hybrid Auth tenant.
    pub dwsid: Option<Dwsid>,
    /// The access token in hand, which no longer does: an earlier exchange that brought this very
    /// one is no answer.
    pub spent: Option<Tag>,
    pub(super) state: Box<FlowState>,
}

impl RefreshCall {
    /// Whether the new tokens are wanted only to end their session with.
    #[must_use]
    pub fn is_for_logout(&self) -> bool {
        matches!(self.state.goal, Goal::Logout { .. })
    }

    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: RefreshResponse) -> Step {
        let response = self.state.unless_foreign(self.provenance, response);
        match self.state.goal {
            Goal::EnsureSession(_) | Goal::SessionBridge => {
                ensure_session::refreshed(*self.state, self.kind, response)
            }
            Goal::Reconcile { .. } => reconcile::refreshed(*self.state, response),
            Goal::Login { .. } => login::refreshed(*self.state, response),
            Goal::Logout { .. } => logout::refreshed(*self.state, response),
        }
    }
}

/// [`Step::Guest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestCall {
    /// The guest session to re-attach to.
    pub usid: Option<Usid>,
    pub(super) state: Box<FlowState>,
}

impl GuestCall {
    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: GuestResponse) -> Step {
        ensure_session::guest(*self.state, self.usid.is_some(), response)
    }
}

/// [`Step::Probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeCall {
    /// The session in question.
    pub dw: HeldDw,
    pub(super) state: Box<FlowState>,
}

impl ProbeCall {
    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: ProbeResponse) -> Step {
        if matches!(self.state.goal, Goal::Reconcile { .. }) {
            reconcile::probed(*self.state, response)
        } else if self.state.customer().is_some() {
            dw_session::probed(*self.state, response)
        } else {
            ensure_session::probed(*self.state, response)
        }
    }
}

/// [`Step::Adopt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptCall {
    /// What shows the session.
    pub proof: DwProof,
    /// Whether it is a guest's or a registered shopper's.
    pub kind: CustomerType,
    /// Whose it is, where the platform has said so.
    pub owner: Option<Customer>,
    /// The owner's login; `guest` for a guest.
    pub login: String,
    pub(super) state: Box<FlowState>,
}

/// By what a DW session is shown to SLAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DwProof {
    /// Its id.
    Session(Dwsid),
    /// A signature over it, which is better.
    Signature(DwSignature),
}

impl AdoptCall {
    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: AdoptResponse) -> Step {
        match self.state.goal {
            Goal::Reconcile { .. } => reconcile::adopted(*self.state, self.owner, response),
            Goal::SessionBridge => session_bridge::adopted(*self.state, self.kind, response),
            _ => ensure_session::adopted(*self.state, self.owner.as_ref(), response),
        }
    }
}

/// [`Step::Bridge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeCall {
    /// The token to make a session for.
    pub access: AccessToken,
    pub(super) owner: Customer,
    pub(super) state: Box<FlowState>,
}

impl BridgeCall {
    /// Goes on with the answer.
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
    /// Goes on with the answer.
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
    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: BasketResponse) -> Step {
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
    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: BasketResponse) -> Step {
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
    /// Every device, not only this one.
    pub all_devices: bool,
    pub(super) state: Box<FlowState>,
}

impl LogoutCall {
    /// Goes on with the answer.
    #[must_use]
    pub fn resume(self, response: LogoutResponse) -> Step {
        logout::logged_out(*self.state, response)
    }
}
