//! The cart of a session. Adding a product needs no CSRF token, as in SFRA.

use serde_json::json;

use super::ControllerResponse;
use super::controller_context::ControllerContext;
use crate::catalog;
use crate::scapi::baskets::QUANTITY_LIMIT;
use crate::state::Basket;

/// Puts a product into the basket as SiteGenesis does: a form that is answered by a redirect.
pub(super) fn submit(context: &mut ControllerContext<'_>) -> ControllerResponse {
    add_product(context);
    ControllerResponse::RedirectTo("Cart-Show")
}

/// Puts a product into the basket of the session's customer; the shop's script reads the response.
pub(super) fn add_product(context: &mut ControllerContext<'_>) -> ControllerResponse {
    let form = context.request.form();
    let field = |name: &str| form.as_ref().and_then(|form| form.get(name).map(str::to_owned));
    let product = field("pid").and_then(|id| catalog::find(&id));
    let quantity = field("quantity").and_then(|text| text.parse().ok());
    let quantity = quantity.filter(|quantity| (1..=QUANTITY_LIMIT).contains(quantity));
    let customer_id = context.customer_id();
    let customer = context.state.customers.get_mut(&customer_id);
    let (Some(product), Some(quantity), Some(customer)) = (product, quantity, customer) else {
        return ControllerResponse::Json(json!({ "error": true, "message": "Not added." }));
    };
    let basket = customer.basket.get_or_insert_with(Basket::new);
    basket.add(product, quantity);
    ControllerResponse::Json(json!({ "error": false, "quantityTotal": basket.count() }))
}
