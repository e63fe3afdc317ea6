//! Pages of ECOM, with a live DW session of the shopper.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cookies::profiles::DWSID;
use crate::flow::{DwChange, EcomPage, Facts, Intent, UpstreamFailure, names_logout};
use crate::model::Customer;
use crate::problem::Problem;
use crate::web::headers::path_and_query;
use crate::web::incoming::listed_path;
use crate::web::pages::ecom_response::{PageObservation, is_csrf_failure, redirect_target};
use crate::web::pages::{DwCompanions, ProxiedRequest, filter};
use crate::web::request_kind::RequestKind;
use crate::web::request_session::SessionUpdate;

/// Seconds within which a browser follows a redirect.
const REDIRECTED: i64 = 60;

impl ProxiedRequest {
    pub(crate) async fn serve_ecom(
        &self,
        kind: RequestKind,
        body: Body,
    ) -> Result<Response, Problem> {
        // Cookies are missing from a form sent by another site (the return from a payment page) and
        // from a beacon of a page that is still loading. Neither may begin a session: it would
        // replace the one whose cookies the browser did not send.
        let begins_nothing = !self.may_create_session(kind) && self.session.presented.is_empty();
        if let Some(cookies) = self.cross_site_cookies() {
            let response = self.forward_with(body, Some(cookies)).await;
            let response = self.without_session_cookies(response);
            return Ok((self.session.after_cross_site_form(), response).into_response());
        }
        if begins_nothing || self.session.is_late() {
            return Ok(self.without_session(kind, body).await);
        }
        let mut update = self.session.resolve(self.facts_for_page(), Intent::Ecom).await?;
        if let Some(problem) = update.failure() {
            return Ok(self.serve_without_tokens(kind, body, problem, update).await);
        }
        if let Some(response) = self.response_instead(kind, &update) {
            return Ok(self.with_cookies(response, update));
        }
        let body = match self.form_body(body, &update).await {
            Ok(body) => body,
            Err(response) => return Ok(self.with_cookies(response, update)),
        };
        if kind == RequestKind::Document && self.redirects_returning(&update) {
            return Ok(self.with_cookies(self.redirect_to_self(), update));
        }
        update.record_dw_use(&self.session);
        let response = self.forward(body, Some(update.changes())).await;
        self.after_ecom(response, update).await
    }

    /// The facts of the request. A registered shopper's tokens are renewed before a password is
    /// changed: the change ends them, and only SLAS can tell whether they were still the shopper's.
    fn facts_for_page(&self) -> Facts {
        let registered =
            self.session.held().is_some_and(|held| held.claims.customer.is_registered());
        if registered && self.page(StatusCode::OK) == EcomPage::Password {
            self.session.facts_to_renew()
        } else {
            self.session.facts(None)
        }
    }

    /// Reconciles the session with ECOM's response, and corrects a response that ECOM made in a
    /// session that is not the shopper's.
    async fn after_ecom(
        &self,
        mut response: Response,
        sent: SessionUpdate,
    ) -> Result<Response, Problem> {
        let observed = self.observe(&sent, &response);
        // The upstream has done its work: an error that invites a retry would have it done twice.
        let Ok(update) = self.reconcile(&observed, sent).await else {
            return Ok(self.without_session_cookies(response));
        };
        if !observed.is_other_session(&update) {
            // Cookies that accompany another DW session are written with it, or not at all.
            if observed.other_dw.is_some() {
                filter(&self.session.site, &self.route, DwCompanions::Stripped, &mut response);
            }
            return Ok(self.with_cookies(response, update));
        }
        let safe = self.may_be_repeated() && !has_body(&self.parts.headers);
        tracing::info!(repeated = safe, "ECOM replaced the DW session");
        if safe {
            return self.retry_in_new_session(response, update).await;
        }
        let path = listed_path(&self.session.site, &self.route, &self.parts);
        if names_logout(&path) && self.ends_session_on_purpose(&response, &update) {
            return Ok(self.end_session(&observed, response, update).await);
        }
        Ok(self.serve_without_session(response, update))
    }

    /// Whether a returning visitor is redirected to the same page with the new session, because the
    /// operator chose so. A browser that may not keep the cookies of the redirect would loop: it
    /// presents no seal, or a seal that names a session made a moment ago.
    fn redirects_returning(&self, update: &SessionUpdate) -> bool {
        let (state, now) = (&self.session.state, self.session.site.clock.now());
        let made_at = state.dw.as_ref().map(|dw| dw.created_at);
        self.session.site.config.ecom.redirect_returning
            && !state.is_blank()
            && made_at.is_none_or(|at| now.since(at) > REDIRECTED)
            && matches!(update.decision().dw, DwChange::Set { .. })
    }

    fn redirect_to_self(&self) -> Response {
        let location = HeaderValue::from_str(path_and_query(&self.parts.uri));
        let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
    }

    /// A response to a request that must not be repeated, made in an unknown session. It is
    /// returned without that session. The next page bridges a new one for the shopper.
    pub(crate) fn serve_without_session(
        &self,
        response: Response,
        before: SessionUpdate,
    ) -> Response {
        let mut decision = before.into_decision();
        decision.dw = DwChange::Drop;
        match self.session.commit(decision, None) {
            Ok(update) => self.with_cookies(response, update),
            Err(_) => self.without_session_cookies(response),
        }
    }

    /// ECOM replaced our DW session by a new guest session, because ours had ended. Bridges another
    /// one and requests the page again, once. A session that was made for this very request is no
    /// exception: an instance that has just been restarted may not know it yet.
    async fn retry_in_new_session(
        &self,
        response: Response,
        before: SessionUpdate,
    ) -> Result<Response, Problem> {
        let is_new = matches!(before.decision().dw, DwChange::Set { .. });
        if is_new && !self.has_registered_dw(&before) {
            return Ok(self.refuse_other_session(response, before));
        }
        let update = self.session.rebridge(before).await?;
        if let Some(problem) = update.failure() {
            // The page that ECOM returned is not the shopper's.
            return Ok(self.with_cookies(problem.into_response(), update));
        }
        let response = self.forward(Body::empty(), Some(update.changes())).await;
        let observed = self.observe(&update, &response);
        if observed.other_dw.is_none() {
            return Ok(self.with_cookies(response, update));
        }
        if self.ends_session_on_purpose(&response, &update) {
            return Ok(self.end_session(&observed, response, update).await);
        }
        Ok(self.refuse_other_session(response, update))
    }

    /// ECOM has replaced a DW session that was alive: the shopper has logged out there, if OCAPI
    /// confirms that the other one is a guest's.
    async fn end_session(
        &self,
        observed: &PageObservation,
        response: Response,
        before: SessionUpdate,
    ) -> Response {
        let Ok(update) = self.session.reconcile(before, observed.as_end(), None).await else {
            return self.without_session_cookies(response);
        };
        if observed.is_other_session(&update) {
            return self.refuse_other_session(response, update);
        }
        let mut response = response;
        filter(&self.session.site, &self.route, DwCompanions::Stripped, &mut response);
        self.with_cookies(response, update)
    }

    fn refuse_other_session(&self, response: Response, update: SessionUpdate) -> Response {
        if self.may_be_repeated() {
            self.reject_session(response, update)
        } else {
            self.serve_without_session(response, update)
        }
    }

    /// Whether a response in another session than the shopper's shows that the shopper has left: it
    /// redirects, and that session was just made, or ECOM has served a page in it a short time ago. An
    /// expired session would not look different later, a rejected CSRF token is no wish, and a page
    /// that is not the answer to a logout is a fault of ECOM.
    fn ends_session_on_purpose(&self, response: &Response, update: &SessionUpdate) -> bool {
        let leaves = redirect_target(response).is_some_and(|target| !is_csrf_failure(target));
        leaves && self.session.has_recent_dw(update.decision())
    }

    /// ECOM does not accept a session that OCAPI has just made. A guest may see the page of another
    /// guest session; a registered shopper must not get a guest's page.
    fn reject_session(&self, response: Response, update: SessionUpdate) -> Response {
        tracing::warn!("DW session made by OCAPI rejected by ECOM");
        if self.has_registered_dw(&update) {
            let problem = Problem::Upstream(UpstreamFailure::UNAVAILABLE);
            return self.with_cookies(problem.into_response(), update);
        }
        self.with_cookies(response, update)
    }

    /// Whether the update makes the DW session of a registered shopper.
    fn has_registered_dw(&self, update: &SessionUpdate) -> bool {
        match &update.decision().dw {
            DwChange::Set { owner, .. } => {
                let owner = owner.as_ref().or_else(|| update.customer(&self.session));
                owner.is_some_and(Customer::is_registered)
            }
            _ => false,
        }
    }

    /// The `dwsid` that the upstream got.
    pub(crate) fn sent_dwsid(&self, update: &SessionUpdate) -> Option<String> {
        let cookies = self.cookies(Some(update.changes()))?;
        let dwsid = value_of(cookies.as_bytes(), DWSID)?;
        std::str::from_utf8(dwsid).ok().map(str::to_owned)
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

/// The value of the cookie `name` in a `Cookie` or at the head of a `Set-Cookie` header.
fn value_of<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    header
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}
