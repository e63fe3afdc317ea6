//! To ECOM, with a DW session that lives and is the shopper's.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cookies::profiles::DWSID;
use crate::flow::{DwChange, Intent, UpstreamFailure};
use crate::model::CustomerType;
use crate::problem::{Problem, wants_page};
use crate::web::headers::{path_and_query, see_other};
use crate::web::pages::{DwCompanions, ProxiedRequest, filter};
use crate::web::request_kind::{RequestKind, is_reading};
use crate::web::request_session::SessionUpdate;

impl ProxiedRequest {
    pub(crate) async fn serve_ecom(
        &self,
        kind: RequestKind,
        body: Body,
    ) -> Result<Response, Problem> {
        // A form sent from another site comes without cookies (a payment page's return), and so
        // does a beacon of a page that is just loading: neither may begin a session, because it
        // would take the place of the one the browser holds back.
        let begins_nothing = !self.may_create_session(kind) && self.session.presented.is_empty();
        if begins_nothing || self.session.is_late() {
            return Ok(self.without_session(kind, body).await);
        }
        let mut update = self.session.resolve(self.session.facts(None), Intent::Ecom).await?;
        if let Some(failure) = update.decision.outcome.failure() {
            return Ok(self.with_cookies(Problem::Upstream(failure).into_response(), &update));
        }
        if let Some(told) = self.expired_response(kind, &update) {
            return Ok(self.with_cookies(told, &update));
        }
        let safe = self.may_be_repeated();
        if !safe && self.was_replaced(&update) {
            return Ok(self.with_cookies(self.redirect_to_form(), &update));
        }
        if kind == RequestKind::Document && self.redirects_returning(&update) {
            return Ok(self.with_cookies(self.redirect_to_self(), &update));
        }
        self.session.record_dw_use(&mut update);
        let response = self.forward(body, Some(&update.changes)).await;
        self.after_ecom(response, update).await
    }

    /// ECOM has answered: what it said about the shopper is taken over, and what it answered in a
    /// session that is not the shopper's is put right.
    async fn after_ecom(
        &self,
        mut response: Response,
        sent: SessionUpdate,
    ) -> Result<Response, Problem> {
        let said = self.observe(&sent, &response);
        // What has been done stands: saying "try again" would have it done twice.
        let Ok(update) = self.reconcile(&said, sent).await else {
            return Ok(self.without_session_cookies(response));
        };
        if !said.is_other_session(&update) {
            // The companions of another DW session are written with it, or not at all.
            if said.other_dw.is_some() {
                filter(&self.session.site, &self.route, DwCompanions::Stripped, &mut response);
            }
            return Ok(self.with_cookies(response, &update));
        }
        let safe = self.may_be_repeated() && !has_body(&self.parts.headers);
        tracing::info!(repeated = safe, "ECOM has silently begun another DW session");
        if safe {
            self.retry_in_new_session(response, update).await
        } else {
            Ok(self.serve_without_session(response, update))
        }
    }

    /// SFRA sends some forms by GET too. What carries a CSRF token belongs to the session in which
    /// that was made.
    fn may_be_repeated(&self) -> bool {
        let query = self.parts.uri.query().unwrap_or_default();
        let is_form = query.split('&').any(|pair| pair.starts_with("csrf_token="));
        is_reading(&self.parts.method) && !is_form
    }

    /// Where the operator wants it, a returning visitor asks again with the new session. Somebody
    /// who shows no cookie may keep none either, and would ask for ever.
    fn redirects_returning(&self, update: &SessionUpdate) -> bool {
        self.session.site.config.ecom.redirect_returning
            && !self.session.presented.is_empty()
            && matches!(update.decision.dw, DwChange::Set { .. })
    }

    fn redirect_to_self(&self) -> Response {
        let location = HeaderValue::from_str(path_and_query(&self.parts.uri));
        let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
    }

    /// A request that must not be repeated was served in a session of nobody we know: the answer
    /// stands, the session does not reach the browser. The next page makes the shopper's anew.
    fn serve_without_session(&self, swapped: Response, before: SessionUpdate) -> Response {
        let mut decision = before.decision;
        decision.dw = DwChange::Drop;
        match self.session.commit(decision, None) {
            Ok(update) => self.with_cookies(swapped, &update),
            Err(_) => self.without_session_cookies(swapped),
        }
    }

    /// ECOM has silently begun a new guest session in place of ours: ours was dead. It is made
    /// anew, and the page is asked for once more.
    async fn retry_in_new_session(
        &self,
        swapped: Response,
        before: SessionUpdate,
    ) -> Result<Response, Problem> {
        if matches!(before.decision.dw, DwChange::Set { .. }) {
            // A session we made a moment ago and ECOM does not know: asking again would loop.
            return Ok(self.not_accepted(swapped, &before));
        }
        let update = self.session.rebridge(&before.decision).await?;
        if let Some(failure) = update.decision.outcome.failure() {
            // What ECOM has shown is somebody else's page.
            return Ok(self.with_cookies(Problem::Upstream(failure).into_response(), &update));
        }
        let changes = Some(&update.changes);
        let response = self.forward(Body::empty(), changes).await;
        if self.observe(&update, &response).other_dw.is_some() {
            return Ok(self.not_accepted(response, &update));
        }
        Ok(self.with_cookies(response, &update))
    }

    /// ECOM does not know a session that OCAPI has just made. A guest may see the page it made for
    /// another guest; a registered shopper must not be shown a guest's page as if it were theirs.
    fn not_accepted(&self, swapped: Response, update: &SessionUpdate) -> Response {
        tracing::warn!("ECOM does not accept the DW session that OCAPI made");
        let DwChange::Set { owner, .. } = &update.decision.dw else {
            return self.with_cookies(swapped, update);
        };
        let owner = owner.as_ref().or_else(|| update.customer(&self.session));
        if owner.is_some_and(|owner| owner.kind == CustomerType::Registered) {
            return self.with_cookies(
                Problem::Upstream(UpstreamFailure::UNAVAILABLE).into_response(),
                update,
            );
        }
        self.with_cookies(swapped, update)
    }

    /// Whether the DW session the form was rendered in is no more. Where there was none, the form
    /// was not rendered in one.
    pub(crate) fn was_replaced(&self, update: &SessionUpdate) -> bool {
        if !self.session.presented.has(DWSID) && self.session.state.dw.is_none() {
            return false;
        }
        update.decision.dw.replaces(&self.session.presented.dwsid)
    }

    /// The `dwsid` that went along.
    pub(crate) fn sent_dwsid(&self, update: &SessionUpdate) -> Option<String> {
        let cookies = self.cookies(Some(&update.changes))?;
        let dwsid = value_of(cookies.as_bytes(), DWSID)?;
        std::str::from_utf8(dwsid).ok().map(str::to_owned)
    }

    /// A form that was rendered in a session that is no more cannot be sent in the new one: its
    /// CSRF token would be wrong, and ECOM would log the shopper out. The page is shown again.
    pub(crate) fn redirect_to_form(&self) -> Response {
        if !wants_page(&self.parts.headers) {
            return Problem::SessionExpired.into_response();
        }
        see_other(self.referring_path())
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
