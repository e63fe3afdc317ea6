//! What tests can see of the simulator's state.

use crate::state::{DwSession, Grant, GrantState, LineItem, State};

/// Guest or registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerKind {
    /// Without an account.
    Guest,
    /// With an account.
    Registered,
}

/// The DW session of a `dwsid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwSessionView {
    /// The customer that ECOM serves.
    pub customer_id: String,
    /// Guest or registered.
    pub customer_type: CustomerKind,
    /// The login id of a registered shopper.
    pub login: Option<String>,
    /// Whether the session can still be used.
    pub live: bool,
}

impl DwSessionView {
    pub(super) fn of(state: &State, session: &DwSession, now: i64) -> Option<Self> {
        let customer = state.customers.get(&session.customer_id)?;
        let login = customer.login().map(ToOwned::to_owned);
        let customer_type =
            if login.is_some() { CustomerKind::Registered } else { CustomerKind::Guest };
        let live = session.is_live(now);
        Some(Self { customer_id: customer.id.clone(), customer_type, login, live })
    }
}

/// The state of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenState {
    /// It can be exchanged.
    Live,
    /// A public client exchanged it.
    Used,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
}

/// What the simulator knows of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshTokenView {
    /// Whether it can still be exchanged.
    pub state: RefreshTokenState,
    /// The customer it was issued for.
    pub customer_id: String,
    /// The usid it belongs to.
    pub usid: String,
    /// When it expires, in Unix seconds.
    pub expires_at: i64,
    /// How often it was sent, successfully or not.
    pub exchanges: usize,
}

impl RefreshTokenView {
    pub(super) fn of(grant: &Grant, now: i64) -> Self {
        let state = match grant.state_at(now) {
            GrantState::Live => RefreshTokenState::Live,
            GrantState::Used => RefreshTokenState::Used,
            GrantState::Revoked => RefreshTokenState::Revoked,
            GrantState::Expired => RefreshTokenState::Expired,
        };
        Self {
            state,
            customer_id: grant.identity.customer_id.clone(),
            usid: grant.identity.usid.clone(),
            expires_at: grant.expires_at,
            exchanges: grant.attempts(),
        }
    }
}

/// One product in a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasketItem {
    /// The product's id.
    pub product_id: String,
    /// The quantity.
    pub quantity: u32,
}

impl BasketItem {
    pub(super) fn of(item: &LineItem) -> Self {
        Self { product_id: item.product.id.to_owned(), quantity: item.quantity }
    }
}
