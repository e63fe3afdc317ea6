//! The admin listener: `/livez`, `/readyz`, `/metrics`. Separate, so that no public route leads to
//! them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// The state of the admin routes.
#[derive(Clone)]
pub(crate) struct Admin {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Cancelled when the process begins to drain.
    pub draining: CancellationToken,
}

/// The admin routes.
pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

/// Does not depend on SLAS: an outage of the platform must not take every replica out of service.
async fn readyz(State(admin): State<Admin>) -> Response {
    if admin.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
    } else {
        "ready\n".into_response()
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], admin.metrics.text()).into_response()
}
