//! The promises hold for every cookie profile, with the bridge mode and the ECOM that go with it.

use std::fmt::Write as _;

use tandem_sandbox::{Operation, Upstream};
use testkit::{Browser, Client, DwSession, JO, Mode, Scenario, Time, World, controller};

/// Profiles, and the scenarios that go with them.
fn profiles() -> Vec<(&'static str, Scenario)> {
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

/// Jo with tokens and a DW session.
async fn start_registered(world: &World) -> Browser {
    let browser = world.registered_on_ecom().await;
    browser.expect_registered(JO.0, DwSession::Live);
    browser
}

#[tokio::test]
async fn promise_1_head_and_ecom_agree_through_login_expiry_and_logout() {
    for (profile, scenario) in profiles() {
        let world = scenario.clone().start().await;
        let browser = start_registered(&world).await;
        for minutes in [35, 400] {
            world.minutes_pass(minutes);
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            let shopper = browser.expect_registered(JO.0, DwSession::Live);
            assert_eq!(page.ecom_customer().1, shopper, "{profile} {scenario} after {minutes} min");
        }
        browser.logs_out().await.expect(200);
        browser.visits("/").await.expect(200);
        assert!(!browser.token().expect("a guest's token").registered, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_4_a_refresh_beside_a_live_session_makes_no_dw_session() {
    for (profile, scenario) in profiles().into_iter().filter(|(_, it)| it.mode == Mode::Classic) {
        let world = scenario.clone().with_access_life(600).start().await;
        let browser = start_registered(&world).await;
        world.minutes_pass(12);
        browser.visits(&controller("Home-Show")).await.expect(200);
        assert_eq!(world.count(Operation::Sessions), 0, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_5_a_warm_request_costs_nothing_and_changes_nothing() {
    for (profile, scenario) in profiles() {
        let world = scenario.clone().start().await;
        let browser = start_registered(&world).await;
        for path in ["/".to_owned(), controller("Cart-Show")] {
            browser.visits(&path).await.expect(200).expect_no_cookies();
        }
        assert_eq!(world.take_calls(), [""; 0], "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_6_a_passive_request_costs_and_changes_nothing() {
    for (profile, scenario) in profiles() {
        let world = scenario.clone().start().await;
        let browser = start_registered(&world).await;
        world.minutes_pass(400);
        for path in ["/".to_owned(), controller("Home-Show")] {
            let crawler = browser.visits(&path).header("user-agent", "Googlebot/2.1");
            crawler.await.expect(200).expect_no_cookies();
            let prefetch = browser.visits(&path).header("sec-purpose", "prefetch").await;
            prefetch.expect_problem(401, "renewal_needed").expect_no_cookies();
        }
        // Calls that the cartridge makes are not Tandem's.
        let calls = world.control().calls();
        let auth = |it: &Upstream| !matches!(it, Upstream::Head | Upstream::Ecom);
        let ours = calls.iter().filter(|call| !call.by_ecom && auth(&call.operation.upstream()));
        assert_eq!(ours.count(), 0, "{profile} {scenario}");
        browser.visits("/").await.expect(200);
        assert!(browser.token().expect("a token").registered, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_8_no_response_of_ours_reveals_a_secret() {
    for (profile, scenario) in profiles() {
        let world = scenario.clone().start().await;
        let browser = start_registered(&world).await;
        // The browser compares every response of ours with the secrets in its jar.
        for request in [browser.calls("/bff/session"), browser.posts("/bff/session")] {
            let view = request.await.expect(200).json();
            assert_eq!(view["login_id"], JO.0, "{profile} {scenario}");
        }
    }
}

#[tokio::test]
async fn promise_9_a_form_of_a_dead_session_is_shown_again_not_sent() {
    for (profile, scenario) in profiles() {
        let world = scenario.clone().start().await;
        let browser = start_registered(&world).await;
        let edit = controller("Account-EditProfile");
        let token = browser.visits(&edit).await.expect(200).csrf_token();
        world.minutes_pass(45);
        let fields = [("csrf_token", &*token), ("name", "Jo Stoker")];
        let page = browser.posts_form(&edit, &controller("Account-SaveProfile"), &fields).await;
        assert_eq!((page.status.as_u16(), page.location()), (303, &*edit), "{profile} {scenario}");
        assert_eq!(world.count_ecom_posts(), 0, "{profile} {scenario}");
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn promise_11_invalid_cookies_are_a_new_guest_and_no_error() {
    for (profile, scenario) in profiles() {
        let world = scenario.clone().start().await;
        let browser = start_registered(&world).await;
        for (name, _) in browser.cookies() {
            browser.stores_host_cookie(&name, "garbage");
        }
        browser.visits("/").await.expect(200);
        assert!(!browser.token().expect("a token").registered, "{profile} {scenario}");
    }
}

#[tokio::test]
async fn promise_12_an_ambiguous_path_reaches_no_upstream() {
    for (_, scenario) in profiles() {
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
async fn every_profile_lets_scripts_read_the_reviewed_cookies() {
    let mut table = String::new();
    for (profile, scenario) in profiles() {
        if scenario.client == Client::Private && scenario.time == Time::Landing {
            let world = scenario.clone().start().await;
            let browser = start_registered(&world).await;
            let mut names = browser.script_readable_cookies();
            names.retain(|name| !name.starts_with("dwanonymous"));
            let _ = writeln!(
                table,
                "{profile}, {:?}:\n  all: {:?}\n  scripts: {names:?}",
                scenario.mode,
                browser.names()
            );
        }
    }
    insta::assert_snapshot!(table);
}
