//! The API proxies: the shopper's token from the cookie, for the own organisation and site only.

use http::Method;
use serde_json::json;
use tandem_sandbox::{Call, Fault, Operation, Upstream};
use testkit::{Browser, JO, Mode, PendingRequest, Scenario, World, controller};

const ORGANIZATION: &str = "organizations/f_ecom_zzte_053";
const PASSWORD: &str = "A-new-password-1";

fn baskets(rest: &str) -> String {
    format!("/mobify/proxy/api/checkout/shopper-baskets/v1/{ORGANIZATION}/baskets{rest}")
}

fn ocapi(rest: &str) -> String {
    format!("/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/{rest}")
}

/// Begins a basket, as a script of the page does.
fn fills(browser: &Browser) -> PendingRequest {
    browser.posts_json(&baskets("?siteId=RefArch"), &json!({}))
}

/// Looks at a basket that is not there: whoever gets 404 was let in.
fn looks(browser: &Browser) -> PendingRequest {
    browser.calls(&baskets("/none?siteId=RefArch"))
}

async fn landed(scenario: &Scenario) -> (World, Browser) {
    let world = scenario.clone().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    world.calls();
    (world, browser)
}

/// The calls of that kind that the platform has got.
fn got(world: &World, upstream: Upstream) -> Vec<Call> {
    let calls = world.control().calls();
    calls.into_iter().filter(|call| call.operation.upstream() == upstream).collect()
}

fn bearer(call: &Call) -> String {
    let header = call.header("authorization").unwrap_or_default();
    header.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn promise_5_a_call_carries_the_cookies_token_and_costs_nothing_else() {
    for scenario in Scenario::all() {
        let (world, browser) = landed(&scenario).await;
        let page = fills(&browser).await.expect(200);
        page.sets_no_cookies();
        assert_eq!(page.json()["customerInfo"]["customerId"], browser.token().unwrap().customer_id);
        let calls = got(&world, Upstream::Scapi);
        assert_eq!(bearer(&calls[0]), browser.holds("token"), "{scenario}");
        world.has_called(&["scapi.other"]);
    }
}

#[tokio::test]
async fn our_cookies_and_the_browsers_own_headers_stay_here() {
    let (world, browser) = landed(&Scenario::private()).await;
    browser.is_given("dw_attribution", "utm_source%3Dx");
    let request = fills(&browser).header("authorization", "Basic c3R1ZmY=");
    request.header("x-site-id", "RefArch").await.expect(200);
    let calls = got(&world, Upstream::Scapi);
    assert_eq!(calls[0].header("cookie"), Some("dw_attribution=utm_source%3Dx"));
    assert_eq!(bearer(&calls[0]), browser.holds("token"));
    for name in ["origin", "x-site-id", "referer"] {
        assert_eq!(calls[0].header(name), None, "{name}");
    }
    assert!(calls[0].header("correlation-id").is_some());
}

#[tokio::test]
async fn attack_56_the_dw_session_goes_along_only_if_it_is_known_to_be_the_shoppers() {
    let (world, browser) = landed(&Scenario::private()).await;
    looks(&browser).header("sfdc_dwsid", "planted").await.expect(404);
    let calls = got(&world, Upstream::Scapi);
    assert_eq!(calls[0].header("sfdc_dwsid"), Some(browser.holds("dwsid").as_str()));
    world.calls();
    browser.is_given("dwsid", &world.control().new_ecom_visitor());
    looks(&browser).await.expect(404);
    world.has_called(&["scapi.other"]);
    let calls = got(&world, Upstream::Scapi);
    assert_eq!(calls.last().and_then(|call| call.header("sfdc_dwsid")), None);
    assert_eq!(browser.cookie("dwsid"), None, "it was somebody else's");
}

#[tokio::test]
async fn an_expired_token_is_renewed_first_and_no_dw_session_is_made() {
    for scenario in Scenario::all() {
        let (world, browser) = landed(&scenario).await;
        let before =
            browser.is_guest(scenario.mode == Mode::Hybrid || scenario.bridges_at_landing());
        world.minutes_pass(40);
        fills(&browser).await.expect(200);
        world.has_called(&["slas.token.refresh", "scapi.other"]);
        assert_eq!(browser.token().unwrap().customer_id, before, "{scenario}");
    }
}

#[tokio::test]
async fn a_browser_without_tokens_is_told_so_and_nothing_begins() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let page = fills(&browser).await.expect(400);
    assert_eq!(page.json()["message"], "access_token_cookie_missing");
    page.sets_no_cookies();
    world.has_called(&[]);
}

#[tokio::test]
async fn fault_47_a_token_that_is_refused_is_renewed_once_and_the_call_sent_once_more() {
    for scenario in Scenario::clients() {
        let (world, browser) = landed(&scenario).await;
        world.control().revoke_access(&browser.holds("token"));
        fills(&browser).await.expect(200);
        world.has_called(&["scapi.other", "slas.token.refresh", "scapi.other"]);
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn fault_47_a_call_is_never_sent_a_third_time() {
    let (world, browser) = landed(&Scenario::private()).await;
    let refusal = Fault::Body(401, r#"{"detail":"The access token is invalid."}"#.to_owned());
    world.control().fault(Operation::ScapiOther, refusal, 10);
    fills(&browser).await.expect(401);
    world.has_called(&["scapi.other", "slas.token.refresh", "scapi.other"]);
}

#[tokio::test]
async fn fault_47_a_long_body_is_streamed_and_not_sent_twice() {
    let (world, browser) = landed(&Scenario::private()).await;
    world.control().revoke_access(&browser.holds("token"));
    let long = json!({"c_note": "x".repeat(70_000)});
    browser.posts_json(&baskets("?siteId=RefArch"), &long).await.expect(401);
    world.has_called(&["scapi.other"]);
}

#[tokio::test]
async fn a_password_that_was_changed_elsewhere_ends_the_session() {
    for scenario in Scenario::clients() {
        let (world, browser) = landed(&scenario).await;
        browser.logs_in(JO).await.expect(200);
        let before = browser.copy();
        world.control().change_password(JO.0, PASSWORD);
        world.calls();
        fills(&browser).await.expect_problem(401, "session_expired");
        world.has_called(&["scapi.other"]);
        for name in ["token", "cc-nx", "usid", "cid", "dwsid"] {
            assert_eq!(browser.cookie(name), None, "{scenario}: {name}");
        }
        fills(&before).await.expect(400);
    }
}

#[tokio::test]
async fn promise_2_a_dead_registered_session_is_told_and_no_guest_takes_its_place() {
    let (world, browser) = landed(&Scenario::private()).await;
    browser.logs_in(JO).await.expect(200);
    world.control().revoke_refresh(&browser.holds("cc-nx"));
    world.minutes_pass(40);
    world.calls();
    fills(&browser).await.expect_problem(401, "session_expired");
    world.has_called(&["slas.token.refresh"]);
    assert_eq!(browser.cookie("cc-nx-g"), None);
}

#[tokio::test]
async fn promise_2_an_outage_of_slas_leaves_the_cookies_and_says_when_to_come_back() {
    let (world, browser) = landed(&Scenario::private()).await;
    world.minutes_pass(40);
    world.control().fault(Operation::TokenRefresh, Fault::Status(503, None), 5);
    let page = fills(&browser).await;
    page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
    assert!(page.retry_after() > 0);
    assert!(browser.cookie("cc-nx-g").is_some());
}

#[tokio::test]
async fn fault_46_load_shedding_passes_through_and_is_not_answered_with_more_load() {
    let (world, browser) = landed(&Scenario::private()).await;
    for status in [429, 503] {
        world.control().fault(Operation::ScapiOther, Fault::Status(status, Some(7)), 1);
        let page = fills(&browser).await.expect(status);
        assert_eq!(page.retry_after(), 7);
        world.has_called(&["scapi.other"]);
    }
    let products = format!("/mobify/proxy/api/product/shopper-products/v1/{ORGANIZATION}/products");
    world.control().fault(Upstream::Scapi, Fault::Shed(503, Some(7)), 1);
    let page = browser.calls(&format!("{products}/bell-brass?siteId=RefArch")).await.expect(503);
    assert_eq!((page.header("sfdc_load_status"), page.retry_after()), ("THROTTLE", 7));
}

#[tokio::test]
async fn an_answer_is_for_one_browser_and_sets_no_cookies() {
    let (world, browser) = landed(&Scenario::private()).await;
    for (name, value) in [
        ("set-cookie", "token=planted; Path=/"),
        ("access-control-allow-origin", "*"),
        ("cache-control", "public, s-maxage=600"),
    ] {
        let fault = Fault::ExtraHeader(name, value.to_owned());
        world.control().fault(Operation::ScapiOther, fault, 1);
        let page = looks(&browser).await.expect(404);
        page.sets_no_cookies();
        assert_eq!(page.header("access-control-allow-origin"), "");
        assert!(page.cache_control().starts_with("private"), "{}", page.cache_control());
    }
}

#[tokio::test]
async fn ocapi_sees_the_sites_client_and_no_origin() {
    let (world, browser) = landed(&Scenario::private()).await;
    let page = browser.posts_json(&ocapi("baskets"), &json!({})).await.expect(200);
    assert_eq!(page.json()["customer_info"]["customer_id"], browser.token().unwrap().customer_id);
    let calls = got(&world, Upstream::Ocapi);
    assert_eq!(bearer(&calls[0]), browser.holds("token"));
    assert_eq!(calls[0].header("origin"), None);
    assert!(calls[0].header("x-dw-client-id").is_some());
    assert_eq!(calls[0].path, "/s/RefArch/dw/shop/v24_5/baskets");
}

#[tokio::test]
async fn a_browser_without_tokens_may_look_at_ocapis_products() {
    let world = Scenario::private().start().await;
    world.browser().calls(&ocapi("products/bell-brass")).await.expect(200);
    assert_eq!(bearer(&got(&world, Upstream::Ocapi)[0]), "");
    world.has_called(&["ocapi.other"]);
}

#[tokio::test]
async fn a_trusted_fronts_own_token_wins_over_the_cookie() {
    let scenario = Scenario::private().with_site("apis.bearer_from", "127.0.0.0/8");
    let (world, browser) = landed(&scenario).await;
    let other = world.browser();
    other.visits("/").await.expect(200);
    world.calls();
    let own = format!("bearer  {}", other.holds("token"));
    fills(&browser)
        .header("authorization", &own)
        .header("x-bff", "1")
        .from_server()
        .await
        .expect(200);
    assert_eq!(bearer(&got(&world, Upstream::Scapi)[0]), other.holds("token"));
    world.has_called(&["scapi.other"]);
    // A browser behind the same address is no front.
    fills(&browser).header("authorization", &own).await.expect(200);
    assert_eq!(bearer(&got(&world, Upstream::Scapi)[0]), browser.holds("token"));
}

#[tokio::test]
async fn attack_57_a_token_from_outside_never_reaches_an_api() {
    let (world, browser) = landed(&Scenario::private()).await;
    for value in ["Bearer planted", "Basic cGxhbnRlZDp4", "Bearer"] {
        looks(&browser).header("authorization", value).await.expect(404);
        let request = looks(&world.browser()).header("authorization", value);
        request.from_server().await.expect(400);
    }
    let calls = got(&world, Upstream::Scapi);
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| bearer(call) == browser.holds("token")));
}

#[tokio::test]
async fn attack_46_another_tenant_never_gets_our_token() {
    let (world, browser) = landed(&Scenario::private()).await;
    for path in [
        "product/shopper-products/v1/organizations/f_ecom_other_001/products/1",
        "product/shopper-products/v1/organizations/%66_ecom_zzte_053/products/1",
        "shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token",
        "shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/trusted-system/token",
        "anything",
    ] {
        let path = format!("/mobify/proxy/api/{path}");
        browser.calls(&path).await.expect_problem(403, "not_allowed");
    }
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_47_another_site_never_gets_our_token() {
    let (world, browser) = landed(&Scenario::private()).await;
    for query in ["?siteId=Other", "?siteId=RefArch&siteId=Other", "?siteId=RefArch&siteid=Other"] {
        browser.calls(&baskets(query)).await.expect_problem(403, "not_allowed");
    }
    for path in ["s/Other/dw/shop/v24_5/baskets", "s/-/dw/shop/v24_5/baskets"] {
        let path = format!("/mobify/proxy/ocapi/{path}");
        browser.calls(&path).await.expect_problem(403, "not_allowed");
    }
    for resource in ["sessions", "customers/auth", "products/1?method=delete"] {
        browser.posts_json(&ocapi(resource), &json!({})).await.expect_problem(403, "not_allowed");
    }
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_48_a_site_id_that_disagrees_never_passes() {
    let (world, browser) = landed(&Scenario::private()).await;
    fills(&browser).header("x-site-id", "Other").await.expect_problem(400, "bad_request");
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_49_methods_outside_the_list_are_refused() {
    let scenario = Scenario::private();
    let (world, browser) = landed(&scenario).await;
    let customer =
        format!("/mobify/proxy/api/customer/shopper-customers/v1/{ORGANIZATION}/customers/x");
    for method in [Method::DELETE, Method::OPTIONS] {
        let request = browser.posts(&customer).method(method);
        request.await.expect_problem(405, "not_allowed");
    }
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_69_a_crawler_reads_as_nobody_and_writes_nothing() {
    let (world, browser) = landed(&Scenario::private()).await;
    let robot = |request: PendingRequest| request.header("user-agent", "Googlebot/2.1");
    robot(fills(&browser)).await.expect_problem(403, "not_allowed");
    world.has_called(&[]);
    robot(browser.calls(&baskets("/none?siteId=RefArch"))).await.expect(401);
    assert_eq!(bearer(&got(&world, Upstream::Scapi)[0]), "");
    world.has_called(&["scapi.other"]);
}

#[tokio::test]
async fn crawlers_may_share_one_guest_who_is_never_bridged() {
    let rule = "path = \"/mobify/proxy/api/\"\ncrawlers = \"shared-guest\"";
    let world = Scenario::private().route(rule).start().await;
    world.lands_no_browser();
    let robots: Vec<_> = (0..10)
        .map(|_| {
            let request = world.browser().calls(&baskets("/none?siteId=RefArch"));
            tokio::spawn(async { request.header("user-agent", "Googlebot/2.1").await })
        })
        .collect();
    for robot in robots {
        robot.await.unwrap().expect(404).sets_no_cookies();
    }
    let request = fills(&world.browser()).header("user-agent", "Googlebot/2.1");
    request.await.expect_problem(403, "not_allowed");
    let slas: Vec<_> = got(&world, Upstream::Slas).iter().map(|call| call.operation).collect();
    assert_eq!(slas, [Operation::TokenGuest]);
    assert_eq!(got(&world, Upstream::Ocapi).len(), 0);
    world.minutes_pass(40);
    let request = world.browser().calls(&baskets("/none?siteId=RefArch"));
    request.header("user-agent", "Googlebot/2.1").await.expect(404);
    assert_eq!(got(&world, Upstream::Slas).len(), 2, "its token is not used beyond its life");
}

#[tokio::test]
async fn attack_69_a_crawler_reads_nothing_that_is_for_registered_shoppers() {
    for crawlers in ["without-session", "shared-guest"] {
        let rule = format!(
            "path = \"/mobify/proxy/api/\"\ntoken = \"registered\"\ncrawlers = \"{crawlers}\""
        );
        let world = Scenario::private().route(&rule).start().await;
        let request = looks(&world.browser()).header("user-agent", "Googlebot/2.1");
        request.await.expect_problem(401, "login_required");
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_write_nor_read() {
    let (world, browser) = landed(&Scenario::private()).await;
    let request = fills(&browser).header("sec-fetch-site", "cross-site");
    request.header("origin", "https://evil.test").await.expect_problem(403, "csrf_rejected");
    world.has_called(&[]);
}

#[tokio::test]
async fn after_an_api_call_the_next_controller_page_is_the_same_shoppers() {
    for scenario in Scenario::with_ecom() {
        let (_world, browser) = landed(&scenario).await;
        fills(&browser).await.expect(200);
        let page = browser.visits(&controller("Home-Show")).await.expect(200);
        let shopper = browser.token().unwrap().customer_id;
        assert_eq!(page.ecom_customer(), ("guest".to_owned(), shopper), "{scenario}");
    }
}
