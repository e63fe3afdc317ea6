//! Logout: out of both worlds, whatever the upstream says.

use serde_json::json;
use tandem_sandbox::{Fault, Operation, RefreshState, Times, Upstream};
use testkit::{Browser, JO, Mode, Scenario, controller};

/// None of these values is in the browser any more.
#[track_caller]
fn nothing_is_left(browser: &Browser, before: &[(String, String)]) {
    let after = browser.cookies();
    for (name, value) in before.iter().filter(|(name, _)| !name.starts_with("dwanonymous_")) {
        assert!(!after.iter().any(|(_, kept)| kept == value), "{name} is still there");
    }
}

#[tokio::test]
async fn promise_10_a_logout_ends_both_worlds_and_a_fresh_guest_follows() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.jo_on_ecom().await;
        let (before, refresh) = (browser.cookies(), browser.holds("cc-nx"));
        let answer = browser.logs_out().await.expect(200).json();
        assert_eq!(answer["customer_type"], "guest", "{scenario}");
        world.has_called(&[vec!["slas.logout"], scenario.landing_calls()].concat());
        assert_eq!(world.control().refresh(&refresh).unwrap().state, RefreshState::Revoked);
        browser.is_guest(scenario.mode == Mode::Hybrid || scenario.bridges_at_landing());
        nothing_is_left(&browser, &before);
    }
}

#[tokio::test]
async fn a_site_may_leave_the_browser_empty_after_a_logout() {
    for scenario in Scenario::all() {
        let world = scenario.with_site("session.after_logout", "none").start().await;
        let browser = world.jo_on_ecom().await;
        browser.logs_out().await.expect(200);
        world.has_called(&["slas.logout"]);
        let mut left = browser.names();
        left.retain(|name| name != "dwanonymous" && name != "__Host-tandem");
        assert_eq!(left, Vec::<String>::new());
        browser.visits("/").await.expect(200);
        assert!(!browser.token().unwrap().registered);
    }
}

#[tokio::test]
async fn promise_10_and_fault_29_local_state_goes_whatever_the_upstream_says() {
    let faults = [Fault::Status(500, None), Fault::Status(401, None), Fault::Reset];
    for (scenario, fault) in Scenario::all().into_iter().zip(faults.iter().cycle()) {
        let world = scenario.clone().with_short_timeouts().start().await;
        let browser = world.jo_on_ecom().await;
        let before = browser.cookies();
        world.control().fault(Upstream::Slas, fault.clone(), Times::Always);
        world.control().fault(Upstream::Ocapi, fault.clone(), Times::Always);
        let answer = browser.logs_out().await.expect(200).json();
        assert_eq!(answer["customer_type"], "none", "{scenario}, {fault:?}");
        nothing_is_left(&browser, &before);
        assert_eq!(browser.cookie("dwsid"), None);
        assert_eq!(browser.cookie("token"), None);
    }
}

#[tokio::test]
async fn a_guest_who_logs_out_becomes_another_guest_and_slas_is_not_asked_to_forget() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let (before, usid) = (browser.cookies(), browser.usid());
        world.calls();
        browser.logs_out().await.expect(200);
        world.has_called(&scenario.landing_calls());
        assert_ne!(browser.usid(), usid);
        nothing_is_left(&browser, &before);
    }
}

#[tokio::test]
async fn a_logout_of_nobody_is_no_error() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.browser();
        browser.logs_out().await.expect(200);
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn with_all_devices_the_shopper_is_out_everywhere() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let here = world.jo_on_ecom().await;
        world.minutes_pass(1);
        let there = world.jo_on_ecom().await;
        here.posts_json("/bff/logout", &json!({"all_devices": true})).await.expect(200);
        world.minutes_pass(60);
        there.posts("/bff/session").await.expect_problem(401, "session_expired");
        there.is_guest(true);
    }
}

#[tokio::test]
async fn a_logout_on_one_device_leaves_the_other_alone() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let here = world.jo_on_ecom().await;
        world.minutes_pass(1);
        let there = world.jo_on_ecom().await;
        here.logs_out().await.expect(200);
        world.minutes_pass(60);
        there.visits("/").await.expect(200);
        there.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn a_shopper_whose_token_is_dead_is_refreshed_so_that_slas_can_be_told() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.jo_on_ecom().await;
        world.minutes_pass(60);
        browser.logs_out().await.expect(200);
        let logout = vec!["slas.token.refresh", "slas.logout"];
        world.has_called(&[logout, scenario.landing_calls()].concat());
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn attack_10_the_cookies_of_before_a_logout_are_no_session_any_more() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.jo_on_ecom().await;
        let stolen = browser.late();
        browser.logs_out().await.expect(200);
        let at_once = stolen.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(at_once.ecom_customer().0, "guest");
        world.minutes_pass(2);
        stolen.visits("/").await.expect(200);
        assert!(!stolen.token().unwrap().registered);
        let page = stolen.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().0, "guest");
        assert_eq!(world.count(Operation::TokenRefresh), 0);
    }
}

#[tokio::test]
async fn a_plain_form_logs_out_and_is_sent_on() {
    let world = Scenario::private().start().await;
    let browser = world.jo_on_ecom().await;
    let fields = [("return_to", "/?bye=1")];
    let page = browser.posts_form("/", "/bff/logout", &fields).await.expect(303);
    assert_eq!(page.location(), "/?bye=1");
    browser.is_guest(true);
}

#[tokio::test]
async fn promise_10_upstreams_that_take_their_time_do_not_keep_the_shopper_signed_in() {
    let scenario = Scenario::private().with("server.request_timeout_ms", "600");
    let world = scenario.start().await;
    let browser = world.jo_on_ecom().await;
    let before = browser.cookies();
    let late = std::time::Duration::from_secs(2);
    world.control().fault(Upstream::Slas, Fault::Delay(late), Times::Always);
    let answer = browser.logs_out().await.expect(200).json();
    assert_eq!(answer["customer_type"], "none");
    nothing_is_left(&browser, &before);
}

#[tokio::test]
async fn promise_10_a_login_with_what_was_signed_out_does_not_make_it_count_again() {
    let world = Scenario::private().start().await;
    let browser = world.jo_on_ecom().await;
    let copied = browser.late();
    browser.logs_out().await.expect(200);
    let stale = copied.copy();
    copied.logs_in(("sam@example.com", "Tandem-2026")).await.expect(200);
    world.seconds_pass(61);
    stale.visits("/").await.expect(200);
    stale.is_guest(true);
}
