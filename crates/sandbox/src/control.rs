//! The handle by which tests look inside the simulator and break things.

mod mint;
mod views;

pub use self::mint::{TokenSignature, TokenSpec};
pub use self::views::{BasketLine, CustomerKind, DwView, RefreshState, RefreshView};

use super::faults::{Fault, Target, Times};
use super::ledger::{Call, Operation};
use super::platform::Shared;
use super::slas::{access, bridge};
use super::state::Grant;

/// A cheap clone of the simulator's insides.
#[derive(Clone)]
pub struct Control {
    platform: Shared,
}

/// What was called.
impl Control {
    pub(super) fn new(platform: Shared) -> Self {
        Self { platform }
    }

    /// Every call that arrived and was not forgotten, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.platform.state().ledger.calls().cloned().collect()
    }

    /// How often an operation was called since the start or [`Control::forget_calls`], by whomever:
    /// ECOM makes calls of its own, which [`Call::by_ecom`] tells apart.
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        self.platform.state().ledger.count(operation)
    }

    /// Empties the ledger. What is known about refresh tokens stays.
    pub fn forget_calls(&self) {
        self.platform.state().ledger.forget();
    }

    /// How often the most-used refresh token was presented, granted or not.
    #[must_use]
    pub fn max_exchanges_of_one_refresh_token(&self) -> usize {
        self.platform.state().grants.all().map(Grant::attempts).max().unwrap_or_default()
    }

    /// The same within any 60 seconds, where the platform allows 3.
    #[must_use]
    pub fn max_exchanges_within_a_minute(&self) -> usize {
        self.platform.state().grants.all().map(Grant::busiest_minute).max().unwrap_or_default()
    }
}

/// What goes wrong.
impl Control {
    /// Plans a fault. Of several that fit a call, the oldest one that is still due strikes.
    pub fn fault(&self, target: impl Into<Target>, fault: Fault, times: impl Into<Times>) {
        self.platform.state().faults.plan(target.into(), fault, times.into());
    }

    /// Ends all faults, also those set in the inspector.
    pub fn heal(&self) {
        self.platform.state().faults.heal();
    }

    /// The announced signing key takes over.
    pub fn rotate_keys(&self) {
        self.platform.state().keys.rotate();
    }

    /// The next login answers with a usid other than the one it was sent, as SLAS may.
    pub fn move_usid_at_next_login(&self) {
        self.platform.state().usid_moves = true;
    }

    /// Ends a DW session as its idle time-out would.
    pub fn expire_dw(&self, dwsid: &str) {
        self.platform.state().sessions.expire(dwsid);
    }

    /// Revokes a refresh token.
    pub fn revoke_refresh(&self, token: &str) {
        self.platform.state().grants.revoke(token);
    }

    /// Revokes an access token; a token that is not ours is left alone.
    pub fn revoke_access(&self, token: &str) {
        let mut state = self.platform.state();
        if let Some(claims) = access::open(&state, token) {
            state.revoked.insert(claims.jti);
        }
    }

    /// Changes a shopper's password: older access tokens are refused, refresh tokens are revoked.
    pub fn change_password(&self, login: &str, password: &str) {
        let now = self.platform.now();
        let mut state = self.platform.state();
        state.customers.change_password(login, password, now);
        if let Some(id) = state.customers.by_login(login).map(|customer| customer.id.clone()) {
            state.grants.revoke_all_of(&id);
        }
    }
}

/// What is there.
impl Control {
    /// What stands behind a `dwsid`.
    #[must_use]
    pub fn dw_session(&self, dwsid: &str) -> Option<DwView> {
        let state = self.platform.state();
        DwView::of(&state, state.sessions.get(dwsid)?, self.platform.now())
    }

    /// What stands behind a refresh token.
    #[must_use]
    pub fn refresh(&self, token: &str) -> Option<RefreshView> {
        let state = self.platform.state();
        state.grants.get(token).map(|grant| RefreshView::of(grant, self.platform.now()))
    }

    /// The basket of a customer; empty without one.
    #[must_use]
    pub fn basket_of(&self, customer_id: &str) -> Vec<BasketLine> {
        let state = self.platform.state();
        let customer = state.customers.get(customer_id);
        let basket = customer.and_then(|customer| customer.basket.as_ref());
        basket.map_or_else(Vec::new, |basket| basket.lines.iter().map(BasketLine::of).collect())
    }

    /// The customer id of a shopper with an account.
    #[must_use]
    pub fn customer_id_of(&self, login: &str) -> Option<String> {
        self.platform.state().customers.by_login(login).map(|customer| customer.id.clone())
    }
}

/// What happens on ECOM without us, and what only the platform can make.
impl Control {
    /// Opens a guest's DW session, as a visitor's first page on ECOM would, and returns its
    /// `dwsid`.
    #[must_use]
    pub fn new_ecom_visitor(&self) -> String {
        let now = self.platform.now();
        self.platform.state().open_guest_session(now)
    }

    /// Signs a shopper in on ECOM. False when the session is dead or the login unknown.
    #[must_use]
    pub fn sign_in_on_ecom(&self, dwsid: &str, login: &str) -> bool {
        let now = self.platform.now();
        let state = &mut *self.platform.state();
        let customer = state.customers.by_login(login).map(|customer| customer.id.clone());
        let session = state.sessions.live(dwsid, now);
        customer.zip(session).map(|(id, session)| session.hand_to(&id)).is_some()
    }

    /// A live DW session signed by the instance: `dwsgst` of a guest, `dwsrst` of a registered
    /// shopper, good for ten minutes.
    #[must_use]
    pub fn sign_dw_session(&self, dwsid: &str) -> Option<String> {
        bridge::sign(&self.platform, &mut self.platform.state(), dwsid)
    }

    /// An access token made to measure, for hostile tests.
    #[must_use]
    pub fn mint_token(&self, spec: &TokenSpec) -> String {
        mint::mint(&self.platform, &mut self.platform.state(), spec)
    }
}
