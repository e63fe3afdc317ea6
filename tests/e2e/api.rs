//! The API proxies: they add the shopper's token from the cookie, for the site's own organization
//! and site id only.

use http::Method;
use serde_json::json;
use tandem_sandbox::{Call, Fault, Operation, Times, Upstream};
use testkit::{Browser, DwSession, JO, PendingRequest, Scenario, World, controller};

const ORGANIZATION: &str = "organizations/f_ecom_zzte_053";
const NEW_PASSWORD: &str = "A-new-password-1";

fn baskets(rest: &str) -> String {
    format!("/mobify/proxy/api/checkout/shopper-baskets/v1/{ORGANIZATION}/baskets{rest}")
}

fn ocapi(rest: &str) -> String {
    format!("/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/{rest}")
}

/// A script of the page creates a basket.
fn creates_basket(browser: &Browser) -> PendingRequest {
    browser.posts_json(&baskets("?siteId=RefArch"), &json!({}))
}

/// A script of the page reads a basket that does not exist: 404 means that the call was let in.
fn reads_basket(browser: &Browser) -> PendingRequest {
    browser.calls(&baskets("/none?siteId=RefArch"))
}

async fn start_with_guest(scenario: &Scenario) -> (World, Browser) {
    let world = scenario.clone().start().await;
    let browser = world.guest().await;
    (world, browser)
}

/// The calls to that upstream.
fn calls_to(world: &World, upstream: Upstream) -> Vec<Call> {
    let calls = world.control().calls();
    calls.into_iter().filter(|call| call.operation.upstream() == upstream).collect()
}

fn bearer(call: &Call) -> String {
    let header = call.header("authorization").unwrap_or_default();
    header.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn promise_5_a_call_carries_the_cookies_token_and_makes_no_other() {
    for scenario in Scenario::all() {
        let (world, browser) = start_with_guest(&scenario).await;
        let page = creates_basket(&browser).await.expect(200);
        page.expect_no_cookies();
        assert_eq!(page.json()["customerInfo"]["customerId"], browser.token().unwrap().customer_id);
        let calls = calls_to(&world, Upstream::Scapi);
        assert_eq!(bearer(&calls[0]), browser.expect_cookie("token"), "{scenario}");
        world.expect_calls(&["scapi.other"]);
    }
}

#[tokio::test]
async fn our_cookies_and_browser_headers_are_not_forwarded() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    browser.stores_host_cookie("dw_attribution", "utm_source%3Dx");
    let request = creates_basket(&browser).header("authorization", "Basic c3R1ZmY=");
    request.header("x-site-id", "RefArch").await.expect(200);
    let calls = calls_to(&world, Upstream::Scapi);
    assert_eq!(calls[0].header("cookie"), Some("dw_attribution=utm_source%3Dx"));
    assert_eq!(bearer(&calls[0]), browser.expect_cookie("token"));
    for name in ["origin", "x-site-id", "referer"] {
        assert_eq!(calls[0].header(name), None, "{name}");
    }
    assert!(calls[0].header("correlation-id").is_some());
}

#[tokio::test]
async fn attack_56_only_the_shoppers_own_dw_session_is_forwarded() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    reads_basket(&browser).header("sfdc_dwsid", "planted").await.expect(404);
    let calls = calls_to(&world, Upstream::Scapi);
    assert_eq!(calls[0].header("sfdc_dwsid"), Some(browser.expect_cookie("dwsid").as_str()));
    world.forget_calls();
    browser.stores_host_cookie("dwsid", &world.control().new_ecom_visitor());
    reads_basket(&browser).await.expect(404);
    world.expect_calls(&["scapi.other"]);
    let calls = calls_to(&world, Upstream::Scapi);
    assert_eq!(calls.last().and_then(|call| call.header("sfdc_dwsid")), None);
    assert_eq!(browser.cookie("dwsid"), None, "it belongs to another shopper");
}

#[tokio::test]
async fn an_expired_token_is_refreshed_first_and_nothing_bridged() {
    for scenario in Scenario::all() {
        let (world, browser) = start_with_guest(&scenario).await;
        let before = browser.expect_guest(scenario.dw_session_after_landing());
        world.minutes_pass(40);
        creates_basket(&browser).await.expect(200);
        world.expect_calls(&["slas.token.refresh", "scapi.other"]);
        assert_eq!(browser.token().unwrap().customer_id, before, "{scenario}");
    }
}

#[tokio::test]
async fn a_browser_without_tokens_gets_an_error_and_no_session() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let page = creates_basket(&browser).await.expect(400);
    assert_eq!(page.json()["message"], "access_token_cookie_missing");
    page.expect_no_cookies();
    world.expect_calls(&[]);
}

#[tokio::test]
async fn fault_47_a_rejected_token_is_refreshed_and_the_call_retried_once() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_with_guest(&scenario).await;
        world.control().revoke_access_token(&browser.expect_cookie("token"));
        creates_basket(&browser).await.expect(200);
        world.expect_calls(&["scapi.other", "slas.token.refresh", "scapi.other"]);
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn fault_47_a_call_is_never_sent_a_third_time() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    let refusal = Fault::Body(401, r#"{"detail":"The access token is invalid."}"#.to_owned());
    world.control().inject_fault(Operation::ScapiOther, refusal, 10);
    creates_basket(&browser).await.expect(401);
    world.expect_calls(&["scapi.other", "slas.token.refresh", "scapi.other"]);
}

#[tokio::test]
async fn fault_47_a_long_body_is_streamed_and_not_sent_twice() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    world.control().revoke_access_token(&browser.expect_cookie("token"));
    let long = json!({"c_note": "x".repeat(70_000)});
    browser.posts_json(&baskets("?siteId=RefArch"), &long).await.expect(401);
    world.expect_calls(&["scapi.other"]);
}

#[tokio::test]
async fn kind_47_an_api_that_rejects_every_token_costs_one_refresh_a_minute() {
    for profile in ["classic", "pwa-kit", "storefront-next", "plugin-slas"] {
        for scenario in Scenario::clients().map(|it| it.with_profile(profile)) {
            let (world, browser) = start_with_guest(&scenario).await;
            let refusal =
                Fault::Body(401, r#"{"detail":"The access token is invalid."}"#.to_owned());
            world.control().inject_fault(Operation::ScapiOther, refusal, Times::Always);
            for _ in 0..6 {
                creates_basket(&browser).await.expect(401);
                reads_basket(&browser).await.expect(401);
                world.seconds_pass(5);
            }
            assert_eq!(world.count(Operation::TokenRefresh), 1, "{scenario}");
            // Another shopper's session is another one.
            let other = world.guest().await;
            world.forget_calls();
            creates_basket(&other).await.expect(401);
            assert_eq!(world.count(Operation::TokenRefresh), 1, "{scenario}");
            world.seconds_pass(61);
            creates_basket(&browser).await.expect(401);
            assert_eq!(world.count(Operation::TokenRefresh), 2, "{scenario}");
            // The token is as good as before.
            world.control().clear_faults();
            creates_basket(&browser).await.expect(200);
        }
    }
}

#[tokio::test]
async fn kind_47_a_token_that_was_just_renewed_is_not_renewed_for_a_401() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_with_guest(&scenario).await;
        world.minutes_pass(31);
        browser.visits("/").await.expect(200);
        world.control().revoke_access_token(&browser.access_token());
        world.forget_calls();
        creates_basket(&browser).await.expect(401);
        assert_eq!(world.count(Operation::TokenRefresh), 0, "{scenario}");
        world.seconds_pass(10);
        creates_basket(&browser).await.expect(200);
        assert_eq!(world.count(Operation::TokenRefresh), 1, "{scenario}");
    }
}

#[tokio::test]
async fn kind_47_concurrent_calls_share_the_new_token() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_with_guest(&scenario).await;
        world.minutes_pass(2);
        world.control().revoke_access_token(&browser.access_token());
        world.forget_calls();
        let calls: Vec<_> = (0..6).map(|_| reads_basket(&browser)).collect();
        let calls: Vec<_> =
            calls.into_iter().map(|call| tokio::spawn(async { call.await })).collect();
        for call in calls {
            // Let in: there is no such basket.
            call.await.unwrap().expect(404);
        }
        assert_eq!(world.count(Operation::TokenRefresh), 1, "{scenario}");
    }
}

#[tokio::test]
async fn a_password_changed_elsewhere_ends_the_session() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_with_guest(&scenario).await;
        browser.logs_in(JO).await.expect(200);
        let before = browser.copy();
        world.control().change_password(JO.0, NEW_PASSWORD);
        world.forget_calls();
        creates_basket(&browser).await.expect_problem(401, "session_expired");
        world.expect_calls(&["scapi.other"]);
        for name in ["token", "cc-nx", "usid", "cid", "dwsid"] {
            assert_eq!(browser.cookie(name), None, "{scenario}: {name}");
        }
        creates_basket(&before).await.expect(400);
    }
}

#[tokio::test]
async fn promise_2_an_expired_registered_session_is_an_error_and_no_guest() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    browser.logs_in(JO).await.expect(200);
    world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
    world.minutes_pass(40);
    world.forget_calls();
    creates_basket(&browser).await.expect_problem(401, "session_expired");
    world.expect_calls(&["slas.token.refresh"]);
    assert_eq!(browser.cookie("cc-nx-g"), None);
}

#[tokio::test]
async fn promise_2_an_outage_of_slas_keeps_cookies_and_sends_retry_after() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    world.minutes_pass(40);
    world.control().inject_fault(Operation::TokenRefresh, Fault::Status(503, None), 5);
    let page = creates_basket(&browser).await;
    page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    assert!(page.retry_after() > 0);
    assert!(browser.cookie("cc-nx-g").is_some());
}

#[tokio::test]
async fn fault_46_load_shedding_passes_through_without_a_retry() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    for status in [429, 503] {
        world.control().inject_fault(Operation::ScapiOther, Fault::Status(status, Some(7)), 1);
        let page = creates_basket(&browser).await.expect(status);
        assert_eq!(page.retry_after(), 7);
        world.expect_calls(&["scapi.other"]);
    }
    let products = format!("/mobify/proxy/api/product/shopper-products/v1/{ORGANIZATION}/products");
    world.control().inject_fault(Upstream::Scapi, Fault::Shed(503, Some(7)), 1);
    let page = browser.calls(&format!("{products}/bell-brass?siteId=RefArch")).await.expect(503);
    assert_eq!((page.header("sfdc_load_status"), page.retry_after()), ("THROTTLE", 7));
}

#[tokio::test]
async fn a_response_is_private_and_sets_no_cookies() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    for (name, value) in [
        ("set-cookie", "token=planted; Path=/"),
        ("access-control-allow-origin", "*"),
        ("cache-control", "public, s-maxage=600"),
    ] {
        let fault = Fault::ExtraHeader(name, value.to_owned());
        world.control().inject_fault(Operation::ScapiOther, fault, 1);
        let page = reads_basket(&browser).await.expect(404);
        page.expect_no_cookies();
        assert_eq!(page.header("access-control-allow-origin"), "");
        assert!(page.cache_control().starts_with("private"), "{}", page.cache_control());
    }
}

#[tokio::test]
async fn ocapi_receives_the_sites_client_and_no_origin() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    let page = browser.posts_json(&ocapi("baskets"), &json!({})).await.expect(200);
    assert_eq!(page.json()["customer_info"]["customer_id"], browser.token().unwrap().customer_id);
    let calls = calls_to(&world, Upstream::Ocapi);
    assert_eq!(bearer(&calls[0]), browser.expect_cookie("token"));
    assert_eq!(calls[0].header("origin"), None);
    assert!(calls[0].header("x-dw-client-id").is_some());
    assert_eq!(calls[0].path, "/s/RefArch/dw/shop/v24_5/baskets");
}

#[tokio::test]
async fn a_browser_without_tokens_may_read_ocapi_products() {
    let world = Scenario::private().start().await;
    world.browser().calls(&ocapi("products/bell-brass")).await.expect(200);
    assert_eq!(bearer(&calls_to(&world, Upstream::Ocapi)[0]), "");
    world.expect_calls(&["ocapi.other"]);
}

#[tokio::test]
async fn the_token_of_a_trusted_front_wins_over_the_cookie() {
    let scenario = Scenario::private().with_site("apis.bearer_from", "127.0.0.0/8");
    let (world, browser) = start_with_guest(&scenario).await;
    let other = world.guest().await;
    let token = format!("bearer  {}", other.expect_cookie("token"));
    creates_basket(&browser)
        .header("authorization", &token)
        .header("x-bff", "1")
        .from_server()
        .await
        .expect(200);
    assert_eq!(bearer(&calls_to(&world, Upstream::Scapi)[0]), other.expect_cookie("token"));
    world.expect_calls(&["scapi.other"]);
    // A browser behind the same address is not a front.
    creates_basket(&browser).header("authorization", &token).await.expect(200);
    assert_eq!(bearer(&calls_to(&world, Upstream::Scapi)[0]), browser.expect_cookie("token"));
}

#[tokio::test]
async fn attack_57_a_token_of_the_client_never_reaches_an_api() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    for value in ["Bearer planted", "Basic cGxhbnRlZDp4", "Bearer"] {
        reads_basket(&browser).header("authorization", value).await.expect(404);
        let request = reads_basket(&world.browser()).header("authorization", value);
        request.from_server().await.expect(400);
    }
    let calls = calls_to(&world, Upstream::Scapi);
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| bearer(call) == browser.expect_cookie("token")));
}

#[tokio::test]
async fn attack_46_another_tenant_never_gets_our_token() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
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
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_47_another_site_never_gets_our_token() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
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
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_48_a_site_id_that_disagrees_is_rejected() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    creates_basket(&browser).header("x-site-id", "Other").await.expect_problem(400, "bad_request");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_49_methods_outside_the_list_are_rejected() {
    let scenario = Scenario::private();
    let (world, browser) = start_with_guest(&scenario).await;
    let customer =
        format!("/mobify/proxy/api/customer/shopper-customers/v1/{ORGANIZATION}/customers/x");
    for method in [Method::DELETE, Method::OPTIONS] {
        let request = browser.posts(&customer).method(method);
        request.await.expect_problem(405, "not_allowed");
    }
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_69_a_crawler_reads_without_a_shopper_and_writes_nothing() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    let by_crawler = |request: PendingRequest| request.header("user-agent", "Googlebot/2.1");
    by_crawler(creates_basket(&browser)).await.expect_problem(403, "not_allowed");
    world.expect_calls(&[]);
    by_crawler(browser.calls(&baskets("/none?siteId=RefArch"))).await.expect(401);
    assert_eq!(bearer(&calls_to(&world, Upstream::Scapi)[0]), "");
    world.expect_calls(&["scapi.other"]);
}

#[tokio::test]
async fn crawlers_may_share_one_guest_who_is_never_bridged() {
    let rule = "path = \"/mobify/proxy/api/\"\ncrawlers = \"shared-guest\"";
    let world = Scenario::private().route(rule).start().await;
    world.allow_no_landing();
    let crawlers: Vec<_> = (0..10)
        .map(|_| {
            let request = world.browser().calls(&baskets("/none?siteId=RefArch"));
            tokio::spawn(async { request.header("user-agent", "Googlebot/2.1").await })
        })
        .collect();
    for crawler in crawlers {
        crawler.await.unwrap().expect(404).expect_no_cookies();
    }
    let request = creates_basket(&world.browser()).header("user-agent", "Googlebot/2.1");
    request.await.expect_problem(403, "not_allowed");
    let slas: Vec<_> = calls_to(&world, Upstream::Slas).iter().map(|call| call.operation).collect();
    assert_eq!(slas, [Operation::TokenGuest]);
    assert_eq!(calls_to(&world, Upstream::Ocapi).len(), 0);
    world.minutes_pass(40);
    let request = world.browser().calls(&baskets("/none?siteId=RefArch"));
    request.header("user-agent", "Googlebot/2.1").await.expect(404);
    assert_eq!(calls_to(&world, Upstream::Slas).len(), 2, "the expired token is not used");
}

#[tokio::test]
async fn attack_69_a_crawler_reads_nothing_for_registered_shoppers() {
    for crawlers in ["without-session", "shared-guest"] {
        let rule = format!(
            "path = \"/mobify/proxy/api/\"\ntoken = \"registered\"\ncrawlers = \"{crawlers}\""
        );
        let world = Scenario::private().route(&rule).start().await;
        let request = reads_basket(&world.browser()).header("user-agent", "Googlebot/2.1");
        request.await.expect_problem(401, "login_required");
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_write_nor_read() {
    let (world, browser) = start_with_guest(&Scenario::private()).await;
    let request = creates_basket(&browser).header("sec-fetch-site", "cross-site");
    request.header("origin", "https://evil.test").await.expect_problem(403, "csrf_rejected");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn the_controller_page_after_an_api_call_has_the_same_shopper() {
    for scenario in Scenario::with_ecom() {
        let (_world, browser) = start_with_guest(&scenario).await;
        creates_basket(&browser).await.expect(200);
        let page = browser.visits(&controller("Home-Show")).await.expect(200);
        let shopper = browser.token().unwrap().customer_id;
        assert_eq!(page.ecom_customer(), ("guest".to_owned(), shopper), "{scenario}");
    }
}
