//! The rules of the route table: which tokens a path needs, whether it needs a DW session, and that
//! no header and no suffix of a path circumvents a rule.

use http::Method;
use testkit::{DwSession, JO, Scenario, World, controller};

const CRAWLER: (&str, &str) = ("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)");
const PREFETCH: (&str, &str) = ("sec-purpose", "prefetch");

/// How many requests have reached an upstream since the last call.
fn reached_upstreams(world: &World) -> usize {
    let count = world.control().calls().len();
    world.forget_calls();
    count
}

#[tokio::test]
async fn a_page_of_the_head_with_bridge_gets_a_dw_session() {
    let scenario = Scenario::private().on_demand().route("path = \"/cart\"\nbridge = true");
    let world = scenario.start().await;
    let browser = world.browser();
    browser.visits("/cart").await.expect(200);
    browser.expect_guest(DwSession::Live);
    world.expect_calls(&["slas.token.guest", "ocapi.sessions"]);
    world.browser().calls("/cart").await.expect(200).expect_no_cookies();
    world.expect_calls(&[]);
}

#[tokio::test]
async fn a_page_of_ecom_with_optional_tokens_creates_no_session() {
    let path = controller("Home-Show");
    let rule = format!("path = \"{path}\"\ntoken = \"optional\"");
    for scenario in Scenario::with_ecom() {
        let world = scenario.route(&rule).start().await;
        let new = world.browser();
        new.visits(&path).await.expect(200);
        assert_eq!(new.names(), [""; 0]);
        world.expect_calls(&[]);
        let browser = world.registered().await;
        for minutes in [0, 40, 24 * 60] {
            world.minutes_pass(minutes);
            let page = browser.visits(&path).await.expect(200);
            assert_eq!(page.ecom_customer().1, browser.expect_registered(JO.0, DwSession::Live));
        }
    }
}

#[tokio::test]
async fn a_page_of_ecom_without_bridge_costs_no_dw_session() {
    let path = controller("Home-Show");
    let rule = format!("path = \"{path}\"\nbridge = false");
    let world = Scenario::private().on_demand().route(&rule).start().await;
    let browser = world.browser();
    let page = browser.visits(&path).await.expect(200);
    world.expect_calls(&["slas.token.guest"]);
    // The DW session in which ECOM rendered the page is dropped.
    assert!(page.set_cookies().iter().all(|line| !line.starts_with("dw")), "{page:?}");
    browser.expect_guest(DwSession::Absent);
    // For comparison, a page with bridge.
    browser.visits(&controller("Cart-Show")).await.expect(200);
    world.expect_calls(&["ocapi.sessions"]);
    let before = browser.expect_guest(DwSession::Live);
    world.minutes_pass(45);
    browser.visits(&path).await.expect(200);
    world.expect_calls(&["slas.token.refresh"]);
    // That page did not extend the DW session.
    browser.visits(&controller("Cart-Show")).await.expect(200);
    world.expect_calls(&["ocapi.sessions"]);
    assert_eq!(browser.expect_guest(DwSession::Live), before);
}

#[tokio::test]
async fn promise_9_a_form_without_bridge_reaches_no_other_dw_session() {
    let form = controller("Account-Login");
    let rule = format!("path = \"{form}\"\nbridge = false");
    for scenario in Scenario::with_ecom() {
        let world = scenario.route(&rule).start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let from = controller("Login-Show");
        let token = browser.visits(&from).await.expect(200).csrf_token();
        let before = browser.expect_cookie("dwsid");
        world.minutes_pass(45);
        let fields = [("csrf_token", &*token), ("loginEmail", JO.0), ("loginPassword", JO.1)];
        let page = browser.posts_form(&from, &form, &fields).await;
        let moved = browser.cookie("dwsid").is_none_or(|now| now != before);
        assert!(!moved || page.location() == from, "{} {}", page.status, page.location());
    }
}

#[tokio::test]
async fn a_suffix_or_a_header_opens_no_path_for_registered_shoppers() {
    let ecom = controller("Account-Show");
    let scenario = Scenario::private().with_site("session.login_page", "/login");
    let scenario = scenario.route("path = \"/members\"\ntoken = \"registered\"");
    let scenario = scenario.route(&format!("path = \"{ecom}\"\ntoken = \"registered\""));
    let world = scenario.start().await;
    let guest = world.browser();
    guest.visits("/").await.expect(200);
    for browser in [&guest, &world.browser()] {
        for path in ["/members", "/members/list.json", "/members/a.css", ecom.as_str()] {
            reached_upstreams(&world);
            for (name, value) in [CRAWLER, PREFETCH, ("x-moz", "prefetch")] {
                let page = browser.copy().visits(path).header(name, value).await;
                page.expect_problem(401, "login_required").expect_no_cookies();
                let page = browser.copy().calls(path).header(name, value).await;
                page.expect_problem(401, "login_required").expect_no_cookies();
            }
            browser.copy().calls(path).await.expect_problem(401, "login_required");
            assert_eq!(reached_upstreams(&world), 0, "{path}");
            let page = browser.copy().visits(path).await.expect(303);
            assert!(page.location().starts_with("/login?return_to="), "{}", page.location());
        }
    }
    let browser = world.registered().await;
    for path in ["/members", "/members/list.json", "/members/a.css"] {
        reached_upstreams(&world);
        browser.visits(path).await;
        browser.calls(path).await;
        assert_eq!(reached_upstreams(&world), 2, "{path}");
    }
}

#[tokio::test]
async fn a_preflight_of_a_path_for_registered_shoppers_passes() {
    let rule = "path = \"/members\"\ntoken = \"registered\"";
    let world = Scenario::private().route(rule).start().await;
    let page = world.browser().calls("/members").method(Method::OPTIONS).await;
    assert_ne!(page.status.as_u16(), 401);
    page.expect_no_cookies();
    world.expect_calls(&[]);
}

#[tokio::test]
async fn an_api_for_registered_shoppers_is_not_read_by_crawlers() {
    let rule = "path = \"/mobify/proxy/api/customer/\"\ntoken = \"registered\"\n\
                crawlers = \"shared-guest\"";
    let world = Scenario::private().route(rule).start().await;
    let path = "/mobify/proxy/api/customer/shopper-customers/v1/organizations/f_ecom_zzte_053\
                /customers/x?siteId=RefArch";
    let (name, value) = CRAWLER;
    let page = world.browser().calls(path).header(name, value).await;
    page.expect_problem(401, "login_required");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn promise_2_protected_paths_apply_below_the_prefix_of_a_site() {
    let scenario = Scenario::private().with_site("path_prefix", "/de");
    let world = scenario.with_site("session.login_page", "/de/login").start().await;
    let browser = world.browser();
    browser.visits("/de/").await;
    let login = serde_json::json!({"username": JO.0, "password": JO.1});
    browser.posts_json("/de/bff/login", &login).await.expect(200);
    world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
    world.minutes_pass(31);
    let page = browser.visits("/de/account").await.expect(303);
    assert!(page.location().starts_with("/de/login?error=session_expired"), "{}", page.location());
}

#[tokio::test]
async fn attack_13_a_planted_dw_session_is_not_used_by_passive_requests() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    let own: Vec<String> =
        browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let planted = world.control().new_ecom_visitor();
    let cookies = format!("dwsid={planted}; {}", own.join("; "));
    for (name, value) in [("x-none", "1"), PREFETCH, CRAWLER] {
        let request = world.browser().visits(&controller("Home-Show")).header("cookie", &cookies);
        let page = request.header(name, value).await.expect(200);
        let shopper = ("registered".to_owned(), browser.expect_cookie("cid"));
        assert_eq!(page.ecom_customer(), shopper, "{name}: {value}");
    }
}
