//! Two devices of one shopper that share a SLAS session id.

use std::future::IntoFuture as _;
use std::time::Duration;

use tandem_sandbox::{Fault, Operation};
use testkit::{Browser, DwSession, JO, Scenario, World};

/// Two browsers with one SLAS session id, in both of which Jo has logged in.
async fn two_devices(scenario: &Scenario) -> (World, Browser, Browser) {
    let world = scenario.clone().start().await;
    let phone = world.guest().await;
    let desk = phone.copy();
    phone.logs_in(JO).await.expect(200);
    world.minutes_pass(1);
    desk.logs_in(JO).await.expect(200);
    assert_eq!(phone.usid(), desk.usid(), "two devices of one shopper");
    (world, phone, desk)
}

#[tokio::test]
async fn kind_49_a_logout_does_not_reach_another_device_of_the_usid() {
    for scenario in Scenario::clients() {
        let (world, phone, desk) = two_devices(&scenario).await;
        world.minutes_pass(1);
        phone.logs_out().await.expect(200);
        let view = desk.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "registered", "{scenario}");
    }
}

#[tokio::test]
async fn kind_49_a_logout_does_not_stop_a_refresh_of_another_device() {
    for scenario in Scenario::clients() {
        let (world, phone, desk) = two_devices(&scenario).await;
        world.minutes_pass(60);
        let slow = Fault::DelayAfter(Duration::from_millis(300));
        world.forget_calls();
        world.control().inject_fault(Operation::HeadPage, slow, 1);
        let page = tokio::spawn(desk.visits("/").into_future());
        world.wait_for_calls(Operation::HeadPage, 1).await;
        phone.logs_out().await.expect(200);
        page.await.expect("no panic").expect(200);
        // Longer than a successor is cached.
        world.minutes_pass(2);
        desk.visits("/").await.expect(200);
        desk.expect_registered(JO.0, DwSession::live_if(scenario.bridges_at_landing()));
    }
}

#[tokio::test]
async fn kind_49_a_cached_successor_counts_on_another_device() {
    let world = Scenario::public().start().await;
    let phone = world.guest().await;
    let desk = phone.copy();
    phone.logs_in(JO).await.expect(200);
    world.minutes_pass(1);
    desk.logs_in(JO).await.expect(200);
    assert_eq!(phone.usid(), desk.usid());
    world.minutes_pass(31);
    let tab = desk.stale_copy();
    desk.visits("/").await.expect(200);
    world.seconds_pass(20);
    phone.logs_out().await.expect(200);
    world.seconds_pass(20);
    // A second tab of the desk, sent before the refresh reached it.
    let page = tab.visits("/").await;
    desk.stores_cookies_of(&page);
    world.minutes_pass(2);
    desk.visits("/").await.expect(200);
    desk.expect_registered(JO.0, DwSession::Live);
}
