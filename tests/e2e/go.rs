//! `GET /bff/go?to=…`: the pair is repaired, then the browser goes on.

use tandem_sandbox::{Fault, Operation, Times, Upstream};
use testkit::{JO, Mode, Scenario, controller};

fn to(target: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new("/bff/go?".to_owned());
    query.append_pair("to", target).finish()
}

#[tokio::test]
async fn promise_1_whoever_goes_by_us_arrives_at_ecom_as_the_same_shopper() {
    for scenario in Scenario::with_ecom() {
        // ECOM is not fronted here: this route is all it has of us.
        let world = scenario.clone().with_site("routes.ecom", "").start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        world.minutes_pass(24 * 60);
        let page = browser.restarts().visits(&to(&controller("Cart-Show"))).await.expect(303);
        assert_eq!(page.location(), controller("Cart-Show"));
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn on_demand_this_is_the_moment_for_the_dw_session() {
    for scenario in Scenario::clients() {
        let scenario = scenario.on_demand();
        let world = scenario.start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        world.calls();
        browser.visits(&to("/cart")).await.expect(303);
        world.has_called(&["ocapi.sessions"]);
        browser.visits(&to("/cart")).await.expect(303);
        world.has_called(&[]);
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn attack_32_only_paths_of_this_site_are_gone_to() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    for hostile in ["//evil.test", "https://evil.test", "/\\evil.test", "/bff/logout", ""] {
        assert_eq!(browser.visits(&to(hostile)).await.expect(303).location(), "/", "{hostile}");
    }
    for no_target in ["/bff/go", "/bff/go?to", "/bff/go?to=/a&to=//evil.test"] {
        assert_eq!(browser.visits(no_target).await.expect(303).location(), "/", "{no_target}");
    }
    assert_eq!(browser.visits(&to("/a?b=c")).await.expect(303).location(), "/a?b=c");
}

#[tokio::test]
async fn fault_21_without_a_dw_session_nobody_is_sent_to_ecom() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.browser();
        world.control().fault(Upstream::Ocapi, Fault::Status(503, None), Times::Always);
        let page = browser.visits(&to("/cart")).await;
        page.expect_problem(503, "upstream_unavailable");
        browser.is_guest(false);
        world.control().clear_faults();
        world.minutes_pass(1);
        browser.visits(&to("/cart")).await.expect(303);
        browser.is_guest(true);
        assert_eq!(world.count(Operation::EcomPage), 0);
    }
}

#[tokio::test]
async fn promise_6_a_crawler_is_sent_on_without_a_session() {
    let world = Scenario::private().start().await;
    let crawler = world.browser();
    let page = crawler.visits(&to("/cart")).header("user-agent", "Googlebot/2.1").await.expect(303);
    page.sets_no_cookies();
    world.has_called(&[]);
}

#[tokio::test]
async fn a_site_without_controller_pages_just_goes_on() {
    for scenario in Scenario::all().into_iter().filter(|scenario| scenario.mode == Mode::None) {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&to("/cart")).await.expect(303);
        browser.is_guest(false);
        world.has_called(&scenario.guest_calls());
    }
}

#[tokio::test]
async fn attack_24_an_image_or_script_that_points_here_begins_nothing() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.calls(&to("/cart")).await.expect(303).sets_no_cookies();
    let framed = browser.visits(&to("/cart")).header("sec-fetch-dest", "image");
    framed.await.expect(303).sets_no_cookies();
    world.has_called(&[]);
}
