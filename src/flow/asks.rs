//! The questions: each carries the unfinished journey and goes on with its own kind of answer.

use super::journey::{Goal, Journey};
use super::{
    AdoptAnswer, BasketAnswer, BridgeAnswer, GuestAnswer, HeldDw, ProbeAnswer, RefreshAnswer,
    SignInAnswer, SignOutAnswer, Speaker, Step, arrive, bridge, bridge_over, heed, sign_in,
    sign_out,
};
use crate::ids::{AccessToken, CustomerId, DwSignature, Dwsid, RefreshToken, Tag, Usid};
use crate::model::{Customer, CustomerType};

/// [`Step::Refresh`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshAsk {
    /// The token to exchange.
    pub token: RefreshToken,
    /// The cookie it came in.
    pub kind: CustomerType,
    /// Who says that it is this browser's.
    pub by: Speaker,
    /// The DW session to keep, for a Hybrid Auth tenant.
    pub dwsid: Option<Dwsid>,
    /// The access token in hand, which no longer does: an earlier exchange that brought this very
    /// one is no answer.
    pub spent: Option<Tag>,
    pub(super) journey: Box<Journey>,
}

impl RefreshAsk {
    /// Whether the new tokens are wanted only to end their session with.
    #[must_use]
    pub fn is_for_logout(&self) -> bool {
        matches!(self.journey.goal, Goal::SignOut { .. })
    }

    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: RefreshAnswer) -> Step {
        let answer = self.journey.as_its_own(self.by, answer);
        match self.journey.goal {
            Goal::Arrive(_) | Goal::BridgeOver => {
                arrive::refreshed(*self.journey, self.kind, answer)
            }
            Goal::Heed { .. } => heed::refreshed(*self.journey, answer),
            Goal::SignIn { .. } => sign_in::refreshed(*self.journey, answer),
            Goal::SignOut { .. } => sign_out::refreshed(*self.journey, answer),
        }
    }
}

/// [`Step::Guest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestAsk {
    /// The guest session to re-attach to.
    pub usid: Option<Usid>,
    pub(super) journey: Box<Journey>,
}

impl GuestAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: GuestAnswer) -> Step {
        arrive::guest(*self.journey, self.usid.is_some(), answer)
    }
}

/// [`Step::Probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAsk {
    /// The session in question.
    pub dw: HeldDw,
    pub(super) journey: Box<Journey>,
}

impl ProbeAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: ProbeAnswer) -> Step {
        if matches!(self.journey.goal, Goal::Heed { .. }) {
            heed::probed(*self.journey, answer)
        } else if self.journey.customer().is_some() {
            bridge::probed(*self.journey, answer)
        } else {
            arrive::probed(*self.journey, answer)
        }
    }
}

/// [`Step::Adopt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptAsk {
    /// What shows the session.
    pub proof: DwProof,
    /// Whether it is a guest's or a registered shopper's.
    pub kind: CustomerType,
    /// Whose it is, where the platform has said so.
    pub owner: Option<Customer>,
    /// The owner's login; `guest` for a guest.
    pub login: String,
    pub(super) journey: Box<Journey>,
}

/// By what a DW session is shown to SLAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DwProof {
    /// Its id.
    Session(Dwsid),
    /// A signature over it, which is better.
    Signature(DwSignature),
}

impl AdoptAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: AdoptAnswer) -> Step {
        match self.journey.goal {
            Goal::Heed { .. } => heed::adopted(*self.journey, self.owner, answer),
            Goal::BridgeOver => bridge_over::adopted(*self.journey, self.kind, answer),
            _ => arrive::adopted(*self.journey, self.owner.as_ref(), answer),
        }
    }
}

/// [`Step::Bridge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAsk {
    /// The token to make a session for.
    pub access: AccessToken,
    pub(super) owner: Customer,
    pub(super) journey: Box<Journey>,
}

impl BridgeAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: BridgeAnswer) -> Step {
        bridge::bridged(*self.journey, self.owner, answer)
    }
}

/// [`Step::SignIn`]; the credentials stay with the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInAsk {
    /// The guest session that becomes the shopper's.
    pub usid: Option<Usid>,
    pub(super) journey: Box<Journey>,
}

impl SignInAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: SignInAnswer) -> Step {
        sign_in::signed_in(*self.journey, answer)
    }
}

/// [`Step::PeekBasket`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekBasketAsk {
    /// The guest's token.
    pub access: AccessToken,
    /// The guest.
    pub customer: CustomerId,
    pub(super) journey: Box<Journey>,
}

impl PeekBasketAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: BasketAnswer) -> Step {
        sign_in::peeked(*self.journey, answer)
    }
}

/// [`Step::TransferBasket`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferBasketAsk {
    /// The registered shopper's token.
    pub access: AccessToken,
    pub(super) journey: Box<Journey>,
}

impl TransferBasketAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: BasketAnswer) -> Step {
        sign_in::transferred(*self.journey, answer)
    }
}

/// [`Step::SignOut`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOutAsk {
    /// A valid access token of the session that ends.
    pub access: AccessToken,
    /// Its refresh token.
    pub refresh: RefreshToken,
    /// Every device, not only this one.
    pub all_devices: bool,
    pub(super) journey: Box<Journey>,
}

impl SignOutAsk {
    /// Goes on with the answer.
    #[must_use]
    pub fn hear(self, answer: SignOutAnswer) -> Step {
        sign_out::signed_out(*self.journey, answer)
    }
}
