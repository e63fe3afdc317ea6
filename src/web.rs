//! The public listener: every route on one screen.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};

mod api_proxy;
mod bff;
mod csrf;
mod dispatch;
mod forward_auth;
mod headers;
mod incoming;
mod layers;
mod pages;
mod redirect;
mod rejection;
mod replay_body;
mod request_kind;
mod request_log;
mod request_session;
mod shared_guest;
mod site_lookup;
mod site_name;
mod slas_proxy;

use crate::app::App;
use crate::problem::Problem;
use crate::web::bff::{bridge, cookies, go, login, logout, session};

/// Our own routes; the route table has all others, `/mobify/slas/` and `/mobify/proxy/` among them.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let own = Router::new()
        .route("/bff/session", only(get(session::show).post(session::make)))
        .route("/bff/login", only(post(login::login)))
        .route("/bff/logout", only(post(logout::logout)))
        .route("/bff/bridge", only(post(bridge::bridge)))
        .route("/bff/cookies", only(get(cookies::check)))
        .route("/bff/go", only(get(go::go)))
        .route("/bff/establish", any(forward_auth::establish::establish))
        .route("/bff/", any(|| async { Problem::NotFound }))
        .route("/bff/{*rest}", any(|| async { Problem::NotFound }));
    let own = layers::own(own, app);
    let all = own
        .fallback(dispatch::proxy)
        // An auth subrequest of a gateway is decided here, and reaches no route.
        .layer(from_fn_with_state(Arc::clone(app), forward_auth::decision::respond))
        .with_state(Arc::clone(app));
    layers::all(all, app)
}

fn only(methods: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    methods.fallback(|| async { Problem::MethodNotAllowed })
}
