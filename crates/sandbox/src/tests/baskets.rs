//! A guest's basket, and its transfer or merge at login.

use axum::http::Method;
use serde_json::json;

use super::world::{TestRequest, TestResponse, World, world};
use crate::TokenSpec;

const BASKETS: &str = "/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/baskets";

fn post(world: &World, path: &str, query: &str) -> TestRequest {
    let uri = format!("{BASKETS}{path}?siteId=RefArch{query}");
    World::request(&world.api, Method::POST, &uri)
}

/// A guest with two bells.
async fn guest_with_items(world: &World) -> TestResponse {
    let guest = world.private_guest().await;
    let token = guest.member("access_token");
    let basket = post(world, "", "").bearer(&token).json(&json!({})).send().await.expect(200);
    let items = json!([{"productId": "bell-brass", "quantity": 2}]);
    let path = format!("/{}/items", basket.member("basketId"));
    post(world, &path, "").bearer(&token).json(&items).send().await.expect(200);
    guest
}

#[tokio::test]
async fn a_transfer_moves_the_guests_basket_to_the_shopper() {
    let world = world();
    let guest = guest_with_items(&world).await;
    let shopper = world.shopper(&guest.member("usid")).await;
    let token = shopper.member("access_token");
    let moved = post(&world, "/actions/transfer", "&merge=true").bearer(&token).send().await;
    assert_eq!(moved.expect(200).json()["productItems"][0]["quantity"], 2);
    assert_eq!(world.control.basket_of(&shopper.member("customer_id")).len(), 1);
    assert!(world.control.basket_of(&guest.member("customer_id")).is_empty());
}

#[tokio::test]
async fn a_transfer_without_a_basket_is_204() {
    let world = world();
    let guest = world.private_guest().await;
    let token = world.shopper(&guest.member("usid")).await.member("access_token");
    let call = post(&world, "/actions/transfer", "&merge=true").bearer(&token);
    call.send().await.expect(204);
}

#[tokio::test]
async fn a_login_without_the_usid_cannot_transfer_the_basket() {
    let world = world();
    guest_with_items(&world).await;
    let token = world.shopper("").await.member("access_token");
    let call = post(&world, "/actions/transfer", "&merge=true").bearer(&token);
    call.send().await.expect(403);
}

#[tokio::test]
async fn a_refresh_before_the_transfer_discards_the_previous_customer() {
    let world = world();
    let guest = guest_with_items(&world).await;
    let shopper = world.shopper(&guest.member("usid")).await;
    let refresh_token = shopper.member("refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    world.private_token_call(&fields).send().await.expect(200);
    let call = post(&world, "/actions/transfer", "&merge=true");
    call.bearer(&shopper.member("access_token")).send().await.expect(403);
}

#[tokio::test]
async fn a_merge_requires_a_media_type_a_source_and_a_destination() {
    let world = world();
    let guest = guest_with_items(&world).await;
    let token = world.shopper(&guest.member("usid")).await.member("access_token");
    let merge = |query| post(&world, "/actions/merge", query).bearer(&token);
    merge("").send().await.expect(415);
    let conflict = merge("").json(&json!({})).send().await.expect(409);
    assert!(conflict.member("type").ends_with("basket-merge-no-current-basket-exception"));
    let create = "&createDestinationBasket=true";
    merge(create).json(&json!({})).send().await.expect(200);
    let conflict = merge(create).json(&json!({})).send().await.expect(409);
    assert!(conflict.member("type").ends_with("no-source-basket-exception"));
}

#[tokio::test]
async fn baskets_are_listed_for_the_tokens_customer_only() {
    let world = world();
    let guest = guest_with_items(&world).await;
    let list = |customer: &str| {
        let uri = format!(
            "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053/customers/{customer}/\
             baskets?siteId=RefArch"
        );
        World::request(&world.api, Method::GET, &uri)
    };
    let (own, token) = (guest.member("customer_id"), guest.member("access_token"));
    assert_eq!(list(&own).bearer(&token).send().await.expect(200).json()["total"], 1);
    let stranger = world.control.forge_token(&TokenSpec::default());
    list(&own).bearer(&stranger).send().await.expect(400);
    let rejected = list(&own).send().await.expect(401);
    assert_eq!(rejected.member("title"), "Unauthorized");
    world.control.revoke_access_token(&token);
    list(&own).bearer(&token).send().await.expect(401);
}
