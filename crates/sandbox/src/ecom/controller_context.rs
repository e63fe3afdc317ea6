//! One controller request and its DW session.
//!
//! A missing, unknown or expired session is silently replaced by a guest session: ECOM never says
//! that a session has expired.

use axum::http::HeaderMap;

use crate::cookies;
use crate::platform::Platform;
use crate::request::{Fields, Request};
use crate::state::{Customer, DwSession, State};

/// A request, its DW session, and the cookies that the response will set.
pub(super) struct ControllerContext<'a> {
    pub(super) platform: &'a Platform,
    pub(super) request: &'a Request,
    pub(super) state: &'a mut State,
    pub(super) dwsid: String,
    /// Whether this request opened the session.
    pub(super) is_new: bool,
    pub(super) set_cookies: HeaderMap,
}

impl<'a> ControllerContext<'a> {
    /// Resumes the live session of the `dwsid` cookie and extends its idle timeout, or opens a new
    /// guest session.
    pub(super) fn resume(
        platform: &'a Platform,
        state: &'a mut State,
        request: &'a Request,
    ) -> Self {
        let now = platform.now();
        let dwsid = request.cookie("dwsid").unwrap_or_default();
        let set_cookies = HeaderMap::new();
        if let Some(session) = state.sessions.live(&dwsid, now) {
            session.touch(now);
            return Self { platform, request, state, dwsid, is_new: false, set_cookies };
        }
        let mut context = Self { platform, request, state, dwsid, is_new: true, set_cookies };
        context.begin_session();
        context
    }

    /// Opens a new guest's session in place of the current one.
    pub(super) fn begin_session(&mut self) {
        self.dwsid = self.state.open_guest_session(self.platform.now());
        let guest = self.customer_id();
        let (headers, options) = (&mut self.set_cookies, &self.platform.options);
        cookies::open_session(headers, options, &self.dwsid, &guest);
    }

    pub(super) fn session(&self) -> Option<&DwSession> {
        self.state.sessions.get(&self.dwsid)
    }

    /// The current customer of the session.
    pub(super) fn customer(&self) -> Option<&Customer> {
        self.state.customers.get(&self.session()?.customer_id)
    }

    /// The id of that customer.
    pub(super) fn customer_id(&self) -> String {
        self.session().map(|session| session.customer_id.clone()).unwrap_or_default()
    }

    /// The login id of that customer, if registered.
    pub(super) fn login(&self) -> Option<&str> {
        self.customer().and_then(Customer::login)
    }

    /// Assigns the session to another customer, which invalidates forms of the previous one.
    pub(super) fn assign_to(&mut self, customer_id: &str) {
        if let Some(session) = self.state.sessions.get_mut(&self.dwsid) {
            session.assign_to(customer_id);
        }
    }

    /// Switches to another session as `plugin_slas` does: scripts can read its `dwsid`.
    pub(super) fn switch_session(&mut self, dwsid: String, guest_id: &str) {
        let options = &self.platform.options;
        let secure = self.state.sessions.get(&dwsid).map(|session| session.secure_token.clone());
        self.set_cookies = HeaderMap::new();
        cookies::readable_session(&mut self.set_cookies, options, &dwsid, guest_id);
        cookies::secure_token(&mut self.set_cookies, options, &secure.unwrap_or_default());
        self.dwsid = dwsid;
    }

    /// Assigns the session to a new guest.
    pub(super) fn reset_to_guest(&mut self) {
        let guest = self.state.customers.new_guest();
        self.assign_to(&guest);
    }

    /// The token that every form of this session must send.
    pub(super) fn csrf_token(&self) -> &str {
        self.session().map_or("", |session| &session.csrf_token)
    }

    /// The posted form, if it carries the CSRF token of this session.
    pub(super) fn verified_form(&self) -> Option<Fields> {
        let form = self.request.form()?;
        let own = form.get("csrf_token") == self.session().map(|one| one.csrf_token.as_str());
        own.then_some(form)
    }

    /// The path of another controller, in the same locale.
    pub(super) fn path_to(&self, controller: &str) -> String {
        let site = &self.platform.options.site_id;
        let locale = self.request.path("locale");
        format!("/on/demandware.store/Sites-{site}-Site/{locale}/{controller}")
    }
}
