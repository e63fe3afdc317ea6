//! The shopper met ECOM first: a live DW session, and nothing of SLAS yet.

use serde_json::json;
use tandem_sandbox::Operation;
use testkit::{Browser, Client, JO, Scenario, World, controller};

/// The call that asks SLAS for tokens by a DW session.
fn adoption(scenario: &Scenario) -> Vec<&'static str> {
    match scenario.client {
        Client::Private => vec!["ocapi.customers.auth", "slas.session-bridge"],
        Client::Public => vec!["ocapi.customers.auth", "slas.authorize", "slas.session-bridge"],
    }
}

/// A browser that has been on ECOM only, and whose guest it is there.
fn visitor_of_ecom(world: &World) -> (Browser, String, String) {
    let dwsid = world.control().new_ecom_visitor();
    let guest = world.control().dw_session(&dwsid).expect("a session").customer_id;
    let browser = world.browser();
    browser.is_given("dwsid", &dwsid);
    (browser, dwsid, guest)
}

#[tokio::test]
async fn a_guest_of_ecom_stays_the_same_guest_where_the_tenant_still_bridges_dwsid() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().with_guest_dwsid_bridge().start().await;
        let (browser, dwsid, guest) = visitor_of_ecom(&world);
        browser.visits("/").await.expect(200);
        world.has_called(&adoption(&scenario));
        assert_eq!(browser.is_guest(true), guest, "{scenario}");
        assert_eq!(browser.holds("dwsid"), dwsid, "the session goes on");
        browser.visits("/").await.expect(200);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn where_the_tenant_refuses_the_shopper_is_one_new_guest_and_nothing_loops() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let (browser, dwsid, guest) = visitor_of_ecom(&world);
        browser.visits("/").await.expect(200);
        world.has_called(&[adoption(&scenario), scenario.landing_calls()].concat());
        assert_ne!(browser.is_guest(true), guest, "{scenario}");
        assert_ne!(browser.holds("dwsid"), dwsid, "the old session is nobody's now");
        browser.visits("/").await.expect(200);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn the_refusal_is_remembered_for_the_site_and_asked_again_after_six_hours() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        visitor_of_ecom(&world).0.visits("/").await.expect(200);
        world.calls();
        for _ in 0..3 {
            visitor_of_ecom(&world).0.posts("/bff/session").await.expect(200);
            let known_before = [vec!["ocapi.customers.auth"], scenario.landing_calls()].concat();
            world.has_called(&known_before);
        }
        world.minutes_pass(6 * 60);
        visitor_of_ecom(&world).0.visits("/").await.expect(200);
        assert_eq!(world.count(Operation::SessionBridge), 1, "{scenario}");
    }
}

#[tokio::test]
async fn a_session_signed_by_ecom_is_adopted_even_where_plain_ones_are_refused() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        visitor_of_ecom(&world).0.visits("/").await.expect(200);
        world.calls();
        let (browser, dwsid, guest) = visitor_of_ecom(&world);
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        browser.posts_json("/bff/session", &json!({"dwsgst": signed})).await.expect(200);
        world.has_called(&adoption(&scenario));
        assert_eq!(browser.is_guest(true), guest, "{scenario}");
        assert_eq!(browser.holds("dwsid"), dwsid);
    }
}

#[tokio::test]
async fn promise_1_a_signature_over_another_session_does_not_split_the_pair() {
    let world = Scenario::private().start().await;
    let (_, other, _) = visitor_of_ecom(&world);
    let signed = world.control().sign_dw_session(&other).unwrap();
    let (browser, own, _) = visitor_of_ecom(&world);
    browser.posts_json("/bff/session", &json!({"dwsgst": signed})).await.expect(200);
    browser.is_guest(true);
    let dwsid = browser.holds("dwsid");
    assert!(dwsid != other && dwsid != own, "neither session is that of the tokens");
}

#[tokio::test]
async fn promise_2_a_shopper_who_signed_in_on_an_ecom_beside_us_is_the_same_shopper_on_the_head() {
    for scenario in Scenario::clients().map(Scenario::without_fronting_ecom) {
        let world = scenario.clone().start().await;
        let (browser, dwsid, _) = visitor_of_ecom(&world);
        assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
        browser.visits("/").await.expect(200);
        world.has_called(&adoption(&scenario));
        browser.is_registered(JO.0, true);
        assert_eq!(browser.holds("dwsid"), dwsid);
    }
}

#[tokio::test]
async fn a_dead_session_of_ecom_is_replaced_and_nobody_is_asked_to_adopt_it() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let (browser, dwsid, _) = visitor_of_ecom(&world);
        world.control().expire_dw(&dwsid);
        browser.visits("/").await.expect(200);
        world.has_called(&[vec!["ocapi.customers.auth"], scenario.landing_calls()].concat());
        browser.is_guest(true);
        assert_ne!(browser.holds("dwsid"), dwsid);
    }
}

#[tokio::test]
async fn attack_13_a_planted_dwsid_that_the_platform_does_not_know_is_replaced() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.is_given("dwsid", "ATTACKER");
    browser.visits("/").await.expect(200);
    browser.is_guest(true);
    assert_ne!(browser.holds("dwsid"), "ATTACKER");
}

#[tokio::test]
async fn a_hybrid_tenant_is_never_asked_by_ocapi_and_the_visitor_becomes_one_guest() {
    for scenario in
        Scenario::all().into_iter().filter(|scenario| scenario.mode == testkit::Mode::Hybrid)
    {
        let world = scenario.clone().start().await;
        let (browser, ..) = visitor_of_ecom(&world);
        browser.visits("/").await.expect(200);
        world.has_called(&scenario.guest_calls());
        browser.is_guest(true);
    }
}
