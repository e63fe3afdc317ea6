//! The demo Head: its API identifies the shopper by the cookie `token`, and its inspector shows what the
//! cookies of a browser mean, expires and revokes tokens, and injects faults.

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

/// Adds one tent, of 349.00, to the basket of the shopper whom `cookie` identifies.
fn add_tent(world: &World, cookie: &str) -> TestRequest {
    let item = json!({"product_id": "tent-linnet", "quantity": 1});
    post(world, "/api/basket/items").header("cookie", cookie).json(&item)
}

#[tokio::test]
async fn the_head_identifies_the_shopper_by_the_token_cookie() {
    let world = world();
    get(&world, "/api/me").send().await.expect(401);
    let tokens = world.shopper("").await;
    let cookie = format!("token={}", tokens.member("access_token"));
    add_tent(&world, &cookie).send().await.expect(200);
    let me = get(&world, "/api/me").header("cookie", &cookie).send().await.expect(200).json();
    assert_eq!(me["login"], LOGIN);
    assert_eq!(me["basket"]["total"], 349.0);
}

#[tokio::test]
async fn the_head_rejects_changes_from_another_origin() {
    let world = world();
    let tokens = world.shopper("").await;
    let cookie = format!("token={}", tokens.member("access_token"));
    for origin in ["cross-site", "same-site"] {
        add_tent(&world, &cookie).header("sec-fetch-site", origin).send().await.expect(403);
    }
    let me = get(&world, "/api/me").header("cookie", &cookie).send().await.expect(200).json();
    assert_eq!(me["basket"]["total"], 0.0);
    for origin in ["same-origin", "none"] {
        add_tent(&world, &cookie).header("sec-fetch-site", origin).send().await.expect(200);
    }
}

#[tokio::test]
async fn the_inspector_shows_tokens_and_session_but_no_secret() {
    let world = world();
    let tokens = world.shopper("").await;
    let (access, refresh) = (tokens.member("access_token"), tokens.member("refresh_token"));
    let dwsid = world.sessions(&access).send().await.cookie("dwsid").unwrap();
    let cookie = format!("token={access}; cc-nx={refresh}; dwsid={dwsid}; other=mine");
    let state = || get(&world, "/inspector/state").header("cookie", &cookie);
    let document = state().send().await.expect(200);
    for secret in [&access, &refresh, &dwsid] {
        assert!(!document.text.contains(secret.as_str()));
    }
    let document = document.json();
    // Access token and DW session name the same customer.
    assert_eq!(document["agree"], true);
    assert_eq!(document["refresh"]["state"], "live");
    assert_eq!(document["dw_session"]["customer_type"], "registered");
    let cookies = document["cookies"].as_array().unwrap();
    let other = cookies.iter().find(|cookie| cookie["name"] == "other").unwrap();
    assert_eq!(other["meaning"], "yours", "neither the platform nor Tandem sets it");
    post(&world, "/inspector/expire-dw").header("cookie", &cookie).send().await.expect(204);
    post(&world, "/inspector/revoke-refresh").header("cookie", &cookie).send().await.expect(204);
    let document = state().send().await.json();
    assert_eq!(document["dw_session"]["state"], "expired");
    assert_eq!(document["refresh"]["state"], "revoked");
    assert!(document["agree"].is_null(), "there is no live DW session to compare");
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
    let expires_at = document["access"]["expires_at"].as_i64().unwrap();
    assert!(expires_at < document["now"].as_i64().unwrap());
}

#[tokio::test]
async fn calls_of_one_browser_request_are_grouped() {
    let world = world();
    let fields = [("grant_type", "client_credentials")];
    // Tandem sends the id of a browser's request to SLAS in one header and to the Head in the other.
    world.private_token_call(&fields).header("correlation-id", "one").send().await.expect(200);
    get(&world, "/cart").header("x-request-id", "one").send().await.expect(200);
    // A file of the Head is no request of its own.
    get(&world, "/assets/app.css").send().await.expect(200);
    let requests = get(&world, "/inspector/state").send().await.json()["requests"].clone();
    assert_eq!(requests.as_array().unwrap().len(), 1);
    assert_eq!(requests[0]["what"], "GET /cart");
    assert_eq!(requests[0]["calls"][0]["operation"], "slas.token.guest");
}

#[tokio::test]
async fn the_inspector_adds_and_removes_a_fault() {
    let world = world();
    let set_fault = |kind| {
        post(&world, "/inspector/fault").json(&json!({"upstream": "slas", "kind": kind})).send()
    };
    set_fault("fail").await.expect(204);
    let call = || world.private_token_call(&[("grant_type", "client_credentials")]).send();
    call().await.expect(503);
    let document = get(&world, "/inspector/state").send().await.json();
    assert_eq!(document["faults"]["slas"], "fail");
    set_fault("none").await.expect(204);
    call().await.expect(200);
    assert_eq!(world.control.count(Operation::TokenGuest), 2, "the failed call counts");
}

#[tokio::test]
async fn kind_44_the_inspector_rejects_refreshes_in_other_words() {
    let world = world();
    let token = world.private_guest().await.member("refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let set = |kind| {
        post(&world, "/inspector/fault").json(&json!({"upstream": "refresh", "kind": kind})).send()
    };
    for (kind, status, word) in [("locked", 403, "locked"), ("client", 400, "client_id")] {
        set(kind).await.expect(204);
        let rejected = world.private_token_call(&fields).send().await.expect(status);
        assert!(rejected.text.contains(word), "{}", rejected.text);
        let document = get(&world, "/inspector/state").send().await.json();
        assert_eq!(document["faults"]["refresh"], kind);
        assert_eq!(document["faults"]["slas"], "none", "other calls work");
        world.private_guest().await;
    }
    set("none").await.expect(204);
    world.private_token_call(&fields).send().await.expect(200);
    set("slow").await.expect(400);
}

#[tokio::test]
async fn kind_39_the_inspector_lengthens_new_access_tokens() {
    let world = world();
    let set = |kind| {
        post(&world, "/inspector/fault").json(&json!({"upstream": "tokens", "kind": kind})).send()
    };
    for (kind, lengths) in [("long", 5_000..5_100), ("unusable", 8_000..8_100), ("none", 1..4_000)]
    {
        set(kind).await.expect(204);
        let token = world.private_guest().await.member("access_token");
        assert!(lengths.contains(&token.len()), "{kind}: {}", token.len());
        let cookie = format!("token={token}");
        get(&world, "/api/me").header("cookie", &cookie).send().await.expect(200);
        let document = get(&world, "/inspector/state").send().await.json();
        assert_eq!(document["faults"]["tokens"], kind);
        // The expired copy fits a cookie.
        let call = post(&world, "/inspector/expire-access").header("cookie", &cookie);
        let expired = call.send().await.expect(204).cookie("token").unwrap();
        assert!(expired.len() < 4_000, "{kind}");
    }
}

#[tokio::test]
async fn an_unknown_path_returns_a_404_page() {
    let world = world();
    let page = get(&world, "/nowhere").send().await.expect(404);
    assert!(page.text.contains("Nothing here"));
}
