//! Behind a gateway that sends auth subrequests the same promises hold, for every kind of client,
//! bridge mode and bridge time.

use testkit::{Browser, JO, Scenario, World, controller};

fn behind_envoy(scenario: &Scenario) -> Scenario {
    scenario.clone().with("gateway.dialect", "envoy").with("gateway.peers", "127.0.0.1")
}

/// The browser follows redirects until the gateway allows `target`. Returns how many there were.
async fn visit(browser: &Browser, target: &str) -> usize {
    let mut next = target.to_owned();
    for redirects in 0..5 {
        // The gateway routes `/bff/` to Tandem and sends a subrequest for every other path.
        let own = next.starts_with("/bff/");
        let path = if own { next.clone() } else { format!("/bff/auth{next}") };
        let page = browser.visits(&path).await;
        if page.status.as_u16() == 200 {
            assert_eq!(next, target);
            return redirects;
        }
        let page = page.expect(303);
        page.location().trim_start_matches("https://shop.test").clone_into(&mut next);
    }
    panic!("a redirect loop at {next}");
}

async fn shop(scenario: &Scenario) -> (World, Browser) {
    let world = behind_envoy(scenario).start().await;
    let browser = world.browser();
    (world, browser)
}

#[tokio::test]
async fn a_new_visitor_behind_a_gateway_costs_one_landing() {
    for scenario in Scenario::all() {
        let (world, browser) = shop(&scenario).await;
        assert_eq!(visit(&browser, "/").await, 3, "{scenario}");
        world.has_called(&scenario.landing_calls());
        assert_eq!(visit(&browser, "/cart").await, 0, "{scenario}");
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn promise_1_a_request_to_ecom_carries_the_shopper_s_session() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        assert_eq!(visit(&browser, &controller("Home-Show")).await, 3, "{scenario}");
        browser.is_guest(true);
        browser.logs_in(JO).await.expect(200);
        for minutes in [0, 20, 29, 40, 24 * 60] {
            world.minutes_pass(minutes);
            visit(&browser, &controller("Cart-Show")).await;
            browser.is_registered(JO.0, true);
            world.calls();
            assert_eq!(visit(&browser, &controller("Cart-Show")).await, 0, "{scenario}, {minutes}");
            assert_eq!(visit(&browser, "/").await, 0, "{scenario}, {minutes}");
            world.has_called(&[]);
        }
    }
}

#[tokio::test]
async fn promise_10_a_logout_sticks_behind_a_gateway() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        visit(&browser, "/").await;
        browser.logs_in(JO).await.expect(200);
        let (thief, late) = (browser.late(), browser.late());
        browser.logs_out().await.expect(200);
        visit(&browser, &controller("Account-Show")).await;
        browser.is_guest(true);
        let account = format!("/bff/auth{}", controller("Account-Show"));
        let allowed = late.visits(&account).await.expect(200);
        allowed.sets_no_cookies();
        assert_eq!(allowed.header("x-bff-customer-id"), "", "{scenario}: kind 50");
        world.minutes_pass(2);
        visit(&thief, &controller("Account-Show")).await;
        thief.is_guest(true);
    }
}

#[tokio::test]
async fn promise_13_planted_cookies_name_no_other_shopper_to_a_gateway() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        let sibling = world.browser();
        visit(&sibling, "/").await;
        sibling.logs_in(JO).await.expect(200);
        visit(&browser, &controller("Account-Show")).await;
        let guest = browser.is_guest(true);
        let planted = ["cc-nx", "token", "dwsid"].map(|name| (name, sibling.cookie(name)));
        for (name, value) in planted {
            browser.is_planted(name, &value.unwrap_or_default());
            for path in ["/".to_owned(), controller("Account-Show")] {
                visit(&browser, &path).await;
                let page = browser.visits(&format!("/bff/auth{path}")).await.expect(200);
                assert_eq!(page.header("x-bff-customer-id"), guest, "{scenario}, {name}, {path}");
                assert!(!page.header("cookie").contains(&sibling.holds("cc-nx")), "{scenario}");
            }
        }
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn kind_36_a_login_by_a_head_behind_a_gateway_counts_on_ecom() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = shop(&scenario).await;
        visit(&browser, &controller("Account-Show")).await;
        browser.is_guest(true);
        world.minutes_pass(1);
        let elsewhere = world.browser();
        visit(&elsewhere, "/").await;
        elsewhere.logs_in(JO).await.expect(200);
        // The gateway forwards the cookies of the Head's own login, and Tandem does not see them: they
        // contradict the DW session until the next subrequest.
        let browser = browser.late();
        browser.is_given("cc-nx", &elsewhere.holds("cc-nx")).loses("cc-nx-g");
        browser.is_given("token", &elsewhere.holds("token"));
        browser.is_given("cid", &elsewhere.holds("cid")).is_given("usid", &elsewhere.holds("usid"));
        visit(&browser, &controller("Account-Show")).await;
        browser.is_registered(JO.0, true);
    }
}
