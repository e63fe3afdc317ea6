//! A request on a route of the table.

use std::sync::Arc;

use axum::body::Body;
use http::request::Parts;

use crate::app::App;
use crate::route::Route;
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

/// The path without the site's prefix: the site's routes and lists are written so.
pub(crate) fn below_prefix<'p>(site: &Site, path: &'p str) -> &'p str {
    match path.strip_prefix(site.config.path_prefix.as_str()) {
        Some("") => "/",
        Some(below) if below.starts_with('/') => below,
        // A path outside every prefix, which the site has by its name.
        _ => path,
    }
}
