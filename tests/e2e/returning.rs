//! Returning: what time does to a shopper who has been here before.

use serde_json::json;
use tandem_sandbox::{TokenSignature, TokenSpec};
use testkit::{Client, JO, Mode, Scenario, Time, controller};

#[tokio::test]
async fn promise_5_a_warm_shopper_costs_nothing_in_either_world() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        for browser in [world.guest().await, world.jo().await] {
            if scenario.mode != Mode::None {
                browser.visits(&controller("Home-Show")).await.expect(200);
            }
            world.calls();
            for _ in 0..3 {
                browser.visits("/").await.expect(200).sets_no_cookies();
                browser.calls("/api/me").await.expect(200).sets_no_cookies();
                browser.posts("/bff/session").await.expect(200).sets_no_cookies();
                if scenario.mode != Mode::None {
                    browser.visits(&controller("Home-Show")).await.expect(200).sets_no_cookies();
                }
            }
            world.has_called(&[]);
        }
    }
}

#[tokio::test]
async fn the_next_day_one_refresh_brings_the_same_shopper_back() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        for login in [None, Some(JO.0)] {
            let browser = if login.is_some() { world.jo().await } else { world.guest().await };
            let (shopper, usid) = (browser.holds("cid"), browser.usid());
            world.minutes_pass(24 * 60);
            browser.restarts().visits("/").await.expect(200);
            world.has_called(&scenario.and_bridge(vec!["slas.token.refresh"]));
            let bridged = scenario.mode == Mode::Hybrid || scenario.bridges_at_landing();
            match login {
                None => browser.is_guest(bridged),
                Some(login) => browser.is_registered(login, bridged),
            };
            assert_eq!((browser.holds("cid"), browser.usid()), (shopper, usid), "{scenario}");
        }
    }
}

#[tokio::test]
async fn the_next_day_on_ecom_the_page_is_rendered_for_the_same_shopper_at_once() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.jo().await;
        world.minutes_pass(24 * 60);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        let shopper = browser.is_registered(JO.0, true);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
        let mut calls = vec!["slas.token.refresh"];
        calls.extend((scenario.mode == Mode::Classic).then_some("ocapi.sessions"));
        world.has_called(&calls);
    }
}

#[tokio::test]
async fn promise_4_a_refresh_makes_no_dw_session_while_the_old_one_lives() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.jo().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        // A page of ECOM in between keeps the DW session alive beyond the access token.
        world.minutes_pass(20);
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.calls();
        let dwsid = browser.holds("dwsid");
        world.minutes_pass(12);
        browser.visits("/").await.expect(200);
        world.has_called(&["slas.token.refresh"]);
        assert_eq!(browser.holds("dwsid"), dwsid, "{scenario}");
        browser.visits(&controller("Home-Show")).await.expect(200);
        world.has_called(&[]);
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn a_token_is_refreshed_sixty_seconds_before_it_dies_and_not_earlier() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.guest().await;
        world.seconds_pass(1735);
        browser.visits("/").await.expect(200);
        world.has_called(&[]);
        world.seconds_pass(10);
        browser.visits("/").await.expect(200);
        world.has_called(&["slas.token.refresh"]);
    }
}

#[tokio::test]
async fn a_page_left_open_overnight_renews_with_its_first_call() {
    for scenario in Scenario::clients() {
        let world = scenario.on_demand().start().await;
        let browser = world.guest().await;
        let shopper = browser.holds("cid");
        world.minutes_pass(8 * 60);
        let me = browser.calls("/api/me").await.expect(200).json();
        assert_eq!(me["customer_id"], shopper);
        world.has_called(&["slas.token.refresh"]);
    }
}

#[tokio::test]
async fn a_dead_guest_refresh_token_means_a_new_guest_and_no_complaint() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        let (shopper, usid) = (browser.holds("cid"), browser.usid());
        world.control().revoke_refresh(&browser.holds("cc-nx-g"));
        world.minutes_pass(24 * 60);
        let answer = browser.posts("/bff/session").await.expect(200).json();
        assert_eq!(answer["session_expired"], false);
        world.has_called(&[vec!["slas.token.refresh"], scenario.landing_calls()].concat());
        let bridged = scenario.mode == Mode::Hybrid || scenario.bridges_at_landing();
        assert_ne!((browser.is_guest(bridged), browser.usid()), (shopper, usid), "{scenario}");
    }
}

#[tokio::test]
async fn promise_2_a_dead_registered_session_is_said_to_the_caller_and_then_over() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.jo().await;
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        world.minutes_pass(24 * 60);
        browser.posts("/bff/session").await.expect_problem(401, "session_expired");
        let bridged = scenario.mode == Mode::Hybrid || scenario.bridges_at_landing();
        browser.is_guest(bridged);
        world.has_called(&[vec!["slas.token.refresh"], scenario.landing_calls()].concat());
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(
            (&view["customer_type"], &view["session_expired"]),
            (&json!("guest"), &json!(true))
        );
        browser.posts("/bff/session").await.expect(200);
        world.has_called(&[]);
        world.minutes_pass(6);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["session_expired"], false, "by now the shopper knows");
    }
}

#[tokio::test]
async fn promise_2_a_document_of_the_account_is_sent_to_the_login_page_once() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.jo().await;
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        world.minutes_pass(24 * 60);
        let page = browser.visits("/account/orders?page=2").await.expect(303);
        let to = "/login?error=session_expired&return_to=%2Faccount%2Forders%3Fpage%3D2";
        assert_eq!(page.location(), to);
        browser.is_guest(true);
        let again = browser.visits("/account/orders?page=2").await;
        assert_ne!(again.status, 303, "once");
        let page = browser.visits("/login").await.expect(200);
        assert!(page.text.contains("Tandem"));
    }
}

#[tokio::test]
async fn promise_2_any_other_document_is_served_and_the_page_can_learn_why() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    world.control().revoke_refresh(&browser.holds("cc-nx"));
    world.minutes_pass(24 * 60);
    browser.visits("/").await.expect(200);
    browser.is_guest(true);
    assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], true);
    browser.logs_in(JO).await.expect(200);
    assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], false);
}

#[tokio::test]
async fn promise_2_a_changed_password_ends_the_session_like_any_dead_refresh_token() {
    let world = Scenario::public().start().await;
    let browser = world.jo().await;
    world.control().change_password(JO.0, "Another-2026");
    world.minutes_pass(60);
    browser.posts("/bff/session").await.expect_problem(401, "session_expired");
    browser.is_guest(true);
}

#[tokio::test]
async fn a_registered_refresh_token_counts_before_a_guests() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let (other, shopper) = (world.guest().await, world.jo().await);
        let browser = world.browser();
        browser.is_given("cc-nx-g", &other.holds("cc-nx-g"));
        browser.is_given("cc-nx", &shopper.holds("cc-nx"));
        world.seconds_pass(61);
        browser.visits("/").await.expect(200);
        browser.is_registered(JO.0, true);
        assert_eq!(browser.cookie("cc-nx-g"), None, "the guest's is gone");
    }
}

#[tokio::test]
async fn a_guest_without_refresh_token_is_attached_again_by_the_usid_of_a_token_we_wrote() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        let (shopper, token) = (browser.holds("cid"), browser.holds("token"));
        let memory = browser.holds("__Host-tandem");
        world.minutes_pass(31 * 24 * 60);
        browser.restarts().is_given("token", &token).is_given("__Host-tandem", &memory);
        browser.visits("/").await.expect(200);
        assert_eq!(browser.is_guest(true), shopper, "{scenario}");
        world.has_called(&scenario.landing_calls());
    }
}

#[tokio::test]
async fn an_old_token_of_unknown_hands_brings_no_guest_back() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let (shopper, token) = (browser.holds("cid"), browser.holds("token"));
    world.minutes_pass(31 * 24 * 60);
    browser.restarts().is_given("token", &token).visits("/").await.expect(200);
    assert_ne!(browser.is_guest(true), shopper);
}

#[tokio::test]
async fn a_usid_that_another_session_holds_is_given_up_at_the_second_try() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let (usid, token) = (browser.usid(), browser.holds("token"));
    world.minutes_pass(60);
    browser.loses("cc-nx-g").is_given("token", &token).visits("/").await.expect(200);
    assert_ne!(browser.usid(), usid);
    world.has_called(&["slas.token.guest", "slas.token.guest", "ocapi.sessions"]);
}

#[tokio::test]
async fn without_our_memory_the_platform_says_whether_the_dw_session_is_the_shoppers() {
    for scenario in Scenario::clients() {
        for scenario in [scenario.clone(), scenario.without_enforce_https()] {
            let world = scenario.start().await;
            let browser = world.guest().await;
            let dwsid = browser.holds("dwsid");
            browser.loses("__Host-tandem").visits("/").await.expect(200);
            world.has_called(&["slas.jwks", "ocapi.customers.auth"]);
            assert_eq!(browser.holds("dwsid"), dwsid, "it lives and is the shopper's");
            browser.visits("/").await.expect(200);
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.has_called(&[]);
        }
    }
}

#[tokio::test]
async fn a_dw_session_of_somebody_else_beside_good_tokens_is_replaced() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let (browser, other) = (world.jo().await, world.guest().await);
        browser.is_given("dwsid", &other.holds("dwsid"));
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.is_registered(JO.0, true);
        assert_ne!(browser.holds("dwsid"), other.holds("dwsid"));
        // Its token has made a session already (promise 4).
        world.has_called(&["slas.token.refresh", "ocapi.sessions"]);
    }
}

#[tokio::test]
async fn fault_24_a_dw_session_idle_for_too_long_is_made_anew_before_ecom_is_asked() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.jo().await;
        browser.visits(&controller("Home-Show")).await.expect(200);
        let dwsid = browser.holds("dwsid");
        world.minutes_pass(25);
        browser.visits("/").await.expect(200);
        world.minutes_pass(15);
        world.calls();
        let page = browser.visits(&controller("Home-Show")).await.expect(200);
        assert_eq!(
            page.ecom_customer(),
            ("registered".to_owned(), browser.is_registered(JO.0, true))
        );
        assert_ne!(browser.holds("dwsid"), dwsid);
        world.has_called(&["slas.token.refresh", "ocapi.sessions"]);
    }
}

#[tokio::test]
async fn a_dw_session_is_not_used_beyond_six_hours_however_busy_it_was() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    let dwsid = browser.holds("dwsid");
    for _ in 0..23 {
        world.minutes_pass(15);
        browser.visits(&controller("Home-Show")).await.expect(200);
    }
    assert_eq!(browser.holds("dwsid"), dwsid, "after 5:45 hours");
    world.minutes_pass(14);
    browser.visits(&controller("Home-Show")).await.expect(200);
    browser.is_registered(JO.0, true);
    assert_ne!(browser.holds("dwsid"), dwsid, "at 5:59 hours");
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
        let spec = TokenSpec { customer_id: Some(honest.holds("cid")), ..spec };
        let thief = world.browser();
        thief.is_given("token", &world.control().forge_token(&spec)).visits("/").await.expect(200);
        assert_ne!(thief.is_guest(true), honest.holds("cid"), "{spec:?}");
    }
}

#[tokio::test]
async fn on_demand_a_head_that_never_shows_ecom_never_calls_ocapi() {
    for client in [Client::Private, Client::Public] {
        let world = Scenario::new(client, Mode::Classic, Time::OnDemand).start().await;
        let browser = world.jo().await;
        for _ in 0..12 {
            world.minutes_pass(45);
            browser.visits("/").await.expect(200);
            browser.is_registered(JO.0, false);
        }
        assert_eq!(world.calls(), ["slas.token.refresh"; 12]);
    }
}

#[tokio::test]
async fn promise_2_a_call_of_a_shopper_whose_session_is_over_is_not_made_as_somebody_else() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.guest().await;
        browser.logs_in(JO).await.expect(200);
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        world.minutes_pass(31);
        browser.puts_into_basket("tandem-bordeaux").await.expect_problem(401, "session_expired");
        browser.is_guest(true);
        assert!(world.control().basket_of(&browser.holds("cid")).is_empty(), "it went nowhere");
        assert_eq!(browser.calls("/bff/session").await.json()["session_expired"], true);
    }
}
