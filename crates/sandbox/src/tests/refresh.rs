//! Refresh tokens: rotation, limits, client and usid.

use std::time::Duration;

use axum::http::Method;

use super::world::{LOGIN, TestResponse, World, claims, world, world_with};
use crate::{Operation, Options, RefreshTokenState};

async fn refresh(world: &World, public: bool, token: &str) -> TestResponse {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let call =
        if public { world.public_token_call(&fields) } else { world.private_token_call(&fields) };
    call.send().await
}

#[tokio::test]
async fn a_public_clients_refresh_token_works_once() {
    let world = world();
    let first = world.public_guest().await;
    let token = first.member("refresh_token");
    let second = refresh(&world, true, &token).await.expect(200);
    assert_ne!(second.member("refresh_token"), token);
    assert_eq!(second.member("usid"), first.member("usid"));
    let again = refresh(&world, true, &token).await.expect(400);
    assert_eq!(again.member("status_code"), "400 BAD_REQUEST");
    assert_eq!(again.member("message"), "invalid refresh_token");
    assert_eq!(world.control.refresh_token(&token).unwrap().state, RefreshTokenState::Used);
}

#[tokio::test]
async fn a_private_clients_refresh_token_keeps_its_expiry() {
    let world = world();
    let token = world.private_guest().await.member("refresh_token");
    world.clock.advance(Duration::from_secs(1000));
    let again = refresh(&world, false, &token).await.expect(200);
    assert_eq!(again.member("refresh_token"), token);
    let left = again.json()["refresh_token_expires_in"].as_i64().unwrap();
    assert!((2_590_990..=2_591_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_fourth_exchange_within_a_minute_is_throttled() {
    let world = world();
    let token = world.private_guest().await.member("refresh_token");
    for _ in 0..3 {
        refresh(&world, false, &token).await.expect(200);
    }
    let throttled = refresh(&world, false, &token).await.expect(429);
    let wait: u64 = throttled.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    world.clock.advance(Duration::from_secs(wait));
    refresh(&world, false, &token).await.expect(200);
    assert_eq!(world.control.count(Operation::TokenRefresh), 5);
    assert_eq!(world.control.max_exchanges_of_one_refresh_token(), 5);
}

#[tokio::test]
async fn a_refresh_token_is_valid_for_its_own_client_only() {
    let world = world();
    let token = world.private_guest().await.member("refresh_token");
    refresh(&world, true, &token).await.expect(400);
    refresh(&world, false, &token).await.expect(200);
}

#[tokio::test]
async fn an_expired_or_revoked_refresh_token_is_rejected() {
    let life = Duration::from_secs(600);
    let world = world_with(Options { guest_refresh_life: life, ..Options::default() });
    let (old, revoked) = (world.private_guest().await, world.private_guest().await);
    world.control.revoke_refresh_token(&revoked.member("refresh_token"));
    refresh(&world, false, &revoked.member("refresh_token")).await.expect(400);
    world.clock.advance(life);
    refresh(&world, false, &old.member("refresh_token")).await.expect(400);
}

#[tokio::test]
async fn a_missing_channel_is_rejected_in_the_undocumented_format() {
    let world = world();
    let client = &world.options.private_client;
    let call = world.slas(Method::POST, "token").basic(&client.id, &client.secret);
    let response = call.form(&[("grant_type", "client_credentials")]).send().await.expect(400);
    assert_eq!(response.member("message"), "invalid channel_id");
    let token = world.private_guest().await.member("refresh_token");
    let fields = [
        ("channel_id", "Another"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    let response = world.private_token_call(&fields).send().await.expect(400);
    assert_eq!(response.member("message"), "invalid refresh_token");
}

#[tokio::test]
async fn a_usid_can_be_reused_only_after_its_session_ended() {
    let world = world();
    let first = world.private_guest().await;
    let usid = first.member("usid");
    let fields = [("grant_type", "client_credentials"), ("usid", &usid)];
    let taken = world.private_token_call(&fields).send().await.expect(400);
    assert!(taken.member("message").contains("already assigned to another session"));
    world.control.revoke_refresh_token(&first.member("refresh_token"));
    let again = world.private_token_call(&fields).send().await.expect(200);
    assert_eq!(again.member("customer_id"), first.member("customer_id"));
}

#[tokio::test]
async fn a_changed_password_revokes_every_grant() {
    let world = world();
    let shopper = world.shopper("").await;
    world.control.change_password(LOGIN, "Another-1");
    refresh(&world, false, &shopper.member("refresh_token")).await.expect(400);
    world.sessions(&shopper.member("access_token")).send().await.expect(401);
}

#[tokio::test]
async fn a_refresh_keeps_do_not_track_unless_it_sends_another_value() {
    let world = world();
    let guest = [("grant_type", "client_credentials"), ("dnt", "true")];
    let mut private = world.private_token_call(&guest).send().await.expect(200);
    let mut public = world.public_guest().await;
    assert_eq!(claims(&private.member("access_token"))["dnt"], "1");
    assert_eq!(claims(&public.member("access_token"))["dnt"], "0");
    for (value, private_claim, public_claim) in
        [("", "1", "0"), ("false", "0", "0"), ("", "0", "0"), ("true", "1", "1"), ("", "1", "1")]
    {
        let (one, two) = (private.member("refresh_token"), public.member("refresh_token"));
        let fields =
            |token| [("grant_type", "refresh_token"), ("refresh_token", token), ("dnt", value)];
        private = world.private_token_call(&fields(&one)).send().await.expect(200);
        public = world.public_token_call(&fields(&two)).send().await.expect(200);
        assert_eq!(claims(&private.member("access_token"))["dnt"], private_claim);
        assert_eq!(claims(&public.member("access_token"))["dnt"], public_claim);
        world.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_header_can_send_the_refresh_token_if_the_form_has_none() {
    let world = world();
    let token = world.private_guest().await.member("refresh_token");
    for form_token in [None, Some("")] {
        let empty = form_token.map(|text| ("refresh_token", text));
        let fields: Vec<_> = [("grant_type", "refresh_token")].into_iter().chain(empty).collect();
        let call = || world.private_token_call(&fields);
        call().send().await.expect(400);
        call().header("sfdc_refresh_token", "").send().await.expect(400);
        call().header("sfdc_refresh_token", &token).send().await.expect(200);
    }
    let wrong = [("grant_type", "refresh_token"), ("refresh_token", "wrong")];
    let call = world.private_token_call(&wrong).header("sfdc_refresh_token", &token);
    call.send().await.expect(400);
}
