//! The do-not-track choice that a SLAS call states.

use std::time::Duration;

use tandem_sandbox::{Fault, Operation, Times};
use testkit::{Browser, Client, DwSession, JO, PendingRequest, Scenario, World};

use super::{sdk_guest, sdk_login, slas_path};

const PROFILES: [&str; 4] = ["classic", "pwa-kit", "storefront-next", "plugin-slas"];

/// Refreshes as the storefront does when the shopper chooses.
fn chooses(browser: &Browser, client: Client, dnt: bool) -> PendingRequest {
    let dnt = dnt.to_string();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", ""),
        ("channel_id", "RefArch"),
        ("dnt", dnt.as_str()),
    ];
    browser.sends(&slas_path(client, "token"), &form).header("x-grant-type", "refresh_token")
}

fn dnt_of(browser: &Browser) -> String {
    browser.token().expect("a token").dnt
}

#[tokio::test]
async fn kind_52_the_choice_of_a_refresh_counts_over_the_cookie() {
    for profile in PROFILES {
        for scenario in Scenario::clients().map(|it| it.with_profile(profile)) {
            for cookie in [None, Some("0"), Some("1")] {
                for dnt in [true, false] {
                    let world = scenario.clone().start().await;
                    let browser = world.browser();
                    if let Some(value) = cookie {
                        browser.stores_host_cookie("dw_dnt", value);
                    }
                    browser.visits("/").await.expect(200);
                    let page = chooses(&browser, scenario.client, dnt).await.expect(200);
                    let claim = if dnt { "1" } else { "0" };
                    let name = format!("{scenario}, cookie {cookie:?}, {dnt}");
                    assert_eq!(page.json()["dnt"], dnt.to_string(), "{name}");
                    assert_eq!(dnt_of(&browser), claim, "{name}");
                    // It stays: on the next page, beside the cookie of before, and when renewed.
                    world.forget_calls();
                    browser.visits("/").await.expect(200);
                    world.expect_calls(&[]);
                    assert_eq!(browser.calls("/bff/session").await.json()["dnt"], dnt, "{name}");
                    world.minutes_pass(31);
                    browser.visits("/").await.expect(200);
                    assert_eq!(dnt_of(&browser), claim, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn kind_52_the_cookie_counts_again_once_it_changes() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        chooses(&browser, scenario.client, true).await.expect(200);
        // The storefront writes its cookie after the call, and that costs nothing.
        browser.stores_host_cookie("dw_dnt", "1");
        world.forget_calls();
        browser.visits("/").await.expect(200);
        world.expect_calls(&[]);
        world.minutes_pass(31);
        browser.visits("/").await.expect(200);
        browser.stores_host_cookie("dw_dnt", "0").visits("/").await.expect(200);
        assert_eq!(dnt_of(&browser), "0", "{scenario}");
    }
}

#[tokio::test]
async fn kind_52_the_choice_is_asked_of_slas_for_later_tokens_too() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        chooses(&browser, scenario.client, true).await.expect(200);
        browser.logs_in(JO).await.expect(200);
        assert_eq!(dnt_of(&browser), "1", "{scenario}: login");
        browser.logs_out().await.expect(200);
        assert_eq!(dnt_of(&browser), "1", "{scenario}: logout");
        world.seconds_pass(2);
        sdk_login(&browser, scenario.client, JO).await.expect(200);
        assert_eq!(dnt_of(&browser), "1", "{scenario}: login by the SDK");
        browser.expect_registered(JO.0, DwSession::Absent);
    }
}

#[tokio::test]
async fn kind_52_an_answer_for_another_request_is_not_taken_for_the_choice() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        sdk_guest(&browser, scenario.client).await.expect(200);
        world.minutes_pass(31);
        let late = browser.copy();
        browser.visits("/").await.expect(200);
        assert_eq!(dnt_of(&browser), "0");
        // This tab still holds the tokens of before, and the exchange is remembered.
        chooses(&late, scenario.client, true).await.expect(200);
        // A public client's successor is not spent before the browser has it.
        let now = if scenario.client == Client::Public { "0" } else { "1" };
        assert_eq!(dnt_of(&late), now, "{scenario}");
        late.visits("/").await.expect(200);
        assert_eq!(dnt_of(&late), "1", "{scenario}");
        world.forget_calls();
        late.visits("/").await.expect(200);
        world.expect_calls(&[]);
    }
}

/// The response of a slow page, which has renewed the tokens, arrives after the choice.
async fn choice_during_slow_page(world: &World, browser: &Browser, choice: PendingRequest) {
    let slow = Fault::DelayAfter(Duration::from_millis(300));
    world.control().inject_fault(Operation::HeadPage, slow, Times::Next(1));
    world.forget_calls();
    let tab = browser.clone();
    let page = tokio::spawn(async move { tab.visits("/").await });
    world.wait_for_calls(Operation::HeadPage, 1).await;
    choice.await.expect(200);
    page.await.expect("a page").expect(200);
}

#[tokio::test]
async fn kind_52_and_promise_2_a_choice_during_a_slow_page_keeps_the_session() {
    for profile in PROFILES {
        for scenario in Scenario::clients().map(|it| it.with_profile(profile)) {
            let world = scenario.clone().start().await;
            let browser = world.registered().await;
            world.minutes_pass(31);
            let choice = chooses(&browser, scenario.client, true);
            choice_during_slow_page(&world, &browser, choice).await;
            world.minutes_pass(31);
            browser.posts("/bff/session").await.expect(200);
            browser.expect_registered(JO.0, DwSession::Live);
        }
    }
}

/// The same choice by the cookie.
#[tokio::test]
async fn kind_52_and_promise_2_a_changed_cookie_during_a_slow_page_keeps_the_session() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(31);
        let choice = browser.stale_copy().stores_host_cookie("dw_dnt", "1").visits("/");
        choice_during_slow_page(&world, &browser, choice).await;
        world.minutes_pass(31);
        browser.posts("/bff/session").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn kind_52_a_choice_that_came_late_costs_one_refresh_of_the_next_request() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(31);
        let late = browser.copy();
        browser.visits("/").await.expect(200);
        world.forget_calls();
        chooses(&late, scenario.client, true).await.expect(200);
        late.visits("/").await.expect(200);
        let refreshes = world.take_calls().iter().filter(|it| it.contains("refresh")).count();
        assert_eq!(refreshes, 1, "{scenario}");
        assert_eq!(dnt_of(&late), "1", "{scenario}");
        late.visits("/").await.expect(200);
        world.expect_calls(&[]);
        world.minutes_pass(31);
        late.visits("/").await.expect(200);
        assert_eq!(dnt_of(&late), "1", "{scenario}");
    }
}

#[tokio::test]
async fn kind_52_a_choice_that_slas_cannot_take_leaves_the_session() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        world.control().inject_fault(Operation::TokenRefresh, Fault::Status(503, None), 2);
        let before = browser.cookies();
        chooses(&browser, scenario.client, true).await;
        assert_eq!(browser.cookies(), before, "{scenario}");
        world.control().clear_faults();
        world.minutes_pass(1);
        chooses(&browser, scenario.client, true).await.expect(200);
        assert_eq!(dnt_of(&browser), "1", "{scenario}");
    }
}
