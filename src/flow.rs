//! The core: what to do about a shopper, as a machine without clock, network or randomness.
//!
//! [`decide`] looks at the [`Facts`] and either is [`Done`](Step::Done) or asks the outside one
//! question. Each question is a type of its own that carries the unfinished state; handing it
//! the answer ([`RefreshCall::hear`] and its siblings) gives the next step. So a question cannot
//! be given another question's answer, and "the refresh was refused, so become a guest" is as
//! testable as the first decision. `drive` is the one loop that asks for real.

use crate::ids::Usid;
use crate::model::{Claims, CustomerType};

mod accept_tokens;
mod calls;
mod decision;
mod dw_session;
mod ecom_page;
mod ensure_session;
mod facts;
mod login;
mod logout;
mod provenance;
mod reconcile;
mod responses;
mod session_bridge;
mod state;

pub use accept_tokens::accept_tokens;
pub use calls::{
    AdoptCall, BridgeCall, CheckBasketCall, DwProof, GuestCall, LoginCall, LogoutCall, ProbeCall,
    RefreshCall, TransferBasketCall,
};
pub use decision::{Decision, DwChange, Outcome, TokenChange};
pub use ecom_page::{EcomPage, Handoff, PageAccess, PageCookies, PageResponse};
pub use facts::{
    Access, BridgeMode, BridgeTime, Dw, Facts, GuestBasket, HeldAccess, HeldDw, HeldRefresh,
    Intent, Policy,
};
pub use provenance::Provenance;
pub use reconcile::reconcile;
pub use responses::{
    AdoptResponse, BasketResponse, BridgeResponse, Cause, GuestResponse, LoginResponse,
    LogoutResponse, ProbeResponse, RefreshResponse, UpstreamFailure,
};
pub use session_bridge::{DwClaim, session_bridge};

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Exchange a refresh token at SLAS.
    Refresh(RefreshCall),
    /// Get tokens for a new (or re-attached) guest.
    Guest(GuestCall),
    /// Ask OCAPI whether the DW session lives, and whose it is.
    Probe(ProbeCall),
    /// Get SLAS tokens for a DW session.
    Adopt(AdoptCall),
    /// Make a DW session for an access token.
    Bridge(BridgeCall),
    /// Exchange the shopper's credentials for registered tokens.
    Login(LoginCall),
    /// Look whether the guest's basket has items.
    CheckBasket(CheckBasketCall),
    /// Move the guest's basket to the shopper who has just signed in.
    TransferBasket(TransferBasketCall),
    /// End the SLAS session.
    Logout(LogoutCall),
    /// Nothing more to ask.
    Done(Box<Decision>),
}

/// Begins a state.
#[must_use]
pub fn decide(facts: Facts, intent: Intent) -> Step {
    match intent {
        Intent::Head | Intent::Ecom | Intent::Renew | Intent::Api => {
            ensure_session::begin(facts, intent)
        }
        Intent::Login(basket) => login::begin(facts, basket),
        Intent::Logout { all_devices } => logout::begin(facts, all_devices),
    }
}

/// Re-attaching to a guest session needs the usid of a token whose signature was good.
fn guest_usid(claims: &Claims) -> Option<Usid> {
    (claims.customer.kind == CustomerType::Guest).then(|| claims.usid.clone())
}
