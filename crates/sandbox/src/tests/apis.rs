//! SCAPI and OCAPI apart from the resources that bridge sessions.

use axum::http::Method;
use serde_json::{Value, json};

use super::world::{LOGIN, TestRequest, TestResponse, World, world};
use crate::{Fault, Operation, Times, Upstream};

fn scapi(world: &World, method: Method, family: &str, path: &str) -> TestRequest {
    let joint = if path.contains('?') { '&' } else { '?' };
    let uri = format!("/{family}/v1/organizations/f_ecom_zzte_053{path}{joint}siteId=RefArch");
    World::request(&world.api, method, &uri)
}

fn ocapi(world: &World, method: Method, path: &str) -> TestRequest {
    World::request(&world.instance, method, &format!("/s/RefArch/dw/shop/v24_5{path}"))
}

async fn guest_token(world: &World) -> String {
    world.private_guest().await.member("access_token")
}

async fn search(world: &World, token: &str, words: &str) -> Value {
    let path = format!("/product-search?q={words}");
    let call = scapi(world, Method::GET, "search/shopper-search", &path).bearer(token);
    call.send().await.expect(200).json()
}

#[tokio::test]
async fn products_and_search_require_a_token() {
    let world = world();
    let token = guest_token(&world).await;
    let get = |path: &str| scapi(&world, Method::GET, "product/shopper-products", path);
    get("/products/bell-brass").send().await.expect(401);
    let bell = get("/products/bell-brass").bearer(&token).send().await.expect(200).json();
    assert_eq!((&bell["name"], &bell["price"]), (&json!("Brass bell"), &json!(24.5)));
    get("/products/none").bearer(&token).send().await.expect(404);
    let two = get("/products?ids=bell-brass,tent-linnet,none").bearer(&token);
    assert_eq!(two.send().await.expect(200).json()["total"], 2);
    get("/products").bearer(&token).send().await.expect(400);
    let found = search(&world, &token, "TENT").await;
    assert_eq!(found["hits"][0]["productId"], "tent-linnet");
    assert_eq!(search(&world, &token, "zebra").await["total"], 0);
    assert_eq!(search(&world, &token, "").await["total"], 6);
    assert_eq!(world.control.count(Operation::Products), 5);
    assert_eq!(world.control.count(Operation::ProductSearch), 3);
}

#[tokio::test]
async fn a_guest_registers_an_account_and_then_logs_in() {
    let world = world();
    let token = guest_token(&world).await;
    let post = |login: &str, password: &str| {
        let customer = json!({"login": login, "email": login, "firstName": "Kim",
                              "lastName": "Newcomer"});
        let call = scapi(&world, Method::POST, "customer/shopper-customers", "/customers");
        call.json(&json!({"customer": customer, "password": password}))
    };
    post("kim@example.com", "long enough").send().await.expect(401);
    post("kim@example.com", "short").bearer(&token).send().await.expect(400);
    post(LOGIN, "long enough").bearer(&token).send().await.expect(400);
    let made = post("kim@example.com", "long enough").bearer(&token).send().await.expect(200);
    assert_eq!(made.member("authType"), "registered");
    world.login_call("kim@example.com", "long enough", "").send().await.expect(303);
    let shopper = world.shopper("").await;
    let again = post("lee@example.com", "long enough").bearer(&shopper.member("access_token"));
    again.send().await.expect(403);
}

#[tokio::test]
async fn a_shopper_can_read_only_the_own_account() {
    let world = world();
    let shopper = world.shopper("").await;
    let (own, token) = (shopper.member("customer_id"), shopper.member("access_token"));
    let other = world.control.customer_id_of("sam@example.com").unwrap();
    let get = |id: &str| {
        let path = format!("/customers/{id}");
        scapi(&world, Method::GET, "customer/shopper-customers", &path).bearer(&token)
    };
    assert_eq!(get(&own).send().await.expect(200).member("login"), LOGIN);
    get(&other).send().await.expect(404);
    world.control.change_password(LOGIN, "another password");
    let rejected = get(&own).send().await.expect(401);
    assert_eq!(rejected.member("detail"), "Customer credentials changed after token was issued.");
    assert_eq!(world.control.count(Operation::CustomerGet), 3);
}

/// A basket with two bells; returns its id and the id of its item.
async fn two_bells(world: &World, token: &str) -> (String, String) {
    let family = "checkout/shopper-baskets";
    let basket = scapi(world, Method::POST, family, "/baskets").bearer(token).json(&json!({}));
    let basket = basket.send().await.expect(200).member("basketId");
    let items = json!([{"productId": "bell-brass", "quantity": 2}]);
    let call = scapi(world, Method::POST, family, &format!("/baskets/{basket}/items"));
    let filled = call.bearer(token).json(&items).send().await.expect(200).json();
    (basket, filled["productItems"][0]["itemId"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_item_of_a_basket_can_be_changed_and_removed() {
    let world = world();
    let token = guest_token(&world).await;
    let (basket, item) = two_bells(&world, &token).await;
    let line = |method, item: &str| {
        let path = format!("/baskets/{basket}/items/{item}");
        scapi(&world, method, "checkout/shopper-baskets", &path).bearer(&token)
    };
    let quantity = |response: TestResponse| response.json()["productItems"][0]["quantity"].clone();
    let changed = line(Method::PATCH, &item).json(&json!({"quantity": 5})).send().await;
    assert_eq!(quantity(changed.expect(200)), 5);
    line(Method::PATCH, &item).json(&json!({"quantity": 1000})).send().await.expect(400);
    line(Method::PATCH, "none").json(&json!({"quantity": 1})).send().await.expect(404);
    let gone = line(Method::DELETE, &item).send().await.expect(200);
    assert_eq!(gone.json()["productItems"], json!([]));
    line(Method::DELETE, &item).send().await.expect(404);
}

#[tokio::test]
async fn the_call_log_has_all_headers_and_the_target_of_a_call() {
    let world = world();
    let token = guest_token(&world).await;
    let call = scapi(&world, Method::GET, "product/shopper-products", "/products/none?a=%2F");
    let call = call.bearer(&token).header("sfdc_dwsid", "one").header("x-client-ip", "192.0.2.1");
    call.send().await.expect(404);
    let calls = world.control.calls();
    let call = calls.last().unwrap();
    assert_eq!(call.header("sfdc_dwsid"), Some("one"));
    assert_eq!(call.headers().get_all("x-client-ip").iter().count(), 1);
    assert!(call.target().ends_with("/products/none?a=%2F&siteId=RefArch"));
    assert!(!format!("{call:?}").contains("siteId"));
}

#[tokio::test]
async fn load_is_shed_with_its_headers_but_baskets_are_exempt() {
    let world = world();
    let token = guest_token(&world).await;
    let (basket, _) = two_bells(&world, &token).await;
    for (status, retry_after) in [(503, None), (429, Some(7))] {
        world.control.inject_fault(
            Upstream::Scapi,
            Fault::Shed(status, retry_after),
            Times::Always,
        );
        let call = scapi(&world, Method::GET, "product/shopper-products", "/products/bell-brass");
        let rejected = call.bearer(&token).send().await.expect(status);
        assert_eq!(rejected.header("sfdc_load"), Some("94"));
        assert_eq!(rejected.header("sfdc_load_status"), Some("THROTTLE"));
        assert_eq!(rejected.header("retry-after"), retry_after.map(|_| "7"));
        let path = format!("/baskets/{basket}");
        let call = scapi(&world, Method::GET, "checkout/shopper-baskets", &path).bearer(&token);
        call.send().await.expect(200);
        world.control.clear_faults();
    }
}

#[tokio::test]
async fn ocapi_products_need_a_client_or_a_token_and_no_origin() {
    let world = world();
    let token = guest_token(&world).await;
    let get = || ocapi(&world, Method::GET, "/products/bell-brass");
    let kind =
        |response: TestResponse| response.json()["fault"]["type"].as_str().unwrap().to_owned();
    assert_eq!(kind(get().send().await.expect(400)), "MissingClientIdException");
    let client = &world.options.private_client.id;
    let by_client = get().header("x-dw-client-id", client).send().await.expect(200);
    assert_eq!(by_client.json()["price"], 24.5);
    get().bearer(&token).send().await.expect(200);
    assert_eq!(kind(get().bearer("x").send().await.expect(401)), "InvalidAccessTokenException");
    for path in ["/products/bell-brass", "/baskets/none", "/unknown"] {
        let call = ocapi(&world, Method::GET, path).bearer(&token);
        let rejected = call.header("origin", "https://shop.test").send().await.expect(401);
        assert_eq!(kind(rejected), "UnauthorizedOriginException");
    }
}

#[tokio::test]
async fn ocapi_and_scapi_share_the_basket_of_a_token() {
    let world = world();
    let token = guest_token(&world).await;
    ocapi(&world, Method::POST, "/baskets").send().await.expect(401);
    let made = ocapi(&world, Method::POST, "/baskets").bearer(&token).send().await.expect(200);
    let basket = made.member("basket_id");
    ocapi(&world, Method::POST, "/baskets").bearer(&token).send().await.expect(400);
    let items = json!([{"product_id": "bell-brass", "quantity": 2}]);
    let add = ocapi(&world, Method::POST, &format!("/baskets/{basket}/items")).bearer(&token);
    let filled = add.json(&items).send().await.expect(200).json();
    assert_eq!(filled["product_sub_total"], 49.0);
    let path = format!("/baskets/{basket}");
    let other = guest_token(&world).await;
    ocapi(&world, Method::GET, &path).bearer(&other).send().await.expect(404);
    let document = scapi(&world, Method::GET, "checkout/shopper-baskets", &path).bearer(&token);
    assert_eq!(document.send().await.expect(200).json()["productTotal"], 49.0);
}
