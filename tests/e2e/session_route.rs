//! `GET /bff/session` returns the session and changes nothing; `POST /bff/session` creates or renews it.

use serde_json::json;
use tandem_sandbox::{Fault, Times, Upstream};
use testkit::{DwSession, JO, Scenario, controller};

#[tokio::test]
async fn reading_the_session_creates_none() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        let view = browser.calls("/bff/session").await.expect(200);
        view.expect_no_cookies();
        assert_eq!(
            view.json(),
            json!({"customer_type": "none", "customer_id": null, "usid": null, "login_id": null,
                   "access_expires_in": null, "refresh_expires_in": null, "dw_session": "none",
                   "dnt": null, "session_expired": false,
                   "unavailable": false})
        );
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn the_session_names_the_shopper_and_the_time_left() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        world.forget_calls();
        world.minutes_pass(10);
        let page = browser.calls("/bff/session").await.expect(200);
        let view = page.expect_no_cookies().json();
        world.expect_calls(&[]);
        assert_eq!(view["customer_type"], "registered");
        assert_eq!(view["customer_id"], browser.expect_cookie("cid"));
        assert_eq!(view["usid"], browser.usid());
        assert_eq!(view["login_id"], JO.0);
        assert!((1195..=1200).contains(&view["access_expires_in"].as_i64().unwrap()));
        let days = view["refresh_expires_in"].as_i64().unwrap() / 86_400;
        assert_eq!(days, 89);
        let dw_session = scenario.dw_session_after_landing();
        assert_eq!(
            view["dw_session"],
            if dw_session == DwSession::Live { "live" } else { "none" },
            "{scenario}"
        );
    }
}

#[tokio::test]
async fn reading_the_session_extends_and_refreshes_nothing() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        world.forget_calls();
        for _ in 0..10 {
            world.minutes_pass(4);
            browser.calls("/bff/session").await.expect(200).expect_no_cookies();
        }
        let view = browser.calls("/bff/session").await.json();
        assert_eq!(view["customer_type"], "none", "the access token has expired");
        world.expect_calls(&[]);
        browser.posts("/bff/session").await.expect(200);
        assert!(browser.token().unwrap().registered, "and the session is still there");
    }
}

#[tokio::test]
async fn the_state_of_the_dw_session_follows_our_clock() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits(&controller("Home-Show")).await.expect(200);
    let state = || async { browser.calls("/bff/session").await.json()["dw_session"].clone() };
    assert_eq!(state().await, "live");
    world.minutes_pass(30);
    assert_eq!(state().await, "unknown");
    world.minutes_pass(6);
    assert_eq!(state().await, "expired");
}

#[tokio::test]
async fn promise_5_a_second_post_costs_nothing() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        let first = browser.posts("/bff/session").await.expect(200).json();
        world.forget_calls();
        let second = browser.posts("/bff/session").await.expect(200);
        second.expect_no_cookies();
        assert_eq!(second.json()["customer_id"], first["customer_id"]);
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn promise_2_a_post_without_upstreams_sends_retry_after() {
    for scenario in Scenario::all() {
        let world = scenario.refusing_pages_in_outages().start().await;
        world.allow_no_landing();
        let browser = world.browser();
        world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        let page = browser.posts("/bff/session").await;
        page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        assert!((1..=60).contains(&page.retry_after()));
        let page = browser.visits("/").await;
        page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        assert!(page.header("content-type").starts_with("text/html"), "a page for people");
    }
}
