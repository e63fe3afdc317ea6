//! Finds the site of a request: by host and path, and outside every path prefix by its name.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Uri};

use crate::app::App;
use crate::config::SiteConfig;
use crate::header_values::{Occurrence, occurrence};
use crate::problem::Problem;
use crate::route::Kind;
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::readings;
use crate::site::SiteAtHost;
use crate::web::pages::file::File;
use crate::web::request_log::LogFields;
use crate::web::site_name;

pub(crate) const AMBIGUOUS_PATH: Problem =
    Problem::BadRequest("The path can be read in more than one way.");

/// Layer: finds the site, and removes its path prefix from our own routes.
///
/// Proxied requests keep the prefix, so that the Head gets the path that the browser sent.
pub(crate) async fn find_site(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(host) = host(&request) else {
        return Problem::BadRequest("Missing or repeated Host header.").into_response();
    };
    if !is_http(request.uri()) {
        return Problem::BadRequest("The scheme must be http or https.").into_response();
    }
    let Some(site) = site_of(&app, &host, request.uri(), request.headers()).cloned() else {
        return Problem::UnknownHost.into_response();
    };
    if may_be_of_other_site(&site, request.uri().path()) {
        return AMBIGUOUS_PATH.into_response();
    }
    let id = site.config.id.to_string();
    LogFields::of(request.extensions()).with(|fields| fields.site = Some(id));
    if let Some(own) = own_route(request.uri(), &site.config.path_prefix) {
        *request.uri_mut() = own;
    }
    request.extensions_mut().insert(site);
    next.run(request).await
}

/// An address in absolute form has a scheme (RFC 9112 section 3.2.2).
fn is_http(uri: &Uri) -> bool {
    uri.scheme().is_none_or(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
}

/// The site of a request to `host`: the one whose path prefix it has. The sites of a PWA Kit share the
/// paths outside their prefixes: there it is the site that the request names, or else the default one.
/// Files and callbacks that no site claims are the same for all of them.
pub(crate) fn site_of<'a>(
    app: &'a App,
    host: &Authority,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<&'a Arc<SiteAtHost>> {
    let sites = app.sites_at(host);
    if let [only] = sites
        && only.config.is_default
    {
        // It has every path: the usual case, which costs no search.
        return Some(only);
    }
    let has_prefix = |site: &&Arc<SiteAtHost>| site.config.has_prefix_of(uri.path());
    let is_named = |site: &&Arc<SiteAtHost>| site_name::is_named(&site.config, uri, headers);
    let is_default = |site: &&Arc<SiteAtHost>| site.config.is_default;
    let is_shared = |site: &&Arc<SiteAtHost>| needs_no_shopper(site, uri.path());
    let prefixed = sites.iter().find(has_prefix);
    prefixed
        .or_else(|| sites.iter().find(is_named))
        .or_else(|| sites.iter().find(is_default))
        .or_else(|| sites.iter().find(is_shared))
}

/// Whether `path` is that of a file of the Head or of a callback.
fn needs_no_shopper(site: &SiteAtHost, path: &str) -> bool {
    let route = site.config.routes.table.find(path).filter(|route| route.kind == Kind::Head);
    let file = route.map(|route| File::of(site, route, path));
    matches!(file, Some(File::Folder | File::Suffix))
        || site.config.slas.is_callback(&site.public_origin, path)
}

/// Whether an upstream may read `path` as one of another site below this one. The request would
/// then have the wrong site's shopper and protection. Most sites that share a host share a Head.
fn may_be_of_other_site(site: &SiteAtHost, path: &str) -> bool {
    if !is_plain(path.as_bytes(), EncodedSlash::InName) {
        // The route lookup rejects it.
        return false;
    }
    let own = site.config.path_prefix.as_str();
    site.neighbours.iter().any(|other| {
        let prefix = other.config.path_prefix.as_str();
        !readings::is_below(own, prefix)
            && readings::any(path, |reading| readings::is_below(reading, prefix))
    })
}

/// The host of a request: `:authority` in HTTP/2, `Host` in HTTP/1.
pub(crate) fn host(request: &Request) -> Option<Authority> {
    let header = match occurrence(request.headers(), HOST) {
        Occurrence::Once(host) => Some(host.to_str().ok()?.parse::<Authority>().ok()?),
        Occurrence::Absent => None,
        Occurrence::Repeated => return None,
    };
    match (request.uri().authority(), header) {
        (Some(authority), Some(header)) if *authority != header => None,
        (Some(authority), _) => Some(authority.clone()),
        (None, header) => header,
    }
}

/// Rejects an `x-site-id` that contradicts the site of the request.
pub(crate) fn check_site_id(headers: &HeaderMap, site: &SiteConfig) -> Result<(), Problem> {
    let is_other = |value: &HeaderValue| value.as_bytes() != site.id.as_str().as_bytes();
    if headers.get_all("x-site-id").iter().any(is_other) {
        return Err(Problem::BadRequest("The header x-site-id names another site."));
    }
    Ok(())
}

/// `/de/bff/session` → `/bff/session` for a site with the path prefix `/de`.
fn own_route(uri: &Uri, prefix: &str) -> Option<Uri> {
    if prefix.is_empty() {
        return None;
    }
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    if !rest.starts_with("/bff/") {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
    Uri::from_parts(parts).ok()
}
