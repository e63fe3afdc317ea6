//! Logout: both sessions end with every response of the upstreams.

use std::time::Duration;

use serde_json::json;
use tandem_sandbox::{Fault, Operation, RefreshTokenState, Times, Upstream};
use testkit::{Browser, DwSession, JO, SAM, Scenario, World, controller};

/// The browser has none of these values any more.
#[track_caller]
fn expect_none_left(browser: &Browser, before: &[(String, String)]) {
    let after = browser.cookies();
    for (name, value) in before.iter().filter(|(name, _)| !name.starts_with("dwanonymous_")) {
        assert!(!after.iter().any(|(_, left)| left == value), "{name} is still there");
    }
}

#[tokio::test]
async fn promise_10_a_logout_ends_both_sessions_and_a_guest_follows() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let (before, refresh) = (browser.cookies(), browser.expect_cookie("cc-nx"));
        let view = browser.logs_out().await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}");
        world.expect_calls(&[vec!["slas.logout"], scenario.landing_calls()].concat());
        assert_eq!(
            world.control().refresh_token(&refresh).unwrap().state,
            RefreshTokenState::Revoked
        );
        browser.expect_guest(scenario.dw_session_after_landing());
        expect_none_left(&browser, &before);
    }
}

#[tokio::test]
async fn a_site_may_leave_the_browser_empty_after_a_logout() {
    for scenario in Scenario::all() {
        let world = scenario.with_site("session.after_logout", "none").start().await;
        let browser = world.registered_on_ecom().await;
        browser.logs_out().await.expect(200);
        world.expect_calls(&["slas.logout"]);
        let mut left = browser.names();
        left.retain(|name| name != "dwanonymous" && name != "__Host-tandem");
        assert_eq!(left, Vec::<String>::new());
        browser.visits("/").await.expect(200);
        assert!(!browser.token().unwrap().registered);
    }
}

#[tokio::test]
async fn promise_10_and_fault_29_local_state_goes_whatever_slas_responds() {
    let faults = [Fault::Status(500, None), Fault::Status(401, None), Fault::Reset];
    for (scenario, fault) in Scenario::all().into_iter().zip(faults.iter().cycle()) {
        let world = scenario.clone().with_short_timeouts().start().await;
        let browser = world.registered_on_ecom().await;
        let before = browser.cookies();
        world.control().inject_fault(Upstream::Slas, fault.clone(), Times::Always);
        world.control().inject_fault(Upstream::Ocapi, fault.clone(), Times::Always);
        let view = browser.logs_out().await.expect(200).json();
        assert_eq!(view["customer_type"], "none", "{scenario}, {fault:?}");
        expect_none_left(&browser, &before);
        assert_eq!(browser.cookie("dwsid"), None);
        assert_eq!(browser.cookie("token"), None);
    }
}

#[tokio::test]
async fn a_guest_who_logs_out_becomes_another_without_a_slas_logout() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let (before, usid) = (browser.cookies(), browser.usid());
        world.forget_calls();
        browser.logs_out().await.expect(200);
        world.expect_calls(&scenario.landing_calls());
        assert_ne!(browser.usid(), usid);
        expect_none_left(&browser, &before);
    }
}

#[tokio::test]
async fn a_logout_without_a_session_is_no_error() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.browser();
        browser.logs_out().await.expect(200);
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn with_all_devices_the_shopper_is_logged_out_everywhere() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let here = world.registered_on_ecom().await;
        world.minutes_pass(1);
        let there = world.registered_on_ecom().await;
        here.posts_json("/bff/logout", &json!({"all_devices": true})).await.expect(200);
        world.minutes_pass(60);
        there.posts("/bff/session").await.expect_problem(401, "session_expired");
        there.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn a_logout_on_one_device_leaves_the_other_alone() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let here = world.registered_on_ecom().await;
        world.minutes_pass(1);
        let there = world.registered_on_ecom().await;
        here.logs_out().await.expect(200);
        world.minutes_pass(60);
        there.visits("/").await.expect(200);
        there.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn an_expired_shopper_is_refreshed_for_the_slas_logout() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(60);
        browser.logs_out().await.expect(200);
        let logout = vec!["slas.token.refresh", "slas.logout"];
        world.expect_calls(&[logout, scenario.landing_calls()].concat());
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn attack_10_cookies_from_before_a_logout_are_no_session() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered_on_ecom().await;
        let stolen = browser.stale_copy();
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
async fn a_plain_form_logs_out_and_redirects() {
    let world = Scenario::private().start().await;
    let browser = world.registered_on_ecom().await;
    let fields = [("return_to", "/?bye=1")];
    let page = browser.posts_form("/", "/bff/logout", &fields).await.expect(303);
    assert_eq!(page.location(), "/?bye=1");
    browser.expect_guest(DwSession::Live);
}

#[tokio::test]
async fn promise_10_a_slow_slas_does_not_prevent_the_logout() {
    let scenario = Scenario::private().with("server.request_timeout_ms", "600");
    let world = scenario.start().await;
    let browser = world.registered_on_ecom().await;
    let before = browser.cookies();
    let late = Duration::from_secs(2);
    world.control().inject_fault(Upstream::Slas, Fault::Delay(late), Times::Always);
    let view = browser.logs_out().await.expect(200).json();
    assert_eq!(view["customer_type"], "none");
    expect_none_left(&browser, &before);
}

#[tokio::test]
async fn promise_10_a_login_does_not_revive_revoked_credentials() {
    let world = Scenario::private().start().await;
    let browser = world.registered_on_ecom().await;
    let copied = browser.stale_copy();
    browser.logs_out().await.expect(200);
    let stale = copied.copy();
    copied.logs_in(SAM).await.expect(200);
    world.seconds_pass(61);
    stale.visits("/").await.expect(200);
    stale.expect_guest(DwSession::Live);
}

/// SLAS accepts no access token of `browser` any more, although it has not expired.
fn revoke_access_token(world: &World, browser: &Browser) {
    world.control().revoke_access_token(&browser.expect_cookie("token"));
}

/// A logout with an access token that SLAS refuses, and once more with a new one.
const SECOND_ATTEMPT: [&str; 3] = ["slas.logout", "slas.token.refresh", "slas.logout"];

#[tokio::test]
async fn kind_15_a_logout_with_a_refused_access_token_revokes_the_refresh_token_all_the_same() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        revoke_access_token(&world, &browser);
        let view = browser.logs_out().await.expect(200).json();
        assert_eq!(view["revoked"], true, "{scenario}");
        world.expect_calls(&[SECOND_ATTEMPT.to_vec(), scenario.landing_calls()].concat());
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
        browser.expect_guest(scenario.dw_session_after_landing());
    }
}

#[tokio::test]
async fn kind_15_with_a_refused_access_token_all_devices_are_logged_out_too() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let here = world.registered_on_ecom().await;
        let _there = world.registered_on_ecom().await;
        revoke_access_token(&world, &here);
        let all = json!({"all_devices": true});
        let view = here.posts_json("/bff/logout", &all).await.expect(200).json();
        assert_eq!(view["revoked"], true, "{scenario}");
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
    }
}

#[tokio::test]
async fn kind_15_a_logout_on_ecom_with_a_refused_access_token_revokes_the_refresh_token() {
    for scenario in [Scenario::private(), Scenario::public(), Scenario::private().on_demand()] {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        revoke_access_token(&world, &browser);
        browser.visits(&controller("Login-Logout")).await.expect(302);
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
        browser.visits("/").await.expect(200);
        browser.expect_guest(scenario.dw_session_after_landing());
    }
}

#[tokio::test]
async fn kind_15_a_logout_that_slas_refuses_with_every_access_token_is_not_repeated_for_ever() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let refused = r#"{"error":"invalid_client","error_description":"Authorization failed."}"#;
        let fault = Fault::Body(401, refused.to_owned());
        world.control().inject_fault(Operation::Logout, fault, Times::Always);
        let view = browser.logs_out().await.expect(200).json();
        assert_eq!(view["revoked"], false, "{scenario}");
        world.expect_calls(&[SECOND_ATTEMPT.to_vec(), scenario.landing_calls()].concat());
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn kind_15_the_answer_tells_whether_slas_has_revoked_the_session() {
    let answers = [
        (Fault::Status(500, None), false),
        (Fault::Status(429, Some(5)), false),
        (Fault::Body(403, "<html>Access Denied</html>".to_owned()), false),
        (Fault::Body(400, "<html>Bad Request</html>".to_owned()), false),
        (Fault::Body(400, r#"{"message":"invalid channel_id"}"#.to_owned()), false),
        (Fault::Body(400, r#"{"message":"Bad or missing refresh token."}"#.to_owned()), true),
    ];
    for (fault, revoked) in answers {
        let world = Scenario::private().start().await;
        let browser = world.registered_on_ecom().await;
        world.control().inject_fault(Operation::Logout, fault.clone(), Times::Always);
        let view = browser.logs_out().await.expect(200).json();
        assert_eq!(view["revoked"], revoked, "{fault:?}");
    }
}
