//! The promises hold whatever stands beside Tandem: every cookie profile with the bridge mode it
//! goes with, and ECOM as it is there.

use std::fmt::Write as _;

use http::Method;
use tandem_sandbox::{Operation, Upstream};
use testkit::{Browser, Client, JO, Mode, Scenario, Time, World, controller};

/// Profile and set-up, as they are met together.
fn neighbours() -> Vec<(&'static str, Scenario)> {
    let mut all = Vec::new();
    for client in [Client::Private, Client::Public] {
        for time in [Time::Landing, Time::OnDemand] {
            let classic = Scenario::new(client, Mode::Classic, time);
            let hybrid = Scenario::new(client, Mode::Hybrid, time);
            all.push(("plugin-slas", classic.clone().with_plugin_slas()));
            all.push(("pwa-kit", classic.with_profile("pwa-kit")));
            all.push(("pwa-kit", hybrid.clone().with_profile("pwa-kit")));
            all.push(("storefront-next", hybrid.with_profile("storefront-next")));
        }
    }
    all
}

/// Somebody signed in, with both credentials.
async fn jo(world: &World) -> Browser {
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.logs_in(JO).await.expect(200);
    browser.visits(&controller("Home-Show")).await.expect(200);
    browser.is_registered(JO.0, true);
    world.calls();
    browser
}

fn posts(world: &World) -> usize {
    let posted = |method: &Method| method == Method::POST;
    let calls = world.control().calls();
    calls.iter().filter(|c| c.operation.upstream() == Upstream::Ecom && posted(&c.method)).count()
}

#[tokio::test]
async fn promise_1_a_shopper_is_the_same_in_both_worlds_through_login_expiry_and_logout() {
    for (profile, scenario) in neighbours() {
        let world = scenario.clone().start().await;
        let browser = jo(&world).await;
        for minutes in [35, 400] {
            world.minutes_pass(minutes);
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            let shopper = browser.is_registered(JO.0, true);
            assert_eq!(page.ecom_customer().1, shopper, "{profile} {scenario} after {minutes} min");
        }
        browser.logs_out().await.expect(200);
        browser.visits("/").await.expect(200);
        assert!(!browser.token().expect("a guest's token").registered, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_4_one_sessions_call_per_token_and_none_for_a_refresh_beside_a_live_session() {
    for (profile, scenario) in neighbours().into_iter().filter(|(_, it)| it.mode == Mode::Classic) {
        let world = scenario.clone().with_access_life(600).start().await;
        let browser = jo(&world).await;
        world.minutes_pass(12);
        browser.visits(&controller("Home-Show")).await.expect(200);
        assert_eq!(world.count(Operation::Sessions), 0, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_5_a_warm_request_costs_nothing_and_changes_nothing() {
    for (profile, scenario) in neighbours() {
        let world = scenario.clone().start().await;
        let browser = jo(&world).await;
        for path in ["/".to_owned(), controller("Cart-Show")] {
            browser.visits(&path).await.expect(200).sets_no_cookies();
        }
        assert_eq!(world.calls(), [""; 0], "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_6_whoever_only_looks_costs_nothing_and_takes_nothing() {
    for (profile, scenario) in neighbours() {
        let world = scenario.clone().start().await;
        let browser = jo(&world).await;
        world.minutes_pass(400);
        for (name, value) in [("sec-purpose", "prefetch"), ("user-agent", "Googlebot/2.1")] {
            for path in ["/".to_owned(), controller("Home-Show")] {
                browser.visits(&path).header(name, value).await.expect(200).sets_no_cookies();
            }
        }
        // What the cartridge does for a visitor without a session is its own affair.
        let calls = world.control().calls();
        let auth = |it: &Upstream| !matches!(it, Upstream::Head | Upstream::Ecom);
        let ours = calls.iter().filter(|call| !call.by_ecom && auth(&call.operation.upstream()));
        assert_eq!(ours.count(), 0, "{profile} {scenario}");
        browser.visits("/").await.expect(200);
        assert!(browser.token().expect("a token").registered, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_8_no_response_of_ours_tells_a_secret_of_any_profile() {
    for (profile, scenario) in neighbours() {
        let world = scenario.clone().start().await;
        let browser = jo(&world).await;
        // The browser compares every response of ours with the secrets in its jar.
        for request in [browser.calls("/bff/session"), browser.posts("/bff/session")] {
            let view = request.await.expect(200).json();
            assert_eq!(view["login_id"], JO.0, "{profile} {scenario}");
        }
    }
}

#[tokio::test]
async fn promise_9_a_form_of_a_dead_session_is_shown_again_and_never_sent() {
    for (profile, scenario) in neighbours() {
        let world = scenario.clone().start().await;
        let browser = jo(&world).await;
        let edit = controller("Account-EditProfile");
        let token = browser.visits(&edit).await.expect(200).csrf_token();
        world.minutes_pass(45);
        let fields = [("csrf_token", &*token), ("name", "Jo Stoker")];
        let page = browser.posts_form(&edit, &controller("Account-SaveProfile"), &fields).await;
        assert_eq!((page.status.as_u16(), page.location()), (303, &*edit), "{profile} {scenario}");
        assert_eq!(posts(&world), 0, "{profile} {scenario}");
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn promise_11_garbage_in_every_cookie_is_a_new_guest_and_no_error() {
    for (profile, scenario) in neighbours() {
        let world = scenario.clone().start().await;
        let browser = jo(&world).await;
        for (name, _) in browser.cookies() {
            browser.is_given(&name, "garbage");
        }
        browser.visits("/").await.expect(200);
        assert!(!browser.token().expect("a token").registered, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_12_a_path_that_can_be_read_in_two_ways_reaches_no_upstream() {
    for (_, scenario) in neighbours() {
        let world = scenario.start().await;
        world.forget_calls();
        for path in
            ["/x/../on/demandware.store/y", "/%2e%2e/y", "//on/y", "/mobify/proxy/api/%2e%2e/y"]
        {
            world.browser().visits(path).await.expect(400);
        }
        assert!(world.control().calls().is_empty());
    }
}

#[tokio::test]
async fn every_profile_shows_scripts_what_its_neighbour_needs_and_no_more() {
    let mut seen = String::new();
    for (profile, scenario) in neighbours() {
        if scenario.client == Client::Private && scenario.time == Time::Landing {
            let world = scenario.clone().start().await;
            let browser = jo(&world).await;
            let mut names = browser.script_sees();
            names.retain(|name| !name.starts_with("dwanonymous"));
            let _ = writeln!(
                seen,
                "{profile}, {:?}:\n  all: {:?}\n  scripts: {names:?}",
                scenario.mode,
                browser.names()
            );
        }
    }
    insta::assert_snapshot!(seen);
}
