//! `GET /bff/establish?return_to=/cart`: makes the session that forward-auth cannot make. Behind a
//! gateway, a browser whose tokens or DW session must be made or renewed is redirected here, gets
//! its cookies, and is redirected back.
//!
//! It comes twice: first for the cookies, then to prove that it stores them. So a browser that
//! stores none is recognised without a marker in the addresses of others, and never redirected in a
//! loop.

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::Uri;
use http::request::Parts;

use crate::app::App;
use crate::flow::Intent;
use crate::problem::Problem;
use crate::route::Kind;
use crate::site::{Site, SiteAtHost};
use crate::web::forward_auth::decision::{
    AuthDecision, Classified, WITHOUT_SESSION, classify, home,
};
use crate::web::forward_auth::dialect::establish_path;
use crate::web::headers::{path_and_query, see_other};
use crate::web::pages::ProxiedRequest;
use crate::web::redirect::local_path;
use crate::web::request_kind::{RequestKind, is_reading};
use crate::web::request_session::RequestSession;

/// Makes both sessions for a request to the path `return_to`, and redirects the browser there.
pub(crate) async fn establish(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    if app.gateway.dialect.is_none() {
        return Err(Problem::NotFound);
    }
    let (mut parts, _) = request.into_parts();
    let site = parts.extensions.get::<Arc<SiteAtHost>>().cloned().ok_or(Problem::UnknownHost)?;
    let return_to = ReturnTo::read(&site, &parts);
    parts.uri = return_to.target;
    let (route, kind) = match classify(&app, &site, &parts)? {
        Classified::Depends(route, kind) => (route, kind),
        Classified::Allowed(_) => return Ok(back(&parts)),
    };
    let session = RequestSession::from_request_parts(&mut parts, &app).await?;
    let request = ProxiedRequest { app, session, route, parts };
    match request.decide(kind) {
        // The next subrequest sets the cookie that an allowed one may set.
        AuthDecision::Allow(_) => Ok(back(&request.parts)),
        AuthDecision::Deny(response) => Ok(response),
        // A form that nginx sent here: the session is made for the page of the form.
        AuthDecision::Establish(path) if !is_reading(&request.parts.method) => {
            Ok(see_other(&establish_path(&site.config.path_prefix, &path)))
        }
        AuthDecision::Establish(_) if return_to.again => request.without_cookies(),
        AuthDecision::Establish(_) => request.establish(kind).await,
    }
}

/// The query.
struct ReturnTo {
    target: Uri,
    /// The browser has been given cookies here and should send them now.
    again: bool,
}

impl ReturnTo {
    fn read(site: &Site, parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let field = |wanted: &str| {
            let mut fields = url::form_urlencoded::parse(query.as_bytes());
            fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let target = field("return_to");
        let target = target.as_deref().and_then(local_path).and_then(|path| path.parse().ok());
        Self {
            target: target.or_else(|| home(site).parse().ok()).unwrap_or_default(),
            again: field("again").is_some(),
        }
    }
}

/// A redirect to the original path. It cannot send a form again.
fn back(parts: &Parts) -> Response {
    if is_reading(&parts.method) {
        see_other(path_and_query(&parts.uri))
    } else {
        Problem::LoginConflict.into_response()
    }
}

impl ProxiedRequest {
    async fn establish(&self, kind: RequestKind) -> Result<Response, Problem> {
        let intent = match self.route.kind {
            Kind::Head | Kind::Ecom => self.intent(kind),
            Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => Intent::Api,
        };
        let update = self.session.resolve(self.session.facts(None), intent).await?;
        if let Some(problem) = update.failure() {
            let back = self.back_in_outage(kind, &update);
            let response = back.unwrap_or_else(|| problem.into_response());
            return Ok(self.with_cookies(response, update));
        }
        if let Some(response) = self.response_instead(kind, &update) {
            return Ok(self.with_cookies(response, update));
        }
        let prefix = &self.session.site.config.path_prefix;
        let again = format!("{}&again=1", establish_path(prefix, path_and_query(&self.parts.uri)));
        Ok(self.with_cookies(see_other(&again), update))
    }

    /// The session is still not valid after new cookies. A browser that sends none gets the page
    /// without a session.
    fn without_cookies(&self) -> Result<Response, Problem> {
        if !self.session.presented.is_empty() {
            return Err(Problem::LoginConflict);
        }
        let target = path_and_query(&self.parts.uri);
        let separator = if target.contains('?') { '&' } else { '?' };
        Ok(see_other(&format!("{target}{separator}{WITHOUT_SESSION}")))
    }
}
