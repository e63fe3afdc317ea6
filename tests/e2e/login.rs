//! Login: the guest becomes the shopper, on the Head and on ECOM and with the basket.

use serde_json::json;
use tandem_sandbox::{Fault, Operation};
use testkit::{DwSession, JO, Mode, SAM, Scenario, controller};

#[tokio::test]
async fn promise_1_after_a_login_head_and_ecom_know_the_shopper() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        let usid = browser.usid();
        let view = browser.logs_in(JO).await.expect(200).json();
        let dw_session = scenario.dw_session_after_landing();
        let shopper = browser.expect_registered(JO.0, dw_session);
        assert_eq!(view["customer_id"], shopper, "{scenario}");
        assert_eq!(view["login_id"], JO.0);
        assert_eq!(browser.usid(), usid, "the usid is kept");
        assert_eq!(browser.cookie("cc-nx-g"), None, "the guest's token is gone");
        if scenario.mode != Mode::None {
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper));
        }
    }
}

#[tokio::test]
async fn attack_13_the_guests_dwsid_never_survives_a_login() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        let planted = browser.expect_cookie("dwsid");
        browser.logs_in(JO).await.expect(200);
        assert_ne!(browser.cookie("dwsid"), Some(planted.clone()), "{scenario}");
        let view = world.control().dw_session(&planted).unwrap();
        assert_eq!(view.login, None, "{scenario}: it was not upgraded");
    }
}

#[tokio::test]
async fn attack_9_cookies_from_before_the_login_never_see_the_shopper() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        let before = browser.copy();
        browser.logs_in(JO).await.expect(200);
        world.minutes_pass(24 * 60);
        before.visits("/").await.expect(200);
        assert!(!before.token().unwrap().registered);
        before.visits(&controller("Account-Show")).await.expect(200);
        assert!(!before.token().unwrap().registered);
    }
}

#[tokio::test]
async fn the_guests_basket_is_moved_and_ecom_shows_it_at_once() {
    for action in ["transfer", "merge"] {
        for scenario in Scenario::with_ecom() {
            let world = scenario.clone().with_site("basket.action", action).start().await;
            let browser = world.guest().await;
            browser.puts_into_basket("tent-linnet").await.expect(200);
            browser.logs_in(JO).await.expect(200);
            let shopper = browser.expect_cookie("cid");
            assert_eq!(world.control().basket_of(&shopper)[0].product_id, "tent-linnet");
            let page = browser.visits(&controller("Cart-Show")).await.expect(200);
            assert!(page.text.contains("tent-linnet"), "{scenario}, {action}");
        }
    }
}

#[tokio::test]
async fn a_page_that_knows_the_basket_saves_a_call() {
    let world = Scenario::private().start().await;
    let login = |basket| json!({"username": JO.0, "password": JO.1, "basket": basket});
    let browser = world.guest().await;
    browser.posts_json("/bff/login", &login("empty")).await.expect(200);
    world.expect_calls(&["slas.login", "slas.token.code", "ocapi.sessions"]);
    world.minutes_pass(1);
    let browser = world.guest().await;
    browser.puts_into_basket("bell-brass").await.expect(200);
    browser.posts_json("/bff/login", &login("items")).await.expect(200);
    let transfer = "scapi.baskets.transfer";
    world.expect_calls(&["slas.login", "slas.token.code", transfer, "ocapi.sessions"]);
    assert_eq!(world.control().basket_of(&browser.expect_cookie("cid")).len(), 1);
}

#[tokio::test]
async fn a_wrong_password_changes_no_cookie() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        let before = browser.cookies();
        for (username, password) in [(JO.0, "wrong"), ("nobody@example.com", JO.1)] {
            let page = browser.logs_in((username, password)).await;
            page.expect_problem(401, "bad_credentials").expect_no_cookies();
        }
        assert_eq!(browser.cookies(), before);
        world.forget_calls();
        browser.visits("/").await.expect(200);
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn a_plain_form_logs_in_and_redirects_to_a_page_of_this_site() {
    let world = Scenario::private().start().await;
    for (return_to, target) in
        [("/cart?x=1", "/cart?x=1"), ("//evil.test", "/"), ("/bff/logout", "/"), ("", "/")]
    {
        world.minutes_pass(1);
        let browser = world.guest().await;
        let fields = [("username", JO.0), ("password", JO.1), ("return_to", return_to)];
        let page = browser.posts_form("/login", "/bff/login", &fields).await.expect(303);
        assert_eq!(page.location(), target);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn a_new_visitor_can_log_in_right_away() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.logs_in(JO).await.expect(200);
        browser.expect_registered(JO.0, scenario.dw_session_after_landing());
        let login = vec!["slas.login", "slas.token.code"];
        world.expect_calls(&scenario.and_bridge(login));
    }
}

#[tokio::test]
async fn an_expired_guest_is_refreshed_first_to_keep_usid_and_basket() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.puts_into_basket("flask-ember").await.expect(200);
        let usid = browser.usid();
        world.minutes_pass(60);
        world.forget_calls();
        browser.logs_in(JO).await.expect(200);
        assert_eq!(browser.usid(), usid);
        assert_eq!(world.control().basket_of(&browser.expect_cookie("cid")).len(), 1);
        let calls = world.take_calls();
        assert_eq!(calls[0], "slas.token.refresh");
        assert_eq!(calls.iter().filter(|call| **call == "slas.token.refresh").count(), 1);
    }
}

#[tokio::test]
async fn a_login_as_another_shopper_replaces_the_first() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.logs_in(SAM).await.expect(200);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(
            page.ecom_customer().1,
            browser.expect_registered(SAM.0, DwSession::Live),
            "{scenario}"
        );
    }
}

#[tokio::test]
async fn a_usid_that_slas_changes_at_login_replaces_the_old_one() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.puts_into_basket("bell-brass").await.expect(200);
        let before = browser.usid();
        world.control().change_usid_at_next_login();
        browser.logs_in(JO).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        assert_ne!(browser.usid(), before);
        assert_eq!(world.control().basket_of(&browser.expect_cookie("cid")).len(), 1);
    }
}

#[tokio::test]
async fn without_remember_me_closing_the_browser_logs_out() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        let login = json!({"username": JO.0, "password": JO.1, "remember_me": false});
        browser.posts_json("/bff/login", &login).await.expect(200);
        world.minutes_pass(40);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        browser.restarts();
        browser.visits("/").await.expect(200);
        browser.expect_guest(DwSession::Live);
        assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], false);
    }
}

#[tokio::test]
async fn fault_9_two_concurrent_logins_of_one_shopper_succeed() {
    let world = Scenario::private().start().await;
    let (one, two) = (world.guest().await, world.guest().await);
    let (first, second) =
        tokio::join!(one.logs_in(JO).into_future(), two.logs_in(JO).into_future());
    first.expect(200);
    second.expect(200);
    one.expect_registered(JO.0, DwSession::Live);
    two.expect_registered(JO.0, DwSession::Live);
    assert_eq!(world.count(Operation::Login), 3, "one of them was retried");
}

#[tokio::test]
async fn fault_9_a_login_in_lasting_conflict_fails_after_one_retry() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let before = browser.cookies();
    world.control().inject_fault(Operation::Login, Fault::Status(409, None), 2);
    let page = browser.logs_in(JO).await;
    page.expect_problem(409, "login_conflict").expect_no_cookies();
    assert_eq!(world.count(Operation::Login), 2);
    assert_eq!(browser.cookies(), before);
}

#[tokio::test]
async fn fault_27_a_basket_that_cannot_be_moved_does_not_fail_the_login() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.puts_into_basket("bell-brass").await.expect(200);
        world.forget_calls();
        world.control().inject_fault(Operation::BasketTransfer, Fault::Status(503, None), 1);
        browser.logs_in(JO).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        let calls = world.take_calls();
        assert_eq!(calls.last(), Some(&"ocapi.sessions"), "the bridge comes last: {calls:?}");
    }
}

#[tokio::test]
async fn fault_28_a_login_without_bridge_works_and_ecom_tries_again() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        world.control().inject_fault(Operation::Sessions, Fault::Status(503, None), 1);
        browser.logs_in(JO).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Absent);
        browser.calls("/api/me").await.expect(200);
        // Concurrent requests share a failure for a moment, which has passed.
        world.seconds_pass(2);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, browser.expect_registered(JO.0, DwSession::Live));
    }
}

const FORM: [(&str, &str); 3] =
    [("username", JO.0), ("password", JO.1), ("return_to", "/cart?x=1")];

#[tokio::test]
async fn kind_33_a_form_login_without_cookies_is_told_that_they_are_needed() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        world.allow_no_landing();
        let page = world.browser().posts_form("/login", "/bff/login", &FORM).await.expect(303);
        // The browser has kept nothing.
        let next = world.browser().visits(page.location()).await;
        next.expect_problem(400, "cookies_needed").expect_no_cookies();
    }
}

#[tokio::test]
async fn kind_33_a_form_login_of_a_first_visit_succeeds() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let page = browser.posts_form("/login", "/bff/login", &FORM).await.expect(303);
        world.forget_calls();
        let page = browser.visits(page.location()).await.expect(303);
        assert_eq!(page.location(), "/cart?x=1", "{scenario}");
        world.expect_calls(&[]);
        assert!(browser.token().unwrap().registered, "{scenario}");
    }
}

#[tokio::test]
async fn kind_33_the_check_for_cookies_leads_to_no_other_site() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    for hostile in ["//evil.test", "https://evil.test", "/bff/logout", "/%5Cevil.test"] {
        let page = browser.visits(&format!("/bff/cookies?return_to={hostile}")).await.expect(303);
        assert_eq!(page.location(), "/", "{hostile}");
    }
    assert_eq!(browser.visits("/bff/cookies").await.expect(303).location(), "/");
}
