//! Forms that were rendered in a DW session which has been replaced since.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_ENCODING;
use memchr::memmem;

use crate::cookies::profiles::DWSID;
use crate::flow::FormCsrf;
use crate::problem::{Problem, wants_page};
use crate::web::headers::see_other;
use crate::web::pages::ProxiedRequest;
use crate::web::replay_body::ReplayBody;
use crate::web::request_kind::is_reading;
use crate::web::request_session::SessionUpdate;

/// The field of a form that contains ECOM's CSRF token (SFRA and SiteGenesis).
const CSRF_FIELD: &str = "csrf_token";

impl ProxiedRequest {
    /// The body to send in the session after `update`; or the response to a form that cannot be sent
    /// in another session than the one it was rendered in. Its CSRF token would be invalid, and ECOM
    /// would log the shopper out.
    pub(crate) async fn form_body(
        &self,
        body: Body,
        update: &SessionUpdate,
    ) -> Result<Body, Response> {
        if self.may_be_repeated()
            || !self.has_dw_session()
            || !update.decision().dw.replaces(&self.session.presented.dwsid)
        {
            return Ok(body);
        }
        let body = ReplayBody::read(body, &self.parts, self.route.timeout).await;
        let body = body.map_err(Problem::into_response)?;
        if self.may_send(update, self.form_csrf(&body)) {
            return Ok(body.into_body());
        }
        Err(self.redirect_to_form())
    }

    /// Whether the request may be sent again in another session. SFRA sends some forms by GET, and
    /// a CSRF token is valid only in the session that made it.
    pub(crate) fn may_be_repeated(&self) -> bool {
        is_reading(&self.parts.method) && !self.has_csrf_parameter()
    }

    /// Whether the browser has a DW session. Without one, no form was rendered in one.
    fn has_dw_session(&self) -> bool {
        self.session.presented.has(DWSID) || self.session.state.dw.is_some()
    }

    fn may_send(&self, update: &SessionUpdate, csrf: FormCsrf) -> bool {
        let presented = &self.session.presented.dwsid;
        update.decision().may_send_form(&self.session.facts(None), presented, csrf)
    }

    /// Looks for the field anywhere in the body, whatever its format: a false alarm only shows the
    /// form again.
    fn form_csrf(&self, body: &ReplayBody) -> FormCsrf {
        let is_compressed = self.parts.headers.contains_key(CONTENT_ENCODING);
        let found = |body: &[u8]| memmem::find(body, CSRF_FIELD.as_bytes()).is_some();
        match body.bytes() {
            Some(bytes) if !is_compressed && !found(bytes) && !self.has_csrf_parameter() => {
                FormCsrf::None
            }
            _ => FormCsrf::Possible,
        }
    }

    fn has_csrf_parameter(&self) -> bool {
        let query = self.parts.uri.query().unwrap_or_default();
        query.split('&').any(|pair| pair.split('=').next() == Some(CSRF_FIELD))
    }

    /// Shows the page of the form again; for a call, the error `session_expired`.
    fn redirect_to_form(&self) -> Response {
        if !wants_page(&self.parts.headers) {
            return Problem::SessionExpired.into_response();
        }
        match self.referring_path() {
            Some(path) => see_other(path),
            None => Problem::FormExpired.into_response(),
        }
    }
}
