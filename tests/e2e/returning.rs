//! Returning: the effect of time on a shopper who has been here before.

use serde_json::json;
use tandem_sandbox::{Operation, TokenSignature, TokenSpec};
use testkit::{Browser, Client, DwSession, JO, Mode, Scenario, Time, controller};

#[tokio::test]
async fn promise_5_a_warm_shopper_costs_nothing() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        for browser in [world.guest().await, world.registered().await] {
            if scenario.mode != Mode::None {
                browser.visits(&controller("Home-Show")).await.expect(200);
            }
            world.forget_calls();
            for _ in 0..3 {
                browser.visits("/").await.expect(200).expect_no_cookies();
                browser.calls("/api/me").await.expect(200).expect_no_cookies();
                browser.posts("/bff/session").await.expect(200).expect_no_cookies();
                if scenario.mode != Mode::None {
                    browser.visits(&controller("Home-Show")).await.expect(200).expect_no_cookies();
                }
            }
            world.expect_calls(&[]);
        }
    }
}

#[tokio::test]
async fn the_next_day_one_refresh_restores_the_same_shopper() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        for login in [None, Some(JO.0)] {
            let browser =
                if login.is_some() { world.registered().await } else { world.guest().await };
            let (shopper, usid) = (browser.expect_cookie("cid"), browser.usid());
            world.minutes_pass(24 * 60);
            browser.restarts().visits("/").await.expect(200);
            world.expect_calls(&scenario.and_bridge(vec!["slas.token.refresh"]));
            let dw_session = scenario.dw_session_after_landing();
            match login {
                None => browser.expect_guest(dw_session),
                Some(login) => browser.expect_registered(login, dw_session),
            };
            assert_eq!(
                (browser.expect_cookie("cid"), browser.usid()),
                (shopper, usid),
                "{scenario}"
            );
        }
    }
}

#[tokio::test]
async fn the_next_day_on_ecom_the_page_is_the_same_shoppers_at_once() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(24 * 60);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
        let mut calls = vec!["slas.token.refresh"];
        calls.extend((scenario.mode == Mode::Classic).then_some("ocapi.sessions"));
        world.expect_calls(&calls);
    }
}

#[tokio::test]
async fn promise_4_a_refresh_makes_no_dw_session_beside_a_live_one() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        // A page of ECOM in between extends the DW session beyond the access token.
        world.minutes_pass(20);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.forget_calls();
        let dwsid = browser.expect_cookie("dwsid");
        world.minutes_pass(12);
        browser.visits("/").await.expect(200);
        world.expect_calls(&["slas.token.refresh"]);
        assert_eq!(browser.expect_cookie("dwsid"), dwsid, "{scenario}");
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.expect_calls(&[]);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn a_token_is_refreshed_sixty_seconds_before_it_expires() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.guest().await;
        world.seconds_pass(1735);
        browser.visits("/").await.expect(200);
        world.expect_calls(&[]);
        world.seconds_pass(10);
        browser.visits("/").await.expect(200);
        world.expect_calls(&["slas.token.refresh"]);
    }
}

#[tokio::test]
async fn a_page_left_open_overnight_refreshes_with_its_first_call() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.guest().await;
        let shopper = browser.expect_cookie("cid");
        world.minutes_pass(8 * 60);
        let me = browser.calls("/api/me").await.expect(200).json();
        assert_eq!(me["customer_id"], shopper);
        world.expect_calls(&["slas.token.refresh"]);
    }
}

#[tokio::test]
async fn a_dead_guest_refresh_token_makes_a_new_guest_silently() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        let (shopper, usid) = (browser.expect_cookie("cid"), browser.usid());
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx-g"));
        world.minutes_pass(24 * 60);
        let view = browser.posts("/bff/session").await.expect(200).json();
        assert_eq!(view["session_expired"], false);
        world.expect_calls(&[vec!["slas.token.refresh"], scenario.landing_calls()].concat());
        let dw_session = scenario.dw_session_after_landing();
        assert_ne!(
            (browser.expect_guest(dw_session), browser.usid()),
            (shopper, usid),
            "{scenario}"
        );
    }
}

#[tokio::test]
async fn promise_2_an_expired_registered_session_is_reported_once() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(24 * 60);
        browser.posts("/bff/session").await.expect_problem(401, "session_expired");
        let dw_session = scenario.dw_session_after_landing();
        browser.expect_guest(dw_session);
        world.expect_calls(&[vec!["slas.token.refresh"], scenario.landing_calls()].concat());
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(
            (&view["customer_type"], &view["session_expired"]),
            (&json!("guest"), &json!(true))
        );
        browser.posts("/bff/session").await.expect(200);
        world.expect_calls(&[]);
        world.minutes_pass(6);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["session_expired"], false, "the notice has expired");
    }
}

#[tokio::test]
async fn promise_2_an_account_page_redirects_to_the_login_page_once() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(24 * 60);
        let page = browser.visits("/account/orders?page=2").await.expect(303);
        let to = "/login?error=session_expired&return_to=%2Faccount%2Forders%3Fpage%3D2";
        assert_eq!(page.location(), to);
        browser.expect_guest(DwSession::Live);
        let again = browser.visits("/account/orders?page=2").await;
        assert_ne!(again.status, 303, "once");
        let page = browser.visits("/login").await.expect(200);
        assert!(page.text.contains("Tandem"));
    }
}

#[tokio::test]
async fn promise_2_any_other_page_is_served_and_can_learn_why() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
    world.minutes_pass(24 * 60);
    browser.visits("/").await.expect(200);
    browser.expect_guest(DwSession::Live);
    assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], true);
    browser.logs_in(JO).await.expect(200);
    assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], false);
}

#[tokio::test]
async fn promise_2_a_changed_password_ends_the_session() {
    let world = Scenario::public().start().await;
    let browser = world.registered().await;
    world.control().change_password(JO.0, "Another-2026");
    world.minutes_pass(60);
    browser.posts("/bff/session").await.expect_problem(401, "session_expired");
    browser.expect_guest(DwSession::Live);
}

#[tokio::test]
async fn a_registered_refresh_token_counts_before_a_guests() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let (other, shopper) = (world.guest().await, world.registered().await);
        let browser = world.browser();
        browser.stores_host_cookie("cc-nx-g", &other.expect_cookie("cc-nx-g"));
        browser.stores_host_cookie("cc-nx", &shopper.expect_cookie("cc-nx"));
        world.seconds_pass(61);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(browser.cookie("cc-nx-g"), None, "the guest's token is deleted");
    }
}

#[tokio::test]
async fn a_guest_without_refresh_token_is_restored_by_a_sealed_usid() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        let (shopper, token) = (browser.expect_cookie("cid"), browser.expect_cookie("token"));
        let seal = browser.expect_cookie("__Host-tandem");
        world.minutes_pass(31 * 24 * 60);
        browser
            .restarts()
            .stores_host_cookie("token", &token)
            .stores_host_cookie("__Host-tandem", &seal);
        browser.visits("/").await.expect(200);
        assert_eq!(browser.expect_guest(DwSession::Live), shopper, "{scenario}");
        world.expect_calls(&scenario.landing_calls());
    }
}

#[tokio::test]
async fn an_unsealed_expired_token_restores_no_guest() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let (shopper, token) = (browser.expect_cookie("cid"), browser.expect_cookie("token"));
    world.minutes_pass(31 * 24 * 60);
    browser.restarts().stores_host_cookie("token", &token).visits("/").await.expect(200);
    assert_ne!(browser.expect_guest(DwSession::Live), shopper);
}

#[tokio::test]
async fn a_usid_in_conflict_is_given_up_at_the_second_try() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let (usid, token) = (browser.usid(), browser.expect_cookie("token"));
    world.minutes_pass(60);
    browser
        .loses_cookie("cc-nx-g")
        .stores_host_cookie("token", &token)
        .visits("/")
        .await
        .expect(200);
    assert_ne!(browser.usid(), usid);
    world.expect_calls(&["slas.token.guest", "slas.token.guest", "ocapi.sessions"]);
}

#[tokio::test]
async fn without_our_seal_the_platform_names_the_owner_of_the_dwsid() {
    for scenario in Scenario::clients() {
        for scenario in [scenario.clone(), scenario.without_enforce_https()] {
            let world = scenario.start().await;
            let browser = world.guest().await;
            let dwsid = browser.expect_cookie("dwsid");
            browser.loses_cookie("__Host-tandem").visits("/").await.expect(200);
            world.expect_calls(&["slas.jwks", "ocapi.customers.auth"]);
            assert_eq!(
                browser.expect_cookie("dwsid"),
                dwsid,
                "it is live and belongs to the shopper"
            );
            browser.visits("/").await.expect(200);
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.expect_calls(&[]);
        }
    }
}

#[tokio::test]
async fn a_dw_session_of_another_shopper_is_replaced() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let (browser, other) = (world.registered().await, world.guest().await);
        browser.stores_host_cookie("dwsid", &other.expect_cookie("dwsid"));
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        assert_ne!(browser.expect_cookie("dwsid"), other.expect_cookie("dwsid"));
        // The token has made a DW session already (promise 4).
        world.expect_calls(&["slas.token.refresh", "ocapi.sessions"]);
    }
}

#[tokio::test]
async fn fault_24_an_idle_dw_session_is_replaced_before_the_ecom_request() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        let dwsid = browser.expect_cookie("dwsid");
        world.minutes_pass(25);
        browser.visits("/").await.expect(200);
        world.minutes_pass(15);
        world.forget_calls();
        let page = browser.visits(&controller("Home-Show")).await.expect(200);
        assert_eq!(
            page.ecom_customer(),
            ("registered".to_owned(), browser.expect_registered(JO.0, DwSession::Live))
        );
        assert_ne!(browser.expect_cookie("dwsid"), dwsid);
        world.expect_calls(&["slas.token.refresh", "ocapi.sessions"]);
    }
}

#[tokio::test]
async fn a_dw_session_is_not_used_beyond_six_hours() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    let dwsid = browser.expect_cookie("dwsid");
    for _ in 0..23 {
        world.minutes_pass(15);
        browser.visits(&controller("Home-Show")).await.expect(200);
    }
    assert_eq!(browser.expect_cookie("dwsid"), dwsid, "after 5:45 hours");
    world.minutes_pass(14);
    browser.visits(&controller("Home-Show")).await.expect(200);
    browser.expect_registered(JO.0, DwSession::Live);
    assert_ne!(browser.expect_cookie("dwsid"), dwsid, "at 5:59 hours");
}

#[tokio::test]
async fn tokens_that_are_not_genuine_are_no_session() {
    let world = Scenario::private().start().await;
    let honest = world.guest().await;
    let spec = |signature| TokenSpec { signature, ..TokenSpec::default() };
    let forged = [
        spec(TokenSignature::None),
        spec(TokenSignature::Forged),
        spec(TokenSignature::UnknownKey),
        TokenSpec { tenant: Some("zzzz_001".to_owned()), ..TokenSpec::default() },
        TokenSpec { client_id: Some("another-client".to_owned()), ..TokenSpec::default() },
    ];
    for spec in forged {
        let spec = TokenSpec { customer_id: Some(honest.expect_cookie("cid")), ..spec };
        let thief = world.browser();
        thief
            .stores_host_cookie("token", &world.control().forge_token(&spec))
            .visits("/")
            .await
            .expect(200);
        assert_ne!(thief.expect_guest(DwSession::Live), honest.expect_cookie("cid"), "{spec:?}");
    }
}

#[tokio::test]
async fn on_demand_a_head_without_ecom_pages_never_calls_ocapi() {
    for client in [Client::Private, Client::Public] {
        let world = Scenario::new(client, Mode::Classic, Time::OnDemand).start().await;
        let browser = world.registered().await;
        for _ in 0..12 {
            world.minutes_pass(45);
            browser.visits("/").await.expect(200);
            browser.expect_registered(JO.0, DwSession::Absent);
        }
        assert_eq!(world.take_calls(), ["slas.token.refresh"; 12]);
    }
}

#[tokio::test]
async fn promise_2_a_call_of_an_expired_shopper_is_not_made_as_another() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(31);
        browser.puts_into_basket("tandem-bordeaux").await.expect_problem(401, "session_expired");
        browser.expect_guest(DwSession::Live);
        assert!(
            world.control().basket_of(&browser.expect_cookie("cid")).is_empty(),
            "no basket was changed"
        );
        assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], true);
    }
}

/// The registered shopper of `browser` is a guest now, and has been told once.
async fn expect_told(browser: &Browser, scenario: &Scenario) {
    browser.visits("/").await.expect(200);
    assert!(!browser.token().expect("a token").registered, "{scenario}");
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["session_expired"], true, "{scenario}");
    browser.logs_in(JO).await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["session_expired"], false, "{scenario}");
}

#[tokio::test]
async fn kind_33_a_shopper_whose_tokens_are_lost_is_told() {
    for scenario in Scenario::all() {
        for lost in [&["cc-nx", "token"][..], &["cc-nx", "token", "dwsid"], &["cc-nx"]] {
            let world = scenario.clone().start().await;
            let browser = world.registered_on_ecom().await;
            for name in lost {
                browser.loses_cookie(name);
            }
            if lost.len() == 1 {
                // The access token still names the shopper, until it expires.
                browser.visits("/").await.expect(200);
                assert!(browser.token().unwrap().registered, "{scenario}");
                world.minutes_pass(40);
            }
            expect_told(&browser, &scenario).await;
        }
    }
}

#[tokio::test]
async fn kind_33_a_call_of_a_shopper_whose_tokens_are_lost_is_told() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        browser.loses_cookie("cc-nx").loses_cookie("token");
        browser.posts("/bff/session").await.expect_problem(401, "session_expired");
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn kind_33_a_lost_guest_and_a_logged_out_shopper_are_told_nothing() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let guest = world.guest_on_ecom().await;
        let out = world.registered_on_ecom().await;
        out.logs_out().await.expect(200);
        for browser in [guest, out] {
            browser.loses_cookie("cc-nx-g").loses_cookie("token");
            browser.visits("/").await.expect(200);
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["session_expired"], false, "{scenario}");
        }
    }
}

/// A DW session that is still alive on ECOM says nothing of a password that was changed since.
#[tokio::test]
async fn kind_43_a_dw_session_alone_does_not_restore_the_tokens_of_its_shopper() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let thief = world.registered_on_ecom().await;
        world.control().change_password(JO.0, "Another-2026");
        thief.loses_cookie("cc-nx").loses_cookie("token");
        thief.visits(&controller("Account-Show")).await.expect(200);
        thief.expect_guest(DwSession::Live);
        assert_eq!(world.count(Operation::SessionBridge), 0, "{scenario}");
    }
}
