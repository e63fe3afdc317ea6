//! A gateway sends requests on by itself and asks us first: the same promises hold, for every kind of
//! client, bridge mode and bridge time.

use testkit::{Browser, JO, Scenario, World, controller};

fn behind_envoy(scenario: &Scenario) -> Scenario {
    scenario.clone().with("gateway.dialect", "envoy").with("gateway.peers", "127.0.0.1")
}

/// The browser wants `target`: it is sent round until the gateway lets it through. How often it was
/// redirected.
async fn wants(browser: &Browser, target: &str) -> usize {
    let mut there = target.to_owned();
    for redirects in 0..5 {
        // The gateway sends nobody but itself to us with a path of this kind.
        let own = there.starts_with("/bff/");
        let asked = if own { there.clone() } else { format!("/bff/auth{there}") };
        let page = browser.visits(&asked).await;
        if page.status.as_u16() == 200 {
            assert_eq!(there, target);
            return redirects;
        }
        let page = page.expect(303);
        page.location().trim_start_matches("https://shop.test").clone_into(&mut there);
    }
    panic!("a circle, by {there}");
}

async fn shop(scenario: &Scenario) -> (World, Browser) {
    let world = behind_envoy(scenario).start().await;
    let browser = world.browser();
    (world, browser)
}

#[tokio::test]
async fn a_new_visitor_of_the_head_costs_what_a_landing_costs() {
    for scenario in Scenario::all() {
        let (world, browser) = shop(&scenario).await;
        assert_eq!(wants(&browser, "/").await, 3, "{scenario}");
        world.has_called(&scenario.landing_calls());
        assert_eq!(wants(&browser, "/cart").await, 0, "{scenario}");
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn promise_1_a_visitor_of_ecom_comes_in_the_shopper_s_session() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        assert_eq!(wants(&browser, &controller("Home-Show")).await, 3, "{scenario}");
        browser.is_guest(true);
        browser.logs_in(JO).await.expect(200);
        for minutes in [0, 20, 29, 40, 24 * 60] {
            world.minutes_pass(minutes);
            wants(&browser, &controller("Cart-Show")).await;
            browser.is_registered(JO.0, true);
            world.calls();
            assert_eq!(wants(&browser, &controller("Cart-Show")).await, 0, "{scenario}, {minutes}");
            assert_eq!(wants(&browser, "/").await, 0, "{scenario}, {minutes}");
            world.has_called(&[]);
        }
    }
}

#[tokio::test]
async fn promise_10_logout_sticks_behind_a_gateway_too() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        wants(&browser, "/").await;
        browser.logs_in(JO).await.expect(200);
        let (thief, late) = (browser.late(), browser.late());
        browser.logs_out().await.expect(200);
        wants(&browser, &controller("Account-Show")).await;
        browser.is_guest(true);
        let account = format!("/bff/auth{}", controller("Account-Show"));
        let allowed = late.visits(&account).await.expect(200);
        allowed.sets_no_cookies();
        assert_eq!(allowed.header("x-bff-customer-id"), "", "{scenario}: kind 50");
        world.minutes_pass(2);
        wants(&thief, &controller("Account-Show")).await;
        thief.is_guest(true);
    }
}

#[tokio::test]
async fn promise_13_planted_cookies_do_not_name_another_shopper_to_a_gateway() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        let sibling = world.browser();
        wants(&sibling, "/").await;
        sibling.logs_in(JO).await.expect(200);
        wants(&browser, &controller("Account-Show")).await;
        let guest = browser.is_guest(true);
        let planted = ["cc-nx", "token", "dwsid"].map(|name| (name, sibling.cookie(name)));
        for (name, value) in planted {
            browser.is_planted(name, &value.unwrap_or_default());
            for path in ["/".to_owned(), controller("Account-Show")] {
                wants(&browser, &path).await;
                let page = browser.visits(&format!("/bff/auth{path}")).await.expect(200);
                assert_eq!(page.header("x-bff-customer-id"), guest, "{scenario}, {name}, {path}");
                assert!(!page.header("cookie").contains(&sibling.holds("cc-nx")), "{scenario}");
            }
        }
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn kind_36_whom_a_head_behind_a_gateway_signs_in_is_the_same_shopper_on_ecom() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        wants(&browser, &controller("Account-Show")).await;
        browser.is_guest(true);
        world.minutes_pass(1);
        let elsewhere = world.browser();
        wants(&elsewhere, "/").await;
        elsewhere.logs_in(JO).await.expect(200);
        // The gateway passes the cookies of the Head's own sign-in on, and does not tell Tandem: they
        // contradict the DW session until the next question.
        let browser = browser.late();
        browser.is_given("cc-nx", &elsewhere.holds("cc-nx")).loses("cc-nx-g");
        browser.is_given("token", &elsewhere.holds("token"));
        browser.is_given("cid", &elsewhere.holds("cid")).is_given("usid", &elsewhere.holds("usid"));
        wants(&browser, &controller("Account-Show")).await;
        browser.is_registered(JO.0, true);
    }
}
