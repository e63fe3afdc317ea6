//! The responses of upstreams: one type per call.

use crate::model::{Customer, DwCookies, Grant};

/// Why an upstream call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamFailure {
    /// The cause.
    pub cause: Cause,
    /// Seconds after which another attempt may help, if the upstream stated them.
    pub retry_after: Option<u32>,
}

impl UpstreamFailure {
    /// The upstream is unavailable and did not state for how long.
    pub const UNAVAILABLE: Self = Self { cause: Cause::Unavailable, retry_after: None };

    /// The upstream rejects our client or settings: a later attempt does not help.
    pub const MISCONFIGURED: Self = Self { cause: Cause::Misconfigured, retry_after: None };

    /// The upstream is unavailable; an attempt after `seconds` may help.
    #[must_use]
    pub const fn unavailable_for(seconds: u32) -> Self {
        Self { cause: Cause::Unavailable, retry_after: Some(seconds) }
    }

    /// The upstream accepts no further call for `seconds`.
    #[must_use]
    pub const fn throttled_for(seconds: u32) -> Self {
        Self { cause: Cause::Throttled, retry_after: Some(seconds) }
    }
}

/// The cause of an upstream failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The upstream is down or slow, or its response is invalid.
    Unavailable,
    /// The upstream limits the rate of our requests.
    Throttled,
    /// The upstream rejects *our client*: its id, secret, scope, site or redirect URI is wrong.
    Misconfigured,
}

/// The result of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshResponse {
    /// New tokens.
    Granted(Box<Grant>),
    /// The refresh token is invalid.
    Refused,
    /// The result is unknown; the token may still be valid.
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

/// The result of a request for guest tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestResponse {
    /// Tokens.
    Granted(Box<Grant>),
    /// The usid that we sent belongs to another session.
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

/// What OCAPI reports about a DW session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResponse {
    /// It is alive.
    Alive {
        /// Its owner.
        owner: Customer,
        /// The login of a registered owner, if OCAPI shows it.
        login: Option<String>,
    },
    /// It has ended.
    Dead,
    /// OCAPI does not report it now, or never will.
    Unavailable(UpstreamFailure),
}

/// The result of a request for SLAS tokens for a DW session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptResponse {
    /// Tokens.
    Granted(Box<Grant>),
    /// The tenant does not bridge this kind of session, or the proof has expired.
    Refused,
    /// Our SLAS client may not bridge sessions: it lacks the scope `sfcc.session_bridge`.
    NotPermitted,
    /// No tokens now.
    Unavailable(UpstreamFailure),
}

/// The result of a request for a DW session.
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

/// The result of a login at SLAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginResponse {
    /// Tokens of the registered shopper.
    Granted(Box<Grant>),
    /// Wrong login or password.
    BadCredentials,
    /// Another request uses the same login at this moment.
    Conflict,
    /// No tokens now.
    Unavailable(UpstreamFailure),
}

/// The result of a check, or a transfer, of the guest's basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BasketResponse {
    /// It has items, or has been moved.
    Yes,
    /// It is empty, or there was nothing to move.
    No,
    /// The call failed; the result is unknown.
    Failed,
}

/// The result of a logout at SLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogoutResponse {
    /// SLAS revoked the session, or did not know it any more.
    Revoked,
    /// SLAS did not confirm that.
    Failed,
}
