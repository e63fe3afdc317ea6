//! `GET /bff/establish?return_to=/cart`: what forward-auth cannot do on the way. Behind a gateway, a
//! browser whose tokens or DW session need making or renewing comes here, gets its cookies, and goes
//! back.
//!
//! It comes twice: first for its cookies, then to show that it keeps them. So a browser that keeps
//! none is found out without a mark in anybody else's address, and never sent round in a circle.

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::Uri;
use http::request::Parts;

use crate::app::App;
use crate::flow::Intent;
use crate::problem::Problem;
use crate::route::Kind;
use crate::site::Site;
use crate::web::forward_auth::decision::{
    AuthDecision, Classified, WITHOUT_SESSION, classify, home,
};
use crate::web::forward_auth::dialect::establish_path;
use crate::web::headers::{path_and_query, see_other};
use crate::web::pages::ProxiedRequest;
use crate::web::redirect::local_path;
use crate::web::request_kind::{RequestKind, is_reading};
use crate::web::request_session::RequestSession;

/// Makes the pair for a request to the path `return_to`, and sends the browser back there.
pub(crate) async fn establish(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    if app.gateway.dialect.is_none() {
        return Err(Problem::NotFound);
    }
    let (mut parts, _) = request.into_parts();
    let site = parts.extensions.get::<Arc<Site>>().cloned().ok_or(Problem::UnknownHost)?;
    let wish = Wish::read(&site, &parts);
    parts.uri = wish.target;
    let (route, kind) = match classify(&app, &site, &parts)? {
        Classified::Depends(route, kind) => (route, kind),
        Classified::Passes(_) => return Ok(back(&parts)),
    };
    let session = RequestSession::from_request_parts(&mut parts, &app).await?;
    let request = ProxiedRequest { app, session, route, parts };
    match request.decide(kind) {
        AuthDecision::Allow(_) => Ok(back(&request.parts)),
        AuthDecision::Deny(response) => Ok(response),
        // A form, handed over by nginx: its page is what is established.
        AuthDecision::Establish(path) if !is_reading(&request.parts.method) => {
            Ok(see_other(&establish_path(&site.config.path_prefix, &path)))
        }
        AuthDecision::Establish(_) if wish.again => request.without_cookies(),
        AuthDecision::Establish(_) => request.establish(kind).await,
    }
}

/// What the query says.
struct Wish {
    target: Uri,
    /// The browser has been here and should have come back with cookies.
    again: bool,
}

impl Wish {
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

/// A form cannot be sent again by a redirect.
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
        if let Some(failure) = update.decision.outcome.failure() {
            return Ok(self.with_cookies(Problem::Upstream(failure).into_response(), &update));
        }
        if let Some(told) = self.expired_response(kind, &update) {
            return Ok(self.with_cookies(told, &update));
        }
        let prefix = &self.session.site.config.path_prefix;
        let again = format!("{}&again=1", establish_path(prefix, path_and_query(&self.parts.uri)));
        Ok(self.with_cookies(see_other(&again), &update))
    }

    /// The browser has been here before, and its cookies still do not do. One that sends none gets
    /// the page without a session.
    fn without_cookies(&self) -> Result<Response, Problem> {
        if !self.session.presented.is_empty() {
            return Err(Problem::LoginConflict);
        }
        let target = path_and_query(&self.parts.uri);
        let sign = if target.contains('?') { '&' } else { '?' };
        Ok(see_other(&format!("{target}{sign}{WITHOUT_SESSION}")))
    }
}
