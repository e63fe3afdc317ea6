//! Where the path leads that a gateway asks about, whichever way the gateway may have read it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::problem::Problem;
use crate::route::Route;
use crate::route::path::{EncodedSlash, is_plain};
use crate::site::Site;
use crate::web::routed;

/// Where a path leads.
pub(super) enum Place {
    /// To our own routes.
    Own,
    /// Where the table says.
    Routed(Arc<Route>),
}

/// A gateway finds the upstream by a path that it may have decoded, or cut parameters out of: every
/// way to read the path must lead to the same place.
pub(super) fn place(site: &Site, path: &str) -> Result<Place, Problem> {
    if !is_plain(path.as_bytes(), EncodedSlash::Refused) {
        return Err(routed::CONFUSING);
    }
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let place = read_as(site, path);
    for reading in [Cow::Borrowed(path), decoded.clone()] {
        for other in [without_parameters(&reading), reading.into_owned()] {
            let same = match (&place, &read_as(site, &other)) {
                (Some(Place::Own), Some(Place::Own)) | (None, None) => true,
                (Some(Place::Routed(one)), Some(Place::Routed(other))) => Arc::ptr_eq(one, other),
                _ => false,
            };
            if !same {
                return Err(routed::CONFUSING);
            }
        }
    }
    place.ok_or(Problem::NotFound)
}

fn read_as(site: &Site, path: &str) -> Option<Place> {
    let below = path.strip_prefix(site.config.path_prefix.as_str()).unwrap_or(path);
    if below.starts_with("/bff/") {
        return Some(Place::Own);
    }
    let below = if below.is_empty() { "/" } else { below };
    site.config.routes.table.find(below).cloned().map(Place::Routed)
}

/// `/a;x=1/b;y` → `/a/b`.
fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_cut_out_of_every_segment() {
        assert_eq!(without_parameters("/a;x=1/b;y/;z"), "/a/b/");
        assert_eq!(without_parameters("/a/b"), "/a/b");
    }
}
