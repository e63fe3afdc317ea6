//! Requests from before a logout that arrive after it.

use serde_json::json;
use testkit::{DwSession, JO, SAM, Scenario, ScriptedHead, controller};

use crate::logout_sticks::earlier_token_of_a_logout;

#[tokio::test]
async fn promise_10_a_late_bridge_with_an_older_signature_is_rejected() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        browser.visits(&controller("Account-Show")).await.expect(200);
        let before = browser.stale_copy();
        let signed = world.control().sign_dw_session(&browser.expect_cookie("dwsid")).unwrap();
        browser.logs_out().await.expect(200);
        world.forget_calls();
        let body = json!({"dwsrst": signed, "login_id": JO.0});
        let page = before.posts_json("/bff/bridge", &body).await;
        browser.stores_cookies_of(&page);
        let now = browser.token().map(|it| it.registered);
        assert_eq!(now, Some(false), "{scenario}: registered again; {:?}", world.take_calls());
        assert_eq!(page.set_cookies(), [""; 0], "{scenario}: {page:?}");
        assert_eq!(world.take_calls(), [""; 0], "{scenario}: no call");
    }
}

#[tokio::test]
async fn kind_50_a_late_token_call_asks_slas_for_no_guest() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    let before = browser.stale_copy();
    browser.logs_out().await.expect(200);
    world.forget_calls();
    let path = "/mobify/slas/private/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token";
    for _ in 0..3 {
        let page =
            before.sends(path, &[("grant_type", "client_credentials"), ("channel_id", "RefArch")]);
        let page = page.await;
        assert_eq!(
            world.take_calls(),
            [""; 0],
            "{} {}, {:?}",
            page.status,
            page.text,
            page.set_cookies()
        );
    }
}

#[tokio::test]
async fn kind_49_an_earlier_token_reaches_no_head_after_the_logout() {
    for unfronted in [false, true] {
        let head = ScriptedHead::start().await;
        let mut scenario = Scenario::private().with_head(&head.origin);
        if unfronted {
            scenario = scenario.without_fronting_ecom();
        }
        let world = scenario.clone().start().await;
        let earlier = earlier_token_of_a_logout(&world).await;
        head.received_cookies();
        earlier.visits("/account").header("sec-purpose", "prefetch").await;
        let received = head.received_cookies();
        let token = earlier.expect_cookie("token");
        assert!(
            !received.iter().any(|it| it.contains(&token)),
            "unfronted: {unfronted}, {received:?}"
        );
    }
}

#[tokio::test]
async fn kind_50_a_late_request_takes_no_session_cookie_to_the_head() {
    for profile in ["classic", "storefront-next", "pwa-kit"] {
        let head = ScriptedHead::start().await;
        let scenario = Scenario::private().without_enforce_https().with_head(&head.origin);
        let world = scenario.with_profile(profile).start().await;
        let browser = world.registered().await;
        let before = browser.stale_copy();
        browser.logs_out().await.expect(200);
        head.received_cookies();
        before.visits("/account").await;
        let received = head.received_cookies();
        for (name, value) in before.cookies() {
            if value.len() < 8 || name == "dw_dnt" {
                continue;
            }
            assert!(
                !received.iter().any(|it| it.contains(&value)),
                "{profile}: {name} in {received:?}"
            );
        }
    }
}

#[tokio::test]
async fn promise_17_a_browser_that_missed_its_logout_can_log_in() {
    let head = ScriptedHead::start().await;
    let world = Scenario::private().with_head(&head.origin).start().await;
    let browser = world.registered().await;
    // The page navigates away before the response to its fetch arrives.
    browser.copy().logs_out().await.expect(200);
    world.seconds_pass(5);
    let elsewhere = world.logged_in(SAM).await;
    head.sets([
        format!(
            "cc-nx={}; Path=/; Max-Age=7776000; HttpOnly; Secure",
            elsewhere.expect_cookie("cc-nx")
        ),
        format!(
            "cc-at={}; Path=/; Max-Age=1800; HttpOnly; Secure",
            elsewhere.expect_cookie("token")
        ),
    ]);
    browser.posts("/head/login").await.expect(200);
    world.minutes_pass(2);
    browser.visits("/").await.expect(200);
    browser.expect_registered(SAM.0, DwSession::Live);
}
