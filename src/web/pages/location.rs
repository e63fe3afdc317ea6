//! Redirects of ECOM in answer to a request below the OCAPI proxy.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};

use crate::header_values::first_text;
use crate::route::{Route, UpstreamPath, ecom_proxy};
use crate::site::SiteAtHost;

/// Keeps a redirect below the path of the proxy that the request came by, if it leads to a controller
/// or file: without that path it may lead to the Head. Addresses of the upstream have been replaced
/// by those that browsers see.
pub(super) fn keep_below_proxy(site: &SiteAtHost, route: &Route, headers: &mut HeaderMap) {
    if route.upstream_path == UpstreamPath::Whole {
        return;
    }
    let Some(location) = first_text(headers, LOCATION) else { return };
    let path = location.strip_prefix(site.public_origin.as_str()).unwrap_or(location);
    if !ecom_proxy::is_below(path) {
        return;
    }
    let (prefix, mount) = (&site.config.path_prefix, route.mount.trim_end_matches('/'));
    if let Ok(location) = HeaderValue::from_str(&format!("{prefix}{mount}{path}")) {
        headers.insert(LOCATION, location);
    }
}
