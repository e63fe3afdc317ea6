//! The state of the simulated platform.

mod customers;
mod grants;
mod keys;
mod sessions;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

pub(super) use self::customers::{Basket, Customer, Customers, LineItem, MergeMode};
pub(super) use self::grants::{Code, ExchangeLimit, Grant, GrantState, Grants, Identity, Purpose};
pub(super) use self::sessions::{DwSession, DwSessions};

use self::keys::KeyRing;
use super::call_log::CallLog;
use super::faults::Faults;
use super::jws::SigningKey;
use super::options::Options;

/// All state of the platform, behind one lock.
pub(super) struct State {
    pub(super) customers: Customers,
    pub(super) grants: Grants,
    pub(super) sessions: DwSessions,
    pub(super) keys: KeyRing,
    /// The key of the instance, which signs DW sessions and OCAPI tokens.
    pub(super) instance_key: SigningKey,
    /// The ids (`jti`) of revoked access tokens, and revoked OCAPI tokens.
    pub(super) revoked: HashSet<String>,
    /// The time of the last login per login id.
    pub(super) logins: HashMap<String, Instant>,
    /// Whether the next login returns another usid than it received.
    pub(super) changes_usid_at_login: bool,
    /// The least length of a new access token, in characters.
    pub(super) access_token_length: usize,
    pub(super) call_log: CallLog,
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
            changes_usid_at_login: false,
            access_token_length: 0,
            call_log: CallLog::default(),
            faults: Faults::default(),
        }
    }

    /// Opens a DW session for a new guest, as a controller does for a visitor without a session.
    pub(super) fn open_guest_session(&mut self, now: i64) -> String {
        let guest = self.customers.new_guest();
        self.sessions.open(&guest, now)
    }
}
