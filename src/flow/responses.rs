//! The responses of upstreams, one type per call: each [call](super::calls) resumes with its own.

use crate::model::{Customer, DwCookies, Grant};

/// Why an upstream call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamFailure {
    /// What went wrong, as far as it decides what to do next.
    pub cause: Cause,
    /// The seconds to wait before another attempt, if the upstream stated them.
    pub retry_after: Option<u32>,
}

impl UpstreamFailure {
    /// The upstream is unavailable and did not state for how long.
    pub const UNAVAILABLE: Self = Self { cause: Cause::Unavailable, retry_after: None };

    /// The upstream rejects Tandem's client or settings: a later attempt does not help.
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

/// The cause of an upstream failure: it decides whether a later attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The upstream is down or slow, or its response is invalid.
    Unavailable,
    /// The upstream limits the rate of Tandem's requests.
    Throttled,
    /// The upstream rejects *Tandem's client*: its id, secret, scope, site or redirect URI is
    /// wrong. A later attempt does not help.
    Misconfigured,
}

/// The response to a refresh: new SLAS tokens for a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshResponse {
    /// SLAS issued new tokens.
    Granted(Box<Grant>),
    /// SLAS states that the refresh token is invalid.
    Refused,
    /// SLAS rejects the refresh in words that do not name the token; they may name Tandem's client.
    /// The token has ended if SLAS issues other tokens to the same client now; otherwise this is a
    /// failure.
    Doubtful(UpstreamFailure),
    /// The call failed. The refresh token may still be valid.
    Failed(UpstreamFailure),
}

impl RefreshResponse {
    /// The bytes that the response holds on the heap: the single-flight cache limits their sum.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Granted(grant) => grant.heap_bytes(),
            Self::Refused | Self::Doubtful(_) | Self::Failed(_) => 0,
        }
    }
}

/// The response to a request for the SLAS tokens of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestResponse {
    /// SLAS issued tokens.
    Granted(Box<Grant>),
    /// The usid that Tandem sent belongs to another session.
    UsidTaken,
    /// The call failed: Tandem has no tokens.
    Failed(UpstreamFailure),
}

impl GuestResponse {
    /// The bytes that the response holds on the heap: the single-flight cache limits their sum.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Granted(grant) => grant.heap_bytes(),
            Self::UsidTaken | Self::Failed(_) => 0,
        }
    }
}

/// The response to a probe: whether a DW session is alive, and whose it is (OCAPI
/// `/customers/auth`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResponse {
    /// The DW session is alive.
    Alive {
        /// The customer whom the DW session belongs to.
        owner: Customer,
        /// The login of a registered owner, if OCAPI shows it.
        login: Option<String>,
    },
    /// The DW session has ended.
    Dead,
    /// The call failed: nothing is known of the DW session.
    Failed(UpstreamFailure),
}

/// The response to a session bridge: SLAS tokens for a DW session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptResponse {
    /// SLAS issued tokens.
    Granted(Box<Grant>),
    /// The tenant has no session bridge for this kind of shopper, or the proof of the DW session
    /// has expired.
    Refused,
    /// Tandem's SLAS client may not use the session bridge: it lacks the scope
    /// `sfcc.session_bridge`.
    NotPermitted,
    /// The call failed: Tandem has no tokens.
    Failed(UpstreamFailure),
}

/// The response to a bridge: a DW session for an access token (OCAPI `/sessions`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeResponse {
    /// OCAPI made a DW session, which these cookies carry.
    Bridged(DwCookies),
    /// OCAPI does not accept the access token.
    TokenRefused,
    /// The call failed: Tandem has no DW session.
    Failed(UpstreamFailure),
}

impl BridgeResponse {
    /// The bytes that the response holds on the heap: the single-flight cache limits their sum.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Bridged(cookies) => cookies.heap_bytes(),
            Self::TokenRefused | Self::Failed(_) => 0,
        }
    }
}

/// The response to a login with B2C Commerce credentials at SLAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginResponse {
    /// SLAS issued tokens of the registered shopper.
    Granted(Box<Grant>),
    /// The login or the password is wrong.
    BadCredentials,
    /// Another request uses the same login at this moment.
    Conflict,
    /// The call failed: Tandem has no tokens.
    Failed(UpstreamFailure),
}

/// The response to a check whether the guest's basket has items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckBasketResponse {
    /// A basket of the guest has items.
    HasItems,
    /// The guest has no basket, or only empty ones.
    Empty,
    /// The call failed: the basket may have items.
    Failed,
}

/// The response to a transfer of the guest's basket to the shopper who has just logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferBasketResponse {
    /// The basket belongs to the registered shopper now.
    Moved,
    /// The guest had no basket, or the site moves none.
    NothingToMove,
    /// The call failed: the items may be lost.
    Failed,
}

/// The response to a logout at SLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogoutResponse {
    /// SLAS has revoked what the call named.
    Revoked,
    /// SLAS does not know the refresh token any more: that session has ended before.
    NothingToRevoke,
    /// SLAS does not accept the access token, so nothing was revoked.
    AccessRefused,
    /// SLAS did not confirm that the session has ended.
    Failed,
}
