//! How a state may end.

use super::UpstreamFailure;
use crate::ids::Tag;
use crate::model::{Customer, DwCookies, Grant};

/// How a state ended: what to tell the caller, and what the browser shall hold from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
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

impl Decision {
    /// The label `outcome` in metrics, and the field of that name in the request log.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self.outcome {
            Outcome::Ready if self.session_expired => "expired",
            Outcome::Ready => "ready",
            Outcome::LoggedIn { .. } => "signed_in",
            Outcome::LoggedOut { .. } => "signed_out",
            Outcome::NotBridged { .. } => "not_bridged",
            Outcome::BadCredentials => "bad_credentials",
            Outcome::LoginConflict => "login_conflict",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::NoDwSession(_) => "no_dw_session",
        }
    }

    /// Whether a credential (the tag of a token, of `dwsid` or of `usid`) lives on in the browser
    /// although the shopper has changed. `dwsid` is the DW session that the browser presented.
    #[must_use]
    pub fn keeps(&self, tag: Tag, dwsid: Option<Tag>) -> bool {
        let granted = match &self.tokens {
            TokenChange::Set(grant) => {
                grant.claims.usid.tag() == tag || grant.tags().contains(&tag)
            }
            TokenChange::Keep | TokenChange::Drop => false,
        };
        let session = match &self.dw {
            DwChange::Set { cookies, .. } => cookies.tag() == tag,
            DwChange::Keep | DwChange::Confirm(_) | DwChange::Recheck => dwsid == Some(tag),
            DwChange::Drop | DwChange::Failed(_) => false,
        };
        granted || session
    }
}

/// What to tell the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// What the intent needs is there.
    Ready,
    /// The shopper is signed in.
    LoggedIn {
        /// The guest's basket could not be moved.
        basket_lost: bool,
    },
    /// The shopper is signed out here, whatever the upstream said.
    LoggedOut {
        /// SLAS has revoked the session.
        revoked: bool,
    },
    /// No tokens can be had for the DW session; nothing changed.
    NotBridged {
        /// Our SLAS client lacks the scope for it.
        scope: bool,
    },
    /// Wrong login or password; nothing changed.
    BadCredentials,
    /// The same login is being used at this very moment; nothing changed.
    LoginConflict,
    /// Nothing can be said about the tokens now; what the browser holds stays.
    Unavailable(UpstreamFailure),
    /// Tokens are good, but there is no DW session to go to ECOM with.
    NoDwSession(UpstreamFailure),
}

impl Outcome {
    /// Why the intent could not be met, where the shopper is not the reason.
    #[must_use]
    pub fn failure(&self) -> Option<UpstreamFailure> {
        match self {
            Self::Unavailable(failure) | Self::NoDwSession(failure) => Some(*failure),
            Self::Ready
            | Self::LoggedIn { .. }
            | Self::LoggedOut { .. }
            | Self::NotBridged { .. }
            | Self::BadCredentials
            | Self::LoginConflict => None,
        }
    }
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
    /// The browser keeps it, but whose it is has become uncertain: it is to be asked.
    Recheck,
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
    Failed(UpstreamFailure),
}
