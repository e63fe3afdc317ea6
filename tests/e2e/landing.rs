//! Landing: a browser without cookies becomes one guest on the Head and on ECOM.

use serde_json::json;
use tandem_sandbox::Operation;
use testkit::{DwSession, Mode, Scenario, controller};

#[tokio::test]
async fn promise_1_a_new_visitor_of_the_head_is_one_guest() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        world.expect_calls(&scenario.landing_calls());
        browser.expect_guest(scenario.dw_session_after_landing());
    }
}

#[tokio::test]
async fn promise_1_a_new_visitor_of_ecom_is_one_guest() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let page = browser.visits(&controller("Home-Show")).await.expect(200);
        let guest = browser.expect_guest(DwSession::Live);
        assert_eq!(page.ecom_customer(), ("guest".to_owned(), guest), "{scenario}");
        let mut calls = scenario.guest_calls();
        calls.extend((scenario.mode == Mode::Classic).then_some("ocapi.sessions"));
        world.expect_calls(&calls);
    }
}

#[tokio::test]
async fn the_first_page_is_rendered_for_the_new_guest() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let calls = world.control().calls();
    let page = calls.iter().find(|call| call.operation == Operation::HeadPage).unwrap();
    let cookies = page.header("cookie").unwrap();
    for name in ["token", "cc-nx-g", "usid", "cid", "dwsid"] {
        assert!(cookies.contains(&format!("{name}={}", browser.expect_cookie(name))), "{name}");
    }
    assert!(!cookies.contains("__Host-tandem"), "the sealed state is not forwarded");
}

#[tokio::test]
async fn head_and_ecom_agree_from_the_first_page_on() {
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
        assert!(page.text.contains("bell-brass"), "{scenario}: the basket is the same");
    }
}

#[tokio::test]
async fn a_page_can_request_a_session_and_learns_the_shopper() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let view = browser.posts("/bff/session").await.expect(200).json();
        world.expect_calls(&scenario.landing_calls());
        let guest = browser.expect_guest(scenario.dw_session_after_landing());
        assert_eq!(view["customer_type"], "guest");
        assert_eq!(view["customer_id"], guest);
        assert_eq!(view["usid"], browser.usid());
    }
}

#[tokio::test]
async fn scripts_see_the_ids_and_no_credential() {
    for scenario in Scenario::all() {
        let world = scenario.without_enforce_https().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let mut seen = browser.script_readable_cookies();
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
        browser.stores_host_cookie("dw_dnt", "1").visits("/").await.expect(200);
        assert_eq!(browser.token().unwrap().dnt, "1");
        assert_eq!(browser.calls("/bff/session").await.json()["dnt"], true);
    }
}

#[tokio::test]
async fn promise_11_invalid_cookies_are_a_new_visitor() {
    for garbage in ["x", "\"\"", "a.b.c", "%00%ff", "null", "eyJhbGciOiJub25lIn0.e30."] {
        let world = Scenario::private().start().await;
        let browser = world.browser();
        for name in ["token", "cc-nx-g", "usid", "cid", "dwsid", "__Host-tandem"] {
            browser.stores_host_cookie(name, garbage);
        }
        // An invalid refresh token may cost one call.
        browser.visits("/").await.expect(200);
        browser.expect_guest(DwSession::Live);
        world.forget_calls();
        browser.visits("/").await.expect(200);
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn attack_14_a_planted_usid_never_reaches_slas() {
    let world = Scenario::private().start().await;
    let victim = world.browser();
    victim.visits("/").await.expect(200);
    let thief = world.browser();
    thief
        .stores_host_cookie("usid", &victim.usid())
        .stores_host_cookie("cid", &victim.expect_cookie("cid"));
    thief.posts_json("/bff/session", &json!({})).await.expect(200);
    assert_ne!(thief.usid(), victim.usid());
    assert_ne!(thief.expect_guest(DwSession::Live), victim.expect_guest(DwSession::Live));
}
