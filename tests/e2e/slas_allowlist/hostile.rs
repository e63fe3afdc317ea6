//! Callers who want more of SLAS than the façade offers, and a SLAS that says more than it should.

use serde_json::json;
use tandem_sandbox::{Fault, Operation};

use super::{basic, begins, signs_in, slas};
use testkit::{Client, JO, Scenario};

#[tokio::test]
async fn attack_44_what_is_not_on_the_list_never_reaches_slas() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    for call in [
        "trusted-system/token",
        "%74rusted-system/token",
        "token/../trusted-system/token",
        "token/%2e%2e/trusted-system/token",
        "token/",
        "TOKEN",
        "session-bridge/token",
        "introspect",
        "revoke",
    ] {
        for client in [Client::Private, Client::Public] {
            let form = [("grant_type", "client_credentials")];
            let page = browser.sends(&slas(client, call), &form).await;
            assert!([400, 403].contains(&page.status.as_u16()), "{call}: {}", page.status);
            page.sets_no_cookies();
        }
    }
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_45_doubled_and_foreign_parameters_never_reach_slas() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let token = slas(Client::Private, "token");
    for form in [
        &[("grant_type", "client_credentials"), ("grant_type", "refresh_token")][..],
        &[("grant_type", "client_credentials"), ("client_id", "other")],
        &[("grant_type", "client_credentials"), ("channel_id", "Other")],
        &[("grant_type", "client_credentials"), ("client_secret", "x")],
        &[("grant_type", "session_bridge"), ("dwsid", "x")],
        &[("grant_type", "authorization_code_pkce"), ("redirect_uri", "https://evil.test/")],
    ] {
        browser.sends(&token, form).await.expect_problem(400, "bad_request");
    }
    let twice = format!("{token}?grant_type=client_credentials");
    let form = [("grant_type", "client_credentials")];
    browser.sends(&twice, &form).await.expect_problem(400, "bad_request");
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_48_a_site_id_that_disagrees_with_the_host_is_refused() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let form = [("grant_type", "client_credentials")];
    let request = || browser.sends(&slas(Client::Private, "token"), &form);
    request().header("x-site-id", "Other").await.expect_problem(400, "bad_request");
    world.has_called(&[]);
    request().header("x-site-id", "RefArch").await.expect(200);
}

#[tokio::test]
async fn attack_56_headers_that_only_we_may_set_never_come_from_outside() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let form = [("grant_type", "client_credentials")];
    let mut request = browser.sends(&slas(Client::Private, "token"), &form);
    let planted = ["sfdc_dwsid", "sfdc_refresh_token", "_sfdc_client_auth", "x-slas-client-auth"];
    for name in planted {
        request = request.header(name, "planted");
    }
    request.header("authorization", "Bearer planted").await.expect(200);
    let calls = world.control().calls();
    let call = calls.iter().find(|call| call.operation == Operation::TokenGuest).unwrap();
    for name in planted {
        assert_eq!(call.header(name), None, "{name}");
    }
    assert!(call.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
}

#[tokio::test]
async fn attack_69_a_crawler_gets_no_token() {
    let world = Scenario::private().start().await;
    let form = [("grant_type", "client_credentials")];
    let request = world.browser().sends(&slas(Client::Private, "token"), &form);
    request.header("user-agent", "Googlebot/2.1").await.expect_problem(403, "not_allowed");
    world.has_called(&[]);
}

#[tokio::test]
async fn a_site_without_a_secret_has_nothing_below_the_private_prefix() {
    let world = Scenario::public().start().await;
    let form = [("grant_type", "client_credentials")];
    let request = world.browser().sends(&slas(Client::Private, "token"), &form);
    request.await.expect_problem(400, "bad_request");
    world.has_called(&[]);
}

#[tokio::test]
async fn an_answer_of_slas_that_is_no_token_becomes_none() {
    let world = Scenario::private().start().await;
    world.lands_no_browser();
    let browser = world.browser();
    world.control().fault(Operation::TokenGuest, Fault::Status(503, None), 1);
    begins(&browser, Client::Private)
        .await
        .expect_problem(503, "upstream_unavailable")
        .sets_no_cookies();
    assert!(browser.cookies().is_empty());
}

#[tokio::test]
async fn a_call_that_has_to_be_a_form_is_a_form_and_not_long() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let token = slas(Client::Private, "token");
    let form = [("grant_type", "client_credentials")];
    let request = browser.sends(&token, &form).header("content-type", "text/plain");
    request.await.expect_problem(400, "bad_request");
    browser.posts_json(&token, &json!({"grant_type": "client_credentials"})).await.expect(400);
    let long = "x".repeat(70_000);
    browser.sends(&token, &[("code", &long)]).await.expect_problem(413, "payload_too_large");
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_57_a_login_takes_credentials_from_one_header_only() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    for header in ["Bearer x", "Basic", "", "Basic  "] {
        let request = browser.sends(&slas(Client::Private, "login"), &[("code_challenge", "x")]);
        request.header("authorization", header).await.expect_problem(400, "bad_request");
    }
    world.has_called(&[]);
}

#[tokio::test]
async fn attack_45_the_usid_of_a_registered_shopper_is_carried_to_nobody() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    signs_in(&browser, Client::Private, JO).await.expect(200);
    let usid = browser.usid();
    world.forget_calls();
    signs_in(&browser, Client::Private, testkit::SAM).await.expect(200);
    assert_ne!(browser.usid(), usid);
}

#[tokio::test]
async fn an_error_of_slas_loses_what_may_be_a_secret() {
    let world = Scenario::private().start().await;
    world.lands_no_browser();
    let browser = world.browser();
    let echoed = "Qx".repeat(40);
    let said = json!({"error": "invalid_request", "message": format!("bad: {echoed}")});
    world.control().fault(Operation::TokenGuest, Fault::Body(400, said.to_string()), 1);
    let page = begins(&browser, Client::Private).await.expect(400);
    assert_eq!(page.json(), json!({"error": "invalid_request"}));
}

#[tokio::test]
async fn tokens_that_were_made_for_somebody_else_become_no_cookies() {
    let world = Scenario::private().start().await;
    world.lands_no_browser();
    let browser = world.browser();
    let foreign = tandem_sandbox::TokenSpec {
        tenant: Some("zzzz_001".to_owned()),
        ..tandem_sandbox::TokenSpec::default()
    };
    let token = world.control().forge_token(&foreign);
    for said in [
        json!({"access_token": token, "expires_in": 1800}).to_string(),
        json!({"access_token": "x", "expires_in": 1800}).to_string(),
        "[]".to_owned(),
        "<html>".to_owned(),
    ] {
        world.control().fault(Operation::TokenGuest, Fault::Body(200, said), 1);
        let page = begins(&browser, Client::Private).await;
        page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
        assert!(!page.text.contains(&token));
    }
}

#[tokio::test]
async fn nested_tokens_of_a_passkey_become_cookies_and_leave_the_body() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let shopper = world.control().customer_id_of(JO.0);
    let spec =
        tandem_sandbox::TokenSpec { customer_id: shopper, ..tandem_sandbox::TokenSpec::default() };
    let token = world.control().forge_token(&spec);
    let said = json!({"success": true, "tokenResponse": {
        "access_token": token, "expires_in": 1800, "usid": "u", "refresh_token": "Qx.Zp",
        "refresh_token_expires_in": 7_776_000,
    }});
    world.control().fault(Operation::SlasOther, Fault::Body(200, said.to_string()), 1);
    let finish = slas(Client::Private, "webauthn/authenticate/finish");
    let page = browser.posts_json(&finish, &json!({"credential": {"id": "x"}})).await.expect(200);
    let left = json!({"success": true, "tokenResponse": {
        "expires_in": 1800, "usid": "u", "refresh_token_expires_in": 7_776_000,
    }});
    assert_eq!(page.json(), left);
    assert_eq!(browser.holds("token"), token);
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let unknown = json!({"message": "user not found"}).to_string();
    world.control().fault(Operation::SlasOther, Fault::Body(404, unknown), 2);
    let form = [("user_id", "nobody@example.com"), ("mode", "email")];
    let request = || browser.sends(&slas(Client::Private, "passwordless/login"), &form);
    for request in [request(), request().from_server()] {
        let page = request.header("authorization", &basic(("a", "b"))).await.expect(200);
        assert_eq!(page.text, "");
    }
}

#[tokio::test]
async fn kind_21_the_beginning_of_a_sign_in_with_a_passkey_passes() {
    let options = json!({
        "challenge": "V2FsdGVyIFdoaXRlIFRlc3QgQ2hhbGxlbmdl", "timeout": 60000,
        "rpId": "localhost", "userVerification": "preferred", "extensions": {},
        "allowCredentials": [
            {"type": "public-key", "id": "AQIDBAUGBwgJCgsMDQ4PEA", "transports": ["usb", "nfc"]},
        ],
    });
    let unknown = json!({"error": "not_found", "error_description": "User Not Found"});
    for (scenario, client) in [
        (Scenario::private(), Client::Private),
        (Scenario::private(), Client::Public),
        (Scenario::public(), Client::Public),
    ] {
        let world = scenario.start().await;
        let start = slas(client, "webauthn/authenticate/start");
        for fields in
            [&[][..], &[("user_id", JO.0)], &[("user_id", JO.0), ("tenant_id", "zzte_053")]]
        {
            for server in [false, true] {
                let request = || {
                    let request = world.browser().sends(&start, fields);
                    if server { request.from_server() } else { request }
                };
                world.control().fault(
                    Operation::SlasOther,
                    Fault::Body(200, options.to_string()),
                    1,
                );
                assert_eq!(request().await.expect(200).json(), options);
                world.control().fault(
                    Operation::SlasOther,
                    Fault::Body(404, unknown.to_string()),
                    1,
                );
                assert_eq!(request().await.expect(404).json(), unknown);
            }
        }
    }
}

#[tokio::test]
async fn kind_21_a_passkey_that_does_not_fit_is_no_outage() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let finish = slas(Client::Private, "webauthn/authenticate/finish");
    let refused = json!({"credentialId": "x", "success": false});
    world.control().fault(Operation::SlasOther, Fault::Body(200, refused.to_string()), 1);
    let page = browser.posts_json(&finish, &json!({"credential": {"id": "x"}})).await.expect(200);
    assert_eq!(page.sets_no_cookies().json(), refused);
    let nonsense = Fault::Body(200, json!({"success": true}).to_string());
    world.control().fault(Operation::SlasOther, nonsense, 1);
    let page = browser.posts_json(&finish, &json!({"credential": {"id": "x"}})).await;
    page.expect_problem(503, "upstream_unavailable").sets_no_cookies();
}
