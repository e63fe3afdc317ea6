//! The shopper visited ECOM first: there is a live DW session and no SLAS token yet.

use serde_json::json;
use tandem_sandbox::Operation;
use testkit::{Client, DwSession, JO, Mode, Scenario, controller};

/// The calls that exchange a DW session for tokens.
fn adoption(scenario: &Scenario) -> Vec<&'static str> {
    match scenario.client {
        Client::Private => vec!["ocapi.customers.auth", "slas.session-bridge"],
        Client::Public => vec!["ocapi.customers.auth", "slas.authorize", "slas.session-bridge"],
    }
}

#[tokio::test]
async fn a_guest_of_ecom_stays_the_same_where_dwsid_is_bridged() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().with_guest_dwsid_bridge().start().await;
        let (browser, dwsid, guest) = world.ecom_visitor();
        browser.visits("/").await.expect(200);
        world.expect_calls(&adoption(&scenario));
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
        assert_eq!(browser.expect_cookie("dwsid"), dwsid, "the session is kept");
        browser.visits("/").await.expect(200);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn a_rejected_adoption_makes_one_new_guest_and_no_loop() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let (browser, dwsid, guest) = world.ecom_visitor();
        browser.visits("/").await.expect(200);
        world.expect_calls(&[adoption(&scenario), scenario.landing_calls()].concat());
        assert_ne!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
        assert_ne!(browser.expect_cookie("dwsid"), dwsid, "the old session is abandoned");
        browser.visits("/").await.expect(200);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn a_rejected_adoption_is_tried_again_after_six_hours() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        world.ecom_visitor().0.visits("/").await.expect(200);
        world.forget_calls();
        for _ in 0..3 {
            world.ecom_visitor().0.posts("/bff/session").await.expect(200);
            let without_adoption =
                [vec!["ocapi.customers.auth"], scenario.landing_calls()].concat();
            world.expect_calls(&without_adoption);
        }
        world.minutes_pass(6 * 60);
        world.ecom_visitor().0.visits("/").await.expect(200);
        assert_eq!(world.count(Operation::SessionBridge), 1, "{scenario}");
    }
}

#[tokio::test]
async fn a_signed_session_is_adopted_where_plain_ones_are_rejected() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        world.ecom_visitor().0.visits("/").await.expect(200);
        world.forget_calls();
        let (browser, dwsid, guest) = world.ecom_visitor();
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        browser.posts_json("/bff/session", &json!({"dwsgst": signed})).await.expect(200);
        world.expect_calls(&adoption(&scenario));
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
        assert_eq!(browser.expect_cookie("dwsid"), dwsid);
    }
}

#[tokio::test]
async fn promise_1_a_signature_of_another_session_leaves_one_shopper() {
    let world = Scenario::private().start().await;
    let (_, other, _) = world.ecom_visitor();
    let signed = world.control().sign_dw_session(&other).unwrap();
    let (browser, own, _) = world.ecom_visitor();
    browser.posts_json("/bff/session", &json!({"dwsgst": signed})).await.expect(200);
    browser.expect_guest(DwSession::Live);
    let dwsid = browser.expect_cookie("dwsid");
    assert!(dwsid != other && dwsid != own, "neither session belongs to the tokens");
}

#[tokio::test]
async fn promise_2_a_login_on_an_unfronted_ecom_counts_on_the_head() {
    for scenario in Scenario::clients().map(Scenario::without_fronting_ecom) {
        let world = scenario.clone().start().await;
        let (browser, dwsid, _) = world.ecom_visitor();
        assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
        browser.visits("/").await.expect(200);
        world.expect_calls(&adoption(&scenario));
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(browser.expect_cookie("dwsid"), dwsid);
    }
}

#[tokio::test]
async fn a_dead_session_of_ecom_is_replaced_without_adoption() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let (browser, dwsid, _) = world.ecom_visitor();
        world.control().expire_dw_session(&dwsid);
        browser.visits("/").await.expect(200);
        world.expect_calls(&[vec!["ocapi.customers.auth"], scenario.landing_calls()].concat());
        browser.expect_guest(DwSession::Live);
        assert_ne!(browser.expect_cookie("dwsid"), dwsid);
    }
}

#[tokio::test]
async fn attack_13_a_planted_unknown_dwsid_is_replaced() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.stores_host_cookie("dwsid", "ATTACKER");
    browser.visits("/").await.expect(200);
    browser.expect_guest(DwSession::Live);
    assert_ne!(browser.expect_cookie("dwsid"), "ATTACKER");
}

#[tokio::test]
async fn a_hybrid_tenant_makes_one_guest_without_ocapi() {
    for scenario in Scenario::all().into_iter().filter(|scenario| scenario.mode == Mode::Hybrid) {
        let world = scenario.clone().start().await;
        let (browser, ..) = world.ecom_visitor();
        browser.visits("/").await.expect(200);
        world.expect_calls(&scenario.guest_calls());
        browser.expect_guest(DwSession::Live);
    }
}
