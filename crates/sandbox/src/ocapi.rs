//! Simulated OCAPI: the two resources by which SLAS tokens and DW sessions become one another, and a
//! little of the shop.

mod auth;
mod fault;
mod sessions;
mod shop;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};

use self::fault::Refusal;
use super::ask::{Ask, Calls};
use super::platform::{Platform, Shared};

/// What an OCAPI handler answers.
type Answered = Result<Response, Refusal>;

/// The only version that this instance serves.
const VERSION: &str = "v24_5";

/// All OCAPI routes.
pub(super) fn router() -> Router<Shared> {
    let shop = Router::new()
        .route("/sessions", post(Calls(sessions::open)))
        .route("/customers/auth", post(Calls(auth::authenticate)).delete(Calls(auth::leave)))
        .route("/products/{product}", get(Calls(shop::product)))
        .route("/baskets", post(Calls(shop::create_basket)))
        .route("/baskets/{basket}", get(Calls(shop::get_basket)))
        .route("/baskets/{basket}/items", post(Calls(shop::add_items)))
        .route("/{*resource}", any(Calls(unknown)));
    Router::new().nest("/s/{site}/dw/shop/{version}", shop)
}

fn unknown(platform: &Platform, ask: &Ask) -> Answered {
    check_place(platform, ask)?;
    let message = "The resource path is unknown.";
    Err(Refusal::new(StatusCode::NOT_FOUND, "ResourcePathNotFoundException", message))
}

/// What every call must get right: site, version, no browser's `Origin`, and a tenant whose OCAPI
/// is open at all.
fn check_place(platform: &Platform, ask: &Ask) -> Result<(), Refusal> {
    let version = ask.path("version");
    let site = ask.path("site");
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
        () if ask.headers.contains_key("origin") => (
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
    Err(Refusal::new(status, kind, message))
}

/// `v{YY}_{N}`.
fn is_version(version: &str) -> bool {
    let parts = version.strip_prefix('v').and_then(|rest| rest.split_once('_'));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(year, number)| {
        year.len() == 2 && matches!(number.len(), 1 | 2) && digits(year) && digits(number)
    })
}
