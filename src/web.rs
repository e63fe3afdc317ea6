//! The public listener: every route on one screen.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};

mod api;
mod arrival;
mod auth;
mod bridge;
mod caller;
mod ecom;
mod establish;
mod fields;
mod file;
mod gateway;
mod go;
mod guard;
mod head;
mod hop;
mod layers;
mod login;
mod logout;
mod notes;
mod places;
mod routed;
mod said;
mod session;
mod slas;
mod tokens;
mod view;
mod visit;

pub use notes::Notes;

use crate::app::App;
use crate::problem::Problem;

/// Every route of our own; everything else goes where the route table says.
pub fn router(app: &Arc<App>) -> Router {
    let own = Router::new()
        .route("/bff/session", only(get(session::show).post(session::make)))
        .route("/bff/login", only(post(login::login)))
        .route("/bff/logout", only(post(logout::logout)))
        .route("/bff/bridge", only(post(bridge::bridge)))
        .route("/bff/go", only(get(go::go)))
        .route("/bff/establish", any(establish::establish))
        .route("/bff/", any(|| async { Problem::NotFound }))
        .route("/bff/{*rest}", any(|| async { Problem::NotFound }));
    let own = layers::own(own, app);
    let all = own
        .fallback(routed::proxy)
        // What a gateway only asks about is judged, and goes to no route.
        .layer(from_fn_with_state(Arc::clone(app), auth::answer))
        .with_state(Arc::clone(app));
    layers::all(all, app)
}

fn only(methods: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    methods.fallback(|| async { Problem::MethodNotAllowed })
}
