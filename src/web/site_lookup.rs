//! Finds the site of a request, by host and path.

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
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::readings;
use crate::site::Site;
use crate::web::request_log::LogFields;

pub(crate) const AMBIGUOUS_PATH: Problem =
    Problem::BadRequest("The path can be read in more than one way.");

/// Layer: finds the site by host and path, and removes its path prefix from our own routes.
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
    let Some(site) = app.site(&host, request.uri().path()).cloned() else {
        return Problem::UnknownHost.into_response();
    };
    if may_be_of_other_site(&app, &host, &site, request.uri().path()) {
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

/// Whether an upstream may read `path` as one of another site below this one. The request would
/// then have the wrong site's shopper and protection. Most sites that share a host share a Head.
fn may_be_of_other_site(app: &App, host: &Authority, site: &Site, path: &str) -> bool {
    if !is_plain(path.as_bytes(), EncodedSlash::Part) {
        // The route lookup rejects it.
        return false;
    }
    let own = site.config.path_prefix.as_str();
    app.sites_at(host).any(|other| {
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

/// Rejects an `x-site-id` that contradicts host and path. It never selects a site.
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
