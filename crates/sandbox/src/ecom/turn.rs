//! A controller's turn: one request in its DW session. Its first question is which session this is;
//! it never says that one has expired.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::content::{self, Content};
use super::{hybrid, page};
use crate::ask::{Ask, Fields};
use crate::cookies;
use crate::options::EcomKind;
use crate::platform::Platform;
use crate::state::{Customer, DwSession, State};

/// One request, the session it is in, and the cookies that its answer will set.
pub(super) struct Turn<'a> {
    pub(super) platform: &'a Platform,
    pub(super) ask: &'a Ask,
    pub(super) state: &'a mut State,
    pub(super) dwsid: String,
    /// Whether the session was opened for this very request.
    pub(super) is_new: bool,
    pub(super) set_cookies: HeaderMap,
}

/// What a controller answers with.
pub(super) enum Reply {
    Page(Content),
    /// A redirect to another controller.
    To(&'static str),
    /// A redirect to the address that was asked for.
    Again,
    Json(Value),
}

impl From<Content> for Reply {
    fn from(content: Content) -> Self {
        Self::Page(content)
    }
}

impl<'a> Turn<'a> {
    /// Resumes the live session of the `dwsid` cookie and slides its idle timer; a missing, unknown
    /// or expired one is silently replaced by a new guest's.
    pub(super) fn begin(platform: &'a Platform, state: &'a mut State, ask: &'a Ask) -> Self {
        let now = platform.now();
        let dwsid = ask.cookie("dwsid").unwrap_or_default();
        let set_cookies = HeaderMap::new();
        if let Some(session) = state.sessions.live(&dwsid, now) {
            session.touch(now);
            return Self { platform, ask, state, dwsid, is_new: false, set_cookies };
        }
        let dwsid = state.open_guest_session(now);
        let mut turn = Self { platform, ask, state, dwsid, is_new: true, set_cookies };
        let guest = turn.session().map(|session| session.customer_id.clone());
        let (headers, options) = (&mut turn.set_cookies, &platform.options);
        cookies::open_session(headers, options, &turn.dwsid, &guest.unwrap_or_default());
        turn
    }

    pub(super) fn session(&self) -> Option<&DwSession> {
        self.state.sessions.get(&self.dwsid)
    }

    /// The customer of the session as it is now.
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

    /// The session goes on as another customer's; forms of the previous one stop working.
    pub(super) fn hand_to(&mut self, customer_id: &str) {
        if let Some(session) = self.state.sessions.get_mut(&self.dwsid) {
            session.hand_to(customer_id);
        }
    }

    /// Another session takes over, in the way of `plugin_slas`: scripts may read its `dwsid`.
    pub(super) fn move_to(&mut self, dwsid: String, guest_id: &str) {
        let options = &self.platform.options;
        let secure = self.state.sessions.get(&dwsid).map(|session| session.secure_token.clone());
        self.set_cookies = HeaderMap::new();
        cookies::readable_session(&mut self.set_cookies, options, &dwsid, guest_id);
        cookies::secure_token(&mut self.set_cookies, options, &secure.unwrap_or_default());
        self.dwsid = dwsid;
    }

    /// The session goes on with a new guest.
    pub(super) fn become_guest(&mut self) {
        let guest = self.state.customers.new_guest();
        self.hand_to(&guest);
    }

    /// What forms of this session must carry.
    pub(super) fn csrf_token(&self) -> &str {
        self.session().map_or("", |session| &session.csrf_token)
    }

    /// The posted form, if it was shown in this very session.
    pub(super) fn own_form(&self) -> Option<Fields> {
        let form = self.ask.form()?;
        let own = form.get("csrf_token") == self.session().map(|one| one.csrf_token.as_str());
        own.then_some(form)
    }

    /// A form of another session fails as it does in SFRA: the shopper is logged out.
    /// Hybrid Auth keeps the tokens in step with that; `plugin_slas` does not notice.
    pub(super) fn refuse_form(&mut self, again: &str) -> Content {
        match self.platform.options.ecom {
            EcomKind::HybridAuth => hybrid::log_out(self),
            EcomKind::Plain | EcomKind::PluginSlas => self.become_guest(),
        }
        content::refused(&self.path_to(again))
    }

    /// The path of another controller, in the same locale.
    pub(super) fn path_to(&self, controller: &str) -> String {
        let site = &self.platform.options.site_id;
        let locale = self.ask.path("locale");
        format!("/on/demandware.store/Sites-{site}-Site/{locale}/{controller}")
    }

    /// The answer, with the cookies that this turn sets.
    pub(super) fn answer(self, reply: Reply) -> Response {
        let found = |location: String| (StatusCode::FOUND, [(header::LOCATION, location)]);
        let mut response = match reply {
            Reply::Page(content) => page(&self, &content),
            Reply::To(controller) => found(self.path_to(controller)).into_response(),
            Reply::Again => found(self.ask.target.clone()).into_response(),
            Reply::Json(document) => Json(document).into_response(),
        };
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
        response.headers_mut().extend(self.set_cookies);
        response
    }
}
