//! DW sessions by `dwsid`.

use std::collections::HashMap;

use crate::ids;

/// Idle timeout: seconds without a controller request after which a session expires (Script API,
/// `Session`).
const IDLE_LIFE: i64 = 30 * 60;
/// Hard timeout: seconds after which a session expires even if it is in use.
const HARD_LIFE: i64 = 6 * 60 * 60;

/// All DW sessions by `dwsid`.
#[derive(Default)]
pub(crate) struct DwSessions {
    by_id: HashMap<String, DwSession>,
}

impl DwSessions {
    /// Opens a session for this customer and returns its `dwsid`.
    pub(crate) fn open(&mut self, customer_id: &str, now: i64) -> String {
        let id = ids::session_id();
        self.by_id.insert(id.clone(), DwSession::new(customer_id, now));
        id
    }

    /// The session with this id, live or expired.
    pub(crate) fn get(&self, id: &str) -> Option<&DwSession> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut DwSession> {
        self.by_id.get_mut(id)
    }

    /// The session with this id, if it is live.
    pub(crate) fn live(&mut self, id: &str, now: i64) -> Option<&mut DwSession> {
        self.by_id.get_mut(id).filter(|session| session.is_live(now))
    }

    /// Ends a session as the idle timeout would.
    pub(crate) fn expire(&mut self, id: &str) {
        if let Some(session) = self.by_id.get_mut(id) {
            session.ended = true;
        }
    }
}

/// One DW session.
pub(crate) struct DwSession {
    pub(crate) customer_id: String,
    /// The CSRF token that every form of this session must send.
    pub(crate) csrf_token: String,
    /// The value of `dwsecuretoken_*`, which OCAPI requires if "Enforce HTTPS" is off.
    pub(crate) secure_token: String,
    opened_at: i64,
    used_at: i64,
    ended: bool,
}

impl DwSession {
    fn new(customer_id: &str, now: i64) -> Self {
        Self {
            customer_id: customer_id.to_owned(),
            csrf_token: ids::opaque(),
            secure_token: ids::session_id(),
            opened_at: now,
            used_at: now,
            ended: false,
        }
    }

    pub(crate) fn is_live(&self, now: i64) -> bool {
        !self.ended && now < self.idle_ends_at() && now < self.hard_ends_at()
    }

    pub(crate) fn idle_ends_at(&self) -> i64 {
        self.used_at.saturating_add(IDLE_LIFE)
    }

    pub(crate) fn hard_ends_at(&self) -> i64 {
        self.opened_at.saturating_add(HARD_LIFE)
    }

    /// Resets the idle timeout. Only controller requests do this.
    pub(crate) fn touch(&mut self, now: i64) {
        self.used_at = now;
    }

    /// Assigns the session to another customer, which invalidates forms of the previous one.
    pub(crate) fn assign_to(&mut self, customer_id: &str) {
        customer_id.clone_into(&mut self.customer_id);
        self.csrf_token = ids::opaque();
    }
}
