//! The route of the path in an auth subrequest, whichever way the gateway reads that path.

use std::sync::Arc;

use crate::problem::Problem;
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::{Kind, Route, readings};
use crate::site::Site;
use crate::web::incoming::below_prefix;
use crate::web::{dispatch, site_lookup};

/// What a path is served by.
pub(crate) enum Destination {
    /// One of our own routes.
    Own,
    /// A route of the table.
    Routed(Arc<Route>),
}

/// Finds what serves `path`. A gateway may decode it, change its case or remove parameters before
/// it selects the upstream, so every reading must lead to the same upstream. Where the readings
/// have different routes, the strictest one counts.
pub(crate) fn destination(site: &Site, path: &str) -> Result<Destination, Problem> {
    if !is_plain(path.as_bytes(), EncodedSlash::InName) {
        return Err(site_lookup::AMBIGUOUS_PATH);
    }
    let below = below_prefix(site, path);
    let [target, _] = targets(site, below);
    if readings::any(below, |reading| targets(site, reading).iter().any(|other| *other != target)) {
        return Err(site_lookup::AMBIGUOUS_PATH);
    }
    match target {
        Target::Own => Ok(Destination::Own),
        Target::Nowhere => Err(Problem::NotFound),
        Target::Upstream(_) => dispatch::route(site, path).map(Destination::Routed),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Own,
    Nowhere,
    Upstream(Kind),
}

/// The targets of one reading, case-sensitive and case-insensitive.
fn targets(site: &Site, reading: &str) -> [Target; 2] {
    let table = &site.config.routes.table;
    let own = [reading.starts_with("/bff/"), readings::is_below(reading, "/bff/")];
    let mut routes = table.find_reading(reading).into_iter();
    own.map(|own| match routes.next().flatten() {
        _ if own => Target::Own,
        Some(route) => Target::Upstream(route.kind),
        None => Target::Nowhere,
    })
}
