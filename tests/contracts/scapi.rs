//! SCAPI: the three basket calls, byte for byte, and the classification of their responses.

use serde_json::{Value, json};
use tandem::flow::{CheckBasketResponse, TransferBasketResponse};
use tandem::ids::{AccessToken, CustomerId};
use wiremock::ResponseTemplate;

use testkit::{ORGANIZATION, SITE};

use crate::support::{self, MockPlatform, Settings, context, html, pairs, redirect, status};

fn baskets_of(customer: &str) -> String {
    format!(
        "/customer/shopper-customers/v1/organizations/{ORGANIZATION}/customers/{customer}/baskets"
    )
}

fn action(name: &str) -> String {
    format!("/checkout/shopper-baskets/v1/organizations/{ORGANIZATION}/baskets/actions/{name}")
}

fn access() -> AccessToken {
    AccessToken::parse("at.at.at").unwrap()
}

async fn platform(action: &'static str) -> MockPlatform {
    MockPlatform::new(settings(action)).await
}

fn settings(site: &'static str) -> Settings {
    Settings { site, ..Settings::default() }
}

async fn has_items(platform: &MockPlatform) -> CheckBasketResponse {
    let customer = CustomerId::parse("abGuest").unwrap();
    platform.site.scapi.has_items(&access(), &customer, &context()).await
}

async fn transfer(platform: &MockPlatform) -> TransferBasketResponse {
    platform.site.scapi.transfer(&access(), &context()).await
}

const EVERY_CALL: [&str; 2] = ["authorization", "correlation-id"];

#[tokio::test]
async fn the_guests_baskets_are_listed_with_the_guests_token() {
    let platform = MockPlatform::private().await;
    let baskets = json!({"baskets": [{"basketId": "b-1", "productItems": [{"itemId": "i"}]}]});
    platform.responds("GET", &baskets_of("abGuest"), support::json(200, &baskets)).await;
    assert_eq!(has_items(&platform).await, CheckBasketResponse::HasItems);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("GET {}", baskets_of("abGuest")));
    assert_eq!(sent.query(), pairs([("siteId", SITE)]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("authorization"), Some("Bearer at.at.at"));
}

#[tokio::test]
async fn a_transfer_merges_into_the_shoppers_basket() {
    let platform = MockPlatform::private().await;
    platform
        .responds("POST", &action("transfer"), support::json(200, &json!({"basketId": "b"})))
        .await;
    assert_eq!(transfer(&platform).await, TransferBasketResponse::Moved);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {}", action("transfer")));
    assert_eq!(sent.query(), pairs([("siteId", SITE), ("merge", "true")]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(sent.0.body.is_empty());
}

#[tokio::test]
async fn the_deprecated_merge_creates_a_missing_basket() {
    let platform = platform("basket.action = \"merge\"").await;
    platform
        .responds("POST", &action("merge"), support::json(200, &json!({"basketId": "b"})))
        .await;
    assert_eq!(transfer(&platform).await, TransferBasketResponse::Moved);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {}", action("merge")));
    assert_eq!(sent.query(), pairs([("siteId", SITE), ("createDestinationBasket", "true")]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(sent.0.body.is_empty());
}

#[tokio::test]
async fn basket_action_none_makes_no_call() {
    let platform = platform("basket.action = \"none\"").await;
    assert_eq!(transfer(&platform).await, TransferBasketResponse::NothingToMove);
    assert!(platform.requests().await.is_empty());
}

#[tokio::test]
async fn every_basket_list_response_is_classified() {
    let shared = support::shared();
    let list = |baskets: Value| support::json(200, &baskets);
    for (response, expected) in [
        (list(json!({"baskets": [], "total": 0})), CheckBasketResponse::Empty),
        (list(json!({"total": 0})), CheckBasketResponse::Empty),
        (list(json!({"baskets": [{"basketId": "b"}]})), CheckBasketResponse::Empty),
        (list(json!({"baskets": [{"productItems": []}]})), CheckBasketResponse::Empty),
        (list(json!({"baskets": [{}, {"productItems": [{}]}]})), CheckBasketResponse::HasItems),
        (list(json!({"baskets": "x"})), CheckBasketResponse::Failed),
        (html(200), CheckBasketResponse::Failed),
        (status(204), CheckBasketResponse::Failed),
        (redirect("https://evil.test/"), CheckBasketResponse::Failed),
        (status(400), CheckBasketResponse::Failed),
        (status(401), CheckBasketResponse::Failed),
        (html(403), CheckBasketResponse::Failed),
        // The platform knows a guest only from the first basket on.
        (status(404), CheckBasketResponse::Empty),
        (status(429), CheckBasketResponse::Failed),
        (status(503).insert_header("sfdc_load_status", "THROTTLE"), CheckBasketResponse::Failed),
    ] {
        let platform = MockPlatform::sharing(&settings(""), &shared).await;
        platform.responds("GET", &baskets_of("abGuest"), response.clone()).await;
        assert_eq!(has_items(&platform).await, expected, "{response:?}");
        assert_eq!(platform.requests().await.len(), 1, "no retry: {response:?}");
    }
}

/// A SCAPI problem of that type.
fn problem(code: u16, title: &str) -> ResponseTemplate {
    let kind = title.to_lowercase().replace(' ', "-");
    let kind =
        format!("https://api.commercecloud.salesforce.com/documentation/error/v1/errors/{kind}");
    support::json(code, &json!({"title": title, "type": kind, "detail": "…", "customerId": "ab"}))
}

#[tokio::test]
async fn fault_27_every_transfer_and_merge_response_is_classified() {
    let shared = support::shared();
    for (response, expected) in [
        (support::json(200, &json!({"basketId": "b"})), TransferBasketResponse::Moved),
        // Neither guest nor shopper had a basket.
        (status(204), TransferBasketResponse::NothingToMove),
        // The previous customer of this usid had none.
        (problem(409, "Source Basket"), TransferBasketResponse::NothingToMove),
        (problem(409, "Basket Merge Exception"), TransferBasketResponse::Failed),
        (problem(409, "Basket Transfer Exception"), TransferBasketResponse::Failed),
        (status(409), TransferBasketResponse::Failed),
        (html(409), TransferBasketResponse::Failed),
        (problem(404, "Source Basket"), TransferBasketResponse::Failed),
        (problem(400, "Bad Request"), TransferBasketResponse::Failed),
        (problem(401, "Unauthorized"), TransferBasketResponse::Failed),
        (problem(415, "Unsupported Media Type"), TransferBasketResponse::Failed),
        (redirect("https://evil.test/"), TransferBasketResponse::Failed),
        (status(429), TransferBasketResponse::Failed),
        (html(503), TransferBasketResponse::Failed),
        (status(504), TransferBasketResponse::Failed),
    ] {
        for (setting, name) in [("", "transfer"), ("basket.action = \"merge\"", "merge")] {
            let platform = MockPlatform::sharing(&settings(setting), &shared).await;
            platform.responds("POST", &action(name), response.clone()).await;
            assert_eq!(transfer(&platform).await, expected, "{name} {response:?}");
            assert_eq!(platform.requests().await.len(), 1, "no retry: {name} {response:?}");
        }
    }
}
