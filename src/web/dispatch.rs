//! Fallback handler: matches the request against the route table, checks the route's conditions,
//! and proxies it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::Method;
use http::header::ALLOW;
use http::request::Parts;

use crate::app::App;
use crate::problem::Problem;
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::{Crawlers, Kind, Route, SlasClient, TokenNeed, ecom_proxy, instance, readings};
use crate::site::{Site, SiteAtHost};
use crate::web::api_proxy;
use crate::web::incoming::{Incoming, below_prefix};
use crate::web::pages;
use crate::web::request_kind::RequestKind;
use crate::web::request_log::LogFields;
use crate::web::site_lookup::AMBIGUOUS_PATH;
use crate::web::{csrf, slas_proxy};

/// Sends a request to the upstream of its route.
pub(crate) async fn proxy(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let site = parts.extensions.get::<Arc<SiteAtHost>>().cloned().ok_or(Problem::UnknownHost)?;
    let route = route(&site, parts.uri.path())?;
    LogFields::of(&parts.extensions).with(|fields| fields.route = Some(route.kind.as_str()));
    let kind = RequestKind::on_route(&app, &site, &route, &parts);
    match check(&site, &route, kind, &parts) {
        Err(Problem::MethodNotAllowed) => {
            let methods: Vec<&str> = route.methods.iter().map(Method::as_str).collect();
            let allowed = [(ALLOW, methods.join(","))];
            return Ok((allowed, Problem::MethodNotAllowed).into_response());
        }
        checked => checked?,
    }
    if slas_proxy::is_callback(&site, &route, &parts) {
        return Ok(slas_proxy::callback());
    }
    let upstream = route.kind;
    let incoming = Incoming { app, site, route, kind, parts, body };
    match upstream {
        Kind::Head | Kind::Ecom => pages::serve(incoming).await,
        Kind::Slas(client) => slas_proxy::call(incoming, client).await,
        Kind::Scapi | Kind::Ocapi => api_proxy::call(incoming).await,
    }
}

/// Checks what does not depend on the shopper: method, origin, kind of request.
pub(crate) fn check(
    site: &SiteAtHost,
    route: &Route,
    kind: RequestKind,
    parts: &Parts,
) -> Result<(), Problem> {
    if !route.methods.contains(&parts.method) {
        return Err(Problem::MethodNotAllowed);
    }
    csrf::check_route(route, site, parts)?;
    let is_prefetched_call = kind == RequestKind::Prefetch && !route.kind.is_pages();
    let is_anonymous = is_prefetched_call || kind == RequestKind::Crawler;
    if is_anonymous && route.token == TokenNeed::Registered && parts.method != Method::OPTIONS {
        // Without auth work, a header would be a way around the login.
        return Err(Problem::LoginRequired);
    }
    if kind == RequestKind::Crawler && route.crawlers == Crawlers::Refused {
        return Err(Problem::Refused);
    }
    Ok(())
}

/// The encoded slashes that an upstream of this kind may get. The lists of API calls check where.
fn encoded_slash(kind: Kind) -> EncodedSlash {
    match kind {
        Kind::Head => EncodedSlash::Part,
        Kind::Scapi | Kind::Ocapi => EncodedSlash::InName,
        Kind::Ecom | Kind::Slas(_) => EncodedSlash::Refused,
    }
}

/// The route for a path below the site's prefix: as strict as for any other reading of that path.
///
/// # Errors
///
/// When upstreams may read the path differently, or none of the site's routes has it.
pub(crate) fn route(site: &Site, path: &str) -> Result<Arc<Route>, Problem> {
    if !is_plain(path.as_bytes(), EncodedSlash::InName) || !readings::are_bounded(path) {
        return Err(AMBIGUOUS_PATH);
    }
    let below = below_prefix(site, path);
    let route = site.config.routes.table.strictest(below).ok_or(Problem::NotFound)?;
    if !is_plain(path.as_bytes(), encoded_slash(route.kind)) {
        return Err(AMBIGUOUS_PATH);
    }
    if is_slas_call(site, &route, below) {
        let kind = Kind::Slas(SlasClient::Public);
        return Ok(Arc::new(Route { kind, ..Route::clone(&route) }));
    }
    let is_own = |id: &str| {
        let mut ids = std::iter::once(&site.config.id).chain(&site.config.ecom.sites);
        ids.any(|known| known.as_str().eq_ignore_ascii_case(id))
    };
    if let Some((route, path)) = ecom_route(site, &route, below) {
        if !is_plain(path.as_bytes(), encoded_slash(route.kind)) {
            return Err(AMBIGUOUS_PATH);
        }
        let reaches_instance = instance::is_reached(&route, &path, is_own);
        return if reaches_instance { Err(Problem::Refused) } else { Ok(Arc::new(route)) };
    }
    // ECOM gets the path with the prefix, and may read that as the prefix of a locale.
    let reaches_instance = |path| instance::is_reached(&route, path, is_own);
    if reaches_instance(below) || (below.len() != path.len() && reaches_instance(path)) {
        return Err(Problem::Refused);
    }
    Ok(route)
}

/// Whether a path below that of the Commerce APIs is a call of SLAS, which is one of them: the SDKs call
/// SLAS there with a public client.
fn is_slas_call(site: &Site, route: &Route, below: &str) -> bool {
    let is_api = route.kind == Kind::Scapi && !route.is_files && site.slas.is_public();
    is_api && route.below(below).is_some_and(|path| path.starts_with("shopper/auth/"))
}

/// The route of ECOM for a path below the OCAPI proxy, and the path that ECOM gets.
fn ecom_route(site: &Site, proxy: &Route, below: &str) -> Option<(Route, String)> {
    let is_reachable = proxy.kind == Kind::Ocapi && pages::origin(site, Kind::Ecom).is_some();
    let path = format!("/{}", proxy.below(below).filter(|_| is_reachable)?);
    Some((ecom_proxy::ecom_route(&site.config.routes.table, proxy, &path)?, path))
}
