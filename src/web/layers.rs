//! Every layer on one screen, outermost last, each with its reason.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;

use crate::app::App;
use crate::clock;
use crate::problem::{self, Problem};
use crate::site::SiteAtHost;
use crate::web::forward_auth::dialect;
use crate::web::headers::no_store;
use crate::web::request_log::{LogFields, RequestId};
use crate::web::{csrf, site_lookup};

/// Longest path and query, in bytes.
const LONGEST_TARGET: usize = 8 * 1024;
/// Longest single header, in bytes; by far the longest of a browser is `Cookie`.
const LONGEST_HEADER: usize = 16 * 1024;
/// All headers together, in bytes. The Commerce APIs accept no more than this either.
const LONGEST_HEAD: usize = 24 * 1024;

/// For our own routes only: what is proxied has its own rules.
pub(crate) fn own(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    router
        // The longest body of these routes is a login.
        .layer(RequestBodyLimitLayer::new(app.server.body_limit))
        // A state-changing request must come from our own pages. Inside CORS, so that scripts of
        // listed origins can read the rejection.
        .layer(from_fn(check_origin))
        // Scripts of listed origins may call these routes; others get no CORS header.
        .layer(cors())
        // A request ends in bounded time; proxied requests have the timeout of their route.
        .layer(from_fn_with_state(Arc::clone(app), bound_time))
        // No cache stores a response of these routes, and no browser sniffs its type.
        .layer(from_fn(keep_private))
}

/// For every request.
pub(crate) fn all(router: Router, app: &Arc<App>) -> Router {
    let before_routing = tower::ServiceBuilder::new()
        // Converts between a gateway's auth subrequests and the requests they are about. Outside
        // all others, so that every error inside has the form that the gateway expects.
        .layer(from_fn_with_state(Arc::clone(app), dialect::interpret))
        // Gives problems the form that the caller accepts.
        .layer(from_fn(problem::present))
        // A panic fails one request, not the process. Inside the log, so that it is logged.
        .layer(CatchPanicLayer::custom(|_| Problem::Internal.into_response()))
        // Rejects what no upstream would accept.
        .layer(from_fn(bound_head))
        // Before routing, because our own routes lose the site's path prefix.
        .layer(from_fn_with_state(Arc::clone(app), site_lookup::find_site));
    Router::new()
        .fallback_service(before_routing.service(router))
        // One line per request, whatever happens inside.
        .layer(from_fn_with_state(Arc::clone(app), log))
}

async fn bound_head(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let lengths = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let (longest, total) =
        lengths.fold((0, 0), |(longest, total), length| (length.max(longest), total + length));
    if target > LONGEST_TARGET {
        Problem::TargetTooLong.into_response()
    } else if longest > LONGEST_HEADER || total > LONGEST_HEAD {
        Problem::HeadersTooLong.into_response()
    } else {
        next.run(request).await
    }
}

async fn log(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = app.clock.monotonic();
    let log_fields = LogFields::default();
    let id = RequestId(hex(clock::random::<8>()));
    let method = request.method().clone();
    let own = own_route_label(request.uri().path());
    request.extensions_mut().insert(log_fields.clone());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    let elapsed = app.clock.monotonic().saturating_duration_since(started);
    let fields = log_fields.read();
    if fields.update_lost {
        response = report_lost_update(response, &id);
    }
    let route = fields.route.or(own).unwrap_or("none");
    app.metrics.http_request(route, response.status());
    tracing::info!(
        request_id = id.0,
        method = method_label(&method),
        route,
        status = response.status().as_u16(),
        duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        site = fields.site,
        session = fields.session,
        outcome = fields.outcome,
        operation = fields.operation,
        upstream_calls = fields.upstream_calls,
        problem = response.extensions().get::<Problem>().map(|problem| problem.code()),
        "request"
    );
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// A defect of a handler. A debug build fails the request, so that a test of the route finds it;
/// a shopper still gets the response.
fn report_lost_update(response: Response, id: &RequestId) -> Response {
    tracing::error!(request_id = id.0, "session update lost: the response lacks its cookies");
    if cfg!(debug_assertions) { Problem::Internal.into_response() } else { response }
}

/// A label from a fixed set: paths may contain what does not belong in a log.
fn own_route_label(path: &str) -> Option<&'static str> {
    let at = path.find("/bff/")?;
    Some(match &path[at..] {
        "/bff/session" => "session",
        "/bff/login" => "login",
        "/bff/logout" => "logout",
        "/bff/bridge" => "bridge",
        "/bff/cookies" => "cookies",
        "/bff/go" => "go",
        "/bff/establish" => "establish",
        path if path == dialect::AUTH || path.starts_with("/bff/auth/") => "auth",
        _ => "bff_unknown",
    })
}

fn method_label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

fn hex(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(bytes))
}

async fn check_origin(request: Request, next: Next) -> Response {
    let Some(site) = request.extensions().get::<Arc<SiteAtHost>>().cloned() else {
        return Problem::UnknownHost.into_response();
    };
    match csrf::may_change_state(request.method(), request.headers(), &site) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn cors() -> CorsLayer {
    let listed = |origin: &HeaderValue, parts: &http::request::Parts| {
        let site = parts.extensions.get::<Arc<SiteAtHost>>();
        site.is_some_and(|site| {
            site.config.cors_origins.iter().any(|known| known.as_str().as_bytes() == origin)
        })
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(listed))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([http::header::CONTENT_TYPE, HeaderName::from_static("x-bff")])
}

/// No handler of these routes waits while it holds a session update, so a timeout loses none.
async fn bound_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.server.request_timeout;
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::TimedOut.into_response())
}

async fn keep_private(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.extensions().get::<Problem>().is_none() {
        response = match response.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::PayloadTooLarge.into_response(),
            StatusCode::BAD_REQUEST => {
                Problem::BadRequest("The request body could not be read completely.")
                    .into_response()
            }
            _ => response,
        };
    }
    let headers = response.headers_mut();
    no_store(headers);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(VARY, HeaderValue::from_static("Cookie"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use http::header::ACCEPT;
    use testkit::ShopConfig;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::{Config, Layers};
    use crate::flow::Decision;
    use crate::web::request_session::{RequestSession, SessionUpdate};

    async fn panicking() -> Response {
        panic!("CANARY in a panic")
    }

    /// A shop without upstreams, with these sections in its configuration.
    fn app(sections: &str) -> Arc<App> {
        let config = ShopConfig::minimal("http://127.0.0.1:1").sections(sections).text();
        let layers = Layers::merge("test.toml", &config, []).unwrap();
        App::new(Config::from_layers(&layers).unwrap(), clock::Clock::system()).unwrap()
    }

    fn logged_out(session: &RequestSession) -> Result<SessionUpdate, Problem> {
        session.commit(Decision::logged_out_locally(), None)
    }

    async fn responding(session: RequestSession) -> Result<Response, Problem> {
        Ok((logged_out(&session)?, "done").into_response())
    }

    async fn forgetting(session: RequestSession) -> Result<Response, Problem> {
        let update = logged_out(&session)?;
        Ok(format!("{:?}", update.decision().outcome).into_response())
    }

    async fn discarding(session: RequestSession) -> Result<Response, Problem> {
        logged_out(&session)?.discard();
        Ok("done".into_response())
    }

    #[tokio::test]
    async fn a_handler_that_forgets_a_session_update_fails_the_request() {
        let app = app("");
        let forgotten = if cfg!(debug_assertions) { 500 } else { 200 };
        let routes = Router::new()
            .route("/responds", get(responding))
            .route("/forgets", get(forgetting))
            .route("/discards", get(discarding))
            .with_state(Arc::clone(&app));
        let routes = all(routes, &app);
        for (path, status, has_cookies) in
            [("/responds", 200, true), ("/forgets", forgotten, false), ("/discards", 200, false)]
        {
            let request = Request::get(path).header("host", "shop.test");
            let request = request.body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(response.headers().contains_key("set-cookie"), has_cookies, "{path}");
        }
    }

    #[tokio::test]
    async fn attack_96_a_gateway_gets_its_own_status_after_a_panic() {
        for (dialect, expected) in [("nginx", 401), ("traefik", 500)] {
            let gateway = format!("[gateway]\ndialect = '{dialect}'\npeers = ['10.0.0.7']\n");
            let app = app(&gateway);
            let routes = all(Router::new().route("/broken", get(panicking)), &app);
            let mut request = Request::get("/bff/auth").header("host", "shop.test");
            for (name, value) in [("method", "GET"), ("uri", "/broken"), ("host", "shop.test")] {
                request = request.header(format!("x-original-{name}"), value);
                request = request.header(format!("x-forwarded-{name}"), value);
            }
            let mut request = request.body(Body::empty()).unwrap();
            let peer = "10.0.0.7".parse().unwrap();
            let client = app.server.trusted_proxies.client(peer, request.headers());
            request.extensions_mut().insert(client);
            let response = routes.oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), expected, "{dialect}");
        }
    }

    #[tokio::test]
    async fn attack_80_and_fault_60_a_panic_fails_one_request_and_reveals_nothing() {
        let app = app("");
        let routes =
            Router::new().route("/broken", get(panicking)).route("/fine", get(|| async {}));
        let routes = all(routes, &app);
        for (path, accept, status, kind) in [
            ("/broken", "*/*", 500, Some("application/problem+json")),
            ("/broken", "text/html", 500, Some("text/html; charset=utf-8")),
            ("/fine", "*/*", 200, None),
        ] {
            let request = Request::get(path).header("host", "shop.test").header(ACCEPT, accept);
            let request = request.body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            let content_type =
                response.headers().get("content-type").map(|kind| kind.to_str().unwrap());
            assert_eq!(content_type, kind);
            assert!(response.headers().contains_key("x-request-id"));
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body = String::from_utf8_lossy(&body);
            assert!(!body.contains("CANARY") && !body.contains(".rs"), "{body}");
        }
    }
}
