//! The core: what to do about a shopper, as a machine without clock, network or randomness.
//!
//! [`decide`] looks at the [`Facts`] and either is [`Done`](Step::Done) or asks the outside one
//! question. Each question is a type of its own that carries the unfinished journey; handing it
//! the answer ([`RefreshAsk::hear`] and its siblings) gives the next step. So a question cannot
//! be given another question's answer, and "the refresh was refused, so become a guest" is as
//! testable as the first decision. `drive` is the one loop that asks for real.

use crate::ids::{AccessToken, DwSignature, Dwsid, RefreshToken, Usid};
use crate::session::token::Claims;
use crate::session::{Customer, CustomerType, DwCookies, Grant};

mod arrive;
mod bridge;
mod journey;
mod sign_in;
mod sign_out;

pub use journey::{
    AdoptAsk, BridgeAsk, GuestAsk, PeekBasketAsk, ProbeAsk, RefreshAsk, SignInAsk, SignOutAsk,
    TransferBasketAsk,
};

/// How a site makes a DW session for SLAS tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BridgeMode {
    /// OCAPI `POST /sessions`.
    Classic,
    /// The platform sets `dwsid` on SLAS token answers; OCAPI is never called.
    HybridAuth,
    /// There is no DW session.
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

/// What the site's operator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How to bridge.
    pub mode: BridgeMode,
    /// When to bridge.
    pub time: BridgeTime,
    /// Whether a guest session follows a logout at once.
    pub guest_after_logout: bool,
}

/// What a request wants of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// A request of the Head: SLAS tokens must be good.
    Head,
    /// A request that is about to reach ECOM: the DW session must be good too.
    Ecom,
    /// A call that may renew what the browser holds but begins no session of its own.
    Renew,
    /// B2C Commerce credentials are at hand.
    SignIn(GuestBasket),
    /// The shopper leaves.
    SignOut {
        /// Every device of the shopper, not only this one.
        all_devices: bool,
    },
}

/// Whether the guest who signs in has anything in the basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestBasket {
    /// Nobody said; ask the API.
    Unknown,
    /// The caller knows it is empty.
    Empty,
    /// The caller knows it is not.
    HasItems,
}

/// Everything a decision depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The site's policy.
    pub policy: Policy,
    /// The access token in hand.
    pub access: Access,
    /// The refresh token in hand, registered before guest.
    pub refresh: Option<HeldRefresh>,
    /// The DW session in hand.
    pub dw: Dw,
    /// The access token in hand has already made a DW session.
    pub bridged: bool,
    /// Making a DW session failed a moment ago: the Head does not wait for another try.
    pub bridge_resting: bool,
    /// A signature by which ECOM vouches for its session, where the caller brought one.
    pub signature: Option<DwSignature>,
    /// The tenant is known to refuse bridging a guest's plain `dwsid`.
    pub guest_adoption_retired: bool,
}

impl Facts {
    /// Who the access token says the shopper is, or was.
    fn customer(&self) -> Option<&Customer> {
        match &self.access {
            Access::None => None,
            Access::Expired(claims) => Some(&claims.customer),
            Access::Ending(held) | Access::Fresh(held) => Some(&held.claims.customer),
        }
    }
}

/// The access token a browser holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// None that means anything here.
    None,
    /// Dead, but its signature was good: it still says who the shopper was.
    Expired(Claims),
    /// Valid for less than the early-refresh margin: refresh, but it still works if that fails.
    Ending(HeldAccess),
    /// Valid.
    Fresh(HeldAccess),
}

/// A valid access token and what it says.
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
    /// `cc-nx` or `cc-nx-g`.
    pub kind: CustomerType,
    /// The token.
    pub token: RefreshToken,
}

/// The DW session a browser holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dw {
    /// No `dwsid`.
    Absent,
    /// By our own clock it lives, and we know whose it is.
    Live {
        /// Its cookies.
        held: HeldDw,
        /// Its customer.
        owner: Customer,
    },
    /// Only the platform can tell whether it lives, and perhaps whose it is.
    Doubtful {
        /// Its cookies.
        held: HeldDw,
        /// Its customer, where we know.
        owner: Option<Customer>,
    },
    /// By our own clock it is dead.
    Dead,
}

/// The cookies of a DW session as the browser presents them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldDw {
    /// The session.
    pub dwsid: Dwsid,
    /// `dwsecuretoken_…` cookies, needed by OCAPI where enforce-https is off.
    pub secure_tokens: Vec<(String, crate::ids::DwValue)>,
}

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

/// Why something could not be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// Whose fault it is.
    pub cause: Cause,
    /// Seconds after which asking again may help, where the upstream said.
    pub retry_after: Option<u32>,
}

/// Whose fault a trouble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The upstream is down, slow, or answers nonsense.
    Unavailable,
    /// The upstream asked us to slow down.
    Throttled,
    /// The upstream refuses *us*: client, secret, scope, site or redirect URI are wrong.
    Misconfigured,
}

/// What a refresh came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// New tokens.
    Granted(Box<Grant>),
    /// The refresh token is dead.
    Refused,
    /// Nobody knows; the token may still be good.
    Unavailable(Trouble),
}

/// What asking for guest tokens came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestAnswer {
    /// Tokens.
    Granted(Box<Grant>),
    /// The usid we sent belongs to another session.
    UsidTaken,
    /// No tokens now.
    Unavailable(Trouble),
}

/// What OCAPI says about a DW session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It lives.
    Alive {
        /// Whose it is.
        owner: Customer,
        /// The login of a registered owner, where OCAPI shows it.
        login: Option<String>,
    },
    /// It is dead.
    Dead,
    /// OCAPI will not say, now or ever.
    Unavailable(Trouble),
}

/// What asking for SLAS tokens for a DW session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptAnswer {
    /// Tokens.
    Granted(Box<Grant>),
    /// The tenant does not bridge this kind of session.
    Refused,
    /// No tokens now.
    Unavailable(Trouble),
}

/// What asking for a DW session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeAnswer {
    /// A new DW session.
    Bridged(DwCookies),
    /// OCAPI does not accept the access token.
    TokenRefused,
    /// No DW session now.
    Unavailable(Trouble),
}

/// What presenting credentials came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInAnswer {
    /// Tokens of the registered shopper.
    Granted(Box<Grant>),
    /// Wrong login or password.
    BadCredentials,
    /// The same login is being used at this very moment.
    Conflict,
    /// No tokens now.
    Unavailable(Trouble),
}

/// What became of the guest's basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BasketAnswer {
    /// It has items, or has been moved.
    Yes,
    /// It is empty, or there was nothing to move.
    No,
    /// Nobody knows.
    Failed,
}

/// What became of the SLAS session at logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignOutAnswer {
    /// SLAS revoked it, or knew it no more.
    Revoked,
    /// SLAS did not say so.
    Failed,
}

/// How a journey ended: what to tell the caller, and what the browser shall hold from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What to tell the caller.
    pub outcome: Outcome,
    /// What happens to the SLAS tokens in the browser.
    pub tokens: TokenChange,
    /// What happens to the DW session in the browser.
    pub dw: DwChange,
    /// A registered session was found dead on the way.
    pub session_expired: bool,
    /// The tenant refused to bridge a guest's plain `dwsid`: do not ask again.
    pub guest_adoption_refused: bool,
}

/// What to tell the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// What the intent needs is there.
    Ready,
    /// The shopper is signed in.
    SignedIn {
        /// The guest's basket could not be moved.
        basket_lost: bool,
    },
    /// The shopper is signed out here, whatever the upstream said.
    SignedOut {
        /// SLAS has revoked the session.
        revoked: bool,
    },
    /// Wrong login or password; nothing changed.
    BadCredentials,
    /// The same login is being used at this very moment; nothing changed.
    LoginConflict,
    /// Nothing can be said about the tokens now; what the browser holds stays.
    Unavailable(Trouble),
    /// Tokens are good, but there is no DW session to go to ECOM with.
    NoDwSession(Trouble),
}

/// What happens to the SLAS tokens in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// Nothing.
    Keep,
    /// They are replaced.
    Set(Box<Grant>),
    /// They go.
    Drop,
}

/// What happens to the DW session in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DwChange {
    /// Nothing.
    Keep,
    /// The browser keeps it; we now know that it lives, and whose it is.
    Confirm(Customer),
    /// It is replaced.
    Set {
        /// The new session.
        cookies: DwCookies,
        /// Whose it is.
        owner: Customer,
    },
    /// It goes.
    Drop,
    /// It goes, and the new one that should replace it could not be made.
    Missing(Trouble),
}

/// Begins a journey.
#[must_use]
pub fn decide(facts: Facts, intent: Intent) -> Step {
    match intent {
        Intent::Head | Intent::Ecom | Intent::Renew => arrive::begin(facts, intent),
        Intent::SignIn(basket) => sign_in::begin(facts, basket),
        Intent::SignOut { all_devices } => sign_out::begin(facts, all_devices),
    }
}

/// Re-attaching to a guest session needs the usid of a token whose signature was good.
fn guest_usid(claims: &Claims) -> Option<Usid> {
    (claims.customer.kind == CustomerType::Guest).then(|| claims.usid.clone())
}
