//! Faults of the tokens and of the bridge, by their numbers.

use tandem_sandbox::{Fault, Operation, Times, TokenSpec, Upstream};
use testkit::{Client, DwSession, JO, Mode, Scenario, Time, controller};

#[tokio::test]
async fn fault_6_a_lost_response_is_retried_where_the_token_is_reusable() {
    let world = Scenario::private().refusing_pages_in_outages().start().await;
    let browser = world.registered().await;
    world.minutes_pass(60);
    let before = browser.cookies();
    // The call itself is made twice.
    world.control().inject_fault(Operation::TokenRefresh, Fault::Reset, 2);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    assert_eq!(browser.cookies(), before);
    // After a repeated call the last one of the minute waits ten seconds.
    world.seconds_pass(11);
    browser.visits("/").await.expect(200);
    browser.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn promise_3_fault_6_a_public_clients_refresh_is_never_retried() {
    let world = Scenario::public().refusing_pages_in_outages().start().await;
    let browser = world.registered().await;
    world.minutes_pass(60);
    world.forget_calls();
    world.control().inject_fault(Operation::TokenRefresh, Fault::Reset, 1);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    assert_eq!(world.count(Operation::TokenRefresh), 1);
    // The token is spent and its successor lost: the shopper gets one error and is a guest.
    world.seconds_pass(2);
    browser.posts("/bff/session").await.expect_problem(401, "session_expired");
    browser.expect_guest(DwSession::Live);
    browser.posts("/bff/session").await.expect(200);
}

#[tokio::test]
async fn fault_6_a_guest_of_a_public_client_silently_becomes_a_new_one() {
    let world = Scenario::public().refusing_pages_in_outages().start().await;
    let browser = world.guest().await;
    world.minutes_pass(60);
    world.control().inject_fault(Operation::TokenRefresh, Fault::Reset, 1);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable");
    world.seconds_pass(2);
    browser.visits("/").await.expect(200);
    browser.expect_guest(DwSession::Live);
}

#[tokio::test]
async fn fault_7_and_attack_84_a_rejected_token_is_not_tried_for_30_s() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(60);
        world.forget_calls();
        for _ in 0..20 {
            let tab = browser.copy();
            tab.posts("/bff/session").await.expect_problem(401, "session_expired");
            tab.expect_guest(DwSession::Live);
            tab.posts("/bff/session").await.expect(200);
        }
        assert_eq!(world.count(Operation::TokenRefresh), 1);
        world.seconds_pass(31);
        browser.posts("/bff/session").await.expect_problem(401, "session_expired");
        assert_eq!(world.count(Operation::TokenRefresh), 2);
    }
}

#[tokio::test]
async fn fault_9_a_conflict_about_a_guest_is_retried_once() {
    let world = Scenario::private().start().await;
    world.control().inject_fault(Operation::TokenGuest, Fault::Status(409, None), 1);
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    world.expect_calls(&["slas.token.guest", "slas.token.guest", "ocapi.sessions"]);
    browser.expect_guest(DwSession::Live);
}

#[tokio::test]
async fn fault_9_a_lasting_conflict_is_tried_twice() {
    let world = Scenario::private().refusing_pages_in_outages().start().await;
    world.allow_no_landing();
    world.control().inject_fault(Operation::TokenGuest, Fault::Status(409, None), Times::Always);
    world.browser().visits("/").await.expect(503).expect_no_cookies();
    world.expect_calls(&["slas.token.guest", "slas.token.guest"]);
}

/// Invalid responses with status 200.
fn invalid_responses() -> Vec<Fault> {
    let broken = ["", "{", "[]", "null", "{}", r#"{"access_token":"null","expires_in":1800}"#];
    let token = r#"{"access_token":"eyJhbGciOiJub25lIn0.e30.x","expires_in":1800}"#;
    let mut bodies: Vec<String> = broken.map(str::to_owned).to_vec();
    bodies.push(token.to_owned());
    bodies.push(format!("{{\"access_token\":\"{}\"}}", "x".repeat(10_000_000)));
    bodies.into_iter().map(|text| Fault::Body(200, text)).collect()
}

#[tokio::test]
async fn promise_11_fault_11_invalid_tokens_are_a_failure_and_set_nothing() {
    let world = Scenario::private().refusing_pages_in_outages().start().await;
    for fault in invalid_responses() {
        world.control().inject_fault(Operation::TokenGuest, fault, 1);
        let page = world.browser().visits("/").await;
        page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        world.minutes_pass(1);
    }
    world.browser().visits("/").await.expect(200);
}

#[tokio::test]
async fn promise_11_fault_11_an_invalid_refresh_keeps_the_shopper() {
    for fault in invalid_responses() {
        let world = Scenario::private().refusing_pages_in_outages().start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        let before = browser.cookies();
        world.control().inject_fault(Operation::TokenRefresh, fault, 1);
        browser.visits("/").await.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        assert_eq!(browser.cookies(), before);
        world.minutes_pass(1);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn promise_3_fault_12_short_lived_tokens_are_not_refreshed_endlessly() {
    for scenario in Scenario::clients() {
        let world = scenario.with_access_life(45).start().await;
        let browser = world.guest().await;
        for _ in 0..30 {
            world.seconds_pass(1);
            browser.visits("/").await.expect(200);
        }
        assert!(world.control().max_exchanges_within_a_minute() <= 3);
        let refreshes = world.count(Operation::TokenRefresh);
        assert!(refreshes <= 2, "{refreshes} refreshes in 30 s");
    }
}

#[tokio::test]
async fn fault_20_on_demand_a_dead_ocapi_does_not_affect_the_head() {
    for client in [Client::Private, Client::Public] {
        let world = Scenario::new(client, Mode::Classic, Time::OnDemand)
            .with_short_timeouts()
            .start()
            .await;
        world.control().inject_fault(Upstream::Ocapi, Fault::Hang, Times::Always);
        let browser = world.registered().await;
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Absent);
        assert!(!world.take_calls().iter().any(|call| call.starts_with("ocapi")));
    }
}

#[tokio::test]
async fn fault_20_at_landing_a_dead_ocapi_delays_one_page_only() {
    for scenario in Scenario::clients() {
        let world = scenario.with_short_timeouts().start().await;
        world.control().inject_fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let browser = world.guest().await;
        browser.expect_guest(DwSession::Absent);
        for _ in 0..5 {
            browser.visits("/").await.expect(200);
        }
        world.expect_calls(&[]);
        world.control().clear_faults();
        world.seconds_pass(31);
        browser.visits("/").await.expect(200);
        world.expect_calls(&["ocapi.sessions"]);
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn fault_21_no_shopper_reaches_ecom_as_a_silent_guest() {
    for scenario in Scenario::clients() {
        for fault in [Fault::Hang, Fault::Status(503, None), Fault::Reset] {
            let world = scenario.clone().on_demand().with_short_timeouts().start().await;
            let browser = world.registered().await;
            world.control().inject_fault(Operation::Sessions, fault, 1);
            let page = browser.visits(&controller("Account-Show")).await;
            page.expect_problem(503, "upstream_unavailable");
            assert!(page.retry_after() > 0);
            assert_eq!(world.count(Operation::EcomPage), 0);
            browser.expect_registered(JO.0, DwSession::Absent);
            world.minutes_pass(1);
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer().1, browser.expect_registered(JO.0, DwSession::Live));
        }
    }
}

#[tokio::test]
async fn fault_22_a_token_rejected_by_ocapi_is_refreshed_once() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.registered().await;
        world.control().revoke_access_token(&browser.expect_cookie("token"));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, browser.expect_registered(JO.0, DwSession::Live));
        world.expect_calls(&["ocapi.sessions", "slas.token.refresh", "ocapi.sessions"]);
    }
}

#[tokio::test]
async fn fault_22_an_ocapi_that_rejects_every_token_is_misconfigured() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.registered().await;
        let fault = r#"{"_v":"24.5","fault":{"type":"InvalidAccessTokenException","message":"x",
            "arguments":{"accessToken":"CANARY-AT"}}}"#;
        let fault = Fault::Body(401, fault.to_owned());
        world.control().inject_fault(Operation::Sessions, fault, Times::Always);
        let page = browser.visits(&controller("Account-Show")).await;
        page.expect_problem(503, "misconfigured");
        assert!(!page.text.contains("CANARY"));
        world.expect_calls(&["ocapi.sessions", "slas.token.refresh", "ocapi.sessions"]);
        browser.expect_registered(JO.0, DwSession::Absent);
        browser.visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn fault_23_a_bridge_without_exactly_one_dwsid_sets_nothing() {
    for scenario in Scenario::clients() {
        let two = Fault::ExtraHeader("set-cookie", "dwsid=another; Path=/".to_owned());
        for fault in [Fault::Body(200, String::new()), two] {
            let world = scenario.clone().start().await;
            world.control().inject_fault(Operation::Sessions, fault.clone(), Times::Always);
            let browser = world.guest().await;
            browser.expect_guest(DwSession::Absent);
            assert!(!browser.names().iter().any(|name| name.starts_with("dw")), "{fault:?}");
            let page = browser.visits(&controller("Home-Show")).await;
            page.expect_problem(503, "upstream_unavailable");
            world.control().clear_faults();
            world.minutes_pass(1);
            browser.visits(&controller("Home-Show")).await.expect(200);
            browser.expect_guest(DwSession::Live);
        }
    }
}

#[tokio::test]
async fn fault_25_an_ecom_that_replaces_every_session_is_tried_twice() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    let foreign = "dwsid=foreign-session; Path=/; Secure".to_owned();
    world.control().inject_fault(
        Upstream::Ecom,
        Fault::ExtraHeader("set-cookie", foreign),
        Times::Always,
    );
    browser.visits(&controller("Home-Show")).await;
    assert_eq!(world.count(Operation::EcomPage), 2);
    assert!(world.count(Operation::Sessions) <= 1);
    assert!(browser.token().unwrap().registered);
}

#[tokio::test]
async fn fault_48_cached_keys_need_no_key_document() {
    let world = Scenario::private().start().await;
    let (one, two) = (world.guest().await, world.guest().await);
    one.loses_cookie("__Host-tandem").visits("/").await.expect(200);
    assert_eq!(world.count(Operation::Jwks), 1);
    world.control().inject_fault(Operation::Jwks, Fault::Status(503, None), Times::Always);
    let shopper = two.expect_cookie("cid");
    two.loses_cookie("__Host-tandem").visits("/").await.expect(200);
    assert_eq!(two.expect_guest(DwSession::Live), shopper);
    // A day later the keys are due, and the cached ones still count.
    world.minutes_pass(25 * 60);
    let spec = TokenSpec { customer_id: Some(shopper.clone()), ..TokenSpec::default() };
    let late = world.browser();
    late.stores_host_cookie("token", &world.control().forge_token(&spec))
        .visits("/")
        .await
        .expect(200);
    assert_eq!(late.token().unwrap().customer_id, shopper);
}

#[tokio::test]
async fn fault_49_new_keys_are_fetched_once_for_an_unknown_key() {
    let world = Scenario::private().start().await;
    world.guest().await.loses_cookie("__Host-tandem").visits("/").await.expect(200);
    world.minutes_pass(2);
    // The simulator publishes a key before it uses it; the second rotation uses a new one.
    world.control().rotate_keys();
    world.control().rotate_keys();
    world.forget_calls();
    let mut browsers = Vec::new();
    for _ in 0..5 {
        browsers.push(world.guest().await);
    }
    world.forget_calls();
    for browser in browsers {
        let shopper = browser.expect_cookie("cid");
        browser.loses_cookie("__Host-tandem").visits("/").await.expect(200);
        assert_eq!(browser.expect_guest(DwSession::Live), shopper);
    }
    assert_eq!(world.count(Operation::Jwks), 1);
}

#[tokio::test]
async fn fault_59_a_clock_that_jumps_an_hour_logs_no_shopper_out() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let (shopper, visitor) = (world.registered().await, world.guest().await);
        let before = visitor.expect_cookie("cid");
        world.minutes_pass(60);
        shopper.visits("/").await.expect(200);
        visitor.visits("/").await.expect(200);
        assert!(shopper.token().unwrap().registered, "{scenario}");
        assert_eq!(visitor.expect_cookie("cid"), before);
    }
}
