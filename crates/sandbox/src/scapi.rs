//! Simulated SCAPI: the parts of shopper baskets, customers, products and search that the demo shop
//! needs.

mod actions;
pub(crate) mod baskets;
mod customers;
mod problem;
mod products;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, patch, post};

use self::problem::ScapiProblem;
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};
use super::slas::access_token::{self, Claims, InvalidToken};
use super::state::State;

/// The result of a SCAPI handler.
type HandlerResult = Result<Response, ScapiProblem>;

/// All SCAPI routes.
pub(super) fn router() -> Router<Shared> {
    let baskets = || {
        Router::new()
            .route("/baskets", post(Endpoint(baskets::create)))
            .route("/baskets/actions/transfer", post(Endpoint(actions::transfer)))
            .route("/baskets/actions/merge", post(Endpoint(actions::merge)))
            .route(
                "/baskets/{basket}",
                get(Endpoint(baskets::get)).delete(Endpoint(baskets::delete)),
            )
            .route("/baskets/{basket}/items", post(Endpoint(baskets::add_items)))
            .route(
                "/baskets/{basket}/items/{item}",
                patch(Endpoint(baskets::change_item)).delete(Endpoint(baskets::remove_item)),
            )
    };
    let customers = Router::new()
        .route("/customers", post(Endpoint(customers::register)))
        .route("/customers/{customer}", get(Endpoint(customers::get)))
        .route("/customers/{customer}/baskets", get(Endpoint(baskets::list)));
    let products = Router::new()
        .route("/products", get(Endpoint(products::several)))
        .route("/products/{product}", get(Endpoint(products::one)));
    let search = Router::new().route("/product-search", get(Endpoint(products::search)));
    Router::new()
        .nest("/customer/shopper-customers/v1/organizations/{organization}", customers)
        .nest("/product/shopper-products/v1/organizations/{organization}", products)
        .nest("/search/shopper-search/v1/organizations/{organization}", search)
        .nest("/checkout/shopper-baskets/v1/organizations/{organization}", baskets())
        .nest("/checkout/shopper-baskets/v2/organizations/{organization}", baskets())
}

/// The claims of the Bearer token. Checks organization and site too.
fn caller(platform: &Platform, state: &State, request: &Request) -> Result<Claims, ScapiProblem> {
    let options = &platform.options;
    let token =
        request.bearer().ok_or_else(|| ScapiProblem::unauthorized("No access token was sent."))?;
    let claims =
        access_token::verify(options, state, token, platform.now()).map_err(
            |error| match error {
                InvalidToken::Foreign => ScapiProblem::unauthorized("The access token is invalid."),
                InvalidToken::Expired => {
                    ScapiProblem::unauthorized("The access token has expired.")
                }
                InvalidToken::Revoked => {
                    ScapiProblem::unauthorized("The access token was revoked.")
                }
                InvalidToken::CredentialsChanged => ScapiProblem::unauthorized(
                    "Customer credentials changed after token was issued.",
                ),
            },
        )?;
    if request.path("organization") != options.organization_id {
        return Err(ScapiProblem::forbidden("The token belongs to another organization."));
    }
    if request.query.get("siteId") != Some(options.site_id.as_str()) {
        return Err(ScapiProblem::bad_request(
            "The query parameter 'siteId' is missing or unknown.",
        ));
    }
    Ok(claims)
}
