//! The SCAPI client: whether a guest's basket has items, and its transfer to a registered shopper.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::RequestBuilder;
use serde::Deserialize;

use super::CallContext;
use super::http::{BufferedResponse, Operation, Sender};
use crate::config::{BasketAction, SlasConfig};
use crate::flow::{CheckBasketResponse, TransferBasketResponse};
use crate::ids::{AccessToken, CustomerId, SiteId};

/// SCAPI of one site.
#[derive(Clone)]
pub struct Scapi {
    sender: Sender,
    host: String,
    organization_id: String,
    site: SiteId,
    action: BasketAction,
}

impl Scapi {
    /// A client of SCAPI, which has the same host as SLAS.
    #[must_use]
    pub fn new(sender: Sender, slas: &SlasConfig, site: SiteId, action: BasketAction) -> Self {
        let host = slas.base_url.as_str().to_owned();
        Self { sender, host, organization_id: slas.organization_id.clone(), site, action }
    }

    /// Whether the guest's basket has items (Shopper Customers, `getCustomerBaskets`).
    pub async fn has_items(
        &self,
        access: &AccessToken,
        customer: &CustomerId,
        context: &CallContext,
    ) -> CheckBasketResponse {
        let url = format!(
            "{}/customer/shopper-customers/v1/organizations/{}/customers/{customer}/baskets",
            self.host, self.organization_id
        );
        let request = self.sender.http.get(url).query(&[("siteId", self.site.as_str())]);
        let name = "customer_baskets";
        match self.call(name, request, access, context).await {
            Some(reply) if reply.status == StatusCode::OK => count_items(&reply),
            Some(reply) if reply.status == StatusCode::NOT_FOUND => CheckBasketResponse::Empty,
            _ => CheckBasketResponse::Failed,
        }
    }

    /// Moves the guest's basket to the owner of the token (Shopper Baskets).
    pub async fn transfer(
        &self,
        access: &AccessToken,
        context: &CallContext,
    ) -> TransferBasketResponse {
        let (action, query) = match self.action {
            BasketAction::Transfer => ("transfer", ("merge", "true")),
            BasketAction::Merge => ("merge", ("createDestinationBasket", "true")),
            BasketAction::None => return TransferBasketResponse::NothingToMove,
        };
        let url = format!(
            "{}/checkout/shopper-baskets/v1/organizations/{}/baskets/actions/{action}",
            self.host, self.organization_id
        );
        let request = self.sender.http.post(url).query(&[("siteId", self.site.as_str()), query]);
        // There is no body, but without this header the API rejects the media type.
        let request = request.header(CONTENT_TYPE, "application/json");
        match self.call("basket_transfer", request, access, context).await {
            Some(reply) if reply.status == StatusCode::OK => TransferBasketResponse::Moved,
            Some(reply) if reply.status == StatusCode::NO_CONTENT => {
                TransferBasketResponse::NothingToMove
            }
            // "Source Basket": the guest had none.
            Some(reply) if reply.status == StatusCode::CONFLICT && lacks_source(&reply) => {
                TransferBasketResponse::NothingToMove
            }
            _ => TransferBasketResponse::Failed,
        }
    }

    async fn call(
        &self,
        name: &'static str,
        request: RequestBuilder,
        access: &AccessToken,
        context: &CallContext,
    ) -> Option<BufferedResponse> {
        let request =
            request.bearer_auth(access.expose()).header("correlation-id", &context.correlation_id);
        match self.sender.send(Operation { upstream: "scapi", name }, request).await {
            Ok(reply) => {
                let status = reply.status.as_u16();
                if !reply.status.is_success() {
                    tracing::warn!(
                        upstream = "scapi",
                        operation = name,
                        status,
                        "upstream rejected the call"
                    );
                }
                Some(reply)
            }
            Err(error) => {
                tracing::warn!(upstream = "scapi", operation = name, %error, "upstream call failed");
                None
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Baskets {
    baskets: Vec<Basket>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Basket {
    #[serde(rename = "productItems")]
    product_items: Vec<serde::de::IgnoredAny>,
}

fn count_items(reply: &BufferedResponse) -> CheckBasketResponse {
    match serde_json::from_slice::<Baskets>(&reply.body) {
        Ok(Baskets { baskets })
            if baskets.iter().any(|basket| !basket.product_items.is_empty()) =>
        {
            CheckBasketResponse::HasItems
        }
        Ok(_) => CheckBasketResponse::Empty,
        Err(_) => CheckBasketResponse::Failed,
    }
}

fn lacks_source(reply: &BufferedResponse) -> bool {
    #[derive(Deserialize)]
    struct Problem {
        title: String,
    }
    let problem = serde_json::from_slice::<Problem>(&reply.body);
    problem.is_ok_and(|problem| problem.title.eq_ignore_ascii_case("source basket"))
}
