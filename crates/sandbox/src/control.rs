//! The handle with which tests inspect the simulator, change its state and inject faults.

mod forge_tokens;
mod views;

pub use self::forge_tokens::{TokenSignature, TokenSpec};
pub use self::views::{
    BasketItem, CustomerKind, DwSessionView, RefreshTokenState, RefreshTokenView,
};

use super::call_log::{Call, Operation};
use super::faults::{Fault, Target, Times};
use super::platform::Shared;
use super::slas::{access_token, bridge};
use super::state::Grant;

/// A handle on a running simulator. A clone is cheap and refers to the same simulator.
#[derive(Clone)]
pub struct Control {
    platform: Shared,
}

/// The calls that the simulator received.
impl Control {
    pub(super) fn new(platform: Shared) -> Self {
        Self { platform }
    }

    /// Returns every call since the start or [`Control::forget_calls`], oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.platform.state().call_log.calls().cloned().collect()
    }

    /// Counts the calls of an operation since the start or [`Control::forget_calls`]. The count
    /// includes calls that ECOM made itself ([`Call::by_ecom`]).
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        self.platform.state().call_log.count(operation)
    }

    /// Empties the call log. How often each refresh token was sent stays recorded.
    pub fn forget_calls(&self) {
        self.platform.state().call_log.clear();
    }

    /// Returns how often the most used refresh token was sent, successfully or not.
    #[must_use]
    pub fn max_exchanges_of_one_refresh_token(&self) -> usize {
        self.platform.state().grants.all().map(Grant::attempts).max().unwrap_or_default()
    }

    /// Returns how often one refresh token was sent within 60 seconds, at most. SLAS allows 3.
    #[must_use]
    pub fn max_exchanges_within_a_minute(&self) -> usize {
        self.platform.state().grants.all().map(Grant::busiest_minute).max().unwrap_or_default()
    }
}

/// Faults and revocations.
impl Control {
    /// Injects a fault into the next calls of `target`. If several faults match a call, the oldest
    /// one applies.
    pub fn inject_fault(&self, target: impl Into<Target>, fault: Fault, times: impl Into<Times>) {
        self.platform.state().faults.plan(target.into(), fault, times.into());
    }

    /// Removes all faults, including those set in the inspector.
    pub fn clear_faults(&self) {
        self.platform.state().faults.clear();
    }

    /// Makes the signing key that the JWKS already announces the current one.
    pub fn rotate_keys(&self) {
        self.platform.state().keys.rotate();
    }

    /// Makes the next login return another usid than it received, as SLAS may.
    pub fn change_usid_at_next_login(&self) {
        self.platform.state().changes_usid_at_login = true;
    }

    /// Makes new access tokens at least so many characters long, as more scopes do.
    pub fn lengthen_access_tokens(&self, length: usize) {
        self.platform.state().access_token_length = length;
    }

    /// Ends a DW session as its idle timeout would.
    pub fn expire_dw_session(&self, dwsid: &str) {
        self.platform.state().sessions.expire(dwsid);
    }

    /// Revokes a refresh token.
    pub fn revoke_refresh_token(&self, token: &str) {
        self.platform.state().grants.revoke(token);
    }

    /// Revokes an access token that the simulator signed. Other tokens change nothing.
    pub fn revoke_access_token(&self, token: &str) {
        let mut state = self.platform.state();
        if let Some(claims) = access_token::open(&state, token) {
            state.revoked.insert(claims.jti);
        }
    }

    /// Changes a shopper's password, which invalidates older access tokens and revokes refresh
    /// tokens.
    pub fn change_password(&self, login: &str, password: &str) {
        let now = self.platform.now();
        let mut state = self.platform.state();
        state.customers.change_password(login, password, now);
        if let Some(id) = state.customers.by_login(login).map(|customer| customer.id.clone()) {
            state.grants.revoke_all_of(&id);
        }
    }
}

/// The state of the simulator.
impl Control {
    /// Returns the DW session of a `dwsid`.
    #[must_use]
    pub fn dw_session(&self, dwsid: &str) -> Option<DwSessionView> {
        let state = self.platform.state();
        DwSessionView::of(&state, state.sessions.get(dwsid)?, self.platform.now())
    }

    /// Returns what the simulator knows of a refresh token; `None` for one that it did not issue.
    #[must_use]
    pub fn refresh_token(&self, token: &str) -> Option<RefreshTokenView> {
        let state = self.platform.state();
        state.grants.get(token).map(|grant| RefreshTokenView::of(grant, self.platform.now()))
    }

    /// Counts the refresh tokens of a registered shopper that can still be exchanged.
    #[must_use]
    pub fn live_refresh_tokens_of(&self, login: &str) -> usize {
        let (state, now) = (self.platform.state(), self.platform.now());
        let Some(customer) = state.customers.by_login(login) else { return 0 };
        let is_own = |grant: &&Grant| grant.identity.customer_id == customer.id;
        state.grants.all().filter(is_own).filter(|grant| grant.is_live(now)).count()
    }

    /// Returns the items in a customer's basket. A customer without a basket has none.
    #[must_use]
    pub fn basket_of(&self, customer_id: &str) -> Vec<BasketItem> {
        let state = self.platform.state();
        let customer = state.customers.get(customer_id);
        let basket = customer.and_then(|customer| customer.basket.as_ref());
        basket.map_or_else(Vec::new, |basket| basket.items.iter().map(BasketItem::of).collect())
    }

    /// Returns the customer id of a registered shopper.
    #[must_use]
    pub fn customer_id_of(&self, login: &str) -> Option<String> {
        self.platform.state().customers.by_login(login).map(|customer| customer.id.clone())
    }
}

/// Changes on ECOM that a proxy does not see, and tokens that only the simulator can sign.
impl Control {
    /// Opens a guest's DW session, as a visitor's first ECOM page does, and returns its `dwsid`.
    #[must_use]
    pub fn new_ecom_visitor(&self) -> String {
        let now = self.platform.now();
        self.platform.state().open_guest_session(now)
    }

    /// Logs a shopper in on ECOM. Returns false, and changes nothing, when the session has expired or
    /// the login id is unknown.
    #[must_use]
    pub fn log_in_on_ecom(&self, dwsid: &str, login: &str) -> bool {
        let now = self.platform.now();
        let state = &mut *self.platform.state();
        let Some(customer) = state.customers.by_login(login) else { return false };
        let Some(session) = state.sessions.live(dwsid, now) else { return false };
        session.assign_to(&customer.id);
        true
    }

    /// Signs a live DW session as the instance does. Returns a `dwsgst` for a guest and a `dwsrst` for
    /// a registered shopper, valid for ten minutes.
    #[must_use]
    pub fn sign_dw_session(&self, dwsid: &str) -> Option<String> {
        bridge::sign(&self.platform, &mut self.platform.state(), dwsid)
    }

    /// Signs an access token with these properties, for tests of token verification.
    #[must_use]
    pub fn forge_token(&self, spec: &TokenSpec) -> String {
        forge_tokens::forge(&self.platform, &mut self.platform.state(), spec)
    }
}
