//! Which site a request is for, what kind of request it is, and where it goes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Uri};

use super::notes::Notes;
use crate::app::App;
use crate::config::{Origin, RouteConfig};
use crate::problem::Problem;

/// How a request must be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// A page a person will look at: it may begin a session.
    Document,
    /// A call of a page: it may renew a session.
    Call,
    /// Files, prefetches, preflights, crawlers: no auth work.
    Quiet,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Head(&'a Origin),
    Ecom(&'a Origin),
}

/// Layer: finds the site by host and path, and takes a site's path prefix off our own routes.
///
/// The prefix stays in the path of everything that is proxied, so that the Head sees what the
/// browser sent.
pub(super) async fn find_site(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(host) = host(&request) else {
        return Problem::BadRequest("The request names no host, or two.").into_response();
    };
    let Some(site) = app.site(&host, request.uri().path()).cloned() else {
        return Problem::UnknownHost.into_response();
    };
    if let Some(notes) = request.extensions().get::<Notes>() {
        notes.with(|noted| noted.site = Some(site.config.id.to_string()));
    }
    if let Some(own) = own_route(request.uri(), &site.config.path_prefix) {
        *request.uri_mut() = own;
    }
    request.extensions_mut().insert(site);
    next.run(request).await
}

/// The host a request names, once: `:authority` in HTTP/2, `Host` in HTTP/1.
fn host(request: &Request) -> Option<Authority> {
    let mut named = request.headers().get_all(HOST).iter();
    let header = match (named.next(), named.next()) {
        (Some(host), None) => Some(host.to_str().ok()?.parse::<Authority>().ok()?),
        (None, _) => None,
        (Some(_), Some(_)) => return None,
    };
    match (request.uri().authority(), header) {
        (Some(authority), Some(header)) if *authority != header => None,
        (Some(authority), _) => Some(authority.clone()),
        (None, header) => header,
    }
}

/// `/de/bff/session` → `/bff/session` for a site that lives under `/de`.
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

/// Sorts a request. The query never takes part.
pub(super) fn visit(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    routes: &RouteConfig,
    crawlers: &[String],
) -> Visit {
    let safe = method == Method::GET || method == Method::HEAD;
    if *method == Method::OPTIONS || is_file(path, routes) || only_looks(headers, crawlers) {
        Visit::Quiet
    } else if safe && is_navigation(headers) {
        Visit::Document
    } else {
        Visit::Call
    }
}

/// The upstream for `path`; `None` where the site has none.
pub(super) fn place<'a>(path: &str, routes: &'a RouteConfig) -> Option<Place<'a>> {
    match &routes.ecom {
        Some(ecom) if routes.ecom_paths.iter().any(|prefix| path.starts_with(prefix)) => {
            Some(Place::Ecom(ecom))
        }
        _ => routes.head.as_ref().map(Place::Head),
    }
}

fn is_file(path: &str, routes: &RouteConfig) -> bool {
    routes.asset_paths.iter().any(|prefix| path.starts_with(prefix))
        || routes.asset_suffixes.iter().any(|suffix| path.ends_with(suffix))
}

/// Whether nobody is there yet to have a session: a prefetch, or a crawler.
pub(super) fn only_looks(headers: &HeaderMap, crawlers: &[String]) -> bool {
    is_prefetch(headers) || is_crawler(headers, crawlers)
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        let purpose = headers.get(*name).and_then(|value| value.to_str().ok());
        purpose.is_some_and(|purpose| purpose.contains("prefetch") || purpose.contains("preview"))
    })
}

/// Whether the user agent is a known crawler. That only ever takes rights away.
fn is_crawler(headers: &HeaderMap, crawlers: &[String]) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| {
        let agent = agent.to_ascii_lowercase();
        crawlers.iter().any(|crawler| agent.contains(crawler.as_str()))
    })
}

/// Whether a person follows a link or opens an address.
pub(super) fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => {
            // A frame on another site gets no cookies from the browser, nor keeps any.
            let ours = text("sec-fetch-site") != Some("cross-site");
            let page = |dest| dest == "document" || (ours && matches!(dest, "iframe" | "frame"));
            mode == "navigate" && text("sec-fetch-dest").is_none_or(page)
        }
        None => text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}
