//! A controller's first question: which session is this? It never says that one has expired.

use axum::response::Response;

use crate::sandbox::ask::Ask;
use crate::sandbox::cookies;
use crate::sandbox::platform::Platform;
use crate::sandbox::state::{Customer, DwSession, State};

/// One request in its DW session.
pub(super) struct Visit {
    pub(super) dwsid: String,
    /// Whether the session was opened for this very request.
    is_new: bool,
    anonymous_id: String,
}

impl Visit {
    /// Resumes the live session of the `dwsid` cookie and slides its idle timer; a missing, unknown
    /// or expired one is silently replaced by a new guest's.
    pub(super) fn begin(platform: &Platform, state: &mut State, ask: &Ask) -> Self {
        let now = platform.now();
        let known = ask.cookie("dwsid");
        if let Some(session) = known.as_ref().and_then(|dwsid| state.sessions.live(dwsid, now)) {
            session.touch(now);
            let anonymous_id = session.customer_id.clone();
            return Self { dwsid: known.unwrap_or_default(), is_new: false, anonymous_id };
        }
        let dwsid = state.open_guest_session(now);
        let guest = state.sessions.get(&dwsid).map(|session| session.customer_id.clone());
        Self { dwsid, is_new: true, anonymous_id: guest.unwrap_or_default() }
    }

    pub(super) fn session<'a>(&self, state: &'a State) -> Option<&'a DwSession> {
        state.sessions.get(&self.dwsid)
    }

    /// The customer of the session as it is now.
    pub(super) fn customer<'a>(&self, state: &'a State) -> Option<&'a Customer> {
        state.customers.get(&self.session(state)?.customer_id)
    }

    /// Logs the shopper out: the session goes on with a new guest.
    pub(super) fn become_guest(&self, state: &mut State) {
        let guest = state.customers.new_guest();
        if let Some(session) = state.sessions.get_mut(&self.dwsid) {
            session.hand_to(&guest);
        }
    }

    /// The answer with the cookies of a new session; a session that went on sets none.
    pub(super) fn answer(&self, platform: &Platform, mut response: Response) -> Response {
        if self.is_new {
            let headers = response.headers_mut();
            cookies::open_session(headers, &platform.options, &self.dwsid, &self.anonymous_id);
        }
        response
    }
}
