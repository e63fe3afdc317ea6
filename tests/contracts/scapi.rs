//! SCAPI: the three basket calls, octet for octet, and what is made of their answers.

use serde_json::{Value, json};
use tandem::flow::BasketAnswer;
use tandem::ids::{AccessToken, CustomerId};
use wiremock::ResponseTemplate;

use crate::support::{
    self, ORGANIZATION, SITE, Settings, World, context, html, pairs, redirect, status,
};

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

async fn world(action: &'static str) -> World {
    World::new(settings(action)).await
}

fn settings(site: &'static str) -> Settings {
    Settings { site, ..Settings::default() }
}

async fn has_items(world: &World) -> BasketAnswer {
    let customer = CustomerId::parse("abGuest").unwrap();
    world.site.scapi.has_items(&access(), &customer, &context()).await
}

async fn transfer(world: &World) -> BasketAnswer {
    world.site.scapi.transfer(&access(), &context()).await
}

const EVERY_CALL: [&str; 2] = ["authorization", "correlation-id"];

#[tokio::test]
async fn the_guests_baskets_are_listed_with_the_guests_token() {
    let world = World::private().await;
    let baskets = json!({"baskets": [{"basketId": "b-1", "productItems": [{"itemId": "i"}]}]});
    world.answers("GET", &baskets_of("abGuest"), support::json(200, &baskets)).await;
    assert_eq!(has_items(&world).await, BasketAnswer::Yes);
    let sent = World::only(world.sent().await);
    assert_eq!(sent.line(), format!("GET {}", baskets_of("abGuest")));
    assert_eq!(sent.query(), pairs([("siteId", SITE)]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("authorization"), Some("Bearer at.at.at"));
}

#[tokio::test]
async fn a_basket_is_transferred_and_merged_with_what_is_there() {
    let world = World::private().await;
    world.answers("POST", &action("transfer"), support::json(200, &json!({"basketId": "b"}))).await;
    assert_eq!(transfer(&world).await, BasketAnswer::Yes);
    let sent = World::only(world.sent().await);
    assert_eq!(sent.line(), format!("POST {}", action("transfer")));
    assert_eq!(sent.query(), pairs([("siteId", SITE), ("merge", "true")]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(sent.0.body.is_empty());
}

#[tokio::test]
async fn the_deprecated_merge_makes_a_basket_where_there_is_none() {
    let world = world("basket.action = \"merge\"").await;
    world.answers("POST", &action("merge"), support::json(200, &json!({"basketId": "b"}))).await;
    assert_eq!(transfer(&world).await, BasketAnswer::Yes);
    let sent = World::only(world.sent().await);
    assert_eq!(sent.line(), format!("POST {}", action("merge")));
    assert_eq!(sent.query(), pairs([("siteId", SITE), ("createDestinationBasket", "true")]));
    assert_eq!(sent.headers(), EVERY_CALL);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(sent.0.body.is_empty());
}

#[tokio::test]
async fn a_site_that_moves_no_baskets_makes_no_call() {
    let world = world("basket.action = \"none\"").await;
    assert_eq!(transfer(&world).await, BasketAnswer::No);
    assert!(world.sent().await.is_empty());
}

#[tokio::test]
async fn every_list_of_baskets_has_a_word_of_the_core() {
    let shared = support::shared();
    let list = |baskets: Value| support::json(200, &baskets);
    for (answer, expected) in [
        (list(json!({"baskets": [], "total": 0})), BasketAnswer::No),
        (list(json!({"total": 0})), BasketAnswer::No),
        (list(json!({"baskets": [{"basketId": "b"}]})), BasketAnswer::No),
        (list(json!({"baskets": [{"productItems": []}]})), BasketAnswer::No),
        (list(json!({"baskets": [{}, {"productItems": [{}]}]})), BasketAnswer::Yes),
        (list(json!({"baskets": "x"})), BasketAnswer::Failed),
        (html(200), BasketAnswer::Failed),
        (status(204), BasketAnswer::Failed),
        (redirect("https://evil.test/"), BasketAnswer::Failed),
        (status(400), BasketAnswer::Failed),
        (status(401), BasketAnswer::Failed),
        (html(403), BasketAnswer::Failed),
        // The platform knows this guest only once there is a basket.
        (status(404), BasketAnswer::No),
        (status(429), BasketAnswer::Failed),
        (status(503).insert_header("sfdc_load_status", "THROTTLE"), BasketAnswer::Failed),
    ] {
        let world = World::sharing(&settings(""), &shared).await;
        world.answers("GET", &baskets_of("abGuest"), answer.clone()).await;
        assert_eq!(has_items(&world).await, expected, "{answer:?}");
        assert_eq!(world.sent().await.len(), 1, "no second try: {answer:?}");
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
        (support::json(200, &json!({"basketId": "b"})), BasketAnswer::Yes),
        // Nobody had a basket.
        (status(204), BasketAnswer::No),
        // The previous customer of this usid had none.
        (problem(409, "Source Basket"), BasketAnswer::No),
        (problem(409, "Basket Merge Exception"), BasketAnswer::Failed),
        (problem(409, "Basket Transfer Exception"), BasketAnswer::Failed),
        (status(409), BasketAnswer::Failed),
        (html(409), BasketAnswer::Failed),
        (problem(404, "Source Basket"), BasketAnswer::Failed),
        (problem(400, "Bad Request"), BasketAnswer::Failed),
        (problem(401, "Unauthorized"), BasketAnswer::Failed),
        (problem(415, "Unsupported Media Type"), BasketAnswer::Failed),
        (redirect("https://evil.test/"), BasketAnswer::Failed),
        (status(429), BasketAnswer::Failed),
        (html(503), BasketAnswer::Failed),
        (status(504), BasketAnswer::Failed),
    ] {
        for (setting, name) in [("", "transfer"), ("basket.action = \"merge\"", "merge")] {
            let world = World::sharing(&settings(setting), &shared).await;
            world.answers("POST", &action(name), answer.clone()).await;
            assert_eq!(transfer(&world).await, expected, "{name} {answer:?}");
            assert_eq!(world.sent().await.len(), 1, "no second try: {name} {answer:?}");
        }
    }
}
