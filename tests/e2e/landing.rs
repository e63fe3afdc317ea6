//! Landing: a browser with nothing becomes one guest in both worlds.

use serde_json::json;
use tandem_sandbox::Operation;
use testkit::{Mode, Scenario, controller};

#[tokio::test]
async fn promise_1_a_newcomer_on_the_head_is_one_guest_in_both_worlds() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        world.has_called(&scenario.landing_calls());
        browser.is_guest(scenario.mode == Mode::Hybrid || scenario.bridges_at_landing());
    }
}

#[tokio::test]
async fn promise_1_a_newcomer_on_ecom_is_one_guest_in_both_worlds() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let page = browser.visits(&controller("Home-Show")).await.expect(200);
        let guest = browser.is_guest(true);
        assert_eq!(page.ecom_customer(), ("guest".to_owned(), guest), "{scenario}");
        let mut calls = scenario.guest_calls();
        calls.extend((scenario.mode == Mode::Classic).then_some("ocapi.sessions"));
        world.has_called(&calls);
    }
}

#[tokio::test]
async fn the_page_a_newcomer_sees_is_already_rendered_for_the_new_guest() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let calls = world.control().calls();
    let page = calls.iter().find(|call| call.operation == Operation::HeadPage).unwrap();
    let cookies = page.header("cookie").unwrap();
    for name in ["token", "cc-nx-g", "usid", "cid", "dwsid"] {
        assert!(cookies.contains(&format!("{name}={}", browser.holds(name))), "{name}");
    }
    assert!(!cookies.contains("__Host-tandem"), "our memory is for nobody else");
}

#[tokio::test]
async fn the_head_and_ecom_agree_from_the_first_page_on() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        browser.puts_into_basket("bell-brass").await.expect(200);
        let page = browser.visits(&controller("Cart-Show")).await.expect(200);
        let me = browser.calls("/api/me").await.expect(200).json();
        let (kind, id) = page.ecom_customer();
        assert_eq!(
            (me["customer_type"].as_str(), me["customer_id"].as_str()),
            (Some(&*kind), Some(&*id))
        );
        assert!(page.text.contains("bell-brass"), "{scenario}: the basket is there as well");
    }
}

#[tokio::test]
async fn a_page_can_ask_for_a_session_and_is_told_who_the_shopper_is() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let answer = browser.posts("/bff/session").await.expect(200).json();
        world.has_called(&scenario.landing_calls());
        let guest =
            browser.is_guest(scenario.mode == Mode::Hybrid || scenario.bridges_at_landing());
        assert_eq!(answer["customer_type"], "guest");
        assert_eq!(answer["customer_id"], guest);
        assert_eq!(answer["usid"], browser.usid());
    }
}

#[tokio::test]
async fn scripts_see_the_ids_and_no_credential() {
    for scenario in Scenario::all() {
        let world = scenario.without_enforce_https().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let mut seen = browser.script_sees();
        seen.retain(|name| !name.starts_with("dwanonymous_"));
        seen.sort();
        assert_eq!(seen, ["cid", "usid"]);
    }
}

#[tokio::test]
async fn do_not_track_reaches_slas_with_the_first_call() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.browser();
        browser.is_given("dw_dnt", "1").visits("/").await.expect(200);
        assert_eq!(browser.token().unwrap().dnt, "1");
        assert_eq!(browser.calls("/bff/session").await.json()["dnt"], true);
    }
}

#[tokio::test]
async fn promise_11_garbage_in_every_cookie_is_a_newcomer() {
    for garbage in ["x", "\"\"", "a.b.c", "%00%ff", "null", "eyJhbGciOiJub25lIn0.e30."] {
        let world = Scenario::private().start().await;
        let browser = world.browser();
        for name in ["token", "cc-nx-g", "usid", "cid", "dwsid", "__Host-tandem"] {
            browser.is_given(name, garbage);
        }
        // An unusable refresh token may cost one call before it is known to be dead.
        browser.visits("/").await.expect(200);
        browser.is_guest(true);
        world.calls();
        browser.visits("/").await.expect(200);
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn attack_14_a_planted_usid_never_reaches_slas() {
    let world = Scenario::private().start().await;
    let victim = world.browser();
    victim.visits("/").await.expect(200);
    let thief = world.browser();
    thief.is_given("usid", &victim.usid()).is_given("cid", &victim.holds("cid"));
    thief.posts_json("/bff/session", &json!({})).await.expect(200);
    assert_ne!(thief.usid(), victim.usid());
    assert_ne!(thief.is_guest(true), victim.is_guest(true));
}
