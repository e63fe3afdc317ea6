//! `GET /bff/session` tells and changes nothing; `POST /bff/session` makes it so.

use serde_json::json;
use tandem_sandbox::{Fault, Times, Upstream};
use testkit::{JO, Mode, Scenario, controller};

#[tokio::test]
async fn a_newcomer_who_only_asks_stays_a_newcomer() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        let view = browser.calls("/bff/session").await.expect(200);
        view.sets_no_cookies();
        assert_eq!(
            view.json(),
            json!({"customer_type": "none", "customer_id": null, "usid": null, "login_id": null,
                   "access_expires_in": null, "refresh_expires_in": null, "dw_session": "none",
                   "dnt": null, "session_expired": false})
        );
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn who_asks_learns_who_the_shopper_is_and_how_long_it_lasts() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        world.calls();
        world.minutes_pass(10);
        let page = browser.calls("/bff/session").await.expect(200);
        let view = page.sets_no_cookies().json();
        world.has_called(&[]);
        assert_eq!(view["customer_type"], "registered");
        assert_eq!(view["customer_id"], browser.holds("cid"));
        assert_eq!(view["usid"], browser.usid());
        assert_eq!(view["login_id"], JO.0);
        assert!((1195..=1200).contains(&view["access_expires_in"].as_i64().unwrap()));
        let days = view["refresh_expires_in"].as_i64().unwrap() / 86_400;
        assert_eq!(days, 89);
        let bridged = scenario.mode == Mode::Hybrid || scenario.bridges_at_landing();
        assert_eq!(view["dw_session"], if bridged { "live" } else { "none" }, "{scenario}");
    }
}

#[tokio::test]
async fn asking_slides_nothing_and_wakes_nobody_even_when_all_is_dead() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        world.calls();
        for _ in 0..10 {
            world.minutes_pass(4);
            browser.calls("/bff/session").await.expect(200).sets_no_cookies();
        }
        let view = browser.calls("/bff/session").await.json();
        assert_eq!(view["customer_type"], "none", "the access token died on time");
        world.has_called(&[]);
        browser.posts("/bff/session").await.expect(200);
        assert!(browser.token().unwrap().registered, "and what was there is still there");
    }
}

#[tokio::test]
async fn the_state_of_the_dw_session_is_told_by_our_own_clock() {
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
async fn promise_5_making_it_so_twice_costs_nothing_the_second_time() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        let first = browser.posts("/bff/session").await.expect(200).json();
        world.calls();
        let second = browser.posts("/bff/session").await.expect(200);
        second.sets_no_cookies();
        assert_eq!(second.json()["customer_id"], first["customer_id"]);
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn promise_2_without_upstreams_making_it_so_says_when_to_come_back() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        world.lands_no_browser();
        let browser = world.browser();
        world.control().fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        let page = browser.posts("/bff/session").await;
        page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
        assert!((1..=60).contains(&page.retry_after()));
        let page = browser.visits("/").await;
        page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
        assert!(page.header("content-type").starts_with("text/html"), "for people");
    }
}
