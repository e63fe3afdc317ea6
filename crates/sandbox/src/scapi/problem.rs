//! The problem document, which is the error format of SCAPI.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A problem with its status, title, type and detail, and at most one more member.
pub(super) struct ScapiProblem {
    status: StatusCode,
    title: &'static str,
    slug: &'static str,
    detail: String,
    more: Option<(&'static str, String)>,
}

impl ScapiProblem {
    fn new(status: StatusCode, title: &'static str, slug: &'static str, detail: &str) -> Self {
        Self { status, title, slug, detail: detail.to_owned(), more: None }
    }

    pub(super) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "unauthorized", detail)
    }

    pub(super) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "forbidden", detail)
    }

    pub(super) fn bad_request(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request", "bad-request", detail)
    }

    pub(super) fn unsupported_media_type() -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "The content type must be application/json.";
        Self::new(status, "Unsupported Media Type", "unsupported-media-type", detail)
    }

    pub(super) fn basket_not_found(id: &str) -> Self {
        let detail = format!("The basket with ID '{id}' is unknown.");
        Self::new(StatusCode::NOT_FOUND, "Basket Not Found", "basket-not-found", &detail)
    }

    pub(super) fn item_not_found(id: &str) -> Self {
        let detail = format!("The item with ID '{id}' is not in the basket.");
        Self::new(StatusCode::NOT_FOUND, "Item Not Found", "item-not-found", &detail)
    }

    pub(super) fn product_not_found(id: &str) -> Self {
        let detail = format!("No product with ID '{id}' is online.");
        Self::new(StatusCode::NOT_FOUND, "Product Not Found", "product-not-found", &detail)
    }

    /// An unknown customer, or one other than the token's.
    pub(super) fn customer_not_found(id: &str) -> Self {
        let detail = format!("No customer with ID '{id}' could be found.");
        Self::new(StatusCode::NOT_FOUND, "Customer Not Found", "customer-not-found", &detail)
    }

    pub(super) fn login_in_use() -> Self {
        let detail = "The login is already in use.";
        Self::new(StatusCode::BAD_REQUEST, "Login Already In Use", "login-already-in-use", detail)
    }

    /// 400: a customer can have one basket.
    pub(super) fn quota(basket_id: &str) -> Self {
        let detail = format!(
            "The maximum number of baskets per customer was exceeded. Please reuse or delete one \
             of the existing baskets ({basket_id})."
        );
        let title = "Customer Baskets Quota Exceeded";
        let slug = "customer-baskets-quota-exceeded";
        Self {
            more: Some(("basketIds", basket_id.to_owned())),
            ..Self::new(StatusCode::BAD_REQUEST, title, slug, &detail)
        }
    }

    /// 409: the guest has no basket.
    pub(super) fn no_source_basket(customer_id: &str) -> Self {
        let detail = format!("The previous customer with ID '{customer_id}' has no active basket.");
        Self::conflict("no-source-basket-exception", &detail, customer_id)
    }

    /// 409: a transfer would replace the shopper's basket.
    pub(super) fn basket_exists(customer_id: &str) -> Self {
        let detail = format!("The current customer with ID '{customer_id}' has an active basket.");
        Self::conflict("basket-transfer-basket-already-exists-exception", &detail, customer_id)
    }

    /// 409: the shopper has no basket to merge into.
    pub(super) fn no_destination_basket(customer_id: &str) -> Self {
        let detail = format!("The current customer with ID '{customer_id}' has no active basket.");
        Self::conflict("basket-merge-no-current-basket-exception", &detail, customer_id)
    }

    fn conflict(slug: &'static str, detail: &str, customer_id: &str) -> Self {
        let more = Some(("customerId", customer_id.to_owned()));
        Self { more, ..Self::new(StatusCode::CONFLICT, "Conflict", slug, detail) }
    }
}

impl IntoResponse for ScapiProblem {
    fn into_response(self) -> Response {
        let base = "https://api.commercecloud.salesforce.com/documentation/error/v1/errors";
        let mut body = json!({"title": self.title, "type": format!("{base}/{}", self.slug),
                              "detail": self.detail});
        if let Some((name, value)) = self.more {
            body[name] = Value::String(value);
        }
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, content_type, body.to_string()).into_response()
    }
}
