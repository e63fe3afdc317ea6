//! The demo Head and its inspector.

use axum::http::Method;
use serde_json::json;

use super::world::{Asking, LOGIN, World, world};
use crate::Operation;

fn get(world: &World, path: &str) -> Asking {
    World::ask(&world.head, Method::GET, path)
}

fn post(world: &World, path: &str) -> Asking {
    World::ask(&world.head, Method::POST, path)
}

#[tokio::test]
async fn the_head_knows_the_shopper_by_the_token_cookie() {
    let world = world();
    get(&world, "/api/me").answer().await.expect(401);
    let shopper = world.shopper("").await;
    let cookie = format!("token={}", shopper.member("access_token"));
    let item = json!({"product_id": "tent-linnet", "quantity": 1});
    let add = || post(&world, "/api/basket/items").header("cookie", &cookie).json(&item);
    add().header("sec-fetch-site", "cross-site").answer().await.expect(403);
    add().header("sec-fetch-site", "same-origin").answer().await.expect(200);
    let me = get(&world, "/api/me").header("cookie", &cookie).answer().await.expect(200).json();
    assert_eq!(me["login"], LOGIN);
    assert_eq!(me["basket"]["total"], 349.0);
}

#[tokio::test]
async fn the_inspector_tells_both_worlds_but_no_secret() {
    let world = world();
    let shopper = world.shopper("").await;
    let (access, refresh) = (shopper.member("access_token"), shopper.member("refresh_token"));
    let dwsid = world.sessions(&access).answer().await.cookie("dwsid").unwrap();
    let cookie = format!("token={access}; cc-nx={refresh}; dwsid={dwsid}; other=mine");
    let state = || get(&world, "/inspector/state").header("cookie", &cookie);
    let seen = state().answer().await.expect(200);
    for secret in [&access, &refresh, &dwsid] {
        assert!(!seen.text.contains(secret.as_str()));
    }
    let seen = seen.json();
    assert_eq!(seen["agree"], true);
    assert_eq!(seen["refresh"]["state"], "live");
    assert_eq!(seen["dw_session"]["customer_type"], "registered");
    assert_eq!(seen["cookies"][3]["meaning"], "yours");
    post(&world, "/inspector/expire-dw").header("cookie", &cookie).answer().await.expect(204);
    post(&world, "/inspector/revoke-refresh").header("cookie", &cookie).answer().await.expect(204);
    let seen = state().answer().await.json();
    assert_eq!(seen["dw_session"]["state"], "expired");
    assert_eq!(seen["refresh"]["state"], "revoked");
    assert!(seen["agree"].is_null());
}

#[tokio::test]
async fn an_expired_copy_of_the_token_is_signed_and_refused() {
    let world = world();
    let cookie = format!("token={}", world.private_guest().await.member("access_token"));
    let call = post(&world, "/inspector/expire-access").header("cookie", &cookie);
    let expired = call.answer().await.expect(204).cookie("token").unwrap();
    let cookie = format!("token={expired}");
    get(&world, "/api/me").header("cookie", &cookie).answer().await.expect(401);
    let seen = get(&world, "/inspector/state").header("cookie", &cookie).answer().await.json();
    assert!(seen["access"]["expires_at"].as_i64() < seen["now"].as_i64());
}

#[tokio::test]
async fn calls_of_one_browser_request_stand_together() {
    let world = world();
    let fields = [("grant_type", "client_credentials")];
    world.private_token_call(&fields).header("correlation-id", "one").answer().await.expect(200);
    get(&world, "/cart").header("x-request-id", "one").answer().await.expect(200);
    get(&world, "/assets/app.css").answer().await.expect(200);
    let requests = get(&world, "/inspector/state").answer().await.json()["requests"].clone();
    assert_eq!(requests.as_array().unwrap().len(), 1);
    assert_eq!(requests[0]["what"], "GET /cart");
    assert_eq!(requests[0]["calls"][0]["operation"], "slas.token.guest");
}

#[tokio::test]
async fn the_inspector_breaks_and_heals_a_system() {
    let world = world();
    let fault = |kind| {
        post(&world, "/inspector/fault").json(&json!({"upstream": "slas", "kind": kind})).answer()
    };
    fault("fail").await.expect(204);
    let call = || world.private_token_call(&[("grant_type", "client_credentials")]).answer();
    call().await.expect(503);
    let seen = get(&world, "/inspector/state").answer().await.json();
    assert_eq!(seen["faults"]["slas"], "fail");
    fault("none").await.expect(204);
    call().await.expect(200);
    assert_eq!(world.control.count(Operation::TokenGuest), 2);
}

#[tokio::test]
async fn an_unknown_path_is_a_small_page() {
    let world = world();
    let page = get(&world, "/nowhere").answer().await.expect(404);
    assert!(page.text.contains("Nothing here"));
}
