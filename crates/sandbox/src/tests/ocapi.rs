//! From SLAS tokens to a DW session, and from a DW session to its customer.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::world::{LOGIN, TestRequest, World, world, world_with};
use crate::{CustomerKind, EnforceHttps, Operation, Options, TokenSignature, TokenSpec};

const AUTH: &str = "/s/RefArch/dw/shop/v24_5/customers/auth";

fn authenticate(world: &World, cookies: &str) -> TestRequest {
    let call = World::request(&world.instance, Method::POST, AUTH).header("cookie", cookies);
    let client = world.options.private_client.id.clone();
    call.header("x-dw-client-id", &client).json(&json!({"type": "session"}))
}

#[tokio::test]
async fn every_call_opens_a_new_session_of_the_tokens_customer() {
    let world = world();
    let shopper = world.shopper("").await;
    let token = shopper.member("access_token");
    let first = world.sessions(&token).send().await.expect(204);
    let second = world.sessions(&token).send().await.expect(204);
    let dwsid = first.cookie("dwsid").unwrap();
    assert_ne!(second.cookie("dwsid").unwrap(), dwsid);
    assert_eq!((dwsid.len(), dwsid.ends_with("==")), (88, true));
    let session = world.control.dw_session(&dwsid).unwrap();
    assert_eq!(session.customer_type, CustomerKind::Registered);
    assert_eq!(session.customer_id, shopper.member("customer_id"));
    assert_eq!(world.control.count(Operation::Sessions), 2);
}

#[tokio::test]
async fn a_fault_repeats_the_invalid_access_token() {
    let world = world();
    let spec = TokenSpec { expires_in: Some(-1), ..TokenSpec::default() };
    let expired = world.control.forge_token(&spec);
    let fault = world.sessions(&expired).send().await.expect(401).json()["fault"].clone();
    assert_eq!(fault["type"], "InvalidAccessTokenException");
    assert_eq!(fault["arguments"]["accessToken"], expired);
}

#[tokio::test]
async fn an_invalid_token_opens_no_session() {
    use TokenSignature::{Forged, None, UnknownKey};
    let world = world();
    let valid = TokenSpec::default();
    world.sessions(&world.control.forge_token(&valid)).send().await.expect(204);
    let mut invalid: Vec<TokenSpec> = [Forged, None, UnknownKey]
        .map(|signature| TokenSpec { signature, ..TokenSpec::default() })
        .into();
    invalid.push(TokenSpec { tenant: Some("zzzz_001".to_owned()), ..valid.clone() });
    invalid.push(TokenSpec { client_id: Some("another".to_owned()), ..valid });
    for spec in invalid {
        let token = world.control.forge_token(&spec);
        let response = world.sessions(&token).send().await;
        assert_eq!(response.status.as_u16(), 401, "{spec:?}");
    }
}

#[tokio::test]
async fn tokens_of_a_retired_key_stay_valid() {
    let world = world();
    let before = world.control.forge_token(&TokenSpec::default());
    world.control.rotate_keys();
    world.sessions(&before).send().await.expect(204);
    let jwks = world.slas(Method::GET, "jwks").send().await.expect(200).json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 3);
    assert!(jwks["keys"][0]["alg"].is_null());
}

#[tokio::test]
async fn the_keys_can_be_fetched_25_times_a_minute() {
    let world = world();
    for _ in 0..25 {
        world.slas(Method::GET, "jwks").send().await.expect(200);
    }
    let throttled = world.slas(Method::GET, "jwks").send().await.expect(429);
    assert!(throttled.header("retry-after").is_some());
    world.clock.advance(Duration::from_secs(60));
    world.slas(Method::GET, "jwks").send().await.expect(200);
}

#[tokio::test]
async fn authentication_names_the_customer_until_the_session_expires() {
    let world = world();
    let token = world.shopper("").await.member("access_token");
    let dwsid = world.sessions(&token).send().await.cookie("dwsid").unwrap();
    let cookies = format!("dwsid={dwsid}");
    let known = authenticate(&world, &cookies).send().await.expect(200);
    assert_eq!(known.member("login"), LOGIN);
    assert!(known.header("authorization").unwrap().starts_with("Bearer "));
    world.clock.advance(Duration::from_secs(30 * 60));
    let fault = authenticate(&world, &cookies).send().await.expect(401).json();
    assert_eq!(fault["fault"]["type"], "AuthenticationFailedException");
}

#[tokio::test]
async fn the_secure_token_has_three_variants_and_one_requires_it() {
    for (variant, value, status) in [
        (EnforceHttps::Off, 88, 401),
        (EnforceHttps::Silent, 0, 200),
        (EnforceHttps::Deletes, 2, 200),
    ] {
        let world = world_with(Options { enforce_https: variant, ..Options::default() });
        let token = world.private_guest().await.member("access_token");
        let opened = world.sessions(&token).send().await.expect(204);
        let name = crate::cookies::secure_token_name(&world.options);
        assert_eq!(opened.cookie(&name).map_or(0, |value| value.len()), value);
        let dwsid = opened.cookie("dwsid").unwrap();
        authenticate(&world, &format!("dwsid={dwsid}")).send().await.expect(status);
        if let Some(secure) = opened.cookie(&name) {
            let both = format!("dwsid={dwsid}; {name}={secure}");
            authenticate(&world, &both).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_body_an_origin_or_a_missing_length_is_rejected() {
    let world = world();
    let token = world.private_guest().await.member("access_token");
    let call =
        || World::request(&world.instance, Method::POST, "/s/RefArch/dw/shop/v24_5/sessions");
    call().bearer(&token).send().await.expect(411);
    call().bearer(&token).json(&json!({})).send().await.expect(400);
    let browser = world.sessions(&token).header("origin", "https://shop.example");
    browser.send().await.expect(401);
}

#[tokio::test]
async fn hybrid_auth_closes_ocapi_and_sets_dwsid_with_the_tokens() {
    let world = world_with(Options { hybrid_auth: true, ..Options::default() });
    let guest = world.private_guest().await;
    let dwsid = guest.cookie("dwsid").unwrap();
    assert_eq!(world.control.dw_session(&dwsid).unwrap().customer_id, guest.member("customer_id"));
    world.sessions(&guest.member("access_token")).send().await.expect(403);
    let refresh_token = guest.member("refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let call = world.private_token_call(&fields).header("sfdc_dwsid", &dwsid);
    assert_eq!(call.send().await.expect(200).cookie("dwsid"), Some(dwsid.clone()));
    world.control.expire_dw_session(&dwsid);
    let call = world.private_token_call(&fields).header("sfdc_dwsid", &dwsid);
    assert_ne!(call.send().await.expect(200).cookie("dwsid"), Some(dwsid));
}
