//! `GET /bff/go?to=…`: both sessions are repaired, then the browser is redirected.

use tandem_sandbox::{Fault, Operation, Times, Upstream};
use testkit::{DwSession, JO, Mode, Scenario, controller};

fn go_path(target: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new("/bff/go?".to_owned());
    query.append_pair("to", target).finish()
}

#[tokio::test]
async fn promise_1_the_shopper_is_the_same_after_the_redirect_to_ecom() {
    for scenario in Scenario::with_ecom() {
        // Tandem does not front ECOM here; this route is the only contact.
        let world = scenario.clone().with_site("routes.ecom", "").start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        world.minutes_pass(24 * 60);
        let page = browser.restarts().visits(&go_path(&controller("Cart-Show"))).await.expect(303);
        assert_eq!(page.location(), controller("Cart-Show"));
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn on_demand_this_route_makes_the_dw_session() {
    for scenario in Scenario::clients() {
        let scenario = scenario.on_demand();
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.visits(&go_path("/cart")).await.expect(303);
        world.expect_calls(&["ocapi.sessions"]);
        browser.visits(&go_path("/cart")).await.expect(303);
        world.expect_calls(&[]);
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn attack_32_only_paths_of_this_site_are_redirected_to() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    for hostile in ["//evil.test", "https://evil.test", "/\\evil.test", "/bff/logout", ""] {
        assert_eq!(
            browser.visits(&go_path(hostile)).await.expect(303).location(),
            "/",
            "{hostile}"
        );
    }
    for missing in ["/bff/go", "/bff/go?to", "/bff/go?to=/a&to=//evil.test"] {
        assert_eq!(browser.visits(missing).await.expect(303).location(), "/", "{missing}");
    }
    assert_eq!(browser.visits(&go_path("/a?b=c")).await.expect(303).location(), "/a?b=c");
}

#[tokio::test]
async fn fault_21_without_a_dw_session_there_is_no_redirect_to_ecom() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.browser();
        world.control().inject_fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let page = browser.visits(&go_path("/cart")).await;
        page.expect_problem(503, "upstream_unavailable");
        browser.expect_guest(DwSession::Absent);
        world.control().clear_faults();
        world.minutes_pass(1);
        browser.visits(&go_path("/cart")).await.expect(303);
        browser.expect_guest(DwSession::Live);
        assert_eq!(world.count(Operation::EcomPage), 0);
    }
}

#[tokio::test]
async fn promise_6_a_crawler_is_redirected_without_a_session() {
    let world = Scenario::private().start().await;
    let crawler = world.browser();
    let page =
        crawler.visits(&go_path("/cart")).header("user-agent", "Googlebot/2.1").await.expect(303);
    page.expect_no_cookies();
    world.expect_calls(&[]);
}

#[tokio::test]
async fn a_site_without_controller_pages_redirects() {
    for scenario in Scenario::all().into_iter().filter(|scenario| scenario.mode == Mode::None) {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&go_path("/cart")).await.expect(303);
        browser.expect_guest(DwSession::Absent);
        world.expect_calls(&scenario.guest_calls());
    }
}

#[tokio::test]
async fn attack_24_an_image_or_script_creates_no_session() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.calls(&go_path("/cart")).await.expect(303).expect_no_cookies();
    let framed = browser.visits(&go_path("/cart")).header("sec-fetch-dest", "image");
    framed.await.expect(303).expect_no_cookies();
    world.expect_calls(&[]);
}
