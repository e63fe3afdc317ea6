//! What the outside may answer: one type per question.

use crate::model::{Customer, DwCookies, Grant};

/// Why something could not be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamFailure {
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
pub enum RefreshResponse {
    /// New tokens.
    Granted(Box<Grant>),
    /// The refresh token is dead.
    Refused,
    /// Nobody knows; the token may still be good.
    Unavailable(UpstreamFailure),
}

impl RefreshResponse {
    /// The bytes it holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Granted(grant) => grant.heap_bytes(),
            Self::Refused | Self::Unavailable(_) => 0,
        }
    }
}

/// What asking for guest tokens came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestResponse {
    /// Tokens.
    Granted(Box<Grant>),
    /// The usid we sent belongs to another session.
    UsidTaken,
    /// No tokens now.
    Unavailable(UpstreamFailure),
}

impl GuestResponse {
    /// The bytes it holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Granted(grant) => grant.heap_bytes(),
            Self::UsidTaken | Self::Unavailable(_) => 0,
        }
    }
}

/// What OCAPI says about a DW session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResponse {
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
    Unavailable(UpstreamFailure),
}

/// What asking for SLAS tokens for a DW session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptResponse {
    /// Tokens.
    Granted(Box<Grant>),
    /// The tenant does not bridge this kind of session, or the proof has run out.
    Refused,
    /// Our SLAS client may not bridge sessions: it lacks the scope `sfcc.session_bridge`.
    NotPermitted,
    /// No tokens now.
    Unavailable(UpstreamFailure),
}

/// What asking for a DW session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeResponse {
    /// A new DW session.
    Bridged(DwCookies),
    /// OCAPI does not accept the access token.
    TokenRefused,
    /// No DW session now.
    Unavailable(UpstreamFailure),
}

impl BridgeResponse {
    /// The bytes it holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Bridged(cookies) => cookies.heap_bytes(),
            Self::TokenRefused | Self::Unavailable(_) => 0,
        }
    }
}

/// What presenting credentials came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginResponse {
    /// Tokens of the registered shopper.
    Granted(Box<Grant>),
    /// Wrong login or password.
    BadCredentials,
    /// The same login is being used at this very moment.
    Conflict,
    /// No tokens now.
    Unavailable(UpstreamFailure),
}

/// What became of the guest's basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BasketResponse {
    /// It has items, or has been moved.
    Yes,
    /// It is empty, or there was nothing to move.
    No,
    /// Nobody knows.
    Failed,
}

/// What became of the SLAS session at logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogoutResponse {
    /// SLAS revoked it, or knew it no more.
    Revoked,
    /// SLAS did not say so.
    Failed,
}
