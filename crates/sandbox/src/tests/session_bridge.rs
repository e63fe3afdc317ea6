//! From a DW session to SLAS tokens.

use std::time::Duration;

use axum::http::Method;

use super::world::{LOGIN, TestRequest, VERIFIER, World, world, world_with};
use crate::Options;

fn bridge(world: &World, fields: &[(&str, &str)]) -> TestRequest {
    let client = &world.options.private_client;
    let common = [
        ("grant_type", "client_credentials"),
        ("client_id", client.id.as_str()),
        ("channel_id", "RefArch"),
    ];
    let call = world.slas(Method::POST, "session-bridge/token").basic(&client.id, &client.secret);
    call.form(&[&common, fields].concat())
}

#[tokio::test]
async fn a_guest_session_needs_an_unexpired_signature() {
    let world = world();
    let dwsid = world.control.new_ecom_visitor();
    let signed = world.control.sign_dw_session(&dwsid).unwrap();
    let fields = [("login_id", "guest"), ("dwsgst", signed.as_str())];
    let tokens = bridge(&world, &fields).send().await.expect(200);
    let session = world.control.dw_session(&dwsid).unwrap();
    assert_eq!(tokens.member("customer_id"), session.customer_id);
    world.clock.advance(Duration::from_secs(600));
    bridge(&world, &fields).send().await.expect(400);
}

#[tokio::test]
async fn a_guests_plain_dwsid_is_rejected_unless_enabled() {
    for (switched_on, status) in [(false, 400), (true, 200)] {
        let options = Options { guest_dwsid_bridge: switched_on, ..Options::default() };
        let world = world_with(options);
        let dwsid = world.control.new_ecom_visitor();
        let fields = [("login_id", "guest"), ("dwsid", dwsid.as_str())];
        bridge(&world, &fields).send().await.expect(status);
    }
}

#[tokio::test]
async fn a_shoppers_dwsid_is_valid_for_that_shopper_while_live() {
    let world = world();
    let dwsid = world.control.new_ecom_visitor();
    let fields = |login| [("login_id", login), ("dwsid", dwsid.as_str())];
    bridge(&world, &fields(LOGIN)).send().await.expect(400);
    assert!(world.control.log_in_on_ecom(&dwsid, LOGIN));
    bridge(&world, &fields("sam@example.com")).send().await.expect(400);
    let tokens = bridge(&world, &fields(LOGIN)).send().await.expect(200);
    assert_eq!(tokens.member("customer_id"), world.control.customer_id_of(LOGIN).unwrap());
    world.control.expire_dw_session(&dwsid);
    bridge(&world, &fields(LOGIN)).send().await.expect(400);
}

#[tokio::test]
async fn a_public_client_needs_a_code_with_the_matching_hint() {
    let world = world();
    let dwsid = world.control.new_ecom_visitor();
    let signed = world.control.sign_dw_session(&dwsid).unwrap();
    for (hint, status) in [("sb-user", 400), ("sb-guest", 200)] {
        let code = world.authorize(hint).await.expect(303).location_field("code").unwrap();
        let fields = [
            ("grant_type", "session_bridge"),
            ("client_id", world.options.public_client.as_str()),
            ("channel_id", "RefArch"),
            ("login_id", "guest"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("dwsgst", &signed),
        ];
        let call = world.slas(Method::POST, "session-bridge/token").form(&fields);
        call.send().await.expect(status);
    }
}

#[tokio::test]
async fn the_signature_controller_signs_the_session_of_the_request() {
    let world = world();
    let dwsid = world.control.new_ecom_visitor();
    let cookies = format!("dwsid={dwsid}");
    let show = || world.visit("TandemBridge-Signature", &cookies);
    let guest = show().await.expect(200);
    assert_eq!(guest.header("cache-control"), Some("no-store"));
    let signed = guest.member("dwsgst");
    let fields = [("login_id", "guest"), ("dwsgst", signed.as_str())];
    bridge(&world, &fields).send().await.expect(200);
    assert!(world.control.log_in_on_ecom(&dwsid, LOGIN));
    let shopper = show().await.expect(200);
    assert!(shopper.json()["dwsgst"].is_null());
    let (signed, login) = (shopper.member("dwsrst"), shopper.member("login_id"));
    assert_eq!(login, LOGIN);
    let fields = [("login_id", login.as_str()), ("dwsrst", signed.as_str())];
    let tokens = bridge(&world, &fields).send().await.expect(200);
    assert_eq!(tokens.member("customer_id"), world.control.customer_id_of(LOGIN).unwrap());
    let call = world.page(Method::POST, "TandemBridge-Signature").header("cookie", &cookies);
    call.send().await.expect(405);
}
