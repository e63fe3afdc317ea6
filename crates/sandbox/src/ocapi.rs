//! Simulated OCAPI: the two resources that convert between SLAS tokens and DW sessions, and a small
//! part of the shop API.

mod auth;
mod fault;
mod sessions;
mod shop;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};

use self::fault::OcapiFault;
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};

/// The result of an OCAPI handler.
type HandlerResult = Result<Response, OcapiFault>;

/// The only version that this instance serves.
const VERSION: &str = "v24_5";

/// All OCAPI routes.
pub(super) fn router() -> Router<Shared> {
    let shop = Router::new()
        .route("/sessions", post(Endpoint(sessions::open)))
        .route(
            "/customers/auth",
            post(Endpoint(auth::authenticate)).delete(Endpoint(auth::invalidate_token)),
        )
        .route("/products/{product}", get(Endpoint(shop::product)))
        .route("/baskets", post(Endpoint(shop::create_basket)))
        .route("/baskets/{basket}", get(Endpoint(shop::get_basket)))
        .route("/baskets/{basket}/items", post(Endpoint(shop::add_items)))
        .route("/{*resource}", any(Endpoint(unknown)));
    Router::new().nest("/s/{site}/dw/shop/{version}", shop)
}

fn unknown(platform: &Platform, request: &Request) -> HandlerResult {
    check_access(platform, request)?;
    let message = "The resource path is unknown.";
    Err(OcapiFault::new(StatusCode::NOT_FOUND, "ResourcePathNotFoundException", message))
}

/// Checks version, site and `Origin`, and that Hybrid Auth has not closed OCAPI.
fn check_access(platform: &Platform, request: &Request) -> Result<(), OcapiFault> {
    let version = request.path("version");
    let site = request.path("site");
    let (status, kind, message) = match () {
        () if !is_version(version) => {
            (StatusCode::BAD_REQUEST, "InvalidVersionException", "The version is malformed.")
        }
        () if version != VERSION => {
            (StatusCode::NOT_FOUND, "VersionNotFoundException", "The version is not supported.")
        }
        () if site == "-" => (
            StatusCode::FORBIDDEN,
            "OrganizationAccessForbiddenException",
            "Access to the resource requires a site.",
        ),
        () if site != platform.options.site_id => {
            (StatusCode::NOT_FOUND, "UnknownSiteException", "The site is unknown.")
        }
        () if request.headers.contains_key("origin") => (
            StatusCode::UNAUTHORIZED,
            "UnauthorizedOriginException",
            "The origin is not allowed for this client.",
        ),
        () if platform.options.hybrid_auth => (
            StatusCode::FORBIDDEN,
            "ClientAccessForbiddenException",
            "Access to the resource is not allowed for this client.",
        ),
        () => return Ok(()),
    };
    Err(OcapiFault::new(status, kind, message))
}

/// `v{YY}_{N}`.
fn is_version(version: &str) -> bool {
    let parts = version.strip_prefix('v').and_then(|rest| rest.split_once('_'));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(year, number)| {
        year.len() == 2 && matches!(number.len(), 1 | 2) && digits(year) && digits(number)
    })
}
