//! Behind a gateway that sends auth subrequests the same promises hold, for every kind of client,
//! bridge mode and bridge time.

use tandem_sandbox::{Fault, Times, Upstream};
use testkit::{Browser, DwSession, JO, Page, Scenario, World, controller};

/// The redirects of a browser that needs new cookies: from the page to `/bff/establish`, from there
/// to the same address with `again` (where the browser shows that it stores cookies), and back to
/// the page.
const ESTABLISH_REDIRECTS: usize = 3;

/// More than [`ESTABLISH_REDIRECTS`] and the page itself.
const MAX_REQUESTS: usize = 5;

async fn start_behind_envoy(scenario: &Scenario) -> (World, Browser) {
    let envoy =
        scenario.clone().with("gateway.dialect", "envoy").with("gateway.peers", "127.0.0.1");
    let world = envoy.start().await;
    let browser = world.browser();
    (world, browser)
}

/// The address of the auth subrequest that the gateway sends for `path`.
fn subrequest(path: &str) -> String {
    format!("/bff/auth{path}")
}

/// The browser requests `target` at the gateway and follows redirects until the gateway allows it.
/// Returns the number of redirects.
async fn visit_through_gateway(browser: &Browser, target: &str) -> usize {
    let mut path = target.to_owned();
    for redirects in 0..MAX_REQUESTS {
        // The gateway routes `/bff/` to Tandem and sends a subrequest for every other path.
        let is_tandems = path.starts_with("/bff/");
        let sent = if is_tandems { path.clone() } else { subrequest(&path) };
        let page = browser.visits(&sent).await;
        if page.status.as_u16() == 200 {
            assert_eq!(path, target);
            return redirects;
        }
        let page = page.expect(303);
        page.location().trim_start_matches("https://shop.test").clone_into(&mut path);
    }
    panic!("not allowed after {MAX_REQUESTS} requests; the next one is for {path}");
}

#[tokio::test]
async fn a_new_visitor_behind_a_gateway_lands_once() {
    for scenario in Scenario::all() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        let redirects = visit_through_gateway(&browser, "/").await;
        assert_eq!(redirects, ESTABLISH_REDIRECTS, "{scenario}");
        world.expect_calls(&scenario.landing_calls());
        assert_eq!(visit_through_gateway(&browser, "/cart").await, 0, "{scenario}");
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn promise_1_a_request_to_ecom_carries_the_session_of_the_shopper() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        let redirects = visit_through_gateway(&browser, &controller("Home-Show")).await;
        assert_eq!(redirects, ESTABLISH_REDIRECTS, "{scenario}");
        browser.expect_guest(DwSession::Live);
        browser.logs_in(JO).await.expect(200);
        // Minutes since the visit before. An access token lives for 30 minutes, and a DW session until
        // 30 minutes after its last controller request: (0, 20) both are valid, (29) the token has
        // expired and the DW session has one minute left, (40) both have expired, and so have they the
        // next day.
        for minutes in [0, 20, 29, 40, 24 * 60] {
            world.minutes_pass(minutes);
            visit_through_gateway(&browser, &controller("Cart-Show")).await;
            browser.expect_registered(JO.0, DwSession::Live);
            world.forget_calls();
            for path in [&controller("Cart-Show"), "/"] {
                let redirects = visit_through_gateway(&browser, path).await;
                assert_eq!(redirects, 0, "{scenario}, {minutes}, {path}");
            }
            world.expect_calls(&[]);
        }
    }
}

#[tokio::test]
async fn promise_10_a_logout_is_final_behind_a_gateway() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        visit_through_gateway(&browser, "/").await;
        browser.logs_in(JO).await.expect(200);
        let (thief, late) = (browser.stale_copy(), browser.stale_copy());
        browser.logs_out().await.expect(200);
        visit_through_gateway(&browser, &controller("Account-Show")).await;
        browser.expect_guest(DwSession::Live);
        // The browser sent this request before the logout, and it arrives after it. The gateway may
        // forward it, but for no customer, and no cookie replaces those of the new guest (kind 50).
        let account = subrequest(&controller("Account-Show"));
        let allowed = late.visits(&account).await.expect(200);
        allowed.expect_no_cookies();
        assert_eq!(allowed.header("x-bff-customer-id"), "", "{scenario}");
        // A request with logged-out credentials counts as late for one minute. After that, the browser
        // that sends them gets a new guest.
        world.minutes_pass(2);
        visit_through_gateway(&thief, &controller("Account-Show")).await;
        thief.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn promise_13_planted_cookies_name_no_other_shopper_to_a_gateway() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        let other = world.browser();
        visit_through_gateway(&other, "/").await;
        other.logs_in(JO).await.expect(200);
        visit_through_gateway(&other, &controller("Account-Show")).await;
        visit_through_gateway(&browser, &controller("Account-Show")).await;
        let guest = browser.expect_guest(DwSession::Live);
        // One cookie more in each turn; in the last one a sibling host has planted the whole session of
        // the other shopper.
        for name in ["cc-nx", "token", "dwsid"] {
            browser.stores_domain_cookie(name, &other.expect_cookie(name));
            for path in ["/".to_owned(), controller("Account-Show")] {
                visit_through_gateway(&browser, &path).await;
                let page = browser.visits(&subrequest(&path)).await.expect(200);
                assert_eq!(page.header("x-bff-customer-id"), guest, "{scenario}, {name}, {path}");
                let forwarded = page.header("cookie");
                assert!(!forwarded.contains(&other.expect_cookie("cc-nx")), "{scenario}");
            }
        }
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn kind_36_after_a_login_by_a_head_behind_a_gateway_ecom_serves_that_shopper() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        visit_through_gateway(&browser, &controller("Account-Show")).await;
        browser.expect_guest(DwSession::Live);
        // Of two access tokens the one that was issued later counts: the login is a minute later.
        world.minutes_pass(1);
        let source = world.browser();
        visit_through_gateway(&source, "/").await;
        source.logs_in(JO).await.expect(200);
        // The Head logs the shopper in itself, and its response sets these cookies. The gateway does not
        // show that response to Tandem. Until the next subrequest the tokens are Jo's and the DW session
        // is the guest's, so the copy is one that need not name one shopper.
        let browser = browser.stale_copy();
        browser.loses_cookie("cc-nx-g");
        for name in ["cc-nx", "token", "cid", "usid"] {
            browser.stores_host_cookie(name, &source.expect_cookie(name));
        }
        visit_through_gateway(&browser, &controller("Account-Show")).await;
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn kind_39_a_gateway_forwards_a_long_token_whole() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        world.control().lengthen_access_tokens(5_000);
        visit_through_gateway(&browser, "/").await;
        let token = browser.access_token();
        assert!(token.len() >= 5_000, "{scenario}");
        let page = browser.visits(&subrequest("/")).await.expect(200);
        let cookies: Vec<&str> = page.header("cookie").split("; ").collect();
        assert!(cookies.contains(&format!("token={token}").as_str()), "{scenario}: {cookies:?}");
        assert!(!cookies.iter().any(|pair| pair.starts_with("token.")), "{scenario}");
        let path = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/\
                    baskets/none?siteId=RefArch";
        let call = browser.calls(&subrequest(path)).await.expect(200);
        assert_eq!(call.header("authorization"), format!("Bearer {token}"), "{scenario}");
    }
}

/// The browser requests `target` at the gateway, follows redirects, and gets this final answer.
async fn ask_through_gateway(browser: &Browser, target: &str) -> (String, Page) {
    let mut path = target.to_owned();
    for _ in 0..MAX_REQUESTS {
        let is_tandems = path.starts_with("/bff/");
        let sent = if is_tandems { path.clone() } else { subrequest(&path) };
        let page = browser.visits(&sent).await;
        if page.status.as_u16() != 303 {
            return (path, page);
        }
        page.location().trim_start_matches("https://shop.test").clone_into(&mut path);
    }
    panic!("no answer after {MAX_REQUESTS} requests; the next one is for {path}");
}

fn outages() -> [Fault; 4] {
    let secret = r#"{"error":"invalid_client","error_description":"Authorization failed."}"#;
    [
        Fault::Status(503, None),
        Fault::Status(429, Some(20)),
        Fault::Hang,
        Fault::Body(401, secret.to_owned()),
    ]
}

#[tokio::test]
async fn promise_15_and_kind_13_a_new_visitor_behind_a_gateway_gets_pages_in_an_outage() {
    for scenario in Scenario::clients() {
        for fault in outages() {
            let (world, browser) =
                start_behind_envoy(&scenario.clone().with_short_timeouts()).await;
            world.control().inject_fault(Upstream::Slas, fault.clone(), Times::Always);
            let name = format!("{scenario}, {fault:?}");
            for _ in 0..3 {
                let (path, page) = ask_through_gateway(&browser, "/cart?x=1").await;
                assert_eq!(page.status, 200, "{name}");
                assert!(path.starts_with("/cart?x=1&bff-unavailable-at="), "{name}: {path}");
                for header in ["cookie", "authorization", "x-bff-customer-id", "x-bff-usid"] {
                    assert_eq!(page.header(header), "", "{name}: {header}");
                }
                page.expect_no_cookies();
                // Reloaded much later, the same address tries again.
                world.minutes_pass(2);
                let (later, page) = ask_through_gateway(&browser, &path).await;
                assert_eq!(page.status, 200, "{name}");
                assert_ne!(later, path, "{name}");
                assert_eq!(later.matches("bff-unavailable-at").count(), 1, "{name}: {later}");
            }
            assert_eq!(browser.names(), [""; 0], "{name}");
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["unavailable"], true, "{name}");
            // These need a session.
            for path in ["/account".to_owned(), controller("Home-Show")] {
                let (_, page) = ask_through_gateway(&browser, &path).await;
                assert_eq!(page.status, 503, "{name}, {path}");
                assert!(page.retry_after() > 0, "{name}, {path}");
                page.expect_no_cookies();
            }
            world.control().clear_faults();
            world.minutes_pass(2);
            visit_through_gateway(&browser, "/").await;
            browser.expect_guest(scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn promise_15_and_kind_13_a_returning_shopper_behind_a_gateway_keeps_everything() {
    for scenario in Scenario::clients() {
        for fault in outages() {
            let (world, browser) =
                start_behind_envoy(&scenario.clone().with_short_timeouts()).await;
            visit_through_gateway(&browser, "/").await;
            browser.logs_in(JO).await.expect(200);
            world.minutes_pass(60);
            let before = browser.cookies();
            // A client that SLAS rejects gets no guest's tokens either.
            world.control().inject_fault(Upstream::Slas, fault.clone(), Times::Always);
            let name = format!("{scenario}, {fault:?}");
            let (_, page) = ask_through_gateway(&browser, "/").await;
            assert_eq!(page.status, 200, "{name}");
            assert!(!page.header("cookie").contains("cc-nx"), "{name}");
            assert_eq!(page.header("x-bff-customer-id"), "", "{name}");
            for path in ["/account".to_owned(), controller("Account-Show")] {
                let (_, page) = ask_through_gateway(&browser, &path).await;
                assert_eq!(page.status, 503, "{name}, {path}");
                assert!(page.retry_after() > 0, "{name}, {path}");
            }
            assert_eq!(browser.cookies(), before, "{name}");
            world.control().clear_faults();
            world.minutes_pass(2);
            visit_through_gateway(&browser, "/").await;
            browser.expect_registered(JO.0, scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn promise_15_and_kind_13_ecom_behind_a_gateway_is_served_in_the_live_dw_session() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        visit_through_gateway(&browser, &controller("Home-Show")).await;
        browser.logs_in(JO).await.expect(200);
        visit_through_gateway(&browser, &controller("Home-Show")).await;
        world.minutes_pass(20);
        visit_through_gateway(&browser, &controller("Home-Show")).await;
        // The token has expired, the DW session has not.
        world.minutes_pass(12);
        world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        let before = browser.cookies();
        let (_, page) = ask_through_gateway(&browser, &controller("Account-Show")).await;
        assert_eq!(page.status, 200, "{scenario}");
        let cookies = page.header("cookie");
        assert!(cookies.contains(&format!("dwsid={}", browser.expect_cookie("dwsid"))));
        assert!(!cookies.contains("cc-nx") && !cookies.contains("token="), "{scenario}");
        assert_eq!(browser.cookies(), before, "{scenario}");
        // The form is not sent: its page is shown.
        let form = subrequest(&controller("Account-SaveProfile"));
        let sent = browser.posts_form(&controller("Home-Show"), &form, &[("name", "Jo")]).await;
        let establish = sent.expect(303).location().replace("https://shop.test", "");
        assert!(establish.starts_with("/bff/establish"), "{scenario}: {establish}");
        let (path, page) = ask_through_gateway(&browser, &establish).await;
        assert_eq!(page.status, 200, "{scenario}: {path}");
        assert!(path.starts_with(&controller("Home-Show")), "{scenario}: {path}");
        // Once it is known to be dead, ECOM would serve another shopper.
        world.minutes_pass(40);
        let (_, page) = ask_through_gateway(&browser, &controller("Account-Show")).await;
        page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    }
}

#[tokio::test]
async fn kind_13_the_head_behind_a_gateway_needs_no_dw_session() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        world.control().inject_fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let (_, page) = ask_through_gateway(&browser, "/").await;
        assert_eq!(page.status, 200, "{scenario}");
        let guest = browser.expect_guest(DwSession::Absent);
        assert_eq!(page.header("x-bff-customer-id"), guest, "{scenario}");
        let (_, page) = ask_through_gateway(&browser, &controller("Home-Show")).await;
        assert_eq!(page.status, 503, "{scenario}");
    }
}

#[tokio::test]
async fn kind_13_a_gateway_shop_that_refuses_pages_in_outages_answers_503() {
    let scenario = Scenario::private().refusing_pages_in_outages();
    let (world, browser) = start_behind_envoy(&scenario).await;
    world.allow_no_landing();
    world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
    let (_, page) = ask_through_gateway(&browser, "/").await;
    page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    // Nobody gets past this by the address alone.
    let now = world.clock.now().unix();
    let (_, page) = ask_through_gateway(&browser, &format!("/?bff-unavailable-at={now}")).await;
    page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
}

#[tokio::test]
async fn kind_13_the_address_of_an_outage_may_be_of_a_replica_with_another_clock() {
    for scenario in Scenario::clients() {
        let (world, _) = start_behind_envoy(&scenario).await;
        world.allow_no_landing();
        world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        let now = world.clock.now().unix();
        for (seconds, status) in
            [(-3600, 303), (-15, 303), (-5, 200), (0, 200), (1, 200), (5, 200), (15, 303)]
        {
            let path = format!("/cart?bff-unavailable-at={}", now + seconds);
            let page = world.browser().visits(&subrequest(&path)).await;
            assert_eq!(page.status, status, "{scenario}: {seconds} s");
            // Whatever the clocks say, the page is reached.
            let (_, page) = ask_through_gateway(&world.browser(), &path).await;
            assert_eq!(page.status, 200, "{scenario}: {seconds} s");
        }
    }
}

#[tokio::test]
async fn kind_13_the_address_of_an_outage_opens_no_protected_page() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_behind_envoy(&scenario).await;
        let now = world.clock.now().unix();
        for path in ["/account", "/%61ccount", "/ACCOUNT"] {
            let (path, _) =
                ask_through_gateway(&browser, &format!("{path}?bff-unavailable-at={now}")).await;
            let page = browser.visits(&subrequest(&path)).await;
            assert_ne!(page.header("x-bff-customer-id"), "", "{scenario}: a session first, {path}");
        }
        // For a shopper with a session it means nothing.
        let path = format!("/?bff-unavailable-at={now}");
        let page = browser.visits(&subrequest(&path)).await.expect(200);
        assert_ne!(page.header("x-bff-customer-id"), "", "{scenario}");
        for hostile in ["", "x", "-1", "99999999999999999999", "9223372036854775807"] {
            let fresh = world.browser();
            let page = fresh.visits(&subrequest(&format!("/?bff-unavailable-at={hostile}"))).await;
            assert_eq!(page.status, 303, "{scenario}: {hostile}");
        }
    }
}
