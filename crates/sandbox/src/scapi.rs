//! Simulated SCAPI: as much of shopper baskets, customers, products and search as a shop with one
//! shelf needs.

mod actions;
mod baskets;
mod customers;
mod problem;
mod products;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, patch, post};

use self::problem::Problem;
use super::ask::{Ask, Calls};
use super::platform::{Platform, Shared};
use super::slas::access::{self, Claims, Invalid};
use super::state::State;

/// What a SCAPI handler answers.
type Answered = Result<Response, Problem>;

/// All SCAPI routes.
pub(super) fn router() -> Router<Shared> {
    let baskets = || {
        Router::new()
            .route("/baskets", post(Calls(baskets::create)))
            .route("/baskets/actions/transfer", post(Calls(actions::transfer)))
            .route("/baskets/actions/merge", post(Calls(actions::merge)))
            .route("/baskets/{basket}", get(Calls(baskets::get)).delete(Calls(baskets::delete)))
            .route("/baskets/{basket}/items", post(Calls(baskets::add_items)))
            .route(
                "/baskets/{basket}/items/{item}",
                patch(Calls(baskets::change_item)).delete(Calls(baskets::remove_item)),
            )
    };
    let customers = Router::new()
        .route("/customers", post(Calls(customers::register)))
        .route("/customers/{customer}", get(Calls(customers::get)))
        .route("/customers/{customer}/baskets", get(Calls(baskets::list)));
    let products = Router::new()
        .route("/products", get(Calls(products::several)))
        .route("/products/{product}", get(Calls(products::one)));
    let search = Router::new().route("/product-search", get(Calls(products::search)));
    Router::new()
        .nest("/customer/shopper-customers/v1/organizations/{organization}", customers)
        .nest("/product/shopper-products/v1/organizations/{organization}", products)
        .nest("/search/shopper-search/v1/organizations/{organization}", search)
        .nest("/checkout/shopper-baskets/v1/organizations/{organization}", baskets())
        .nest("/checkout/shopper-baskets/v2/organizations/{organization}", baskets())
}

/// The shopper of the Bearer token, once organization and site are checked.
fn caller(platform: &Platform, state: &State, ask: &Ask) -> Result<Claims, Problem> {
    let options = &platform.options;
    let token = ask.bearer().ok_or_else(|| Problem::unauthorized("No access token was sent."))?;
    let claims =
        access::verify(options, state, token, platform.now()).map_err(|why| match why {
            Invalid::Foreign => Problem::unauthorized("The access token is invalid."),
            Invalid::Expired => Problem::unauthorized("The access token has expired."),
            Invalid::Revoked => Problem::unauthorized("The access token was revoked."),
            Invalid::CredentialsChanged => {
                Problem::unauthorized("Customer credentials changed after token was issued.")
            }
        })?;
    if ask.path("organization") != options.organization_id {
        return Err(Problem::forbidden("The token belongs to another organization."));
    }
    if ask.query.get("siteId") != Some(options.site_id.as_str()) {
        return Err(Problem::bad_request("The query parameter 'siteId' is missing or unknown."));
    }
    Ok(claims)
}
