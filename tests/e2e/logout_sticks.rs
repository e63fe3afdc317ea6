//! A logout sticks (promise 10): no cache and no late request undoes it, and no client can push it
//! out of memory.

use std::future::IntoFuture;

use tandem_sandbox::{Fault, Operation, RefreshTokenState};
use testkit::{Browser, DwSession, JO, Mode, SAM, Scenario, World, controller};

/// Two refreshes within a minute, each of which leaves an older tab behind.
async fn refresh_twice(world: &World, browser: &Browser) -> [Browser; 2] {
    world.minutes_pass(60);
    let first = browser.stale_copy();
    browser.visits("/").await.expect(200);
    world.seconds_pass(5);
    let second = browser.stale_copy();
    browser.loses_cookie("token");
    browser.visits("/").await.expect(200);
    world.seconds_pass(5);
    [first, second]
}

#[tokio::test]
async fn kind_49_a_late_tab_gets_no_successor_after_the_logout() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        let late = refresh_twice(&world, &browser).await;
        browser.logs_out().await.expect(200);
        for tab in late {
            for path in ["/", "/api/me", "/bff/session"] {
                let page = tab.copy();
                let shown = page.visits(path).await;
                assert!(!shown.text.contains("jo@example.com"), "{scenario}, {path}");
            }
            let view = tab.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["customer_type"], "none", "{scenario}");
            if scenario.mode != Mode::None {
                let page = tab.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer().0, "guest", "{scenario}");
            }
            let refreshed = tab.sends(
                "/mobify/slas/private/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token",
                &[("grant_type", "refresh_token"), ("refresh_token", "x")],
            );
            let refreshed = refreshed.await;
            assert!(!refreshed.text.contains("\"customer_id\""), "{scenario}: {}", refreshed.text);
        }
    }
}

/// A browser with an access token that Jo's session replaced before its logout.
pub(crate) async fn earlier_token_of_a_logout(world: &World) -> Browser {
    let browser = world.registered().await;
    let earlier = browser.stale_copy();
    world.seconds_pass(70);
    browser.loses_cookie("token");
    browser.visits("/").await.expect(200);
    world.seconds_pass(70);
    browser.logs_out().await.expect(200);
    earlier
}

#[tokio::test]
async fn kind_49_an_earlier_access_token_is_revoked_by_the_logout() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let earlier = earlier_token_of_a_logout(&world).await;
        for kept in [&["token"][..], &["token", "__Host-tandem"], &["token", "dwsid"]] {
            let thief = earlier.copy();
            for name in earlier.names().iter().filter(|name| !kept.contains(&name.as_str())) {
                thief.loses_cookie(name);
            }
            let view = thief.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["customer_type"], "none", "{scenario}, {kept:?}");
        }
    }
}

#[tokio::test]
async fn kind_50_a_late_request_keeps_the_session_after_the_logout() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        for (again, seconds) in [(None, 0), (None, 30), (Some(JO), 2), (Some(SAM), 50)] {
            let browser = world.registered().await;
            let before = browser.stale_copy();
            browser.logs_out().await.expect(200);
            if let Some(shopper) = again {
                browser.logs_in(shopper).await.expect(200);
            }
            let now = browser.customer_id();
            world.seconds_pass(seconds);
            world.forget_calls();
            // The old requests arrive only now, and their responses reach the same browser.
            let token_call = "/mobify/slas/private/shopper/auth/v1/organizations/f_ecom_zzte_053\
                              /oauth2/token";
            let mut late = vec![
                before.visits("/"),
                before.visits("/bff/go?to=/"),
                before.posts("/bff/session"),
                before.calls("/api/me"),
                before.calls("/bff/session"),
                before.sends(token_call, &[("grant_type", "refresh_token")]),
            ];
            if scenario.mode != Mode::None {
                late.push(before.visits(&controller("Account-Show")));
                late.push(before.calls(&controller("Account-Show")));
            }
            for request in late {
                let page = request.await;
                let why = format!("{scenario}, then {again:?}, {seconds} s later: {page:?}");
                assert_eq!(page.set_cookies(), [""; 0], "{why}");
                assert_ne!(page.status, 503, "{why}");
                assert!(!page.text.contains("jo@example.com"), "{why}");
            }
            assert_eq!(world.take_calls(), [""; 0], "{scenario}: no call without a session");
            browser.visits("/").await.expect(200);
            assert_eq!(browser.customer_id(), now, "{scenario}");
        }
    }
}

#[tokio::test]
async fn promise_17_a_browser_that_missed_its_logout_gets_a_session() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        // The response to the logout is lost.
        browser.copy().logs_out().await.expect(200);
        browser.visits("/").await.expect(200).expect_no_cookies();
        world.minutes_pass(2);
        browser.visits("/").await.expect(200);
        browser.expect_guest(DwSession::Live);
        let again = world.registered().await;
        again.copy().logs_out().await.expect(200);
        again.logs_in(SAM).await.expect(200);
        again.expect_registered(SAM.0, DwSession::Live);
        let again = world.registered().await;
        again.copy().logs_out().await.expect(200);
        world.seconds_pass(6);
        again.logs_out().await.expect(200);
        again.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn promise_10_the_browsers_seal_keeps_a_logout_after_a_restart() {
    for scenario in Scenario::all() {
        let mut world = scenario.clone().start().await;
        let mut browser = world.registered().await;
        if scenario.mode != Mode::None {
            browser.visits(&controller("Account-Show")).await.expect(200);
        }
        let (refresh, dwsid, access) = (
            browser.expect_cookie("cc-nx"),
            browser.cookie("dwsid"),
            browser.expect_cookie("token"),
        );
        // SLAS does not receive the logout, so its token stays valid.
        world.control().inject_fault(Operation::Logout, Fault::Status(503, None), 9);
        browser.logs_out().await.expect(200);
        assert_eq!(
            world.control().refresh_token(&refresh).expect("a token").state,
            RefreshTokenState::Live
        );
        world.restarts(&mut browser);
        for (name, value) in
            [("cc-nx", Some(&refresh)), ("token", Some(&access)), ("dwsid", dwsid.as_ref())]
        {
            let Some(value) = value else { continue };
            let copy = browser.stale_copy();
            copy.loses_cookie("cc-nx-g")
                .loses_cookie("token")
                .loses_cookie("dwsid")
                .stores_host_cookie(name, value);
            let view = copy.calls("/bff/session").await.expect(200).json();
            assert_ne!(view["customer_type"], "registered", "{scenario}, {name}");
            copy.visits("/").await.expect(200);
            assert!(!copy.token().expect("a guest").registered, "{scenario}, {name}");
        }
    }
}

/// A browser with sixteen made-up credentials.
fn impostor(world: &World, number: usize) -> Browser {
    let browser = world.browser();
    for name in ["cc-nx", "cc-nx-g", "token", "dwsid"] {
        for variant in 0..4 {
            let path = ["/", "/bff", "/bff/", "/bff/logout"][variant];
            browser.stores_set_cookie(&format!(
                "{name}=made-up-{number}-{variant}; Path={path}; Secure"
            ));
        }
    }
    browser
}

#[tokio::test]
async fn promise_16_and_kind_22_logouts_of_made_up_sessions_cost_nothing() {
    let scenario = Scenario::public().with_site("session.after_logout", "none");
    let world = scenario.start().await;
    let browser = world.registered().await;
    let before = browser.stale_copy();
    let bytes_before = world.metric(r#"tandem_cache_bytes{cache="revocations"}"#);
    world.forget_calls();
    for batch in 0..50 {
        let logouts = (0..40).map(|number| impostor(&world, batch * 40 + number));
        let logouts: Vec<_> = logouts.map(|browser| browser.logs_out()).collect();
        for page in
            futures_util::future::join_all(logouts.into_iter().map(IntoFuture::into_future)).await
        {
            page.expect(200);
        }
    }
    assert_eq!(world.take_calls(), [""; 0]);
    let bytes_after = world.metric(r#"tandem_cache_bytes{cache="revocations"}"#);
    assert!(bytes_after <= bytes_before, "nothing is cached of them");
    browser.logs_out().await.expect(200);
    world.minutes_pass(3);
    let view = before.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "none");
    before.visits("/").await.expect(200);
    assert!(!before.token().expect("a guest").registered);
}
