//! Faults of the tokens and of the bridge, one by one, by their numbers.

use tandem_sandbox::{Fault, Operation, Times, TokenSpec, Upstream};
use testkit::{Client, JO, Mode, Scenario, Time, controller};

#[tokio::test]
async fn fault_6_a_lost_answer_is_asked_for_again_where_the_token_can_be_used_again() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    world.minutes_pass(60);
    let before = browser.cookies();
    world.control().fault(Operation::TokenRefresh, Fault::Reset, 1);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable").sets_no_cookies();
    assert_eq!(browser.cookies(), before);
    world.seconds_pass(2);
    browser.visits("/").await.expect(200);
    browser.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_3_fault_6_a_public_clients_refresh_is_never_blindly_repeated() {
    let world = Scenario::public().start().await;
    let browser = world.jo().await;
    world.minutes_pass(60);
    world.forget_calls();
    world.control().fault(Operation::TokenRefresh, Fault::Reset, 1);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable").sets_no_cookies();
    assert_eq!(world.count(Operation::TokenRefresh), 1);
    // The token is spent and its successor lost: now the shopper is told, once, and is a guest.
    world.seconds_pass(2);
    browser.posts("/bff/session").await.expect_problem(401, "session_expired");
    browser.is_guest(true);
    browser.posts("/bff/session").await.expect(200);
}

#[tokio::test]
async fn fault_6_a_guest_of_a_public_client_becomes_a_new_guest_without_a_word() {
    let world = Scenario::public().start().await;
    let browser = world.guest().await;
    world.minutes_pass(60);
    world.control().fault(Operation::TokenRefresh, Fault::Reset, 1);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable");
    world.seconds_pass(2);
    browser.visits("/").await.expect(200);
    browser.is_guest(true);
}

#[tokio::test]
async fn fault_7_and_attack_84_a_refused_token_is_not_asked_for_again_for_half_a_minute() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.jo().await;
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        world.minutes_pass(60);
        world.forget_calls();
        for _ in 0..20 {
            let tab = browser.copy();
            tab.posts("/bff/session").await.expect_problem(401, "session_expired");
            tab.is_guest(true);
            tab.posts("/bff/session").await.expect(200);
        }
        assert_eq!(world.count(Operation::TokenRefresh), 1);
        world.seconds_pass(31);
        browser.posts("/bff/session").await.expect_problem(401, "session_expired");
        assert_eq!(world.count(Operation::TokenRefresh), 2);
    }
}

#[tokio::test]
async fn fault_9_a_conflict_about_a_guest_is_waited_out_once() {
    let world = Scenario::private().start().await;
    world.control().fault(Operation::TokenGuest, Fault::Status(409, None), 1);
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    world.has_called(&["slas.token.guest", "slas.token.guest", "ocapi.sessions"]);
    browser.is_guest(true);
}

#[tokio::test]
async fn fault_9_a_conflict_that_stays_is_no_storm() {
    let world = Scenario::private().start().await;
    world.lands_no_browser();
    world.control().fault(Operation::TokenGuest, Fault::Status(409, None), Times::Always);
    world.browser().visits("/").await.expect(503).sets_no_cookies();
    world.has_called(&["slas.token.guest", "slas.token.guest"]);
}

/// Answers with status 200 that are none.
fn nonsense() -> Vec<Fault> {
    let broken = ["", "{", "[]", "null", "{}", r#"{"access_token":"null","expires_in":1800}"#];
    let token = r#"{"access_token":"eyJhbGciOiJub25lIn0.e30.x","expires_in":1800}"#;
    let mut answers: Vec<String> = broken.map(str::to_owned).to_vec();
    answers.push(token.to_owned());
    answers.push(format!("{{\"access_token\":\"{}\"}}", "x".repeat(10_000_000)));
    answers.into_iter().map(|text| Fault::Body(200, text)).collect()
}

#[tokio::test]
async fn promise_11_fault_11_nonsense_for_tokens_is_a_failure_and_writes_nothing() {
    let world = Scenario::private().start().await;
    for fault in nonsense() {
        world.control().fault(Operation::TokenGuest, fault, 1);
        let page = world.browser().visits("/").await;
        page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
        world.minutes_pass(1);
    }
    world.browser().visits("/").await.expect(200);
}

#[tokio::test]
async fn promise_11_fault_11_nonsense_for_a_refresh_leaves_the_shopper_signed_in() {
    for fault in nonsense() {
        let world = Scenario::private().start().await;
        let browser = world.jo().await;
        world.minutes_pass(60);
        let before = browser.cookies();
        world.control().fault(Operation::TokenRefresh, fault, 1);
        browser.visits("/").await.expect_problem(503, "upstream_unavailable").sets_no_cookies();
        assert_eq!(browser.cookies(), before);
        world.minutes_pass(1);
        browser.visits("/").await.expect(200);
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn promise_3_fault_12_tokens_that_die_at_once_are_no_reason_to_refresh_without_end() {
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
async fn fault_20_on_demand_a_dead_ocapi_does_not_concern_the_head() {
    for client in [Client::Private, Client::Public] {
        let world = Scenario::new(client, Mode::Classic, Time::OnDemand)
            .with_short_timeouts()
            .start()
            .await;
        world.control().fault(Upstream::Ocapi, Fault::Hang, Times::Always);
        let browser = world.jo().await;
        browser.visits("/").await.expect(200);
        browser.is_registered(JO.0, false);
        assert!(!world.calls().iter().any(|call| call.starts_with("ocapi")));
    }
}

#[tokio::test]
async fn fault_20_at_landing_a_dead_ocapi_delays_one_page_and_then_rests() {
    for scenario in Scenario::clients() {
        let world = scenario.with_short_timeouts().start().await;
        world.control().fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let browser = world.guest().await;
        browser.is_guest(false);
        for _ in 0..5 {
            browser.visits("/").await.expect(200);
        }
        world.has_called(&[]);
        world.control().clear_faults();
        world.seconds_pass(31);
        browser.visits("/").await.expect(200);
        world.has_called(&["ocapi.sessions"]);
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn fault_21_no_shopper_is_sent_to_ecom_as_a_silent_guest() {
    for scenario in Scenario::clients() {
        for fault in [Fault::Hang, Fault::Status(503, None), Fault::Reset] {
            let world = scenario.clone().on_demand().with_short_timeouts().start().await;
            let browser = world.jo().await;
            world.control().fault(Operation::Sessions, fault, 1);
            let page = browser.visits(&controller("Account-Show")).await;
            page.expect_problem(503, "upstream_unavailable");
            assert!(page.retry_after() > 0);
            assert_eq!(world.count(Operation::EcomPage), 0);
            browser.is_registered(JO.0, false);
            world.minutes_pass(1);
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer().1, browser.is_registered(JO.0, true));
        }
    }
}

#[tokio::test]
async fn fault_22_a_token_that_ocapi_refuses_is_refreshed_once_and_the_bridge_tried_once_more() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.jo().await;
        world.control().revoke_access(&browser.holds("token"));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, browser.is_registered(JO.0, true));
        world.has_called(&["ocapi.sessions", "slas.token.refresh", "ocapi.sessions"]);
    }
}

#[tokio::test]
async fn fault_22_a_tenant_whose_ocapi_refuses_every_token_is_asked_twice_and_named_misconfigured()
{
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.jo().await;
        let fault = r#"{"_v":"24.5","fault":{"type":"InvalidAccessTokenException","message":"x",
            "arguments":{"accessToken":"CANARY-AT"}}}"#;
        let fault = Fault::Body(401, fault.to_owned());
        world.control().fault(Operation::Sessions, fault, Times::Always);
        let page = browser.visits(&controller("Account-Show")).await;
        page.expect_problem(502, "misconfigured");
        assert!(!page.text.contains("CANARY"));
        world.has_called(&["ocapi.sessions", "slas.token.refresh", "ocapi.sessions"]);
        browser.is_registered(JO.0, false);
        browser.visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn fault_23_a_bridge_that_brings_no_dwsid_or_two_is_a_failure_without_a_half_set_jar() {
    for scenario in Scenario::clients() {
        let two = Fault::ExtraHeader("set-cookie", "dwsid=another; Path=/".to_owned());
        for fault in [Fault::Body(200, String::new()), two] {
            let world = scenario.clone().start().await;
            world.control().fault(Operation::Sessions, fault.clone(), Times::Always);
            let browser = world.guest().await;
            browser.is_guest(false);
            assert!(!browser.names().iter().any(|name| name.starts_with("dw")), "{fault:?}");
            let page = browser.visits(&controller("Home-Show")).await;
            page.expect_problem(503, "upstream_unavailable");
            world.control().clear_faults();
            world.minutes_pass(1);
            browser.visits(&controller("Home-Show")).await.expect(200);
            browser.is_guest(true);
        }
    }
}

#[tokio::test]
async fn fault_25_ecom_that_swaps_every_session_is_asked_twice_and_no_more() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    let foreign = "dwsid=foreign-session-of-nobody; Path=/; Secure".to_owned();
    world.control().fault(Upstream::Ecom, Fault::ExtraHeader("set-cookie", foreign), Times::Always);
    browser.visits(&controller("Home-Show")).await;
    assert_eq!(world.count(Operation::EcomPage), 2);
    assert!(world.count(Operation::Sessions) <= 1);
    assert!(browser.token().unwrap().registered);
}

#[tokio::test]
async fn fault_48_with_keys_at_hand_nobody_needs_the_key_document() {
    let world = Scenario::private().start().await;
    let (one, two) = (world.guest().await, world.guest().await);
    one.loses("__Host-tandem").visits("/").await.expect(200);
    assert_eq!(world.count(Operation::Jwks), 1);
    world.control().fault(Operation::Jwks, Fault::Status(503, None), Times::Always);
    let shopper = two.holds("cid");
    two.loses("__Host-tandem").visits("/").await.expect(200);
    assert_eq!(two.is_guest(true), shopper);
    // A day later the keys are due; those at hand go on counting.
    world.minutes_pass(25 * 60);
    let spec = TokenSpec { customer_id: Some(shopper.clone()), ..TokenSpec::default() };
    let late = world.browser();
    late.is_given("token", &world.control().forge_token(&spec)).visits("/").await.expect(200);
    assert_eq!(late.token().unwrap().customer_id, shopper);
}

#[tokio::test]
async fn fault_49_new_keys_are_fetched_once_when_a_token_shows_one() {
    let world = Scenario::private().start().await;
    world.guest().await.loses("__Host-tandem").visits("/").await.expect(200);
    world.minutes_pass(2);
    // The simulator announces a key before it uses it; the second turn is the one that is new.
    world.control().rotate_keys();
    world.control().rotate_keys();
    world.forget_calls();
    let mut browsers = Vec::new();
    for _ in 0..5 {
        browsers.push(world.guest().await);
    }
    world.forget_calls();
    for browser in browsers {
        let shopper = browser.holds("cid");
        browser.loses("__Host-tandem").visits("/").await.expect(200);
        assert_eq!(browser.is_guest(true), shopper);
    }
    assert_eq!(world.count(Operation::Jwks), 1);
}

#[tokio::test]
async fn fault_59_a_clock_that_jumps_an_hour_logs_nobody_out() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let (shopper, visitor) = (world.jo().await, world.guest().await);
        let before = visitor.holds("cid");
        world.minutes_pass(60);
        shopper.visits("/").await.expect(200);
        visitor.visits("/").await.expect(200);
        assert!(shopper.token().unwrap().registered, "{scenario}");
        assert_eq!(visitor.holds("cid"), before);
    }
}
