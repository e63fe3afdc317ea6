//! The state of a flow between two calls.

use super::calls::RefreshPurpose;
use super::{
    BridgeMode, Decision, Dw, DwChange, EcomPage, Facts, GuestBasket, GuestCall, HeldAccess,
    HeldDw, HeldRefresh, Intent, LogoutScope, Outcome, Provenance, RefreshCall, RefreshResponse,
    Step, TokenChange,
};
use crate::ids::{AccessToken, Usid};
use crate::model::{Customer, CustomerType, DwCookies, Grant};

/// What the flow knows so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five findings that do not exclude each other")]
pub(super) struct FlowState {
    pub(super) facts: Facts,
    pub(super) goal: Goal,
    /// The tokens that the browser would hold if the flow ended now.
    pub(super) tokens: Tokens,
    /// The DW session in the browser, as far as it is known.
    pub(super) dw: Dw,
    /// The platform has confirmed that `dw` is alive.
    pub(super) confirmed: bool,
    /// The flow has used the refresh token in hand; it does not use it twice.
    pub(super) refreshed: bool,
    pub(super) session_expired: bool,
    /// SLAS rejected a refresh token without naming it: the token has ended only if SLAS issues
    /// other tokens now.
    pub(super) doubtful: bool,
    pub(super) guest_adoption_refused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    EnsureSession(Intent),
    Reconcile {
        /// What the page is for.
        page: EcomPage,
        /// Who sent the response.
        by: Provenance,
        /// The response deletes the refresh token in hand.
        deletes_refresh: bool,
        /// A DW session that the response sets in place of the one in the browser.
        response_dw: Option<DwCookies>,
    },
    SessionBridge,
    Login {
        basket: GuestBasket,
        basket_lost: bool,
    },
    Logout {
        scope: LogoutScope,
        revoked: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    /// The tokens of the request, if any.
    Kept(Option<HeldAccess>),
    /// New tokens of the same session.
    Renewed(Box<Grant>),
    /// Tokens of a shopper who is new in this browser.
    New(Box<Grant>),
    /// None: those of the request are invalid.
    Dropped,
}

impl FlowState {
    pub(super) fn new(mut facts: Facts, goal: Goal) -> Self {
        if !is_of_session(&facts) {
            facts.refresh = None;
        }
        let held = facts.held().cloned();
        Self {
            tokens: Tokens::Kept(held),
            dw: facts.dw.clone(),
            confirmed: false,
            refreshed: false,
            session_expired: false,
            doubtful: false,
            guest_adoption_refused: false,
            facts,
            goal,
        }
    }

    /// The shopper whom the tokens name.
    pub(super) fn customer(&self) -> Option<&Customer> {
        match &self.tokens {
            Tokens::Kept(held) => held.as_ref().map(|held| &held.claims.customer),
            Tokens::Renewed(grant) | Tokens::New(grant) => Some(&grant.claims.customer),
            Tokens::Dropped => None,
        }
    }

    pub(super) fn access(&self) -> Option<&AccessToken> {
        match &self.tokens {
            Tokens::Kept(held) => held.as_ref().map(|held| &held.token),
            Tokens::Renewed(grant) | Tokens::New(grant) => Some(&grant.access),
            Tokens::Dropped => None,
        }
    }

    /// The refresh token, unless this flow has already used it.
    pub(super) fn unused_refresh(&self) -> Option<HeldRefresh> {
        if self.refreshed { None } else { self.facts.refresh.clone() }
    }

    pub(super) fn held_dw(&self) -> Option<&HeldDw> {
        match &self.dw {
            Dw::Live { held, .. } | Dw::Unverified { held, .. } => Some(held),
            Dw::Absent | Dw::Dead => None,
        }
    }

    /// The owner of the DW session, if it is known and the session may still be alive.
    pub(super) fn dw_owner(&self) -> Option<&Customer> {
        self.dw.owner()
    }

    /// A registered refresh token beside a guest's access token: another writer (ECOM) has logged
    /// the shopper in, and the registered token wins.
    pub(super) fn is_superseded_by_registered(&self) -> bool {
        let guest = self.customer().is_some_and(Customer::is_guest);
        let refresh = self.facts.refresh.as_ref();
        guest && refresh.is_some_and(|refresh| refresh.kind == CustomerType::Registered)
    }

    /// Whether the access token has another do-not-track choice than the shopper's, and a refresh
    /// can replace it.
    pub(super) fn has_other_dnt(&self) -> bool {
        self.facts.dnt_changed && self.facts.refresh.is_some()
    }

    /// Whether any credential in hand is a registered shopper's.
    pub(super) fn is_registered(&self) -> bool {
        let refresh = self.facts.refresh.as_ref();
        self.facts.customer().is_some_and(Customer::is_registered)
            || refresh.is_some_and(|held| held.kind == CustomerType::Registered)
    }

    /// Whether the request may only renew a session, not begin one.
    pub(super) fn only_renews(&self) -> bool {
        matches!(self.goal, Goal::EnsureSession(Intent::Renew | Intent::Api))
    }

    /// Whether the flow has no valid tokens and may begin a guest session in their place.
    pub(super) fn may_replace_tokens(&self) -> bool {
        self.goal != Goal::EnsureSession(Intent::Api)
            && (self.access().is_none() || self.is_superseded_by_registered())
    }

    pub(super) fn refresh(mut self, held: HeldRefresh, purpose: RefreshPurpose) -> Step {
        self.refreshed = true;
        let hybrid = self.facts.policy.mode == BridgeMode::HybridAuth;
        let dwsid = self.held_dw().filter(|_| hybrid).map(|dw| dw.dwsid.clone());
        let spent = self.access().map(AccessToken::tag);
        let HeldRefresh { kind, token, provenance } = held;
        let state = Box::new(self);
        Step::Refresh(RefreshCall { token, kind, provenance, dwsid, spent, purpose, state })
    }

    /// The response to a refresh, or a refusal if the token was planted: it yields another shopper
    /// than the seal names, and only the browser vouches for it.
    pub(super) fn unless_foreign(
        &self,
        by: Provenance,
        response: RefreshResponse,
    ) -> RefreshResponse {
        match response {
            RefreshResponse::Granted(grant)
                if !by.may_identify(&grant.claims.customer, self.facts.known.as_ref()) =>
            {
                RefreshResponse::Refused
            }
            response => response,
        }
    }

    pub(super) fn request_guest(self, usid: Option<Usid>) -> Step {
        Step::Guest(GuestCall { usid, state: Box::new(self) })
    }

    /// Ends the flow with the regular outcome of its goal.
    pub(super) fn decide(self, dw: DwChange) -> Step {
        let outcome = match &self.goal {
            // A login on ECOM is a login here too.
            Goal::SessionBridge if self.customer().is_some_and(Customer::is_registered) => {
                Outcome::LoggedIn { basket_lost: false }
            }
            Goal::EnsureSession(_) | Goal::Reconcile { .. } | Goal::SessionBridge => Outcome::Ready,
            Goal::Login { basket_lost, .. } => Outcome::LoggedIn { basket_lost: *basket_lost },
            Goal::Logout { revoked, .. } => Outcome::LoggedOut { revoked: *revoked },
        };
        self.decide_with(outcome, dw)
    }

    pub(super) fn decide_with(self, outcome: Outcome, dw: DwChange) -> Step {
        let session_expired = self.session_expired || self.loses_registered_dw(&dw);
        let tokens = match self.tokens {
            Tokens::Kept(_) => TokenChange::Keep,
            Tokens::Renewed(grant) | Tokens::New(grant) => TokenChange::Set(grant),
            Tokens::Dropped => TokenChange::Drop,
        };
        Step::Done(Box::new(Decision {
            outcome,
            tokens,
            dw,
            session_expired,
            guest_adoption_refused: self.guest_adoption_refused,
        }))
    }

    /// Whether `change` removes a registered shopper's DW session and leaves a guest, which must
    /// not happen silently.
    fn loses_registered_dw(&self, change: &DwChange) -> bool {
        let stays = matches!(change, DwChange::Keep | DwChange::Confirm(_) | DwChange::Recheck);
        // A session that any host may have set was never the shopper's.
        matches!(self.goal, Goal::EnsureSession(_))
            && !stays
            && self.facts.dw_provenance != Provenance::Browser
            && self.dw_owner().is_some_and(Customer::is_registered)
            && !self.customer().is_some_and(Customer::is_registered)
    }
}

/// Whether the refresh token belongs to the session of the access token. A guest's refresh token
/// beside a registered shopper's access token does not: using it would log the shopper out.
fn is_of_session(facts: &Facts) -> bool {
    let registered = facts.customer().is_some_and(Customer::is_registered);
    let guest = |refresh: &HeldRefresh| refresh.kind == CustomerType::Guest;
    !(registered && facts.refresh.as_ref().is_some_and(guest))
}
