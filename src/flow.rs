//! The core: decides what happens to a shopper's session, without clock, network or randomness.
//!
//! [`decide`] takes the [`Facts`] and returns either [`Done`](Step::Done) or one call to an
//! upstream. Each call is a type of its own that carries the unfinished flow. Its `resume` method
//! ([`RefreshCall::resume`] and its siblings) takes the response and returns the next step. So a
//! call cannot be resumed with the response to another call, and "SLAS refused the refresh, so
//! become a guest" is as testable as the first decision. `driver` is the one loop that makes the
//! calls.

use crate::ids::Usid;
use crate::model::Claims;

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

pub use accept_tokens::{TokenSource, accept_tokens};
pub use calls::{
    AdoptCall, BridgeCall, CheckBasketCall, DwProof, GuestCall, LoginCall, LogoutCall, ProbeCall,
    RefreshCall, TransferBasketCall,
};
pub use decision::{BridgeRefusal, Decision, DwChange, FormCsrf, Outcome, SessionEnd, TokenChange};
pub use ecom_page::{
    EcomPage, EcomPages, Handoff, PageAccess, PageCookies, PageResponse, names_logout,
};
pub use facts::{
    Access, BridgeMode, BridgeTime, Dw, Facts, GuestBasket, HeldAccess, HeldDw, HeldRefresh,
    Intent, LogoutScope, Policy,
};
pub use provenance::Provenance;
pub use reconcile::reconcile;
pub use responses::{
    AdoptResponse, BridgeResponse, Cause, CheckBasketResponse, GuestResponse, LoginResponse,
    LogoutResponse, ProbeResponse, RefreshResponse, TransferBasketResponse, UpstreamFailure,
};
pub use session_bridge::{DwClaim, session_bridge};

/// The next step of a flow: one upstream call, or the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Exchange a refresh token at SLAS.
    Refresh(RefreshCall),
    /// Obtain tokens for a new (or re-attached) guest.
    Guest(GuestCall),
    /// Look up at OCAPI whether the DW session is alive and who owns it.
    Probe(ProbeCall),
    /// Obtain SLAS tokens for a DW session.
    Adopt(AdoptCall),
    /// Make a DW session for an access token.
    Bridge(BridgeCall),
    /// Exchange the shopper's credentials for registered tokens.
    Login(LoginCall),
    /// Check whether the guest's basket has items.
    CheckBasket(CheckBasketCall),
    /// Move the guest's basket to the shopper who has just logged in.
    TransferBasket(TransferBasketCall),
    /// End the SLAS session.
    Logout(LogoutCall),
    /// The flow has ended.
    Done(Box<Decision>),
}

impl Step {
    /// Whether the call belongs to a logout at SLAS.
    #[must_use]
    pub fn ends_session(&self) -> bool {
        match self {
            Self::Logout(_) => true,
            Self::Refresh(call) => call.is_for_logout(),
            _ => false,
        }
    }
}

/// Starts the flow for `intent`.
#[must_use]
pub fn decide(facts: Facts, intent: Intent) -> Step {
    match intent {
        Intent::Head | Intent::Ecom | Intent::Renew | Intent::Api => {
            ensure_session::begin(facts, intent)
        }
        Intent::Login(basket) => login::begin(facts, basket),
        Intent::Logout(scope) => logout::begin(facts, scope),
    }
}

/// The usid of the guest session to re-attach to. SLAS needs the usid of a token whose signature
/// was valid.
fn guest_usid(claims: &Claims) -> Option<Usid> {
    claims.customer.is_guest().then(|| claims.usid.clone())
}
