//! The core: what to do about a shopper, as a machine without clock, network or randomness.
//!
//! [`decide`] looks at the [`Facts`] and either is [`Done`](Step::Done) or asks the outside one
//! question. Each question is a type of its own that carries the unfinished journey; handing it
//! the answer ([`RefreshAsk::hear`] and its siblings) gives the next step. So a question cannot
//! be given another question's answer, and "the refresh was refused, so become a guest" is as
//! testable as the first decision. `drive` is the one loop that asks for real.

use crate::ids::Usid;
use crate::model::{Claims, CustomerType};

mod answers;
mod arrive;
mod asks;
mod bridge;
mod bridge_over;
mod ending;
mod facts;
mod heed;
mod journey;
mod receive;
mod sign_in;
mod sign_out;
mod speaker;

pub use answers::{
    AdoptAnswer, BasketAnswer, BridgeAnswer, Cause, GuestAnswer, ProbeAnswer, RefreshAnswer,
    SignInAnswer, SignOutAnswer, Trouble,
};
pub use asks::{
    AdoptAsk, BridgeAsk, DwProof, GuestAsk, PeekBasketAsk, ProbeAsk, RefreshAsk, SignInAsk,
    SignOutAsk, TransferBasketAsk,
};
pub use bridge_over::{DwClaim, bridge_over};
pub use ending::{DwChange, Ending, Outcome, TokenChange};
pub use facts::{
    Access, BridgeMode, BridgeTime, Dw, Facts, GuestBasket, HeldAccess, HeldDw, HeldRefresh,
    Intent, Policy,
};
pub use heed::{EcomPage, EcomSays, HandOver, heed};
pub use receive::{receive, unchanged};
pub use sign_out::signed_out_here;
pub use speaker::Speaker;

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Exchange a refresh token at SLAS.
    Refresh(RefreshAsk),
    /// Get tokens for a new (or re-attached) guest.
    Guest(GuestAsk),
    /// Ask OCAPI whether the DW session lives, and whose it is.
    Probe(ProbeAsk),
    /// Get SLAS tokens for a DW session.
    Adopt(AdoptAsk),
    /// Make a DW session for an access token.
    Bridge(BridgeAsk),
    /// Exchange the shopper's credentials for registered tokens.
    SignIn(SignInAsk),
    /// Look whether the guest's basket has items.
    PeekBasket(PeekBasketAsk),
    /// Move the guest's basket to the shopper who has just signed in.
    TransferBasket(TransferBasketAsk),
    /// End the SLAS session.
    SignOut(SignOutAsk),
    /// Nothing more to ask.
    Done(Box<Ending>),
}

/// Begins a journey.
#[must_use]
pub fn decide(facts: Facts, intent: Intent) -> Step {
    match intent {
        Intent::Head | Intent::Ecom | Intent::Renew | Intent::Api => arrive::begin(facts, intent),
        Intent::SignIn(basket) => sign_in::begin(facts, basket),
        Intent::SignOut { all_devices } => sign_out::begin(facts, all_devices),
    }
}

/// Re-attaching to a guest session needs the usid of a token whose signature was good.
fn guest_usid(claims: &Claims) -> Option<Usid> {
    (claims.customer.kind == CustomerType::Guest).then(|| claims.usid.clone())
}
