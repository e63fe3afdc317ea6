//! Everything the simulated platform remembers.

mod customers;
mod grants;
mod sessions;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

pub(super) use self::customers::{Basket, Customer, Customers, Line, Merge};
pub(super) use self::grants::{Code, Exchange, Grant, GrantState, Grants, Identity, Purpose};
pub(super) use self::sessions::{DwSession, DwSessions, Life};
pub(super) use super::options::ClientKind as Client;

use super::faults::Faults;
use super::jws::SigningKey;
use super::ledger::Ledger;
use super::options::Options;
use super::slas::keys::KeyRing;

/// The whole memory of the platform, behind one lock.
pub(super) struct State {
    pub(super) customers: Customers,
    pub(super) grants: Grants,
    pub(super) sessions: DwSessions,
    pub(super) keys: KeyRing,
    /// The key of the instance: signed DW sessions and OCAPI tokens.
    pub(super) instance_key: SigningKey,
    /// Ids (`jti`) of access tokens that are revoked.
    pub(super) revoked: HashSet<String>,
    /// When each login id last signed in.
    pub(super) logins: HashMap<String, Instant>,
    /// Whether the next login answers with a usid other than the one it was sent.
    pub(super) usid_moves: bool,
    pub(super) ledger: Ledger,
    pub(super) faults: Faults,
}

impl State {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            customers: Customers::new(&options.shoppers),
            grants: Grants::default(),
            sessions: DwSessions::default(),
            keys: KeyRing::generate(),
            instance_key: SigningKey::generate(),
            revoked: HashSet::new(),
            logins: HashMap::new(),
            usid_moves: false,
            ledger: Ledger::default(),
            faults: Faults::default(),
        }
    }

    /// Opens a DW session for a new guest, as a controller does for a visitor without one.
    pub(super) fn open_guest_session(&mut self, now: i64) -> String {
        let guest = self.customers.new_guest();
        self.sessions.open(&guest, now)
    }
}
