//! The decision of a flow: the outcome, and what changes in the browser.

use super::{Facts, UpstreamFailure};
use crate::ids::{Dwsid, Tag};
use crate::model::{Customer, DwCookies, Grant};

/// The result of a flow: what to report to the caller, and what changes in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the flow reports to the caller.
    pub outcome: Outcome,
    /// What happens to the SLAS tokens in the browser.
    pub tokens: TokenChange,
    /// What happens to the DW session in the browser.
    pub dw: DwChange,
    /// The flow found that a registered session has expired.
    pub session_expired: bool,
    /// SLAS issued no tokens for a guest's DW session by its plain `dwsid`: later flows do not try.
    pub guest_adoption_refused: bool,
}

impl Decision {
    /// Nothing changes in the browser.
    #[must_use]
    pub fn unchanged(outcome: Outcome) -> Self {
        Self {
            outcome,
            tokens: TokenChange::Keep,
            dw: DwChange::Keep,
            session_expired: false,
            guest_adoption_refused: false,
        }
    }

    /// A logout in the browser, without a call to SLAS.
    #[must_use]
    pub fn logged_out_locally() -> Self {
        Self {
            tokens: TokenChange::Drop,
            dw: DwChange::Drop,
            ..Self::unchanged(Outcome::LoggedOut { revoked: false })
        }
    }

    /// An upstream has refused the credentials of the session for good.
    #[must_use]
    pub fn refused() -> Self {
        Self { session_expired: true, ..Self::logged_out_locally() }
    }

    /// Who ended the session, if this decision is its end.
    #[must_use]
    pub fn end(&self) -> Option<SessionEnd> {
        match self.outcome {
            Outcome::LoggedOut { .. } if self.session_expired => Some(SessionEnd::Refusal),
            Outcome::LoggedOut { .. } => Some(SessionEnd::Wish),
            _ => None,
        }
    }

    /// One decision with the effect of `earlier` followed by this one, which must have been made
    /// from the facts after `earlier`.
    #[must_use]
    pub fn following(self, earlier: Self) -> Self {
        Self {
            outcome: self.outcome,
            tokens: if self.tokens == TokenChange::Keep { earlier.tokens } else { self.tokens },
            dw: earlier.dw.then(self.dw),
            session_expired: self.session_expired || earlier.session_expired,
            guest_adoption_refused: self.guest_adoption_refused || earlier.guest_adoption_refused,
        }
    }

    /// The label `outcome` in metrics, and the field of that name in the request log.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self.outcome {
            Outcome::Ready if self.session_expired => "session_expired",
            Outcome::Ready => "ready",
            Outcome::LoggedIn { .. } => "logged_in",
            Outcome::LoggedOut { .. } => "logged_out",
            Outcome::NotBridged(_) => "not_bridged",
            Outcome::BadCredentials => "bad_credentials",
            Outcome::LoginConflict => "login_conflict",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::NoDwSession(_) => "no_dw_session",
        }
    }

    /// Whether a form may be sent that was rendered before this decision, in the session of `before`,
    /// and that has reached no upstream yet. A CSRF token is valid only in the DW session that made
    /// it. A form without one may be sent in the next session of the same shopper.
    #[must_use]
    pub fn may_send_form(&self, before: &Facts, presented: &[Dwsid], csrf: FormCsrf) -> bool {
        let renewed = matches!(self.dw, DwChange::Set { .. }) && before.keeps_shopper(self);
        !self.dw.replaces(presented) || (renewed && csrf == FormCsrf::None)
    }

    /// Whether a credential (the tag of a token, of `dwsid` or of `usid`) stays in the browser
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

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The shopper, by a logout. Nothing that is under way overtakes that.
    Wish,
    /// An upstream, which refused the session's credentials. A login is newer than that.
    Refusal,
}

/// Whether a form contains a CSRF token of ECOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormCsrf {
    /// It contains none.
    None,
    /// It contains one, or may contain one: its body could not be read.
    Possible,
}

/// What the flow reports to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The request has what its intent needs.
    Ready,
    /// The shopper is logged in.
    LoggedIn {
        /// The guest's basket could not be moved.
        basket_lost: bool,
    },
    /// The shopper is logged out in this browser, whatever SLAS responded.
    LoggedOut {
        /// Nothing that was to end is still valid at SLAS.
        revoked: bool,
    },
    /// SLAS issues no tokens for the DW session; nothing changed.
    NotBridged(BridgeRefusal),
    /// Wrong login or password; nothing changed.
    BadCredentials,
    /// Another request uses the same login at this moment; nothing changed.
    LoginConflict,
    /// An upstream call failed, so the flow did not obtain the tokens that the intent needs. The
    /// browser keeps every credential that may still be valid.
    Unavailable(UpstreamFailure),
    /// The tokens are valid, but there is no DW session for ECOM.
    NoDwSession(UpstreamFailure),
}

/// Why SLAS issues no tokens for a DW session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BridgeRefusal {
    /// Our SLAS client lacks the scope.
    ScopeMissing,
    /// SLAS rejects the signature or the session.
    ProofRefused,
}

impl Outcome {
    /// The upstream failure, if one is the reason that the intent could not be met.
    #[must_use]
    pub fn failure(&self) -> Option<UpstreamFailure> {
        match self {
            Self::Unavailable(failure) | Self::NoDwSession(failure) => Some(*failure),
            Self::Ready
            | Self::LoggedIn { .. }
            | Self::LoggedOut { .. }
            | Self::NotBridged(_)
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
    /// They are deleted.
    Drop,
}

/// What happens to the DW session in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DwChange {
    /// Nothing.
    Keep,
    /// The browser keeps the DW session, but its owner is unknown from now on and must be looked up
    /// again.
    Recheck,
    /// The browser keeps the DW session, and the seal names it from now on, with this owner.
    /// `None`: the owner must be looked up again.
    Confirm(Option<Customer>),
    /// Another DW session replaces it.
    Set {
        /// The cookies of the new session.
        cookies: DwCookies,
        /// The owner of the new session, if known. Otherwise the owner must be looked up.
        owner: Option<Customer>,
    },
    /// The browser loses the DW session.
    Drop,
    /// The browser loses the DW session, and the one that should replace it could not be made.
    Failed(UpstreamFailure),
}

impl DwChange {
    /// One change with the effect of this one followed by `next`. A session that this one sets must
    /// still reach the browser.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        match (self, next) {
            // A dropped session can no longer be confirmed or rechecked.
            (first, Self::Keep)
            | (first @ (Self::Drop | Self::Failed(_)), Self::Confirm(_) | Self::Recheck) => first,
            (Self::Set { cookies, .. }, Self::Confirm(owner)) => Self::Set { cookies, owner },
            (Self::Set { cookies, .. }, Self::Recheck) => Self::Set { cookies, owner: None },
            // The seal still names the session.
            (Self::Confirm(_), Self::Recheck) => Self::Confirm(None),
            (_, next) => next,
        }
    }

    /// Whether a form that was rendered in one of the `presented` sessions would be sent in another
    /// one, or in none.
    #[must_use]
    pub fn replaces(&self, presented: &[Dwsid]) -> bool {
        match self {
            // A Hybrid Auth tenant sets the session that it keeps on every token response.
            Self::Set { cookies, .. } => presented.iter().all(|dwsid| *dwsid != cookies.dwsid),
            Self::Drop | Self::Failed(_) => true,
            Self::Keep | Self::Recheck | Self::Confirm(_) => false,
        }
    }

    /// Whether the session `other`, which ECOM set on a response, is taken over, or is dropped
    /// together with the browser's own. If neither, ECOM served the response in a session that is
    /// not the shopper's.
    #[must_use]
    pub fn accounts_for(&self, other: &Dwsid) -> bool {
        match self {
            Self::Set { cookies, .. } => cookies.dwsid == *other,
            Self::Drop => true,
            Self::Keep | Self::Recheck | Self::Confirm(_) | Self::Failed(_) => false,
        }
    }
}
