//! `POST /bff/bridge`: ECOM hands its session over.

use serde_json::json;
use tandem_sandbox::{Fault, Operation, Times};
use testkit::{Client, DwSession, JO, Mode, Scenario, Time};

/// The calls that exchange a signature for tokens.
fn exchange(scenario: &Scenario) -> Vec<&'static str> {
    let mut calls = match scenario.client {
        Client::Private => vec!["slas.session-bridge"],
        Client::Public => vec!["slas.authorize", "slas.session-bridge"],
    };
    calls.push("ocapi.customers.auth");
    calls
}

#[tokio::test]
async fn a_signed_guest_of_ecom_is_the_same_guest_on_the_head() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let (browser, dwsid, guest) = world.ecom_visitor();
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        let page = browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await.expect(200);
        assert_eq!(page.json()["customer_id"], guest);
        world.expect_calls(&exchange(&scenario));
        assert_eq!(
            (browser.expect_guest(DwSession::Live), browser.expect_cookie("dwsid")),
            (guest, dwsid),
            "{scenario}"
        );
        browser.visits("/").await.expect(200).expect_no_cookies();
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn a_shopper_logged_in_on_ecom_replaces_the_guest_of_the_head() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let dwsid = browser.expect_cookie("dwsid");
        assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        world.forget_calls();
        let body = json!({"dwsrst": signed, "login_id": JO.0});
        browser.posts_json("/bff/bridge", &body).await.expect(200);
        world.expect_calls(&exchange(&scenario));
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(browser.expect_cookie("dwsid"), dwsid, "{scenario}");
    }
}

#[tokio::test]
async fn a_form_rendered_by_ecom_redirects_to_a_page() {
    let world = Scenario::private().start().await;
    let (browser, dwsid, _) = world.ecom_visitor();
    assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
    let fields = [("dwsid", &*dwsid), ("login_id", JO.0), ("return_to", "/cart")];
    let page = browser.posts_form("/login", "/bff/bridge", &fields).await.expect(303);
    assert_eq!(page.location(), "/cart");
    browser.expect_registered(JO.0, DwSession::Live);
    let fields = [("dwsid", &*dwsid), ("login_id", JO.0), ("return_to", "//evil.test")];
    let page = browser.posts_form("/login", "/bff/bridge", &fields).await.expect(303);
    assert_eq!(page.location(), "/");
}

#[tokio::test]
async fn promise_1_a_signature_of_another_session_leaves_one_shopper() {
    let world = Scenario::private().start().await;
    let (_, other, customer) = world.ecom_visitor();
    let signed = world.control().sign_dw_session(&other).unwrap();
    let (browser, own, _) = world.ecom_visitor();
    browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await.expect(200);
    assert_eq!(browser.expect_guest(DwSession::Live), customer);
    assert_ne!(browser.expect_cookie("dwsid"), own);
}

#[tokio::test]
async fn a_signature_that_slas_rejects_changes_nothing() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let before = browser.cookies();
    let body = json!({"dwsgst": "eyJhbGciOiJub25lIn0.e30.c2ln"});
    browser.posts_json("/bff/bridge", &body).await.expect_problem(401, "bad_credentials");
    let refused = Fault::Status(503, None);
    world.control().inject_fault(Operation::SessionBridge, refused, Times::Always);
    browser.posts_json("/bff/bridge", &body).await.expect_problem(503, "upstream_unavailable");
    assert_eq!(browser.cookies(), before);
}

#[tokio::test]
async fn promise_10_a_logged_out_session_gets_no_tokens_again() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    let dwsid = browser.expect_cookie("dwsid");
    browser.logs_out().await.expect(200);
    let body = json!({"dwsid": dwsid, "login_id": JO.0});
    browser.posts_json("/bff/bridge", &body).await.expect_problem(401, "bad_credentials");
}

#[tokio::test]
async fn promise_2_a_guest_of_ecom_does_not_replace_a_registered_shopper() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    let guest = world.control().new_ecom_visitor();
    let signed = world.control().sign_dw_session(&guest).unwrap();
    world.forget_calls();
    let page = browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await.expect(200);
    assert_eq!(page.json()["customer_type"], "registered");
    world.expect_calls(&[]);
    browser.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn an_error_names_the_scope_that_the_client_lacks() {
    for error in [
        r#"{"error":"invalid_scope","error_description":"sfcc.session_bridge is missing"}"#,
        r#"{"status_code":"403 FORBIDDEN","message":"client lacks scope sfcc.session_bridge"}"#,
    ] {
        for status in [400, 401, 403] {
            let world = Scenario::private().start().await;
            world.allow_no_landing();
            let refusal = Fault::Body(status, error.to_owned());
            world.control().inject_fault(Operation::SessionBridge, refusal, Times::Always);
            let (browser, dwsid, _) = world.ecom_visitor();
            let signed = world.control().sign_dw_session(&dwsid).unwrap();
            let page = browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await;
            page.expect_problem(503, "misconfigured");
            assert!(page.text.contains("sfcc.session_bridge"), "{status} {error}");
        }
    }
}

#[tokio::test]
async fn a_body_without_one_claim_is_rejected_without_a_call() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    for body in [
        json!({}),
        json!({"dwsgst": "a.b.c", "dwsrst": "a.b.c", "login_id": "jo@example.com"}),
        json!({"dwsrst": "a.b.c"}),
        json!({"dwsid": "abc==", "login_id": ""}),
        json!({"dwsid": "abc; x=y", "login_id": "jo@example.com"}),
        json!({"dwsgst": "a b"}),
        json!({"dwsgst": "a.b.c", "usid": "x"}),
        json!(["dwsgst"]),
    ] {
        browser.posts_json("/bff/bridge", &body).await.expect_problem(400, "bad_request");
    }
    world.expect_calls(&[]);
    let no_dw = Scenario::new(Client::Private, Mode::None, Time::Landing);
    let world = no_dw.start().await;
    let body = json!({"dwsgst": "a.b.c"});
    world.browser().posts_json("/bff/bridge", &body).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn kind_46_a_login_by_the_bridge_ends_with_the_browser_if_that_is_the_default() {
    for scenario in Scenario::clients() {
        let scenario = scenario.with_site("session.remember_me", "false");
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let dwsid = browser.expect_cookie("dwsid");
        assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        let body = json!({"dwsrst": signed, "login_id": JO.0});
        let page = browser.posts_json("/bff/bridge", &body).await.expect(200);
        let line = page.set_cookies().into_iter().find(|line| line.starts_with("cc-nx="));
        assert!(line.is_some_and(|line| !line.contains("Max-Age")), "{scenario}: {line:?}");
        browser.restarts();
        assert!(browser.cookie("cc-nx").is_none(), "{scenario}");
    }
}
