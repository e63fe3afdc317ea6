//! Everything that is not a route of our own: to where the route table says, on its terms.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::Method;
use http::header::ALLOW;
use http::request::Parts;

use crate::app::App;
use crate::problem::Problem;
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::{Crawlers, Kind, Route, TokenNeed, instance, readings};
use crate::site::Site;
use crate::web::api_proxy;
use crate::web::pages::file::File;
use crate::web::pages::{ProxiedRequest, below_prefix, filter, send_upstream};
use crate::web::request_kind::{KindRules, RequestKind, classify, is_crawler, is_passive};
use crate::web::request_log::LogFields;
use crate::web::request_session::{RequestSession, foreign_cookies};
use crate::web::site_lookup::AMBIGUOUS_PATH;
use crate::web::{csrf, slas_proxy};

/// Sends a request where its path leads.
pub(crate) async fn proxy(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let site = parts.extensions.get::<Arc<Site>>().cloned().ok_or(Problem::UnknownHost)?;
    let route = route(&site, parts.uri.path())?;
    if let Some(log_fields) = parts.extensions.get::<LogFields>() {
        log_fields.with(|fields| fields.route = Some(word(route.kind)));
    }
    match check(&app, &site, &route, &parts) {
        Err(Problem::MethodNotAllowed) => {
            let allowed = [(ALLOW, listed(&route.methods))];
            return Ok((allowed, Problem::MethodNotAllowed).into_response());
        }
        checked => checked?,
    }
    if slas_proxy::is_callback(&site, &route, &parts) {
        return Ok(slas_proxy::callback());
    }
    match route.kind {
        Kind::Head | Kind::Ecom => page(app, &site, route, parts, body).await,
        Kind::Slas(client) => {
            let path = below(&site, &route, &parts);
            slas_proxy::call(app, &site, client, &path, parts, body).await
        }
        Kind::Scapi | Kind::Ocapi => {
            let path = below(&site, &route, &parts);
            api_proxy::call(app, site, route, &path, parts, body).await
        }
    }
}

/// Whether anybody may make this request.
pub(crate) fn check(app: &App, site: &Site, route: &Route, parts: &Parts) -> Result<(), Problem> {
    if !route.methods.contains(&parts.method) {
        return Err(Problem::MethodNotAllowed);
    }
    csrf::check_route(route, &site.config, parts)?;
    check_presence(app, route, parts)?;
    if route.crawlers == Crawlers::Refused && is_crawler(&parts.headers, &app.crawlers) {
        return Err(Problem::Refused);
    }
    Ok(())
}

/// Who only looks gets no auth work, and so nothing that is for registered shoppers: a header would
/// otherwise be the way around the login.
fn check_presence(app: &App, route: &Route, parts: &Parts) -> Result<(), Problem> {
    let (headers, crawlers) = (&parts.headers, &app.crawlers);
    let is_absent = match route.kind {
        Kind::Head | Kind::Ecom => is_passive(headers, crawlers),
        Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => is_crawler(headers, crawlers),
    };
    if route.token == TokenNeed::Registered && parts.method != Method::OPTIONS && is_absent {
        return Err(Problem::LoginRequired);
    }
    Ok(())
}

/// The route for a path, which is read below the site's prefix and must read alike everywhere, as
/// strict as for any other spelling of it.
pub(crate) fn route(site: &Site, path: &str) -> Result<Arc<Route>, Problem> {
    if !is_plain(path.as_bytes(), EncodedSlash::Part) || !readings::are_bounded(path) {
        return Err(AMBIGUOUS_PATH);
    }
    let below = below_prefix(site, path);
    let route = site.config.routes.table.strictest(below).ok_or(Problem::NotFound)?;
    if route.kind != Kind::Head && !is_plain(path.as_bytes(), EncodedSlash::Refused) {
        return Err(AMBIGUOUS_PATH);
    }
    let is_own = |id: &str| {
        let mut ids = std::iter::once(&site.config.id).chain(&site.config.ecom.sites);
        ids.any(|known| known.as_str().eq_ignore_ascii_case(id))
    };
    // ECOM sees the whole path, and may know the prefix for a locale's.
    let reached = |path| instance::is_reached(&route, path, is_own);
    if reached(below) || (below.len() != path.len() && reached(path)) {
        return Err(Problem::Refused);
    }
    Ok(route)
}

/// What of the path lies below `route`.
pub(crate) fn below(site: &Site, route: &Route, parts: &Parts) -> String {
    let path = parts.uri.path();
    let path = path.strip_prefix(site.config.path_prefix.as_str()).unwrap_or(path);
    route.below(path).unwrap_or_default().to_owned()
}

/// Words from a fixed set, for logs and metrics.
pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Head => "head",
        Kind::Ecom => "ecom",
        Kind::Scapi => "scapi",
        Kind::Ocapi => "ocapi",
        Kind::Slas(_) => "slas",
    }
}

fn listed(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(",")
}

/// How a request must be treated.
pub(crate) fn request_kind_of(app: &App, site: &Site, route: &Route, parts: &Parts) -> RequestKind {
    let asset_suffixes = &site.config.routes.asset_suffixes;
    let preview_parents = &site.preview_parents;
    let rules = KindRules { asset_suffixes, crawlers: &app.crawlers, preview_parents };
    classify(&parts.method, parts.uri.path(), &parts.headers, route, &rules)
}

async fn page(
    app: Arc<App>,
    site: &Arc<Site>,
    route: Arc<Route>,
    mut parts: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let kind = request_kind_of(&app, site, &route, &parts);
    let file = File::of(site, &route, parts.uri.path());
    if kind == RequestKind::Passive {
        let cookies = file.cookies(site, &route, &parts);
        let shared = file != File::Data || cookies == foreign_cookies(site, &parts.headers);
        let mut response = send_upstream(&app, site, &route, &parts, body, cookies).await?;
        // Nor does it change the session: ECOM may have begun another one for it.
        filter(site, &route, true, &mut response);
        file.keep_private(!shared, &mut response);
        return Ok(response);
    }
    let session = RequestSession::from_request_parts(&mut parts, &app).await?;
    let upstream = route.kind;
    let request = ProxiedRequest { app, session, route, parts };
    let mut response = match upstream {
        Kind::Ecom if request.route.bridge => request.serve_ecom(kind, body).await,
        _ => request.serve_head(kind, body).await,
    }?;
    file.keep_private(file != File::Alike, &mut response);
    Ok(response)
}
