//! SCAPI: the three basket calls, octet for octet, and what is made of their answers.

use serde_json::{Value, json};
use tandem::flow::BasketResponse;
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

async fn has_items(platform: &MockPlatform) -> BasketResponse {
    let customer = CustomerId::parse("abGuest").unwrap();
    platform.site.scapi.has_items(&access(), &customer, &context()).await
}

async fn transfer(platform: &MockPlatform) -> BasketResponse {
    platform.site.scapi.transfer(&access(), &context()).await
}

const EVERY_CALL: [&str; 2] = ["authorization", "correlation-id"];

#[tokio::test]
async fn the_guests_baskets_are_listed_with_the_guests_token() {
    let platform = MockPlatform::private().await;
    let baskets = json!({"baskets": [{"basketId": "b-1", "productItems": [{"itemId": "i"}]}]});
    platform.responds("GET", &baskets_of("abGuest"), support::json(200, &baskets)).await;
    assert_eq!(has_items(&platform).await, BasketResponse::Yes);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("GET {}", baskets_of("abGuest")));
    assert_eq!(sent.query(), pairs([("siteId", SITE)]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("authorization"), Some("Bearer at.at.at"));
}

#[tokio::test]
async fn a_basket_is_transferred_and_merged_with_what_is_there() {
    let platform = MockPlatform::private().await;
    platform
        .responds("POST", &action("transfer"), support::json(200, &json!({"basketId": "b"})))
        .await;
    assert_eq!(transfer(&platform).await, BasketResponse::Yes);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {}", action("transfer")));
    assert_eq!(sent.query(), pairs([("siteId", SITE), ("merge", "true")]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(sent.0.body.is_empty());
}

#[tokio::test]
async fn the_deprecated_merge_makes_a_basket_where_there_is_none() {
    let platform = platform("basket.action = \"merge\"").await;
    platform
        .responds("POST", &action("merge"), support::json(200, &json!({"basketId": "b"})))
        .await;
    assert_eq!(transfer(&platform).await, BasketResponse::Yes);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {}", action("merge")));
    assert_eq!(sent.query(), pairs([("siteId", SITE), ("createDestinationBasket", "true")]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(sent.0.body.is_empty());
}

#[tokio::test]
async fn a_site_that_moves_no_baskets_makes_no_call() {
    let platform = platform("basket.action = \"none\"").await;
    assert_eq!(transfer(&platform).await, BasketResponse::No);
    assert!(platform.requests().await.is_empty());
}

#[tokio::test]
async fn every_list_of_baskets_has_a_word_of_the_core() {
    let shared = support::shared();
    let list = |baskets: Value| support::json(200, &baskets);
    for (answer, expected) in [
        (list(json!({"baskets": [], "total": 0})), BasketResponse::No),
        (list(json!({"total": 0})), BasketResponse::No),
        (list(json!({"baskets": [{"basketId": "b"}]})), BasketResponse::No),
        (list(json!({"baskets": [{"productItems": []}]})), BasketResponse::No),
        (list(json!({"baskets": [{}, {"productItems": [{}]}]})), BasketResponse::Yes),
        (list(json!({"baskets": "x"})), BasketResponse::Failed),
        (html(200), BasketResponse::Failed),
        (status(204), BasketResponse::Failed),
        (redirect("https://evil.test/"), BasketResponse::Failed),
        (status(400), BasketResponse::Failed),
        (status(401), BasketResponse::Failed),
        (html(403), BasketResponse::Failed),
        // The platform knows this guest only once there is a basket.
        (status(404), BasketResponse::No),
        (status(429), BasketResponse::Failed),
        (status(503).insert_header("sfdc_load_status", "THROTTLE"), BasketResponse::Failed),
    ] {
        let platform = MockPlatform::sharing(&settings(""), &shared).await;
        platform.responds("GET", &baskets_of("abGuest"), answer.clone()).await;
        assert_eq!(has_items(&platform).await, expected, "{answer:?}");
        assert_eq!(platform.requests().await.len(), 1, "no second try: {answer:?}");
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
async fn fault_27_every_answer_to_a_transfer_or_merge_has_a_word_of_the_core() {
    let shared = support::shared();
    for (answer, expected) in [
        (support::json(200, &json!({"basketId": "b"})), BasketResponse::Yes),
        // Nobody had a basket.
        (status(204), BasketResponse::No),
        // The previous customer of this usid had none.
        (problem(409, "Source Basket"), BasketResponse::No),
        (problem(409, "Basket Merge Exception"), BasketResponse::Failed),
        (problem(409, "Basket Transfer Exception"), BasketResponse::Failed),
        (status(409), BasketResponse::Failed),
        (html(409), BasketResponse::Failed),
        (problem(404, "Source Basket"), BasketResponse::Failed),
        (problem(400, "Bad Request"), BasketResponse::Failed),
        (problem(401, "Unauthorized"), BasketResponse::Failed),
        (problem(415, "Unsupported Media Type"), BasketResponse::Failed),
        (redirect("https://evil.test/"), BasketResponse::Failed),
        (status(429), BasketResponse::Failed),
        (html(503), BasketResponse::Failed),
        (status(504), BasketResponse::Failed),
    ] {
        for (setting, name) in [("", "transfer"), ("basket.action = \"merge\"", "merge")] {
            let platform = MockPlatform::sharing(&settings(setting), &shared).await;
            platform.responds("POST", &action(name), answer.clone()).await;
            assert_eq!(transfer(&platform).await, expected, "{name} {answer:?}");
            assert_eq!(platform.requests().await.len(), 1, "no second try: {name} {answer:?}");
        }
    }
}
