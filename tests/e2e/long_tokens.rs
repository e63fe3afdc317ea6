//! Access tokens that do not fit one cookie of a browser.

use serde_json::json;
use tandem_sandbox::{Call, Operation, Upstream};
use testkit::{Browser, Client, DwSession, JO, SAM, Scenario, World, controller};

/// The first does not fit beside its name, and the last is the longest that Tandem accepts.
const LENGTHS: [usize; 5] = [4_090, 4_100, 5_000, 6_400, 7_190];
/// The longest name and value of a cookie that a browser stores.
const LONGEST_COOKIE: usize = 4_096;
const PROFILES: [&str; 4] = ["classic", "pwa-kit", "storefront-next", "plugin-slas"];
const BASKETS: &str = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/\
                       baskets?siteId=RefArch";

/// Every profile, with the ECOM that goes with it.
fn scenarios() -> Vec<Scenario> {
    let of = |profile: &&'static str| {
        Scenario::clients().map(|scenario| match *profile {
            "plugin-slas" => scenario.with_plugin_slas(),
            profile => scenario.with_profile(profile),
        })
    };
    PROFILES.iter().flat_map(of).collect()
}

async fn start(scenario: &Scenario, length: usize) -> World {
    let world = scenario.clone().start().await;
    world.control().lengthen_access_tokens(length);
    world
}

/// The last call of the operation.
fn last(world: &World, operation: Operation) -> Call {
    let calls = world.control().calls();
    calls.into_iter().rfind(|call| call.operation == operation).expect("such a call")
}

fn token_cookies(browser: &Browser) -> Vec<String> {
    let mut names = browser.names();
    names.retain(|name| name.starts_with("token") || name.starts_with("cc-at"));
    names.retain(|name| !name.contains("expires") && !name.contains("dnt"));
    names
}

#[tokio::test]
async fn kind_39_a_shopper_lands_logs_in_returns_and_logs_out_with_a_long_token() {
    for scenario in scenarios() {
        for length in LENGTHS {
            let world = start(&scenario, length).await;
            let browser = world.browser();
            browser.visits("/").await.expect(200);
            let guest = browser.expect_guest(DwSession::Live);
            assert!(browser.access_token().len() >= length, "{scenario}, {length}");
            for (name, value) in browser.cookies() {
                assert!(name.len() + value.len() <= LONGEST_COOKIE, "{name}");
            }
            // Warm: no call, no cookie.
            world.forget_calls();
            browser.visits("/").await.expect(200).expect_no_cookies();
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["customer_id"], guest, "{scenario}, {length}");
            world.expect_calls(&[]);
            browser.logs_in(JO).await.expect(200);
            let shopper = browser.expect_registered(JO.0, DwSession::Live);
            world.minutes_pass(60);
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
            browser.logs_out().await.expect(200);
            let after = browser.token().expect("a guest's token");
            assert!(!after.registered, "{scenario}, {length}");
        }
    }
}

#[tokio::test]
async fn kind_39_upstreams_receive_the_whole_token() {
    for profile in &PROFILES[..3] {
        for scenario in Scenario::clients().map(|it| it.with_profile(profile)) {
            let world = start(&scenario, 5_000).await;
            let browser = world.browser();
            let name = if *profile == "classic" { "token=" } else { "cc-at_RefArch=" };
            let is_whole = |page: Operation| {
                let call = last(&world, page);
                let cookies = call.header("cookie").unwrap_or_default();
                let pairs: Vec<&str> = cookies.split("; ").collect();
                let tokens: Vec<&&str> = pairs.iter().filter(|it| it.starts_with(name)).collect();
                assert_eq!(tokens.len(), 1, "{scenario}: {pairs:?}");
                assert_eq!(tokens[0].strip_prefix(name), Some(browser.access_token().as_str()));
                let part = |pair: &&&str| pair.contains(".1=") || pair.contains(".2=");
                assert_eq!(pairs.iter().find(part), None, "{scenario}");
            };
            // With the new cookies, with those of the browser, and with renewed ones.
            browser.visits("/").await.expect(200);
            is_whole(Operation::HeadPage);
            browser.visits("/").await.expect(200);
            is_whole(Operation::HeadPage);
            browser.visits(&controller("Home-Show")).await.expect(200);
            is_whole(Operation::EcomPage);
            world.minutes_pass(31);
            browser.visits("/").await.expect(200);
            is_whole(Operation::HeadPage);
            browser.posts_json(BASKETS, &json!({})).await.expect(200);
            let calls = world.control().calls();
            let call = calls.iter().rfind(|call| call.operation.upstream() == Upstream::Scapi);
            let call = call.expect("a call to SCAPI");
            let bearer = format!("Bearer {}", browser.access_token());
            assert_eq!(call.header("authorization"), Some(bearer.as_str()), "{scenario}");
            assert!(!call.header("cookie").unwrap_or_default().contains("cc-"), "{scenario}");
        }
    }
}

#[tokio::test]
async fn kind_39_parts_are_replaced_and_deleted_with_the_token() {
    for scenario in scenarios() {
        let world = start(&scenario, 0).await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let short = token_cookies(&browser);
        world.control().lengthen_access_tokens(5_000);
        world.minutes_pass(31);
        browser.visits("/").await.expect(200);
        let long = token_cookies(&browser);
        assert_ne!(short, long, "{scenario}");
        assert!(browser.access_token().len() >= 5_000, "{scenario}");
        world.minutes_pass(20);
        browser.posts("/bff/session").await.expect(200);
        assert_eq!(token_cookies(&browser), long);
        world.control().lengthen_access_tokens(0);
        world.minutes_pass(9);
        browser.visits("/").await.expect(200);
        assert_eq!(token_cookies(&browser), short, "{scenario}");
        world.control().lengthen_access_tokens(6_000);
        browser.logs_in(SAM).await.expect(200);
        assert!(browser.token().unwrap().registered, "{scenario}");
        world.control().lengthen_access_tokens(0);
        browser.logs_out().await.expect(200);
        assert_eq!(token_cookies(&browser), short, "{scenario}");
    }
}

#[tokio::test]
async fn kind_39_a_refused_session_leaves_no_part_behind() {
    for scenario in scenarios() {
        let world = start(&scenario, 5_000).await;
        let browser = world.registered().await;
        world.minutes_pass(29);
        let refresh = browser.expect_cookie("cc-nx");
        world.control().revoke_refresh_token(&refresh);
        world.seconds_pass(61);
        browser.posts_json(BASKETS, &json!({})).await.expect_problem(401, "session_expired");
        assert_eq!(token_cookies(&browser), [""; 0], "{scenario}");
    }
}

#[tokio::test]
async fn promise_13_and_kind_39_planted_parts_change_no_shopper() {
    for scenario in scenarios() {
        let world = start(&scenario, 5_000).await;
        let (planter, browser) = (world.logged_in(SAM).await, world.registered().await);
        for name in token_cookies(&planter) {
            let value = planter.expect_cookie(&name);
            browser.stores_domain_cookie(&name, &value);
        }
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_id"].as_str(), browser.customer_id().as_deref(), "{scenario}");
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, browser.customer_id().unwrap(), "{scenario}");
        // One part of another token makes no token.
        let fresh = world.browser();
        if let Some(name) = token_cookies(&planter).last() {
            fresh.stores_domain_cookie(name, &planter.expect_cookie(name));
        }
        fresh.visits("/").await.expect(200);
        fresh.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn promises_5_and_13_and_kind_39_a_planted_part_costs_no_call() {
    for scenario in scenarios() {
        let world = start(&scenario, 0).await;
        let sam = world.logged_in(SAM).await.access_token();
        let target = world.registered_on_ecom().await;
        let shopper = target.customer_id().unwrap();
        for value in ["a.b.c", &sam] {
            let browser = target.stale_copy();
            for name in ["token.1", "cc-at.1", "cc-at_RefArch.1"] {
                browser.stores_domain_cookie(name, value);
            }
            for _ in 0..3 {
                world.forget_calls();
                let page = browser.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer().1, shopper, "{scenario}");
                browser.visits("/").await.expect(200);
                let view = browser.calls("/bff/session").await.expect(200).json();
                assert_eq!(view["customer_type"], "registered", "{scenario}");
                world.expect_calls(&[]);
            }
        }
    }
}

#[tokio::test]
async fn kind_39_a_token_that_fits_no_request_is_an_outage_that_keeps_cookies() {
    for scenario in scenarios() {
        let world = start(&scenario, 0).await;
        let browser = world.registered().await;
        let refresh = browser.expect_cookie("cc-nx");
        world.control().lengthen_access_tokens(7_300);
        world.minutes_pass(31);
        browser.visits("/").await.expect(200).expect_no_cookies();
        browser.posts("/bff/session").await.expect_problem(503, "upstream_unavailable");
        assert!(token_cookies(&browser).is_empty(), "{scenario}");
        if scenario.client == Client::Private {
            assert_eq!(browser.expect_cookie("cc-nx"), refresh, "{scenario}");
            world.control().lengthen_access_tokens(0);
            world.minutes_pass(2);
            browser.visits("/").await.expect(200);
            browser.expect_registered(JO.0, DwSession::Live);
        }
    }
}
