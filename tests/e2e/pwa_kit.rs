//! PWA Kit's storefront: its proxy of ECOM, and its modes in which it stores the tokens itself.

use testkit::{Browser, PendingRequest, SAM, Scenario, controller};

fn proxied(name: &str) -> String {
    format!("/mobify/proxy/ocapi{}", controller(name))
}

/// The beacons that report a page: of PWA Kit, and of SFRA.
fn beacons() -> [String; 2] {
    [proxied("__Analytics-Start?url=x"), controller("__Analytics-Start?url=x")]
}

/// Every kind of shop with ECOM, and those of the private client with every profile.
fn scenarios() -> Vec<Scenario> {
    let profiles = ["pwa-kit", "storefront-next", "plugin-slas"];
    let with = |profile| {
        [Scenario::private(), Scenario::private().on_demand()].map(|it| it.with_profile(profile))
    };
    Scenario::with_ecom().into_iter().chain(profiles.into_iter().flat_map(with)).collect()
}

/// A script or an image of a page reports it.
fn reports(browser: &Browser, beacon: &str) -> [PendingRequest; 3] {
    let image = browser.calls(beacon).header("sec-fetch-mode", "no-cors");
    [browser.calls(beacon), image.header("sec-fetch-dest", "image"), browser.posts(beacon)]
}

#[tokio::test]
async fn kind_23_a_beacon_begins_no_session() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        let browser = world.browser();
        for beacon in beacons() {
            for report in reports(&browser, &beacon) {
                report.await.expect_no_cookies();
            }
        }
        assert_eq!(browser.names(), [""; 0]);
        assert_eq!(world.auth_calls(), [""; 0], "{}", world.scenario);
    }
}

#[tokio::test]
async fn kind_23_a_beacon_changes_no_session_however_old() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        let browser = world.registered_on_ecom().await;
        let before = browser.cookies();
        for minutes in [0, 29, 31, 400] {
            world.minutes_pass(minutes);
            for beacon in beacons() {
                for report in reports(&browser, &beacon) {
                    report.await.expect_no_cookies();
                }
            }
            assert_eq!(world.auth_calls(), [""; 0], "{} {minutes}", world.scenario);
        }
        let kept = |(name, _): &&(String, String)| browser.cookies().iter().any(|it| it.0 == *name);
        assert!(before.iter().filter(kept).all(|pair| browser.cookies().contains(pair)));
        browser.visits(&controller("Account-Show")).await.expect(200);
        assert!(browser.token().expect("a token").registered, "{}", world.scenario);
    }
}

#[tokio::test]
async fn kind_23_a_controller_below_the_proxy_is_the_same_page_of_the_same_shopper() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        let shown = browser.calls(&proxied("Account-Show")).await.expect(200).ecom_customer();
        assert_eq!(Some(shown.1), browser.customer_id(), "{}", world.scenario);
        world.minutes_pass(31);
        let shown = browser.calls(&proxied("Account-Show")).await.expect(200).ecom_customer();
        assert_eq!(Some(shown.1), browser.customer_id(), "{}", world.scenario);
    }
}

#[tokio::test]
async fn kind_23_a_login_and_a_logout_below_the_proxy_are_noticed() {
    for scenario in [Scenario::private(), Scenario::public()] {
        let world = scenario.start().await;
        let browser = world.guest_on_ecom().await;
        let form = browser.visits(&controller("Login-Show")).await.expect(200);
        let csrf = form.csrf_token();
        let fields = [("csrf_token", &*csrf), ("loginEmail", SAM.0), ("loginPassword", SAM.1)];
        browser.sends(&proxied("Account-Login"), &fields).await.expect(302);
        assert!(browser.token().expect("a token").registered, "{}", world.scenario);
        browser.calls(&proxied("Login-Logout")).await;
        let view = browser.calls("/bff/session").await.json();
        assert_ne!(view["customer_type"], "registered", "{}", world.scenario);
    }
}
