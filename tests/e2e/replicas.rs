//! Responses that cross, and replicas that share no memory.

use std::time::Duration;

use tandem_sandbox::{Fault, Operation};
use testkit::{Client, JO, Mode, Scenario, Time, controller};

#[tokio::test]
async fn promise_2_two_crossing_landings_leave_one_of_the_guests() {
    for scenario in [
        Scenario::private().on_demand(),
        Scenario::new(Client::Public, Mode::Classic, Time::OnDemand),
    ] {
        let world = scenario.clone().start().await;
        // Two tabs open at the same time: two landings.
        let browser = world.browser();
        let second = world.browser();
        browser.visits("/").await.expect(200);
        let first = browser.customer_id();
        let to_ecom = browser.stale_copy();
        let landing = second.visits("/").await.expect(200);
        let other = second.customer_id();
        // The first tab follows a link to ECOM, and the second landing arrives meanwhile.
        let page = to_ecom.visits(&controller("Home-Show")).await.expect(200);
        browser.stores_cookies_of(&landing);
        browser.stores_cookies_of(&page);
        world.forget_calls();
        browser.visits("/").await.expect(200);
        let now = browser.customer_id();
        assert!(
            now == first || now == other,
            "{scenario}: a third guest, {:?}",
            world.take_calls()
        );
    }
}

#[tokio::test]
async fn promise_2_a_guests_page_of_another_replica_keeps_the_login() {
    for mode in [Mode::Classic, Mode::Hybrid] {
        for time in [Time::OnDemand, Time::Landing] {
            let scenario = Scenario::new(Client::Private, mode, time);
            let mut world = scenario.clone().start().await;
            let browser = world.guest().await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.minutes_pass(6);
            // Under way to the other replica while the shopper logs in at this one.
            let mut tab = browser.stale_copy();
            browser.logs_in(JO).await.expect(200);
            world.restarts(&mut tab);
            let page = tab.visits(&controller("Home-Show")).await.expect(200);
            browser.stores_cookies_of(&page);
            let mut browser = browser.stale_copy();
            world.restarts(&mut browser);
            browser.visits("/").await.expect(200);
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(
                view["customer_type"],
                "registered",
                "{scenario}: reported {}; {:?}",
                view["session_expired"],
                page.set_cookies()
            );
        }
    }
}

#[tokio::test]
async fn promise_2_a_guests_slow_page_keeps_the_login() {
    // One replica: the page began before the login and ends 31 s after it.
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    browser.visits(&controller("Home-Show")).await.expect(200);
    world.minutes_pass(6);
    let tab = browser.stale_copy();
    world.forget_calls();
    world.control().inject_fault(Operation::EcomPage, Fault::Delay(Duration::from_millis(1500)), 1);
    let slow = tokio::spawn(async move { tab.visits(&controller("Home-Show")).await });
    world.wait_for_calls(Operation::EcomPage, 1).await;
    browser.logs_in(JO).await.expect(200);
    world.seconds_pass(31);
    let page = slow.await.unwrap();
    browser.stores_cookies_of(&page);
    browser.visits("/").await.expect(200);
    let token = browser.token();
    assert!(token.is_some_and(|it| it.registered), "{:?}", page.set_cookies());
}

#[tokio::test]
async fn promise_2_a_guests_refresh_of_another_replica_keeps_the_login() {
    let scenario = Scenario::private();
    let mut world = scenario.clone().start().await;
    let browser = world.guest().await;
    world.minutes_pass(31);
    let mut tab = browser.stale_copy();
    browser.logs_in(JO).await.expect(200);
    world.restarts(&mut tab);
    let page = tab.visits("/").await.expect(200);
    let mut browser = browser.stale_copy();
    browser.stores_cookies_of(&page);
    world.restarts(&mut browser);
    browser.visits("/").await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    let reported = view["session_expired"] == true;
    assert!(view["customer_type"] == "registered" || reported, "silently: {view}");
}

#[tokio::test]
async fn promise_10_a_second_logout_works_after_a_lost_response() {
    for scenario in Scenario::clients() {
        let mut world = scenario.clone().start().await;
        let mut browser = world.registered().await;
        let first = browser.copy();
        first.logs_out().await.expect(200);
        world.seconds_pass(1);
        browser.logs_out().await.expect(200);
        world.restarts(&mut browser);
        browser.visits("/").await.expect(200);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}: {view}");
    }
}

#[tokio::test]
async fn promise_10_a_late_refresh_of_a_replica_undoes_no_sealed_logout() {
    let mut world = Scenario::private().start().await;
    let browser = world.registered().await;
    world.minutes_pass(31);
    let mut tab = browser.stale_copy();
    // The refresh at replica B is under way; its response is late.
    world.restarts(&mut tab);
    let refreshed = tab.visits("/").await.expect(200);
    // The logout is at replica C, which does not know of it.
    let mut browser = browser.stale_copy();
    world.restarts(&mut browser);
    browser.logs_out().await.expect(200);
    let before = browser.stale_copy();
    // The response of the refresh arrives after that of the logout.
    browser.stores_cookies_of(&refreshed);
    // Then a page that was requested after the logout.
    world.minutes_pass(6);
    let page = before.visits(&controller("Home-Show")).await.expect(200);
    browser.stores_cookies_of(&page);
    world.restarts(&mut browser);
    browser.visits("/").await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "guest", "{view}; {:?}", page.set_cookies());
}
