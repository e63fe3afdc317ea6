//! Where the path leads that a gateway asks about, whichever way the gateway may have read it.

use std::sync::Arc;

use crate::problem::Problem;
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::{Kind, Route, readings};
use crate::site::Site;
use crate::web::incoming::below_prefix;
use crate::web::{dispatch, site_lookup};

/// Where a path leads.
pub(crate) enum Place {
    /// To our own routes.
    Own,
    /// Where the table says.
    Routed(Arc<Route>),
}

/// A gateway finds the upstream by a path that it may have decoded, folded, or cut parameters out of:
/// every reading must lead to the same upstream. What the readings ask for may differ: the strictest
/// counts.
pub(crate) fn place(site: &Site, path: &str) -> Result<Place, Problem> {
    if !is_plain(path.as_bytes(), EncodedSlash::Refused) {
        return Err(site_lookup::AMBIGUOUS_PATH);
    }
    let below = below_prefix(site, path);
    let [meant, _] = read_as(site, below);
    if readings::any(below, |reading| read_as(site, reading).iter().any(|read| *read != meant)) {
        return Err(site_lookup::AMBIGUOUS_PATH);
    }
    match meant {
        Target::Own => Ok(Place::Own),
        Target::Nowhere => Err(Problem::NotFound),
        Target::Upstream(_) => dispatch::route(site, path).map(Place::Routed),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Own,
    Nowhere,
    Upstream(Kind),
}

/// Where one reading leads, with regard to case and without.
fn read_as(site: &Site, reading: &str) -> [Target; 2] {
    let table = &site.config.routes.table;
    let own = [reading.starts_with("/bff/"), readings::is_below(reading, "/bff/")];
    let mut routes = table.find_reading(reading).into_iter();
    own.map(|own| match routes.next().flatten() {
        _ if own => Target::Own,
        Some(route) => Target::Upstream(route.kind),
        None => Target::Nowhere,
    })
}
