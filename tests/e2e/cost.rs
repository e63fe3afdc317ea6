//! The number of upstream calls per flow: every row of the cost table.

use http::Method;
use serde_json::json;
use testkit::{Client, DwSession, JO, Mode, Scenario, Time, World, controller};

/// Calls in classic mode at landing, in classic mode on demand, and with Hybrid Auth.
struct Row {
    landing: usize,
    on_demand: usize,
    hybrid: usize,
}

impl Row {
    fn of(&self, scenario: &Scenario) -> usize {
        match (scenario.mode, scenario.time) {
            (Mode::Classic, Time::Landing) => self.landing,
            (Mode::Classic, Time::OnDemand) => self.on_demand,
            (Mode::Hybrid, _) => self.hybrid,
            (Mode::None, _) => panic!("not in the table"),
        }
    }

    #[track_caller]
    fn expect_in(&self, world: &World) {
        let calls = world.take_calls();
        assert_eq!(calls.len(), self.of(&world.scenario), "{}: {calls:?}", world.scenario);
    }
}

fn scenarios(client: Client) -> impl Iterator<Item = Scenario> {
    Scenario::with_ecom().into_iter().filter(move |scenario| scenario.client == client)
}

#[tokio::test]
async fn a_new_guest_on_the_head() {
    for (client, row) in [
        (Client::Private, Row { landing: 2, on_demand: 1, hybrid: 1 }),
        (Client::Public, Row { landing: 3, on_demand: 2, hybrid: 2 }),
    ] {
        for scenario in scenarios(client) {
            let world = scenario.start().await;
            world.browser().visits("/").await.expect(200);
            row.expect_in(&world);
        }
    }
}

#[tokio::test]
async fn a_new_guest_on_ecom() {
    for (client, row) in [
        (Client::Private, Row { landing: 2, on_demand: 2, hybrid: 1 }),
        (Client::Public, Row { landing: 3, on_demand: 3, hybrid: 2 }),
    ] {
        for scenario in scenarios(client) {
            let world = scenario.start().await;
            world.browser().visits(&controller("Home-Show")).await.expect(200);
            row.expect_in(&world);
        }
    }
}

#[tokio::test]
async fn returning_with_a_valid_token_and_dw_session() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.forget_calls();
        browser.visits("/").await.expect(200);
        browser.visits(&controller("Home-Show")).await.expect(200);
        Row { landing: 0, on_demand: 0, hybrid: 0 }.expect_in(&world);
    }
}

#[tokio::test]
async fn a_valid_token_and_the_first_page_of_ecom() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        Row { landing: 0, on_demand: 1, hybrid: 0 }.expect_in(&world);
    }
}

/// One call by the table; two where promise 4 requires a new token first, because this one has
/// made its DW session already.
#[tokio::test]
async fn a_valid_token_and_a_dead_dw_session_on_ecom() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.with_access_life(3 * 60 * 60).start().await;
        let browser = world.guest().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.minutes_pass(45);
        world.forget_calls();
        browser.visits(&controller("Home-Show")).await.expect(200);
        // A platform with Hybrid Auth restores its session without a bridge.
        Row { landing: 2, on_demand: 2, hybrid: 1 }.expect_in(&world);
    }
}

#[tokio::test]
async fn a_page_and_its_beacon_create_one_guest() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.calls(&controller("__Analytics-Start")).await;
        world.expect_calls(&[]);
        browser.visits(&controller("Home-Show")).await.expect(200);
        let guest = browser.expect_guest(DwSession::Live);
        world.forget_calls();
        browser.calls(&controller("__Analytics-Start")).await;
        Row { landing: 0, on_demand: 0, hybrid: 0 }.expect_in(&world);
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
    }
}

#[tokio::test]
async fn an_expired_token_on_the_head() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        world.minutes_pass(120);
        browser.visits("/").await.expect(200);
        Row { landing: 2, on_demand: 1, hybrid: 1 }.expect_in(&world);
    }
}

#[tokio::test]
async fn an_expired_token_on_ecom_without_a_redirect() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        world.minutes_pass(120);
        browser.visits(&controller("Home-Show")).await.expect(200);
        Row { landing: 2, on_demand: 2, hybrid: 1 }.expect_in(&world);
    }
}

#[tokio::test]
async fn a_login_with_and_without_items_in_the_basket() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let login = |basket| json!({"username": JO.0, "password": JO.1, "basket": basket});
        world.guest().await.posts_json("/bff/login", &login("empty")).await.expect(200);
        Row { landing: 3, on_demand: 2, hybrid: 2 }.expect_in(&world);
        world.minutes_pass(1);
        let browser = world.guest().await;
        browser.puts_into_basket("bell-brass").await.expect(200);
        browser.posts_json("/bff/login", &login("items")).await.expect(200);
        Row { landing: 4, on_demand: 3, hybrid: 3 }.expect_in(&world);
        // A page that does not name the basket's content costs one call that reads it.
        world.minutes_pass(1);
        world.guest().await.logs_in(JO).await.expect(200);
        Row { landing: 4, on_demand: 3, hybrid: 3 }.expect_in(&world);
    }
}

#[tokio::test]
async fn a_logout() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.with_site("session.after_logout", "none").start().await;
        let browser = world.registered().await;
        browser.logs_out().await.expect(200);
        Row { landing: 1, on_demand: 1, hybrid: 1 }.expect_in(&world);
    }
}

#[tokio::test]
async fn promise_6_assets_prefetches_preflights_and_crawlers_cost_nothing() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.browser();
        let page = controller("Home-Show");
        for passive in [
            browser.visits("/assets/app.css"),
            browser.calls("/assets/app.js"),
            browser.visits("/favicon.ico"),
            browser.visits("/").header("sec-purpose", "prefetch;prerender"),
            browser.visits("/").header("purpose", "prefetch"),
            browser.visits(&page).header("sec-purpose", "prefetch"),
            browser.visits("/").header("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
            browser.visits(&page).header("user-agent", "Mozilla/5.0 (compatible; bingbot/2.0)"),
            browser.calls("/api/products").method(Method::OPTIONS),
            browser.calls("/bff/session").method(Method::OPTIONS),
        ] {
            passive.await.expect_no_cookies();
        }
        Row { landing: 0, on_demand: 0, hybrid: 0 }.expect_in(&world);
    }
}

#[tokio::test]
async fn promise_6_they_cost_nothing_with_expired_credentials() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.minutes_pass(120);
        let before = browser.cookies();
        browser.visits("/assets/app.css").await.expect(200).expect_no_cookies();
        for page in ["/", &controller("Home-Show")] {
            let prefetch = browser.visits(page).header("sec-purpose", "prefetch").await;
            prefetch.expect_problem(401, "renewal_needed").expect_no_cookies();
        }
        Row { landing: 0, on_demand: 0, hybrid: 0 }.expect_in(&world);
        assert_eq!(browser.cookies(), before);
    }
}

#[tokio::test]
async fn a_script_creates_no_session_for_a_new_visitor() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        world.browser().calls("/api/products").await.expect(200).expect_no_cookies();
        Row { landing: 0, on_demand: 0, hybrid: 0 }.expect_in(&world);
    }
}

#[tokio::test]
async fn tokens_that_tandem_fetched_need_no_key() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        for _ in 0..5 {
            world.minutes_pass(40);
            browser.visits("/").await.expect(200);
        }
        let calls = world.take_calls();
        assert!(!calls.contains(&"slas.jwks"), "{calls:?}");
    }
}
