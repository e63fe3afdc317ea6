//! Behind a gateway that sends auth subrequests the same promises hold, for every kind of client,
//! bridge mode and bridge time.

use testkit::{Browser, DwSession, JO, Scenario, World, controller};

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
