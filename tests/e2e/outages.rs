//! Outages: what cannot be asked now is not the shopper's fault, and costs no shopper the session.

use tandem_sandbox::{Control, Fault, Operation, Times, Upstream};
use testkit::{JO, Scenario, controller};

/// SLAS refuses the client, not the shopper.
const UNKNOWN_CLIENT: &str =
    r#"{"error":"invalid_client","error_description":"Authorization failed."}"#;
const UNKNOWN_CHANNEL: &str = r#"{"status_code":"400 BAD_REQUEST","message":"invalid channel_id"}"#;

/// Everything by which a refresh can be unavailable, and what the caller is told.
fn unavailable() -> [(Fault, u16, &'static str); 9] {
    let body = |status, text: &str| Fault::Body(status, text.to_owned());
    [
        (Fault::Status(500, None), 503, "upstream_unavailable"),
        (Fault::Status(502, None), 503, "upstream_unavailable"),
        (Fault::Status(503, Some(7)), 503, "upstream_unavailable"),
        (Fault::Status(429, Some(20)), 503, "upstream_throttled"),
        (Fault::Hang, 503, "upstream_unavailable"),
        (body(401, UNKNOWN_CLIENT), 502, "misconfigured"),
        (body(400, UNKNOWN_CHANNEL), 502, "misconfigured"),
        (body(200, "<html>maintenance</html>"), 503, "upstream_unavailable"),
        // The edge before SLAS, not SLAS itself.
        (body(403, "<html>Access Denied</html>"), 503, "upstream_unavailable"),
    ]
}

fn breaks(control: &Control, fault: &Fault) {
    for upstream in [Upstream::Slas, Upstream::Ocapi, Upstream::Scapi] {
        control.fault(upstream, fault.clone(), Times::Always);
    }
}

#[tokio::test]
async fn promise_2_fault_4_an_unavailable_refresh_keeps_every_cookie_and_says_so() {
    for scenario in Scenario::clients() {
        for (fault, status, code) in unavailable() {
            let world = scenario.clone().with_short_timeouts().start().await;
            let browser = world.jo().await;
            world.minutes_pass(60);
            let before = browser.cookies();
            world.control().fault(Operation::TokenRefresh, fault.clone(), Times::Always);
            for page in [
                browser.posts("/bff/session").await,
                browser.visits("/").await,
                browser.visits(&controller("Account-Show")).await,
                browser.visits("/account").await,
            ] {
                page.expect_problem(status, code).sets_no_cookies();
                assert!(code == "misconfigured" || page.retry_after() > 0, "{fault:?}");
            }
            assert_eq!(browser.cookies(), before, "{scenario}, {fault:?}");
            assert_eq!(world.count(Operation::EcomPage), 0, "no silent guest on ECOM");
            world.control().clear_faults();
            world.minutes_pass(2);
            // What hung may be under way still: the browser comes back as told.
            let mut tries = 0;
            while browser.visits("/").await.status != 200 {
                world.seconds_pass(30);
                tries += 1;
                assert!(tries < 80, "{scenario}, {fault:?}: never well again");
            }
            browser.is_registered(JO.0, true);
        }
    }
}

#[tokio::test]
async fn promise_2_a_token_that_is_still_valid_goes_on_working_without_its_refresh() {
    for scenario in Scenario::clients() {
        for (fault, ..) in unavailable() {
            let world = scenario.clone().with_short_timeouts().start().await;
            let browser = world.jo().await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.minutes_pass(15);
            browser.visits(&controller("Home-Show")).await.expect(200);
            // Thirty seconds are left.
            world.seconds_pass(14 * 60 + 30);
            world.control().fault(Operation::TokenRefresh, fault.clone(), Times::Always);
            let before = browser.holds("token");
            browser.visits("/").await.expect(200);
            browser.calls("/api/me").await.expect(200);
            browser.visits(&controller("Home-Show")).await.expect(200);
            assert_eq!(browser.holds("token"), before);
            assert!(browser.token().unwrap().registered, "{scenario}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn promise_2_fault_62_a_warm_shopper_notices_nothing_while_slas_and_ocapi_are_down() {
    for scenario in Scenario::with_ecom() {
        for fault in [Fault::Status(503, None), Fault::Hang] {
            let world = scenario.clone().with_short_timeouts().start().await;
            let browser = world.jo().await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            breaks(world.control(), &fault);
            world.calls();
            for _ in 0..10 {
                world.minutes_pass(1);
                browser.visits("/").await.expect(200);
                browser.calls("/api/me").await.expect(200);
                browser.posts("/bff/session").await.expect(200);
                let page = browser.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer().0, "registered");
            }
            world.has_called(&[]);
        }
    }
}

#[tokio::test]
async fn faults_62_and_63_files_and_pages_for_crawlers_are_served_while_everything_is_down() {
    let world = Scenario::private().start().await;
    world.lands_no_browser();
    breaks(world.control(), &Fault::Status(503, None));
    let browser = world.browser();
    browser.visits("/assets/app.css").await.expect(200);
    browser.calls("/api/products").await.expect(200);
    browser.visits("/").header("user-agent", "Googlebot/2.1").await.expect(200);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable").sets_no_cookies();
}

#[tokio::test]
async fn fault_62_the_recovery_is_no_stampede() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let mut browsers = Vec::new();
        for _ in 0..30 {
            let browser = world.browser();
            browser.visits("/").await.expect(200);
            browsers.push(browser);
        }
        world.minutes_pass(60);
        breaks(world.control(), &Fault::Status(503, None));
        world.calls();
        for browser in &browsers {
            browser.visits("/").await.expect(503);
        }
        let calls = world.calls();
        assert!(calls.len() <= 5, "the breaker opens: {calls:?}");
        world.control().clear_faults();
        world.seconds_pass(6);
        for browser in &browsers {
            browser.visits("/").await.expect(200);
            browser.is_guest(true);
        }
    }
}

#[tokio::test]
async fn fault_10_while_slas_fails_it_is_left_alone_and_one_call_asks_whether_it_is_back() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let warm = world.jo().await;
        world.control().fault(Upstream::Slas, Fault::Status(500, None), Times::Always);
        for _ in 0..20 {
            let page = world.browser().visits("/").await;
            page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
        }
        assert_eq!(world.calls().len(), 5);
        world.seconds_pass(6);
        for _ in 0..20 {
            world.browser().visits("/").await.expect(503);
        }
        assert_eq!(world.calls().len(), 1, "the probe");
        warm.visits("/").await.expect(200);
        world.control().clear_faults();
        world.seconds_pass(6);
        world.browser().visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn fault_8_throttled_by_slas_we_are_silent_for_as_long_as_it_asked() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let warm = world.jo().await;
        world.control().fault(Upstream::Slas, Fault::Status(429, Some(20)), 1);
        let page = world.browser().visits("/").await;
        page.expect_problem(503, "upstream_throttled").sets_no_cookies();
        assert_eq!(page.retry_after(), 20);
        assert_eq!(world.calls().len(), 1);
        world.seconds_pass(15);
        for _ in 0..10 {
            let page = world.browser().visits("/").await.expect(503);
            assert!((1..=6).contains(&page.retry_after()), "{}", page.retry_after());
        }
        warm.visits("/").await.expect(200);
        warm.visits(&controller("Home-Show")).await.expect(200);
        world.has_called(&[]);
        world.seconds_pass(6);
        world.browser().visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn fault_8_one_refresh_token_that_is_throttled_shuts_nobody_else_out() {
    let world = Scenario::private().start().await;
    let (one, other) = (world.jo().await, world.browser());
    other.visits("/").await.expect(200);
    world.minutes_pass(60);
    world.control().fault(Operation::TokenRefresh, Fault::Status(429, Some(20)), 1);
    one.visits("/").await.expect_problem(503, "upstream_throttled");
    other.visits("/").await.expect(200);
    other.is_guest(true);
    world.browser().visits("/").await.expect(200);
}

#[tokio::test]
async fn promise_2_a_login_while_slas_is_down_leaves_the_guest_as_is() {
    for scenario in Scenario::clients() {
        let world = scenario.with_short_timeouts().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let before = browser.cookies();
        for fault in [Fault::Status(503, None), Fault::Hang, Fault::Reset] {
            world.control().fault(Operation::Login, fault, 1);
            browser.logs_in(JO).await.expect_problem(503, "upstream_unavailable").sets_no_cookies();
            assert_eq!(browser.cookies(), before);
            world.minutes_pass(1);
        }
        browser.logs_in(JO).await.expect(200);
        browser.is_registered(JO.0, true);
    }
}
