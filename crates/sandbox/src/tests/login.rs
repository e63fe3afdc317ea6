//! Codes, PKCE, the shopper's password, and logout.

use std::time::Duration;

use axum::http::Method;

use super::world::{LOGIN, PASSWORD, VERIFIER, World, world, world_with};
use crate::{Options, RefreshTokenState};

#[tokio::test]
async fn a_code_works_once() {
    let world = world();
    let located = world.authorize("guest").await.expect(303);
    assert_eq!(located.location_field("state").as_deref(), Some("s t"));
    let code = located.location_field("code").unwrap();
    let fields = world.redemption(&code, VERIFIER);
    let tokens = world.public_token_call(&fields).send().await.expect(200);
    assert_eq!(tokens.member("usid"), located.location_field("usid").unwrap());
    world.public_token_call(&fields).send().await.expect(400);
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_client_and_expires_after_a_minute() {
    let world = world();
    let code = || async { world.authorize("guest").await.location_field("code").unwrap() };
    let wrong = "x".repeat(43);
    let value = code().await;
    world.public_token_call(&world.redemption(&value, &wrong)).send().await.expect(400);
    let value = code().await;
    world.private_token_call(&world.redemption(&value, VERIFIER)).send().await.expect(400);
    let value = code().await;
    world.clock.advance(Duration::from_secs(60));
    world.public_token_call(&world.redemption(&value, VERIFIER)).send().await.expect(400);
}

#[tokio::test]
async fn an_unknown_hint_is_redirected_with_an_error() {
    let world = world();
    let located = world.authorize("google").await.expect(303);
    assert_eq!(located.location_field("error").as_deref(), Some("invalid_request"));
    assert_eq!(located.location_field("code"), None);
}

#[tokio::test]
async fn a_wrong_password_or_a_missing_client_secret_is_401() {
    let world = world();
    let rejected = world.login_call(LOGIN, "wrong", "").send().await.expect(401);
    assert_eq!(rejected.member("error_description"), "Basic Authorization failed.");
    let lax = world_with(Options { strict_client_auth: false, ..Options::default() });
    lax.login_call(LOGIN, PASSWORD, "").send().await.expect(303);
    let call = world.slas(Method::POST, "login").basic(LOGIN, PASSWORD);
    let fields = [
        ("client_id", world.options.private_client.id.as_str()),
        ("channel_id", "RefArch"),
        ("redirect_uri", &world.options.redirect_uri),
        ("code_challenge", VERIFIER),
    ];
    let rejected = call.form(&fields).send().await.expect(401);
    assert_eq!(rejected.member("error_description"), "Authorization failed.");
}

#[tokio::test]
async fn a_second_successful_login_within_a_second_is_a_conflict() {
    let world = world();
    world.login_call(LOGIN, "wrong", "").send().await.expect(401);
    world.login_call(LOGIN, PASSWORD, "").send().await.expect(303);
    let conflict = world.login_call(LOGIN, PASSWORD, "").send().await.expect(409);
    assert_eq!(conflict.header("x-ratelimit-1m-limit"), None);
    world.clock.advance(Duration::from_secs(1));
    let located = world.login_call(LOGIN, PASSWORD, "").send().await.expect(303);
    assert_eq!(located.header("x-ratelimit-1m-limit"), Some("24000"));
}

#[tokio::test]
async fn a_login_keeps_the_guests_usid_and_names_the_shopper() {
    let world = world();
    let guest = world.private_guest().await;
    let shopper = world.shopper(&guest.member("usid")).await;
    assert_eq!(shopper.member("usid"), guest.member("usid"));
    assert_eq!(shopper.member("customer_id"), world.control.customer_id_of(LOGIN).unwrap());
    assert_eq!(shopper.member("customer_id").len(), 26);
}

#[tokio::test]
async fn a_usid_that_changes_at_login_still_finds_the_guests_basket() {
    let world = world();
    let guest = world.private_guest().await;
    world.control.change_usid_at_next_login();
    let shopper = world.shopper(&guest.member("usid")).await;
    assert_ne!(shopper.member("usid"), guest.member("usid"));
    let uri = "/checkout/shopper-baskets/v2/organizations/f_ecom_zzte_053/baskets/actions/\
               transfer?siteId=RefArch&merge=true";
    let call = World::request(&world.api, Method::POST, uri);
    call.bearer(&shopper.member("access_token")).send().await.expect(204);
}

#[tokio::test]
async fn logout_ends_the_session_and_guests_cannot_log_out() {
    let world = world();
    let shopper = world.shopper("").await;
    let uri = |token: &str| {
        let client = &world.options.private_client.id;
        format!("logout?client_id={client}&channel_id=RefArch&refresh_token={token}")
    };
    let refresh_token = shopper.member("refresh_token");
    let call = || world.slas(Method::GET, &uri(&refresh_token));
    call().send().await.expect(400);
    let response = call().bearer(&shopper.member("access_token")).send().await.expect(200);
    assert_eq!(response.member("usid"), "null");
    assert_eq!(
        world.control.refresh_token(&refresh_token).unwrap().state,
        RefreshTokenState::Revoked
    );
    call().bearer(&shopper.member("access_token")).send().await.expect(401);
    let guest = world.private_guest().await;
    let call = world.slas(Method::GET, &uri(&guest.member("refresh_token")));
    call.bearer(&guest.member("access_token")).send().await.expect(400);
}

#[tokio::test]
async fn logout_of_all_sessions_revokes_every_token_of_the_shopper() {
    let world = world();
    let here = world.shopper("").await;
    world.clock.advance(Duration::from_secs(1));
    let there = world.shopper("").await.member("refresh_token");
    let guest = world.private_guest().await.member("refresh_token");
    let client = &world.options.private_client.id;
    let token = here.member("refresh_token");
    let uri = format!(
        "logout?client_id={client}&channel_id=RefArch&refresh_token={token}&hint=all-sessions"
    );
    let call = world.slas(Method::GET, &uri).bearer(&here.member("access_token"));
    call.send().await.expect(200);
    assert_eq!(world.control.refresh_token(&there).unwrap().state, RefreshTokenState::Revoked);
    assert_eq!(world.control.refresh_token(&guest).unwrap().state, RefreshTokenState::Live);
}
