//! The demo Head and its inspector.

use axum::http::Method;
use serde_json::json;

use super::world::{LOGIN, TestRequest, World, world};
use crate::Operation;

fn get(world: &World, path: &str) -> TestRequest {
    World::request(&world.head, Method::GET, path)
}

fn post(world: &World, path: &str) -> TestRequest {
    World::request(&world.head, Method::POST, path)
}

#[tokio::test]
async fn the_head_identifies_the_shopper_by_the_token_cookie() {
    let world = world();
    get(&world, "/api/me").send().await.expect(401);
    let shopper = world.shopper("").await;
    let cookie = format!("token={}", shopper.member("access_token"));
    let item = json!({"product_id": "tent-linnet", "quantity": 1});
    let add = || post(&world, "/api/basket/items").header("cookie", &cookie).json(&item);
    add().header("sec-fetch-site", "cross-site").send().await.expect(403);
    add().header("sec-fetch-site", "same-origin").send().await.expect(200);
    let me = get(&world, "/api/me").header("cookie", &cookie).send().await.expect(200).json();
    assert_eq!(me["login"], LOGIN);
    assert_eq!(me["basket"]["total"], 349.0);
}

#[tokio::test]
async fn the_inspector_shows_tokens_and_session_but_no_secret() {
    let world = world();
    let shopper = world.shopper("").await;
    let (access, refresh) = (shopper.member("access_token"), shopper.member("refresh_token"));
    let dwsid = world.sessions(&access).send().await.cookie("dwsid").unwrap();
    let cookie = format!("token={access}; cc-nx={refresh}; dwsid={dwsid}; other=mine");
    let state = || get(&world, "/inspector/state").header("cookie", &cookie);
    let document = state().send().await.expect(200);
    for secret in [&access, &refresh, &dwsid] {
        assert!(!document.text.contains(secret.as_str()));
    }
    let document = document.json();
    assert_eq!(document["agree"], true);
    assert_eq!(document["refresh"]["state"], "live");
    assert_eq!(document["dw_session"]["customer_type"], "registered");
    assert_eq!(document["cookies"][3]["meaning"], "yours");
    post(&world, "/inspector/expire-dw").header("cookie", &cookie).send().await.expect(204);
    post(&world, "/inspector/revoke-refresh").header("cookie", &cookie).send().await.expect(204);
    let document = state().send().await.json();
    assert_eq!(document["dw_session"]["state"], "expired");
    assert_eq!(document["refresh"]["state"], "revoked");
    assert!(document["agree"].is_null());
}

#[tokio::test]
async fn an_expired_copy_of_the_token_is_signed_and_rejected() {
    let world = world();
    let cookie = format!("token={}", world.private_guest().await.member("access_token"));
    let call = post(&world, "/inspector/expire-access").header("cookie", &cookie);
    let expired = call.send().await.expect(204).cookie("token").unwrap();
    let cookie = format!("token={expired}");
    get(&world, "/api/me").header("cookie", &cookie).send().await.expect(401);
    let document = get(&world, "/inspector/state").header("cookie", &cookie).send().await.json();
    assert!(document["access"]["expires_at"].as_i64() < document["now"].as_i64());
}

#[tokio::test]
async fn calls_of_one_browser_request_are_grouped() {
    let world = world();
    let fields = [("grant_type", "client_credentials")];
    world.private_token_call(&fields).header("correlation-id", "one").send().await.expect(200);
    get(&world, "/cart").header("x-request-id", "one").send().await.expect(200);
    get(&world, "/assets/app.css").send().await.expect(200);
    let requests = get(&world, "/inspector/state").send().await.json()["requests"].clone();
    assert_eq!(requests.as_array().unwrap().len(), 1);
    assert_eq!(requests[0]["what"], "GET /cart");
    assert_eq!(requests[0]["calls"][0]["operation"], "slas.token.guest");
}

#[tokio::test]
async fn the_inspector_adds_and_removes_a_fault() {
    let world = world();
    let fault = |kind| {
        post(&world, "/inspector/fault").json(&json!({"upstream": "slas", "kind": kind})).send()
    };
    fault("fail").await.expect(204);
    let call = || world.private_token_call(&[("grant_type", "client_credentials")]).send();
    call().await.expect(503);
    let document = get(&world, "/inspector/state").send().await.json();
    assert_eq!(document["faults"]["slas"], "fail");
    fault("none").await.expect(204);
    call().await.expect(200);
    assert_eq!(world.control.count(Operation::TokenGuest), 2);
}

#[tokio::test]
async fn an_unknown_path_returns_a_404_page() {
    let world = world();
    let page = get(&world, "/nowhere").send().await.expect(404);
    assert!(page.text.contains("Nothing here"));
}
