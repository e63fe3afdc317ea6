//! Forward-auth: a gateway in front asks about a request before it sends the request on.
//!
//! Each gateway asks and hears in a dialect of its own. This layer, outside all others but the log,
//! turns a question into the request it is about, so that it is judged as if it came through us,
//! and the judgement, or whatever fault kept us from one, into what the gateway can hear.

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

/// Where a gateway asks.
pub(crate) const AUTH: &str = "/bff/auth";
/// Where a browser goes for what cannot be had on the way.
pub(crate) const ESTABLISH: &str = "/bff/establish";

/// In the extensions of a request that a gateway asks about: it goes nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthSubrequest;

/// In the extensions of an answer: the request may go on. No status alone says that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed;

/// Layer: understands questions, and answers them in the gateway's dialect.
pub(crate) async fn interpret(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(dialect) = app.gateway.dialect else { return next.run(request).await };
    if is_auth_subrequest(dialect, request.uri().path()) {
        let answer = match original_request(&app, dialect, request) {
            Ok(request) => next.run(request).await,
            Err(problem) => problem.into_response(),
        };
        return translate(dialect, answer);
    }
    if dialect == Dialect::Nginx && is_from_nginx(&request) {
        return match to_establish(&app, request) {
            Ok(request) => next.run(request).await,
            Err(problem) => problem.into_response(),
        };
    }
    next.run(request).await
}

/// Envoy puts the path it asks about behind ours.
fn is_auth_subrequest(dialect: Dialect, path: &str) -> bool {
    match path.strip_prefix(AUTH) {
        Some(rest) => rest.is_empty() || (dialect == Dialect::Envoy && rest.starts_with('/')),
        None => false,
    }
}

/// The request that the question is about, without a body.
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

/// What a gateway says about a request is believed: only of the listed ones.
fn check_peer(app: &App, request: &Request) -> Result<(), Problem> {
    let peer = request.extensions().get::<ClientAddress>().and_then(ClientAddress::peer);
    let listed = peer.is_some_and(|peer| app.gateway.peers.is_trusted(peer));
    if listed { Ok(()) } else { Err(Problem::Refused) }
}

/// `:authority` of HTTP/2 stays.
fn with_target(uri: Uri, target: PathAndQuery) -> Result<Uri, Problem> {
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).map_err(|_| Problem::BadRequest("The question is about no address."))
}

/// nginx cannot relay a redirect of ours. It hands the request itself over instead, and has no means
/// to put an address into a query.
fn is_from_nginx(request: &Request) -> bool {
    request.uri().path() == ESTABLISH && request.headers().contains_key(original_request::NGINX_URI)
}

/// The same request as a browser makes it that was redirected.
fn to_establish(app: &App, mut request: Request) -> Result<Request, Problem> {
    check_peer(app, &request)?;
    let target = original_request::target(one(request.headers(), original_request::NGINX_URI)?)?;
    let site = site_lookup::host(&request).and_then(|host| app.site(&host, target.path()));
    let prefix = site.map(|site| site.config.path_prefix.clone()).unwrap_or_default();
    let address = establish_path(&prefix, target.as_str());
    let address = PathAndQuery::try_from(address)
        .map_err(|_| Problem::BadRequest("The question is about no address."))?;
    *request.uri_mut() = with_target(request.uri().clone(), address)?;
    Ok(request)
}

/// Where `target` is established, at a site under `prefix`.
pub(crate) fn establish_path(prefix: &str, target: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("return_to", target).finish();
    format!("{prefix}{ESTABLISH}?{query}")
}

/// What the gateway hears.
fn translate(dialect: Dialect, mut answer: Response) -> Response {
    let allowed = answer.extensions().get::<Allowed>().is_some();
    match (dialect, allowed) {
        (Dialect::Nginx, true) => *answer.status_mut() = StatusCode::NO_CONTENT,
        (Dialect::Traefik | Dialect::Envoy, true) => *answer.status_mut() = StatusCode::OK,
        (Dialect::Nginx, false) => return denied_to_nginx(answer.status()),
        // Nobody has said that it may go on.
        (Dialect::Traefik | Dialect::Envoy, false) if answer.status().as_u16() < 300 => {
            return Problem::Internal.into_response();
        }
        (Dialect::Traefik | Dialect::Envoy, false) => {}
    }
    no_store(answer.headers_mut());
    answer
}

/// nginx takes any other status for a fault of ours and shows a page of its own. After 401 it hands
/// the request over to [`ESTABLISH`], which says what is wrong, or mends it.
fn denied_to_nginx(status: StatusCode) -> Response {
    let mendable =
        status == StatusCode::UNAUTHORIZED || status.is_redirection() || status.is_server_error();
    let status = if mendable { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    (status, [(CACHE_CONTROL, PRIVATE_NO_STORE)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(dialect: Dialect, status: u16, allowed: bool) -> u16 {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        if allowed {
            answer.extensions_mut().insert(Allowed);
        }
        translate(dialect, answer).status().as_u16()
    }

    #[test]
    fn attack_96_whatever_happens_each_dialect_hears_only_its_own_words() {
        for status in 100..=599 {
            assert!([401, 403].contains(&heard(Dialect::Nginx, status, false)), "{status}");
            assert_eq!(heard(Dialect::Nginx, status, true), 204);
            for dialect in [Dialect::Traefik, Dialect::Envoy] {
                assert!(heard(dialect, status, false) >= 300, "{status}");
                assert_eq!(heard(dialect, status, true), 200);
            }
        }
    }

    #[test]
    fn only_envoy_asks_below_the_path() {
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
