//! ECOM first, by its own word: `POST /bff/bridge`.

use serde_json::json;
use tandem_sandbox::{Fault, Operation, Times};
use testkit::{Browser, Client, JO, Mode, Scenario, World};

/// Somebody who has been on ECOM only: the browser, the session and its customer.
fn visitor_of_ecom(world: &World) -> (Browser, String, String) {
    let dwsid = world.control().new_ecom_visitor();
    let guest = world.control().dw_session(&dwsid).expect("a session").customer_id;
    let browser = world.browser();
    browser.is_given("dwsid", &dwsid);
    (browser, dwsid, guest)
}

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
        let (browser, dwsid, guest) = visitor_of_ecom(&world);
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        let page = browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await.expect(200);
        assert_eq!(page.json()["customer_id"], guest);
        world.has_called(&exchange(&scenario));
        assert_eq!((browser.is_guest(true), browser.holds("dwsid")), (guest, dwsid), "{scenario}");
        browser.visits("/").await.expect(200).sets_no_cookies();
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn who_signed_in_on_ecom_takes_the_place_of_the_guest_on_the_head() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        let dwsid = browser.holds("dwsid");
        assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
        let signed = world.control().sign_dw_session(&dwsid).unwrap();
        world.calls();
        let body = json!({"dwsrst": signed, "login_id": JO.0});
        browser.posts_json("/bff/bridge", &body).await.expect(200);
        world.has_called(&exchange(&scenario));
        browser.is_registered(JO.0, true);
        assert_eq!(browser.holds("dwsid"), dwsid, "{scenario}");
    }
}

#[tokio::test]
async fn a_form_that_ecom_renders_goes_on_to_a_page() {
    let world = Scenario::private().start().await;
    let (browser, dwsid, _) = visitor_of_ecom(&world);
    assert!(world.control().log_in_on_ecom(&dwsid, JO.0));
    let fields = [("dwsid", &*dwsid), ("login_id", JO.0), ("return_to", "/cart")];
    let page = browser.posts_form("/login", "/bff/bridge", &fields).await.expect(303);
    assert_eq!(page.location(), "/cart");
    browser.is_registered(JO.0, true);
    let fields = [("dwsid", &*dwsid), ("login_id", JO.0), ("return_to", "//evil.test")];
    let page = browser.posts_form("/login", "/bff/bridge", &fields).await.expect(303);
    assert_eq!(page.location(), "/");
}

#[tokio::test]
async fn promise_1_a_signature_over_another_session_does_not_split_the_pair() {
    let world = Scenario::private().start().await;
    let (_, other, customer) = visitor_of_ecom(&world);
    let signed = world.control().sign_dw_session(&other).unwrap();
    let (browser, own, _) = visitor_of_ecom(&world);
    browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await.expect(200);
    assert_eq!(browser.is_guest(true), customer);
    assert_ne!(browser.holds("dwsid"), own);
}

#[tokio::test]
async fn what_slas_does_not_take_changes_nothing() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let before = browser.cookies();
    let body = json!({"dwsgst": "eyJhbGciOiJub25lIn0.e30.c2ln"});
    browser.posts_json("/bff/bridge", &body).await.expect_problem(401, "bad_credentials");
    let refused = Fault::Status(503, None);
    world.control().fault(Operation::SessionBridge, refused, Times::Always);
    browser.posts_json("/bff/bridge", &body).await.expect_problem(503, "upstream_unavailable");
    assert_eq!(browser.cookies(), before);
}

#[tokio::test]
async fn promise_10_a_session_that_was_signed_out_here_gets_no_tokens_again() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.logs_in(JO).await.expect(200);
    let dwsid = browser.holds("dwsid");
    browser.logs_out().await.expect(200);
    let body = json!({"dwsid": dwsid, "login_id": JO.0});
    browser.posts_json("/bff/bridge", &body).await.expect_problem(401, "bad_credentials");
}

#[tokio::test]
async fn promise_2_a_guest_of_ecom_does_not_take_the_place_of_a_registered_shopper() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.logs_in(JO).await.expect(200);
    let guest = world.control().new_ecom_visitor();
    let signed = world.control().sign_dw_session(&guest).unwrap();
    world.calls();
    let page = browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await.expect(200);
    assert_eq!(page.json()["customer_type"], "registered");
    world.has_called(&[]);
    browser.is_registered(JO.0, true);
}

#[tokio::test]
async fn a_client_without_the_scope_is_told_so_by_name() {
    for said in [
        r#"{"error":"invalid_scope","error_description":"sfcc.session_bridge is missing"}"#,
        r#"{"status_code":"403 FORBIDDEN","message":"client lacks scope sfcc.session_bridge"}"#,
    ] {
        for status in [400, 401, 403] {
            let world = Scenario::private().start().await;
            world.lands_no_browser();
            let refusal = Fault::Body(status, said.to_owned());
            world.control().fault(Operation::SessionBridge, refusal, Times::Always);
            let (browser, dwsid, _) = visitor_of_ecom(&world);
            let signed = world.control().sign_dw_session(&dwsid).unwrap();
            let page = browser.posts_json("/bff/bridge", &json!({"dwsgst": signed})).await;
            page.expect_problem(502, "misconfigured");
            assert!(page.text.contains("sfcc.session_bridge"), "{status} {said}");
        }
    }
}

#[tokio::test]
async fn a_body_that_claims_nothing_or_too_much_is_refused_without_a_call() {
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
    world.has_called(&[]);
    let no_dw = Scenario::new(Client::Private, Mode::None, testkit::Time::Landing);
    let world = no_dw.start().await;
    let body = json!({"dwsgst": "a.b.c"});
    world.browser().posts_json("/bff/bridge", &body).await.expect_problem(404, "not_found");
}
