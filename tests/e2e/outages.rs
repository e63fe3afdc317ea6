//! Outages: an upstream that is unavailable costs no shopper the session.

use tandem_sandbox::{Control, Fault, Operation, Times, Upstream};
use testkit::{Browser, DwSession, JO, Scenario, controller};

/// SLAS rejects the client, not the shopper.
const UNKNOWN_CLIENT: &str =
    r#"{"error":"invalid_client","error_description":"Authorization failed."}"#;
const UNKNOWN_CHANNEL: &str = r#"{"status_code":"400 BAD_REQUEST","message":"invalid channel_id"}"#;

/// Every way in which a refresh can be unavailable, and the error that the caller gets.
fn unavailable() -> [(Fault, u16, &'static str); 9] {
    let body = |status, text: &str| Fault::Body(status, text.to_owned());
    [
        (Fault::Status(500, None), 503, "upstream_unavailable"),
        (Fault::Status(502, None), 503, "upstream_unavailable"),
        (Fault::Status(503, Some(7)), 503, "upstream_unavailable"),
        (Fault::Status(429, Some(20)), 503, "upstream_throttled"),
        (Fault::Hang, 503, "upstream_unavailable"),
        (body(401, UNKNOWN_CLIENT), 503, "misconfigured"),
        (body(400, UNKNOWN_CHANNEL), 503, "misconfigured"),
        (body(200, "<html>maintenance</html>"), 503, "upstream_unavailable"),
        // From the edge in front of SLAS, not from SLAS.
        (body(403, "<html>Access Denied</html>"), 503, "upstream_unavailable"),
    ]
}

/// A client that SLAS rejects gets no guest's tokens either.
fn break_refresh(control: &Control, fault: &Fault) {
    match fault {
        Fault::Body(400 | 401, _) => {
            control.inject_fault(Upstream::Slas, fault.clone(), Times::Always);
        }
        _ => control.inject_fault(Operation::TokenRefresh, fault.clone(), Times::Always),
    }
}

fn break_upstreams(control: &Control, fault: &Fault) {
    for upstream in [Upstream::Slas, Upstream::Ocapi, Upstream::Scapi] {
        control.inject_fault(upstream, fault.clone(), Times::Always);
    }
}

#[tokio::test]
async fn promise_2_fault_4_an_unavailable_refresh_is_503_and_keeps_cookies() {
    for scenario in Scenario::clients() {
        for (fault, status, code) in unavailable() {
            let world =
                scenario.clone().with_short_timeouts().refusing_pages_in_outages().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            let before = browser.cookies();
            break_refresh(world.control(), &fault);
            for page in [
                browser.posts("/bff/session").await,
                browser.visits("/").await,
                browser.visits(&controller("Account-Show")).await,
                browser.visits("/account").await,
            ] {
                page.expect_problem(status, code).expect_no_cookies();
                assert!(page.retry_after() > 0, "{scenario}, {fault:?}");
            }
            assert_eq!(browser.cookies(), before, "{scenario}, {fault:?}");
            assert_eq!(world.count(Operation::EcomPage), 0, "no silent guest on ECOM");
            world.control().clear_faults();
            world.minutes_pass(2);
            // A hanging call may still be under way: the browser retries after `Retry-After`.
            let mut tries = 0;
            while browser.visits("/").await.status != 200 {
                world.seconds_pass(30);
                tries += 1;
                assert!(tries < 80, "{scenario}, {fault:?}: it never recovers");
            }
            browser.expect_registered(JO.0, DwSession::Live);
        }
    }
}

#[tokio::test]
async fn promise_2_a_valid_token_keeps_working_without_its_refresh() {
    for scenario in Scenario::clients() {
        for (fault, ..) in unavailable() {
            let world = scenario.clone().with_short_timeouts().start().await;
            let browser = world.registered().await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.minutes_pass(15);
            browser.visits(&controller("Home-Show")).await.expect(200);
            // Thirty seconds are left.
            world.seconds_pass(14 * 60 + 30);
            break_refresh(world.control(), &fault);
            let before = browser.expect_cookie("token");
            browser.visits("/").await.expect(200);
            browser.calls("/api/me").await.expect(200);
            browser.visits(&controller("Home-Show")).await.expect(200);
            assert_eq!(browser.expect_cookie("token"), before);
            assert!(browser.token().unwrap().registered, "{scenario}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn promise_2_fault_62_a_warm_shopper_is_served_during_an_outage() {
    for scenario in Scenario::with_ecom() {
        for fault in [Fault::Status(503, None), Fault::Hang] {
            let world = scenario.clone().with_short_timeouts().start().await;
            let browser = world.registered().await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            break_upstreams(world.control(), &fault);
            world.forget_calls();
            for _ in 0..10 {
                world.minutes_pass(1);
                browser.visits("/").await.expect(200);
                browser.calls("/api/me").await.expect(200);
                browser.posts("/bff/session").await.expect(200);
                let page = browser.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer().0, "registered");
            }
            world.expect_calls(&[]);
        }
    }
}

#[tokio::test]
async fn faults_62_and_63_files_and_crawlers_are_served_in_an_outage() {
    let world = Scenario::private().refusing_pages_in_outages().start().await;
    world.allow_no_landing();
    break_upstreams(world.control(), &Fault::Status(503, None));
    let browser = world.browser();
    browser.visits("/assets/app.css").await.expect(200);
    browser.calls("/api/products").await.expect(200);
    browser.visits("/").header("user-agent", "Googlebot/2.1").await.expect(200);
    browser.visits("/").await.expect_problem(503, "upstream_unavailable").expect_no_cookies();
}

#[tokio::test]
async fn fault_62_the_recovery_is_no_stampede() {
    for scenario in Scenario::clients() {
        let world = scenario.refusing_pages_in_outages().start().await;
        let mut browsers = Vec::new();
        for _ in 0..30 {
            let browser = world.browser();
            browser.visits("/").await.expect(200);
            browsers.push(browser);
        }
        world.minutes_pass(60);
        break_upstreams(world.control(), &Fault::Status(503, None));
        world.forget_calls();
        for browser in &browsers {
            browser.visits("/").await.expect(503);
        }
        let calls = world.take_calls();
        assert!(calls.len() <= 5, "the breaker opens: {calls:?}");
        world.control().clear_faults();
        // The first refresh was repeated, so its token waits ten seconds.
        world.seconds_pass(11);
        for browser in &browsers {
            browser.visits("/").await.expect(200);
            browser.expect_guest(DwSession::Live);
        }
    }
}

#[tokio::test]
async fn fault_10_a_failing_slas_gets_one_probe_at_a_time() {
    for scenario in Scenario::clients() {
        let world = scenario.refusing_pages_in_outages().start().await;
        let warm = world.registered().await;
        world.control().inject_fault(Upstream::Slas, Fault::Status(500, None), Times::Always);
        for _ in 0..20 {
            let page = world.browser().visits("/").await;
            page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        }
        assert_eq!(world.take_calls().len(), 5);
        world.seconds_pass(6);
        for _ in 0..20 {
            world.browser().visits("/").await.expect(503);
        }
        assert_eq!(world.take_calls().len(), 1, "the probe");
        warm.visits("/").await.expect(200);
        world.control().clear_faults();
        world.seconds_pass(6);
        world.browser().visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn fault_8_a_throttling_slas_gets_no_call_until_retry_after() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().refusing_pages_in_outages().start().await;
        let warm = world.registered().await;
        world.control().inject_fault(Upstream::Slas, Fault::Status(429, Some(20)), 1);
        let page = world.browser().visits("/").await;
        page.expect_problem(503, "upstream_throttled").expect_no_cookies();
        assert_eq!(page.retry_after(), 20);
        assert_eq!(world.take_calls().len(), 1);
        world.seconds_pass(15);
        for _ in 0..10 {
            let page = world.browser().visits("/").await.expect(503);
            assert!((1..=6).contains(&page.retry_after()), "{}", page.retry_after());
        }
        warm.visits("/").await.expect(200);
        warm.visits(&controller("Home-Show")).await.expect(200);
        world.expect_calls(&[]);
        world.seconds_pass(6);
        world.browser().visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn fault_8_one_throttled_refresh_token_affects_no_other() {
    let world = Scenario::private().refusing_pages_in_outages().start().await;
    let (one, other) = (world.registered().await, world.browser());
    other.visits("/").await.expect(200);
    world.minutes_pass(60);
    world.control().inject_fault(Operation::TokenRefresh, Fault::Status(429, Some(20)), 1);
    one.visits("/").await.expect_problem(503, "upstream_throttled");
    other.visits("/").await.expect(200);
    other.expect_guest(DwSession::Live);
    world.browser().visits("/").await.expect(200);
}

#[tokio::test]
async fn promise_2_a_login_during_an_outage_leaves_the_guest() {
    for scenario in Scenario::clients() {
        let world = scenario.with_short_timeouts().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let before = browser.cookies();
        for fault in [Fault::Status(503, None), Fault::Hang, Fault::Reset] {
            world.control().inject_fault(Operation::Login, fault, 1);
            browser
                .logs_in(JO)
                .await
                .expect_problem(503, "upstream_unavailable")
                .expect_no_cookies();
            assert_eq!(browser.cookies(), before);
            world.minutes_pass(1);
        }
        browser.logs_in(JO).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

/// `GET /bff/session` of a browser without valid tokens.
async fn is_reported_unavailable(browser: &Browser) -> bool {
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "none");
    view["unavailable"] == true
}

#[tokio::test]
async fn promise_15_and_kind_13_a_new_visitor_gets_pages_of_the_head_in_an_outage() {
    for scenario in Scenario::clients() {
        for (fault, ..) in unavailable() {
            let world = scenario.clone().with_short_timeouts().start().await;
            world.control().inject_fault(Upstream::Slas, fault.clone(), Times::Always);
            let browser = world.browser();
            let page = browser.visits("/").await.expect(200);
            page.expect_no_cookies();
            assert_eq!(page.cache_control(), "private, no-store", "{scenario}, {fault:?}");
            assert!(is_reported_unavailable(&browser).await, "{scenario}, {fault:?}");
            // These need a session.
            for page in [
                browser.visits("/account").await,
                browser.visits(&controller("Home-Show")).await,
                browser.posts("/bff/session").await,
            ] {
                // After the first failure the circuit breaker may be open.
                assert_eq!(page.status, 503, "{scenario}, {fault:?}");
                assert!(page.retry_after() > 0, "{scenario}, {fault:?}");
                page.expect_no_cookies();
            }
            assert_eq!(world.count(Operation::EcomPage), 0, "no guest of ECOM's own");
            world.control().clear_faults();
            world.minutes_pass(2);
            browser.visits("/").await.expect(200);
            browser.expect_guest(scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn promise_15_and_kind_13_a_returning_shopper_keeps_pages_and_session_in_an_outage() {
    for scenario in Scenario::clients() {
        for (fault, ..) in unavailable() {
            let world = scenario.clone().with_short_timeouts().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            let before = browser.cookies();
            break_refresh(world.control(), &fault);
            browser.visits("/").await.expect(200).expect_no_cookies();
            for page in ["/account", &controller("Account-Show")] {
                let page = browser.visits(page).await;
                assert_eq!(page.status, 503, "{scenario}, {fault:?}");
                assert!(page.retry_after() > 0, "{scenario}, {fault:?}");
                page.expect_no_cookies();
            }
            let calls = world.control().calls();
            let page = calls.iter().rfind(|call| call.operation == Operation::HeadPage).unwrap();
            let cookies = page.header("cookie").unwrap_or_default();
            assert!(!cookies.contains("cc-nx"), "{scenario}, {fault:?}: {cookies}");
            assert_eq!(browser.cookies(), before, "{scenario}, {fault:?}");
            world.control().clear_faults();
            world.minutes_pass(2);
            browser.visits("/").await.expect(200);
            browser.expect_registered(JO.0, scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn promise_15_and_kind_13_ecom_is_served_in_the_live_dw_session_in_an_outage() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        world.minutes_pass(20);
        browser.visits(&controller("Home-Show")).await.expect(200);
        // The token has expired, the DW session has not.
        world.minutes_pass(12);
        break_upstreams(world.control(), &Fault::Status(503, None));
        let before = browser.cookies();
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
        assert_eq!(browser.cookies(), before, "{scenario}");
        // A session that ECOM has ended is another shopper's.
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        let page = browser.visits(&controller("Account-Show")).await;
        page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    }
}

#[tokio::test]
async fn promise_13_and_kind_13_a_planted_dw_session_is_not_used_in_an_outage() {
    let world = Scenario::private().start().await;
    let planter = world.registered_on_ecom().await;
    world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
    let browser = world.browser();
    browser.stores_domain_cookie("dwsid", &planter.expect_cookie("dwsid"));
    let page = browser.visits(&controller("Account-Show")).await;
    page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
}

#[tokio::test]
async fn promise_9_and_kind_13_a_form_never_reaches_ecom_without_its_session() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(20);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.minutes_pass(12);
        // The refresh token is refused, and then SLAS fails.
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.control().inject_fault(
            Operation::TokenGuest,
            Fault::Status(503, None),
            Times::Always,
        );
        world.control().inject_fault(Operation::Authorize, Fault::Status(503, None), Times::Always);
        let form = [("csrf_token", "x"), ("name", "Jo")];
        let page = browser.sends(&controller("Account-SaveProfile"), &form).await;
        page.expect_problem(401, "session_expired");
        assert_eq!(world.count_ecom_posts(), 0, "{scenario}");
    }
}

#[tokio::test]
async fn kind_13_a_page_of_the_head_that_bridges_is_served_while_ocapi_is_down() {
    let rule = "path = \"/cart\"\nbridge = true";
    for scenario in [Scenario::private().on_demand(), Scenario::public()] {
        let scenario = scenario.route(rule).with_short_timeouts();
        let world = scenario.clone().start().await;
        world.control().inject_fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let browser = world.browser();
        browser.visits("/cart").await.expect(200);
        browser.expect_guest(DwSession::Absent);
        world.control().clear_faults();
        world.minutes_pass(1);
        browser.visits("/cart").await.expect(200);
        browser.expect_guest(DwSession::Live);

        let world = scenario.refusing_pages_in_outages().start().await;
        world.control().inject_fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let page = world.browser().visits("/cart").await;
        page.expect_problem(503, "upstream_unavailable");
    }
}

#[tokio::test]
async fn kind_13_a_momentary_failure_of_a_refresh_is_not_seen_with_a_private_client() {
    for fault in [Fault::Status(500, None), Fault::Status(503, None), Fault::Reset] {
        for profile in ["classic", "pwa-kit", "storefront-next", "plugin-slas"] {
            let world = Scenario::private().with_profile(profile).start().await;
            let browser = world.registered().await;
            for request in ["page", "call"] {
                world.minutes_pass(60);
                world.forget_calls();
                world.control().inject_fault(Operation::TokenRefresh, fault.clone(), 1);
                if request == "page" {
                    browser.visits("/").await.expect(200);
                } else {
                    browser.posts("/bff/session").await.expect(200);
                }
                browser.expect_registered(JO.0, DwSession::Live);
                assert_eq!(world.count(Operation::TokenRefresh), 2, "{profile}, {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn promise_3_and_kind_13_a_refresh_is_repeated_once_and_only_where_that_is_safe() {
    let refusal = Fault::Body(400, UNKNOWN_CHANNEL.to_owned());
    let cases = [
        (Scenario::private(), Fault::Status(500, None), 2),
        // These ask for a pause.
        (Scenario::private(), Fault::Status(503, Some(7)), 1),
        (Scenario::private(), Fault::Status(429, Some(7)), 1),
        (Scenario::private(), Fault::Status(409, None), 1),
        (Scenario::private(), refusal, 1),
        // No time is left.
        (Scenario::private().with_short_timeouts(), Fault::Hang, 1),
        (Scenario::public(), Fault::Status(500, None), 1),
        (Scenario::public(), Fault::Status(503, None), 1),
        (Scenario::public(), Fault::Reset, 1),
    ];
    for (scenario, fault, calls) in cases {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        world.forget_calls();
        break_refresh(world.control(), &fault);
        let before = browser.cookies();
        browser.visits("/").await.expect(200).expect_no_cookies();
        assert_eq!(world.count(Operation::TokenRefresh), calls, "{scenario}, {fault:?}");
        assert_eq!(browser.cookies(), before, "{scenario}, {fault:?}");
        assert!(world.control().max_exchanges_within_a_minute() <= 3);
        for _ in 0..5 {
            world.seconds_pass(2);
            browser.visits("/").await.expect(200);
        }
        assert!(world.control().max_exchanges_within_a_minute() <= 3, "{scenario}, {fault:?}");
    }
}

#[tokio::test]
async fn kind_13_a_refresh_is_not_repeated_while_the_breaker_is_open() {
    let world = Scenario::private().refusing_pages_in_outages().start().await;
    let browser = world.registered().await;
    world.minutes_pass(60);
    world.control().inject_fault(Upstream::Slas, Fault::Status(500, None), Times::Always);
    for _ in 0..4 {
        world.browser().visits("/").await.expect(503);
    }
    world.forget_calls();
    // The fifth failure opens it.
    browser.visits("/").await.expect_problem(503, "upstream_unavailable");
    assert_eq!(world.count(Operation::TokenRefresh), 1);
}

/// Nobody listens there.
const CLOSED: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn promise_15_an_outage_of_ecom_closes_no_page_of_the_head() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().with_ecom_at(CLOSED).start().await;
        let ecom = controller("Home-Show");
        let warm = world.registered().await;
        let returning = world.guest().await;
        warm.visits("/").await.expect(200);
        warm.visits(&ecom).await.expect_problem(502, "upstream_unavailable");
        warm.expect_registered(JO.0, DwSession::live_if(warm.cookie("dwsid").is_some()));
        let before = returning.customer_id();
        world.minutes_pass(60);
        returning.visits(&ecom).await.expect_problem(502, "upstream_unavailable");
        returning.visits("/").await.expect(200);
        assert_eq!(returning.customer_id(), before, "{scenario}");
        let visitor = world.browser();
        visitor.visits(&ecom).await.expect_problem(502, "upstream_unavailable");
        visitor.visits("/").await.expect(200);
    }
}

#[tokio::test]
async fn promise_15_an_outage_of_the_head_closes_no_page_of_ecom() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().with_head(CLOSED).start().await;
        let ecom = controller("Account-Show");
        let (warm, returning) = (world.browser(), world.browser());
        for browser in [&warm, &returning] {
            browser.visits(&ecom).await.expect(200);
        }
        warm.logs_in(JO).await.expect(200);
        warm.visits("/").await.expect_problem(502, "upstream_unavailable");
        assert_eq!(warm.visits(&ecom).await.expect(200).ecom_customer().0, "registered");
        let before = returning.customer_id();
        world.minutes_pass(60);
        returning.visits("/").await.expect_problem(502, "upstream_unavailable");
        returning.visits(&ecom).await.expect(200);
        assert_eq!(returning.customer_id(), before, "{scenario}");
        let visitor = world.browser();
        visitor.visits("/").await.expect_problem(502, "upstream_unavailable");
        visitor.visits(&ecom).await.expect(200);
        visitor.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn promise_3_and_kind_13_a_shopper_is_back_when_slas_is() {
    for scenario in Scenario::clients() {
        let scenario = scenario.refusing_pages_in_outages();
        for path in [controller("Account-Show"), "/".to_owned()] {
            let world = scenario.clone().start().await;
            let browser = world.registered_on_ecom().await;
            world.minutes_pass(60);
            let down = Fault::Status(500, None);
            world.control().inject_fault(Operation::TokenRefresh, down, Times::Always);
            for _ in 0..2 {
                browser.visits(&path).await.expect(503).expect_no_cookies();
                world.seconds_pass(6);
            }
            world.control().clear_faults();
            browser.visits(&path).await.expect(200);
            assert!(world.control().max_exchanges_within_a_minute() <= 3, "{scenario}");
            browser.expect_registered(JO.0, DwSession::Live);
        }
    }
}

#[tokio::test]
async fn promise_3_and_kind_13_a_refresh_that_the_breaker_holds_back_does_not_count() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(60);
        world.control().inject_fault(Upstream::Slas, Fault::Status(500, None), Times::Always);
        for _ in 0..5 {
            world.browser().visits("/").await.expect(200);
        }
        for _ in 0..3 {
            browser.visits(&controller("Account-Show")).await.expect(503);
            world.seconds_pass(1);
        }
        world.control().clear_faults();
        world.seconds_pass(8);
        browser.visits(&controller("Account-Show")).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}
