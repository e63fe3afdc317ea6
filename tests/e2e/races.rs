//! Races: concurrent tabs, browsers that disconnect, responses that arrive late.

use std::future::IntoFuture as _;
use std::time::Duration;

use futures_util::future::join_all;
use tandem_sandbox::{Fault, Operation, RefreshTokenState};
use testkit::{Browser, Client, DwSession, JO, Mode, Page, SAM, Scenario, Time, World, controller};
use tokio::task::JoinHandle;

/// Long enough for another request to finish first.
const SLOW: Duration = Duration::from_millis(150);

/// The same page in many tabs at once.
async fn open_tabs(browser: &Browser, path: &str, count: usize) -> Vec<Page> {
    join_all((0..count).map(|_| browser.visits(path).into_future())).await
}

/// Another tab requests a page, and the response of `slow`, which it needs, is late.
async fn slow_page(world: &World, browser: &Browser, slow: Operation) -> JoinHandle<Page> {
    world.forget_calls();
    world.control().inject_fault(slow, Fault::DelayAfter(SLOW), 1);
    let of_ecom = [Operation::EcomPage, Operation::Sessions].contains(&slow);
    let path = if of_ecom { controller("Home-Show") } else { "/".to_owned() };
    let page = tokio::spawn(browser.visits(&path).into_future());
    world.wait_for_calls(slow, 1).await;
    page
}

#[tokio::test]
async fn promise_3_fault_1_two_hundred_tabs_share_one_refresh() {
    let hybrid = Scenario::new(Client::Public, Mode::Hybrid, Time::Landing);
    for scenario in Scenario::clients().into_iter().chain([hybrid]) {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        world.forget_calls();
        for page in open_tabs(&browser, "/", 200).await {
            page.expect(200);
        }
        world.expect_calls(&scenario.and_bridge(vec!["slas.token.refresh"]));
        assert_eq!(world.control().max_exchanges_of_one_refresh_token(), 1, "{scenario}");
        assert!(browser.token().unwrap().registered);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_3_the_same_on_several_threads_for_pages_and_calls() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        world.forget_calls();
        let ecom = controller("Home-Show");
        let all = (0..200).map(|n| match n % 4 {
            0 => browser.visits("/"),
            1 => browser.visits(&ecom),
            2 => browser.calls("/api/me"),
            _ => browser.posts("/bff/session"),
        });
        let all = join_all(all.map(|request| tokio::spawn(request.into_future()))).await;
        for page in all {
            page.unwrap().expect(200);
        }
        world.expect_calls(&["slas.token.refresh", "ocapi.sessions"]);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn attack_76_concurrent_shoppers_are_never_mixed_up() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let mut browsers = Vec::new();
        for _ in 0..20 {
            browsers.push(world.guest().await);
        }
        world.minutes_pass(60);
        let shoppers: Vec<String> =
            browsers.iter().map(|browser| browser.expect_cookie("cid")).collect();
        let pages = (0..200).map(|n| browsers[n % 20].calls("/api/me").into_future());
        for (n, page) in join_all(pages).await.into_iter().enumerate() {
            assert_eq!(page.expect(200).json()["customer_id"], shoppers[n % 20]);
        }
        assert_eq!(world.count(Operation::TokenRefresh), 20);
    }
}

#[tokio::test]
async fn fault_2_a_browser_that_disconnects_gets_its_refresh_later() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        world.forget_calls();
        world.control().inject_fault(Operation::TokenRefresh, Fault::DelayAfter(SLOW), 1);
        let leaving = tokio::spawn(browser.visits("/").into_future());
        world.wait_for_calls(Operation::TokenRefresh, 1).await;
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(world.count(Operation::TokenRefresh), 1);
    }
}

#[tokio::test]
async fn fault_5_a_late_refresh_is_kept_for_the_next_request() {
    for scenario in Scenario::clients() {
        let world =
            scenario.with("upstream.timeout_ms", "250").refusing_pages_in_outages().start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        world.forget_calls();
        let before = browser.cookies();
        world.control().inject_fault(Operation::TokenRefresh, Fault::DelayAfter(4 * SLOW), 1);
        browser.visits("/").await.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        assert_eq!(browser.cookies(), before);
        let mut tries = 0;
        while browser.visits("/").await.status != 200 {
            tries += 1;
            assert!(tries < 20, "the response never came");
        }
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(world.count(Operation::TokenRefresh), 1);
    }
}

#[tokio::test]
async fn promise_3_fault_18_a_late_tab_gets_the_successor_for_a_minute() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        let late = browser.copy();
        browser.visits("/").await.expect(200);
        world.forget_calls();
        world.seconds_pass(55);
        late.visits("/").await.expect(200);
        world.expect_calls(&[]);
        assert_eq!(late.expect_cookie("token"), browser.expect_cookie("token"));
        assert_eq!(late.expect_cookie("cc-nx"), browser.expect_cookie("cc-nx"));
        assert_eq!(late.expect_cookie("dwsid"), browser.expect_cookie("dwsid"));
    }
}

#[tokio::test]
async fn attack_12_a_spent_token_is_rejected_after_that_minute() {
    let world = Scenario::public().start().await;
    let browser = world.registered().await;
    world.minutes_pass(60);
    let late = browser.copy();
    browser.visits("/").await.expect(200);
    world.seconds_pass(65);
    late.posts("/bff/session").await.expect_problem(401, "session_expired");
    late.expect_guest(DwSession::Live);
    browser.visits("/").await.expect(200);
    browser.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn promise_4_fault_26_two_tabs_that_need_one_dw_session_make_one() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.registered().await;
        world.forget_calls();
        for page in open_tabs(&browser, &controller("Account-Show"), 20).await {
            assert_eq!(page.expect(200).ecom_customer().0, "registered");
        }
        world.expect_calls(&["ocapi.sessions"]);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn promise_10_attack_11_a_logout_during_a_slow_refresh_sticks() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        let late = browser.stale_copy();
        let page = slow_page(&world, &browser, Operation::TokenRefresh).await;
        browser.logs_out().await.expect(200);
        page.await.unwrap();
        assert!(!browser.token().unwrap().registered, "{scenario}");
        assert_eq!(browser.cookie("cc-nx"), None, "{scenario}");
        assert_eq!(world.count(Operation::Logout), 1, "SLAS received the logout");
        // The old cookies get nothing any more.
        late.visits("/").await.expect(200).expect_no_cookies();
        world.minutes_pass(2);
        late.visits("/").await.expect(200);
        assert!(!late.token().unwrap().registered, "{scenario}");
    }
}

#[tokio::test]
async fn promise_10_attack_11_a_late_page_does_not_undo_the_logout() {
    for scenario in Scenario::clients() {
        for slow in [Operation::HeadPage, Operation::EcomPage] {
            let world = scenario.clone().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            let page = slow_page(&world, &browser, slow).await;
            browser.logs_out().await.expect(200);
            let guest = browser.expect_cookie("cid");
            page.await.unwrap();
            assert_eq!(browser.expect_cookie("cid"), guest, "{scenario}, {slow:?}");
            assert!(!browser.token().unwrap().registered);
            assert_eq!(browser.cookie("cc-nx"), None);
        }
    }
}

#[tokio::test]
async fn promise_10_attack_11_a_late_shared_refresh_does_not_undo_it() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        let page = slow_page(&world, &browser, Operation::HeadPage).await;
        // The other tab has the new tokens by now, and these are revoked.
        browser.visits("/").await.expect(200);
        let refresh = browser.expect_cookie("cc-nx");
        browser.logs_out().await.expect(200);
        assert_eq!(
            world.control().refresh_token(&refresh).unwrap().state,
            RefreshTokenState::Revoked
        );
        page.await.unwrap();
        assert!(!browser.token().unwrap().registered);
        assert_eq!(browser.cookie("cc-nx"), None);
    }
}

#[tokio::test]
async fn promise_2_a_login_during_a_slow_guest_refresh_is_not_undone() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        world.minutes_pass(60);
        let page = slow_page(&world, &browser, Operation::TokenRefresh).await;
        browser.logs_in(JO).await.expect(200);
        page.await.unwrap();
        assert!(browser.token().unwrap().registered, "{scenario}");
        assert_eq!(browser.cookie("cc-nx-g"), None, "{scenario}");
    }
}

#[tokio::test]
async fn promise_2_a_late_page_does_not_undo_the_login() {
    for scenario in Scenario::clients() {
        for slow in [Operation::HeadPage, Operation::EcomPage] {
            let world = scenario.clone().start().await;
            let browser = world.guest().await;
            world.minutes_pass(60);
            let page = slow_page(&world, &browser, slow).await;
            browser.logs_in(JO).await.expect(200);
            page.await.unwrap();
            assert!(browser.token().unwrap().registered, "{scenario}, {slow:?}");
            browser.visits(&controller("Account-Show")).await.expect(200);
            browser.expect_registered(JO.0, DwSession::Live);
        }
    }
}

#[tokio::test]
async fn promise_1_a_dw_session_of_the_guest_does_not_outlive_the_login() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.guest().await;
        let page = slow_page(&world, &browser, Operation::Sessions).await;
        browser.logs_in(SAM).await.expect(200);
        page.await.unwrap();
        browser.visits(&controller("Account-Show")).await.expect(200);
        browser.expect_registered(SAM.0, DwSession::Live);
    }
}

/// The tokens are refreshed in another tab while a request from before that is under way.
async fn copy_before_refresh(world: &World, browser: &Browser) -> Browser {
    world.minutes_pass(60);
    let late = browser.stale_copy();
    browser.visits("/").await.expect(200);
    late
}

#[tokio::test]
async fn promise_10_a_request_from_before_the_refresh_sees_the_logout() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        let late = copy_before_refresh(&world, &browser).await;
        browser.logs_out().await.expect(200);
        late.visits("/").await.expect(200).expect_no_cookies();
        world.minutes_pass(2);
        late.visits("/").await.expect(200);
        assert!(!late.token().unwrap().registered, "{scenario}");
        assert_eq!(late.cookie("cc-nx"), None, "{scenario}");
    }
}

#[tokio::test]
async fn promise_2_a_request_from_before_the_refresh_sees_the_login() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        let late = copy_before_refresh(&world, &browser).await;
        browser.logs_in(JO).await.expect(200);
        late.visits("/").await.expect(200).expect_no_cookies();
    }
}

#[tokio::test]
async fn two_concurrent_logouts_succeed() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        let twice = [browser.logs_out(), browser.logs_out()];
        for page in join_all(twice.map(IntoFuture::into_future)).await {
            page.expect(200);
        }
        browser.expect_guest(DwSession::Live);
    }
}
