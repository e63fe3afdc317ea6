//! What tests may know of the platform's memory.

use crate::state::{DwSession, Grant, GrantState, Life, Line, State};

/// Guest or registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerKind {
    /// Without an account.
    Guest,
    /// With an account.
    Registered,
}

/// What stands behind a `dwsid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwView {
    /// Whom ECOM takes the visitor for.
    pub customer_id: String,
    /// Guest or registered.
    pub customer_type: CustomerKind,
    /// The login id of a registered shopper.
    pub login: Option<String>,
    /// Whether the session can still be used.
    pub live: bool,
}

impl DwView {
    pub(super) fn of(state: &State, session: &DwSession, now: i64) -> Option<Self> {
        let customer = state.customers.get(&session.customer_id)?;
        let login = customer.login().map(ToOwned::to_owned);
        let customer_type =
            if login.is_some() { CustomerKind::Registered } else { CustomerKind::Guest };
        let live = session.life(now) == Life::Live;
        Some(Self { customer_id: customer.id.clone(), customer_type, login, live })
    }
}

/// Where a refresh token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// It can be exchanged.
    Live,
    /// A public client exchanged it.
    Used,
    /// It was revoked.
    Revoked,
    /// Its life is over.
    Expired,
}

/// What stands behind a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshView {
    /// Whether it is still good.
    pub state: RefreshState,
    /// The customer it speaks for.
    pub customer_id: String,
    /// The usid it belongs to.
    pub usid: String,
    /// When its life ends, in Unix seconds.
    pub expires_at: i64,
    /// How often it was presented, granted or not.
    pub exchanges: usize,
}

impl RefreshView {
    pub(super) fn of(grant: &Grant, now: i64) -> Self {
        let state = match grant.state_at(now) {
            GrantState::Live => RefreshState::Live,
            GrantState::Used => RefreshState::Used,
            GrantState::Revoked => RefreshState::Revoked,
            GrantState::Expired => RefreshState::Expired,
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
pub struct BasketLine {
    /// The product's id.
    pub product_id: String,
    /// How many pieces.
    pub quantity: u32,
}

impl BasketLine {
    pub(super) fn of(line: &Line) -> Self {
        Self { product_id: line.product.id.to_owned(), quantity: line.quantity }
    }
}
