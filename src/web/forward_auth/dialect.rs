//! The formats of gateways.
//!
//! Each gateway sends its auth subrequest in its own format. This outermost layer (inside only the
//! request log) rebuilds the original request from it, so the rest of the stack treats it like
//! proxied traffic, and converts the decision, or any error, into the response that gateway
//! expects.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HOST};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};

use crate::app::App;
use crate::client_ip::ClientAddress;
use crate::config::Dialect;
use crate::header_values::PRIVATE_NO_STORE;
use crate::problem::Problem;
use crate::web::forward_auth::original_request::{self, Original, one};
use crate::web::headers::no_store;
use crate::web::site_lookup;

/// The path of auth subrequests.
pub(crate) const AUTH: &str = "/bff/auth";
/// The path where a browser gets a session that the gateway cannot pass on.
pub(crate) const ESTABLISH: &str = "/bff/establish";

/// In the extensions of the original request of an auth subrequest: it is decided, not forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthSubrequest;

/// In the extensions of a response: the gateway may forward the request. No status alone allows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed;

/// Layer: reads auth subrequests, and responds to them in the dialect of the gateway.
pub(crate) async fn interpret(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(dialect) = app.gateway.dialect else { return next.run(request).await };
    if is_auth_subrequest(dialect, request.uri().path()) {
        let response = match original_request(&app, dialect, request) {
            Ok(request) => next.run(request).await,
            Err(problem) => problem.into_response(),
        };
        return translate(dialect, response);
    }
    if dialect == Dialect::Nginx && is_from_nginx(&request) {
        return match to_establish(&app, request) {
            Ok(request) => next.run(request).await,
            Err(problem) => problem.into_response(),
        };
    }
    next.run(request).await
}

/// Whether the path is that of an auth subrequest. Envoy appends the original path to it.
fn is_auth_subrequest(dialect: Dialect, path: &str) -> bool {
    match path.strip_prefix(AUTH) {
        Some(rest) => rest.is_empty() || (dialect == Dialect::Envoy && rest.starts_with('/')),
        None => false,
    }
}

/// The original request of an auth subrequest, without a body.
fn original_request(app: &App, dialect: Dialect, request: Request) -> Result<Request, Problem> {
    check_peer(app, &request)?;
    let (mut parts, _) = request.into_parts();
    let method = &parts.method;
    let original = match dialect {
        Dialect::Nginx => Original::nginx(method, &parts.headers)?,
        Dialect::Traefik => Original::traefik(method, &parts.headers)?,
        Dialect::Envoy => Original::envoy(method, &parts.uri)?,
    };
    parts.method = original.method;
    if let Some(host) = original.host {
        parts.headers.insert(HOST, host);
        parts.uri = Uri::from(original.target);
    } else {
        parts.uri = with_target(parts.uri, original.target)?;
    }
    parts.extensions.insert(AuthSubrequest);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// Rejects auth subrequests of peers that are not listed: what they state is trusted.
fn check_peer(app: &App, request: &Request) -> Result<(), Problem> {
    let peer = request.extensions().get::<ClientAddress>().and_then(ClientAddress::peer);
    let listed = peer.is_some_and(|peer| app.gateway.peers.is_trusted(peer));
    if listed { Ok(()) } else { Err(Problem::Refused) }
}

/// The address with another path and query. It keeps the `:authority` of HTTP/2.
fn with_target(uri: Uri, target: PathAndQuery) -> Result<Uri, Problem> {
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts)
        .map_err(|_| Problem::BadRequest("The forwarded URI is missing or invalid."))
}

/// Whether nginx forwards a request to [`ESTABLISH`]. It cannot pass a redirect on, so it sends the
/// original request itself, and it cannot put an address into a query.
fn is_from_nginx(request: &Request) -> bool {
    request.uri().path() == ESTABLISH && request.headers().contains_key(original_request::NGINX_URI)
}

/// The original request in the form that a redirected browser sends.
fn to_establish(app: &App, mut request: Request) -> Result<Request, Problem> {
    check_peer(app, &request)?;
    let target = original_request::target(one(request.headers(), original_request::NGINX_URI)?)?;
    let site = site_lookup::host(&request).and_then(|host| {
        site_lookup::site_of(app, &host, &Uri::from(target.clone()), request.headers())
    });
    let prefix = site.map(|site| site.config.path_prefix.clone()).unwrap_or_default();
    let address = establish_path(&prefix, target.as_str());
    let address = PathAndQuery::try_from(address)
        .map_err(|_| Problem::BadRequest("The forwarded URI is missing or invalid."))?;
    *request.uri_mut() = with_target(request.uri().clone(), address)?;
    Ok(request)
}

/// The path that makes a session for `target`, at a site with the path prefix `prefix`.
pub(crate) fn establish_path(prefix: &str, target: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("return_to", target).finish();
    format!("{prefix}{ESTABLISH}?{query}")
}

/// The response in the form that the gateway expects.
fn translate(dialect: Dialect, mut response: Response) -> Response {
    let allowed = response.extensions().get::<Allowed>().is_some();
    match (dialect, allowed) {
        (Dialect::Nginx, true) => *response.status_mut() = StatusCode::NO_CONTENT,
        (Dialect::Traefik | Dialect::Envoy, true) => *response.status_mut() = StatusCode::OK,
        (Dialect::Nginx, false) => return denied_to_nginx(response.status()),
        // Nothing has allowed the request.
        (Dialect::Traefik | Dialect::Envoy, false) if response.status().as_u16() < 300 => {
            return Problem::Internal.into_response();
        }
        (Dialect::Traefik | Dialect::Envoy, false) => {}
    }
    no_store(response.headers_mut());
    response
}

/// nginx treats any other status as our failure and shows its own error page. After a 401 it sends
/// the request to [`ESTABLISH`], which makes a session or reports the error.
fn denied_to_nginx(status: StatusCode) -> Response {
    let may_be_established =
        status == StatusCode::UNAUTHORIZED || status.is_redirection() || status.is_server_error();
    let status = if may_be_established { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    (status, [(CACHE_CONTROL, PRIVATE_NO_STORE)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(dialect: Dialect, status: u16, allowed: bool) -> u16 {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if allowed {
            response.extensions_mut().insert(Allowed);
        }
        translate(dialect, response).status().as_u16()
    }

    #[test]
    fn attack_96_each_dialect_gets_only_its_own_statuses() {
        for status in 100..=599 {
            assert!([401, 403].contains(&translated(Dialect::Nginx, status, false)), "{status}");
            assert_eq!(translated(Dialect::Nginx, status, true), 204);
            for dialect in [Dialect::Traefik, Dialect::Envoy] {
                assert!(translated(dialect, status, false) >= 300, "{status}");
                assert_eq!(translated(dialect, status, true), 200);
            }
        }
    }

    #[test]
    fn only_envoy_appends_the_original_path() {
        for dialect in [Dialect::Nginx, Dialect::Traefik, Dialect::Envoy] {
            assert!(is_auth_subrequest(dialect, "/bff/auth"));
            assert_eq!(is_auth_subrequest(dialect, "/bff/auth/x"), dialect == Dialect::Envoy);
            assert!(
                !is_auth_subrequest(dialect, "/bff/authx")
                    && !is_auth_subrequest(dialect, "/de/bff/auth")
            );
        }
    }
}
