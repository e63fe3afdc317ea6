//! A request on a route of the table.

use std::sync::Arc;

use axum::body::Body;
use http::request::Parts;
use http::uri::PathAndQuery;

use crate::app::App;
use crate::problem::Problem;
use crate::route::{Route, UpstreamPath};
use crate::site::{Site, SiteAtHost};
use crate::web::request_kind::RequestKind;

/// A request and the route that the table has for it.
pub(crate) struct Incoming {
    pub(crate) app: Arc<App>,
    pub(crate) site: Arc<SiteAtHost>,
    pub(crate) route: Arc<Route>,
    pub(crate) kind: RequestKind,
    pub(crate) parts: Parts,
    pub(crate) body: Body,
}

impl Incoming {
    /// The path below that of the route, without a leading slash.
    pub(crate) fn path_below_route(&self) -> String {
        path_below_route(&self.site, &self.route, &self.parts)
    }
}

/// The path of a request below that of `route`, without a leading slash.
pub(crate) fn path_below_route(site: &Site, route: &Route, parts: &Parts) -> String {
    route.below(below_prefix(site, parts.uri.path())).unwrap_or_default().to_owned()
}

/// The path and query that an upstream of pages gets, if they are not those of the browser.
pub(crate) fn page_target(
    site: &Site,
    route: &Route,
    parts: &Parts,
) -> Result<Option<PathAndQuery>, Problem> {
    if route.upstream_path == UpstreamPath::Whole {
        return Ok(None);
    }
    let path = path_below_route(site, route, parts);
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = PathAndQuery::try_from(format!("/{path}{query}"));
    target.map(Some).map_err(|_| Problem::BadRequest("Invalid path."))
}

/// The path of a request as the lists of the site name it: below its prefix, and below the OCAPI
/// proxy for a page of ECOM.
pub(crate) fn listed_path(site: &Site, route: &Route, parts: &Parts) -> String {
    match route.upstream_path {
        UpstreamPath::Whole => below_prefix(site, parts.uri.path()).to_owned(),
        UpstreamPath::BelowMount => format!("/{}", path_below_route(site, route, parts)),
    }
}

/// The path without the site's prefix: the site's routes and lists are written so.
pub(crate) fn below_prefix<'p>(site: &Site, path: &'p str) -> &'p str {
    match path.strip_prefix(site.config.path_prefix.as_str()) {
        Some("") => "/",
        Some(below) if below.starts_with('/') => below,
        // A path outside every prefix, which the site has by its name.
        _ => path,
    }
}
