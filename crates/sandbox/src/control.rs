//! The handle with which tests inspect the simulator and cause faults.

mod forge_tokens;
mod views;

pub use self::forge_tokens::{TokenSignature, TokenSpec};
pub use self::views::{BasketItem, CustomerKind, DwView, RefreshState, RefreshView};

use super::call_log::{Call, Operation};
use super::faults::{Fault, Target, Times};
use super::platform::Shared;
use super::slas::{access_token, bridge};
use super::state::Grant;

/// A handle on a running simulator; cheap to clone.
#[derive(Clone)]
pub struct Control {
    platform: Shared,
}

/// Which calls arrived.
impl Control {
    pub(super) fn new(platform: Shared) -> Self {
        Self { platform }
    }

    /// Every call since the start or [`Control::forget_calls`], oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.platform.state().call_log.calls().cloned().collect()
    }

    /// How often an operation was called since the start or [`Control::forget_calls`]. This
    /// includes calls that ECOM made itself ([`Call::by_ecom`]).
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        self.platform.state().call_log.count(operation)
    }

    /// Empties the call log. The counts per refresh token stay.
    pub fn forget_calls(&self) {
        self.platform.state().call_log.clear();
    }

    /// How often the most used refresh token was sent, successfully or not.
    #[must_use]
    pub fn max_exchanges_of_one_refresh_token(&self) -> usize {
        self.platform.state().grants.all().map(Grant::attempts).max().unwrap_or_default()
    }

    /// The same within any 60 seconds, in which the platform allows 3.
    #[must_use]
    pub fn max_exchanges_within_a_minute(&self) -> usize {
        self.platform.state().grants.all().map(Grant::busiest_minute).max().unwrap_or_default()
    }
}

/// Faults and revocations.
impl Control {
    /// Plans a fault. If several match a call, the oldest one applies.
    pub fn fault(&self, target: impl Into<Target>, fault: Fault, times: impl Into<Times>) {
        self.platform.state().faults.plan(target.into(), fault, times.into());
    }

    /// Removes all faults, including those set in the inspector.
    pub fn clear_faults(&self) {
        self.platform.state().faults.clear();
    }

    /// Makes the announced signing key the current one.
    pub fn rotate_keys(&self) {
        self.platform.state().keys.rotate();
    }

    /// Makes the next login return another usid than it received, as SLAS may.
    pub fn change_usid_at_next_login(&self) {
        self.platform.state().changes_usid_at_login = true;
    }

    /// Ends a DW session as its idle timeout would.
    pub fn expire_dw(&self, dwsid: &str) {
        self.platform.state().sessions.expire(dwsid);
    }

    /// Revokes a refresh token.
    pub fn revoke_refresh(&self, token: &str) {
        self.platform.state().grants.revoke(token);
    }

    /// Revokes an access token that the simulator signed; ignores others.
    pub fn revoke_access(&self, token: &str) {
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

/// The state of the platform.
impl Control {
    /// The DW session of a `dwsid`.
    #[must_use]
    pub fn dw_session(&self, dwsid: &str) -> Option<DwView> {
        let state = self.platform.state();
        DwView::of(&state, state.sessions.get(dwsid)?, self.platform.now())
    }

    /// The grant of a refresh token.
    #[must_use]
    pub fn refresh(&self, token: &str) -> Option<RefreshView> {
        let state = self.platform.state();
        state.grants.get(token).map(|grant| RefreshView::of(grant, self.platform.now()))
    }

    /// The basket of a customer; empty without one.
    #[must_use]
    pub fn basket_of(&self, customer_id: &str) -> Vec<BasketItem> {
        let state = self.platform.state();
        let customer = state.customers.get(customer_id);
        let basket = customer.and_then(|customer| customer.basket.as_ref());
        basket.map_or_else(Vec::new, |basket| basket.items.iter().map(BasketItem::of).collect())
    }

    /// The customer id of a registered shopper.
    #[must_use]
    pub fn customer_id_of(&self, login: &str) -> Option<String> {
        self.platform.state().customers.by_login(login).map(|customer| customer.id.clone())
    }
}

/// Changes on ECOM that a proxy does not see, and tokens that only the platform can sign.
impl Control {
    /// Opens a guest's DW session, as a visitor's first ECOM page does, and returns its `dwsid`.
    #[must_use]
    pub fn new_ecom_visitor(&self) -> String {
        let now = self.platform.now();
        self.platform.state().open_guest_session(now)
    }

    /// Logs a shopper in on ECOM. False when the session has expired or the login id is unknown.
    #[must_use]
    pub fn log_in_on_ecom(&self, dwsid: &str, login: &str) -> bool {
        let now = self.platform.now();
        let state = &mut *self.platform.state();
        let customer = state.customers.by_login(login).map(|customer| customer.id.clone());
        let session = state.sessions.live(dwsid, now);
        customer.zip(session).map(|(id, session)| session.assign_to(&id)).is_some()
    }

    /// A live DW session signed by the instance: `dwsgst` for a guest, `dwsrst` for a registered
    /// shopper, valid for ten minutes.
    #[must_use]
    pub fn sign_dw_session(&self, dwsid: &str) -> Option<String> {
        bridge::sign(&self.platform, &mut self.platform.state(), dwsid)
    }

    /// An access token with these properties, for tests of token verification.
    #[must_use]
    pub fn forge_token(&self, spec: &TokenSpec) -> String {
        forge_tokens::forge(&self.platform, &mut self.platform.state(), spec)
    }
}
