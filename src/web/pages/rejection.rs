//! The response in place of a page: an error, or a redirect to the login page.

use axum::response::{IntoResponse as _, Response};
use http::header::REFERER;

use crate::header_values::first_text;
use crate::model::Customer;
use crate::problem::Problem;
use crate::route::{TokenNeed, readings};
use crate::web::headers::{path_and_query, see_other};
use crate::web::incoming::listed_path;
use crate::web::pages::ProxiedRequest;
use crate::web::redirect::local_path;
use crate::web::request_kind::RequestKind;
use crate::web::request_session::SessionUpdate;

/// Why a shopper must log in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LoginReason {
    /// The page is for registered shoppers.
    Required,
    /// The session of a registered shopper has expired.
    Expired,
}

impl ProxiedRequest {
    /// The response in place of the upstream's, where the registered session has expired or the route
    /// requires one.
    pub(crate) fn response_instead(
        &self,
        kind: RequestKind,
        update: &SessionUpdate,
    ) -> Option<Response> {
        if update.decision().session_expired {
            self.expired_response(kind)
        } else {
            self.login_required_response(kind, update)
        }
    }

    /// The registered session has expired. A registered shopper never silently becomes a guest: a
    /// call is rejected instead of being made as a guest, and a protected page redirects to the
    /// login page. Other pages are shown to the guest, and `GET /bff/session` reports the expired
    /// session.
    fn expired_response(&self, kind: RequestKind) -> Option<Response> {
        match kind {
            RequestKind::Document if self.is_protected() => self.login_page(LoginReason::Expired),
            RequestKind::Document => None,
            _ => Some(Problem::SessionExpired.into_response()),
        }
    }

    /// For guests on a route for registered shoppers: a redirect to the login page, or a rejection.
    pub(crate) fn login_required_response(
        &self,
        kind: RequestKind,
        update: &SessionUpdate,
    ) -> Option<Response> {
        let customer = update.customer(&self.session);
        let registered = customer.is_some_and(Customer::is_registered);
        if self.route.token != TokenNeed::Registered || registered {
            return None;
        }
        Some(self.redirect_to_login(kind))
    }

    /// A redirect to the login page; for a call, the error `login_required`.
    pub(crate) fn redirect_to_login(&self, kind: RequestKind) -> Response {
        let is_document = kind == RequestKind::Document;
        let page = is_document.then(|| self.login_page(LoginReason::Required)).flatten();
        page.unwrap_or_else(|| Problem::LoginRequired.into_response())
    }

    /// A redirect to the login page. After an expired session it happens once: the new guest
    /// session that follows is not a registered one that could expire again.
    fn login_page(&self, reason: LoginReason) -> Option<Response> {
        let page = self.session.site.config.session.login_page.as_deref()?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if reason == LoginReason::Expired {
            query.append_pair("error", "session_expired");
        }
        let return_to = local_path(path_and_query(&self.parts.uri)).unwrap_or("/");
        let query = query.append_pair("return_to", return_to).finish();
        Some(see_other(&format!("{page}?{query}")))
    }

    /// The path of the page of this site that sent the request, if the browser says so: a page with
    /// `Referrer-Policy: no-referrer` hides it, and one with `origin` sends `/` for every page.
    pub(crate) fn referring_path(&self) -> Option<&str> {
        let origin = self.session.site.public_origin.as_str();
        let referer = first_text(&self.parts.headers, REFERER);
        let path = referer.and_then(|referer| referer.strip_prefix(origin)).and_then(local_path)?;
        Some(path).filter(|path| *path != "/")
    }

    pub(crate) fn is_protected(&self) -> bool {
        let path = listed_path(&self.session.site, &self.route, &self.parts);
        let protected = &self.session.site.config.session.protected_paths;
        let needs_login = |reading: &str| {
            protected.iter().any(|prefix| readings::is_below(reading, prefix.trim_end_matches('/')))
        };
        self.route.token == TokenNeed::Registered || readings::any(&path, needs_login)
    }
}
