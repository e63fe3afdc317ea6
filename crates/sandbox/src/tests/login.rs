//! Codes, PKCE, the shopper's password, and logout.

use std::time::Duration;

use axum::http::Method;

use super::world::{LOGIN, PASSWORD, VERIFIER, World, world, world_with};
use crate::{Options, RefreshState};

#[tokio::test]
async fn a_code_works_once() {
    let world = world();
    let located = world.authorize("guest").await.expect(303);
    assert_eq!(located.located("state").as_deref(), Some("s t"));
    let code = located.located("code").unwrap();
    let fields = world.redemption(&code, VERIFIER);
    let tokens = world.public_token_call(&fields).answer().await.expect(200);
    assert_eq!(tokens.member("usid"), located.located("usid").unwrap());
    world.public_token_call(&fields).answer().await.expect(400);
}

#[tokio::test]
async fn a_code_needs_its_verifier_its_client_and_its_minute() {
    let world = world();
    let code = || async { world.authorize("guest").await.located("code").unwrap() };
    let wrong = "x".repeat(43);
    let value = code().await;
    world.public_token_call(&world.redemption(&value, &wrong)).answer().await.expect(400);
    let value = code().await;
    world.private_token_call(&world.redemption(&value, VERIFIER)).answer().await.expect(400);
    let value = code().await;
    world.clock.advance(Duration::from_secs(60));
    world.public_token_call(&world.redemption(&value, VERIFIER)).answer().await.expect(400);
}

#[tokio::test]
async fn an_unknown_hint_comes_back_as_a_redirect_with_an_error() {
    let world = world();
    let located = world.authorize("google").await.expect(303);
    assert_eq!(located.located("error").as_deref(), Some("invalid_request"));
    assert_eq!(located.located("code"), None);
}

#[tokio::test]
async fn a_wrong_password_is_401_and_a_missing_client_secret_too() {
    let world = world();
    let refused = world.login_call(LOGIN, "wrong", "").answer().await.expect(401);
    assert_eq!(refused.member("error_description"), "Basic Authorization failed.");
    let lax = world_with(Options { strict_client_auth: false, ..Options::default() });
    lax.login_call(LOGIN, PASSWORD, "").answer().await.expect(303);
    let call = world.slas(Method::POST, "login").basic(LOGIN, PASSWORD);
    let fields = [
        ("client_id", world.options.private_client.id.as_str()),
        ("channel_id", "RefArch"),
        ("redirect_uri", &world.options.redirect_uri),
        ("code_challenge", VERIFIER),
    ];
    let refused = call.form(&fields).answer().await.expect(401);
    assert_eq!(refused.member("error_description"), "Authorization failed.");
}

#[tokio::test]
async fn a_second_login_within_a_second_is_a_conflict_but_failures_do_not_count() {
    let world = world();
    world.login_call(LOGIN, "wrong", "").answer().await.expect(401);
    world.login_call(LOGIN, PASSWORD, "").answer().await.expect(303);
    let conflict = world.login_call(LOGIN, PASSWORD, "").answer().await.expect(409);
    assert_eq!(conflict.header("x-ratelimit-1m-limit"), None);
    world.clock.advance(Duration::from_secs(1));
    let located = world.login_call(LOGIN, PASSWORD, "").answer().await.expect(303);
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
async fn a_usid_that_moves_at_login_still_leads_to_the_guests_basket() {
    let world = world();
    let guest = world.private_guest().await;
    world.control.move_usid_at_next_login();
    let shopper = world.shopper(&guest.member("usid")).await;
    assert_ne!(shopper.member("usid"), guest.member("usid"));
    let uri = "/checkout/shopper-baskets/v2/organizations/f_ecom_zzte_053/baskets/actions/\
               transfer?siteId=RefArch&merge=true";
    let call = World::ask(&world.api, Method::POST, uri);
    call.bearer(&shopper.member("access_token")).answer().await.expect(204);
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
    call().answer().await.expect(400);
    let bye = call().bearer(&shopper.member("access_token")).answer().await.expect(200);
    assert_eq!(bye.member("usid"), "null");
    assert_eq!(world.control.refresh(&refresh_token).unwrap().state, RefreshState::Revoked);
    call().bearer(&shopper.member("access_token")).answer().await.expect(401);
    let guest = world.private_guest().await;
    let call = world.slas(Method::GET, &uri(&guest.member("refresh_token")));
    call.bearer(&guest.member("access_token")).answer().await.expect(400);
}

#[tokio::test]
async fn logout_of_all_sessions_revokes_the_shoppers_other_refresh_tokens_too() {
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
    call.answer().await.expect(200);
    assert_eq!(world.control.refresh(&there).unwrap().state, RefreshState::Revoked);
    assert_eq!(world.control.refresh(&guest).unwrap().state, RefreshState::Live);
}
