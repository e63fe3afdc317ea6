//! DW sessions: what stands behind a `dwsid`.

use std::collections::HashMap;

use crate::ids;

/// Seconds without a controller request after which a session is dead (Script API, `Session`).
const IDLE_LIFE: i64 = 30 * 60;
/// Seconds after which a session is dead even when in use.
const HARD_LIFE: i64 = 6 * 60 * 60;

/// All DW sessions by `dwsid`.
#[derive(Default)]
pub(crate) struct DwSessions {
    by_id: HashMap<String, DwSession>,
}

impl DwSessions {
    /// Opens a session for that customer and returns its `dwsid`.
    pub(crate) fn open(&mut self, customer_id: &str, now: i64) -> String {
        let id = ids::session_id();
        self.by_id.insert(id.clone(), DwSession::new(customer_id, now));
        id
    }

    /// The session of that id, dead or alive.
    pub(crate) fn get(&self, id: &str) -> Option<&DwSession> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut DwSession> {
        self.by_id.get_mut(id)
    }

    /// The session of that id, if it lives.
    pub(crate) fn live(&mut self, id: &str, now: i64) -> Option<&mut DwSession> {
        self.by_id.get_mut(id).filter(|session| session.life(now) == Life::Live)
    }

    /// Ends a session as the idle time-out would.
    pub(crate) fn expire(&mut self, id: &str) {
        if let Some(session) = self.by_id.get_mut(id) {
            session.ended = true;
        }
    }
}

/// One DW session.
pub(crate) struct DwSession {
    pub(crate) customer_id: String,
    /// What forms of this session must carry.
    pub(crate) csrf_token: String,
    /// The value of `dwsecuretoken_*` that proves this session when "Enforce HTTPS" is off.
    pub(crate) secure_token: String,
    born: i64,
    last_used: i64,
    ended: bool,
}

impl DwSession {
    fn new(customer_id: &str, now: i64) -> Self {
        Self {
            customer_id: customer_id.to_owned(),
            csrf_token: ids::opaque(),
            secure_token: ids::session_id(),
            born: now,
            last_used: now,
            ended: false,
        }
    }

    pub(crate) fn life(&self, now: i64) -> Life {
        let live = !self.ended && now < self.idle_ends_at() && now < self.hard_ends_at();
        if live { Life::Live } else { Life::Expired }
    }

    pub(crate) fn idle_ends_at(&self) -> i64 {
        self.last_used.saturating_add(IDLE_LIFE)
    }

    pub(crate) fn hard_ends_at(&self) -> i64 {
        self.born.saturating_add(HARD_LIFE)
    }

    /// Slides the idle timer, which only controller requests do.
    pub(crate) fn touch(&mut self, now: i64) {
        self.last_used = now;
    }

    /// Hands the session to another customer; forms of the previous one stop working.
    pub(crate) fn hand_to(&mut self, customer_id: &str) {
        customer_id.clone_into(&mut self.customer_id);
        self.csrf_token = ids::opaque();
    }
}

/// Whether a session can still be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    Expired,
}
