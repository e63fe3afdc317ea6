//! Callers that want more of SLAS than the allowlist permits, and SLAS responses with secrets.

use serde_json::json;
use tandem_sandbox::{Fault, Operation, TokenSpec};
use testkit::{Client, JO, SAM, Scenario};

use super::{basic_authorization, sdk_guest, sdk_login, slas_path};

#[tokio::test]
async fn attack_44_calls_outside_the_list_never_reach_slas() {
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
            let page = browser.sends(&slas_path(client, call), &form).await;
            assert!([400, 403].contains(&page.status.as_u16()), "{call}: {}", page.status);
            page.expect_no_cookies();
        }
    }
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_45_doubled_and_foreign_parameters_never_reach_slas() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let token = slas_path(Client::Private, "token");
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
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_48_a_site_id_that_disagrees_with_the_host_is_refused() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let form = [("grant_type", "client_credentials")];
    let request = || browser.sends(&slas_path(Client::Private, "token"), &form);
    request().header("x-site-id", "Other").await.expect_problem(400, "bad_request");
    world.expect_calls(&[]);
    request().header("x-site-id", "RefArch").await.expect(200);
}

#[tokio::test]
async fn attack_56_reserved_headers_of_a_client_are_not_forwarded() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let form = [("grant_type", "client_credentials")];
    let mut request = browser.sends(&slas_path(Client::Private, "token"), &form);
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
    let request = world.browser().sends(&slas_path(Client::Private, "token"), &form);
    request.header("user-agent", "Googlebot/2.1").await.expect_problem(403, "not_allowed");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn a_site_without_a_secret_has_no_private_prefix() {
    let world = Scenario::public().start().await;
    let form = [("grant_type", "client_credentials")];
    let request = world.browser().sends(&slas_path(Client::Private, "token"), &form);
    request.await.expect_problem(400, "bad_request");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn a_failed_token_call_sets_no_cookie() {
    let world = Scenario::private().start().await;
    world.allow_no_landing();
    let browser = world.browser();
    world.control().inject_fault(Operation::TokenGuest, Fault::Status(503, None), 1);
    sdk_guest(&browser, Client::Private)
        .await
        .expect_problem(503, "upstream_unavailable")
        .expect_no_cookies();
    assert!(browser.cookies().is_empty());
}

#[tokio::test]
async fn a_token_call_must_be_a_short_form() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let token = slas_path(Client::Private, "token");
    let form = [("grant_type", "client_credentials")];
    let request = browser.sends(&token, &form).header("content-type", "text/plain");
    request.await.expect_problem(400, "bad_request");
    browser.posts_json(&token, &json!({"grant_type": "client_credentials"})).await.expect(400);
    let long = "x".repeat(70_000);
    browser.sends(&token, &[("code", &long)]).await.expect_problem(413, "payload_too_large");
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_57_a_login_takes_credentials_from_one_header_only() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    for header in ["Bearer x", "Basic", "", "Basic  "] {
        let request =
            browser.sends(&slas_path(Client::Private, "login"), &[("code_challenge", "x")]);
        request.header("authorization", header).await.expect_problem(400, "bad_request");
    }
    world.expect_calls(&[]);
}

#[tokio::test]
async fn attack_45_a_registered_shoppers_usid_is_not_carried_over() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    sdk_login(&browser, Client::Private, JO).await.expect(200);
    let usid = browser.usid();
    world.forget_calls();
    sdk_login(&browser, Client::Private, SAM).await.expect(200);
    assert_ne!(browser.usid(), usid);
}

#[tokio::test]
async fn possible_secrets_are_removed_from_slas_errors() {
    let world = Scenario::private().start().await;
    world.allow_no_landing();
    let browser = world.browser();
    let echoed = "Qx".repeat(40);
    let body = json!({"error": "invalid_request", "message": format!("bad: {echoed}")});
    world.control().inject_fault(Operation::TokenGuest, Fault::Body(400, body.to_string()), 1);
    let page = sdk_guest(&browser, Client::Private).await.expect(400);
    assert_eq!(page.json(), json!({"error": "invalid_request"}));
}

#[tokio::test]
async fn tokens_of_another_tenant_become_no_cookies() {
    let world = Scenario::private().start().await;
    world.allow_no_landing();
    let browser = world.browser();
    let foreign = TokenSpec { tenant: Some("zzzz_001".to_owned()), ..TokenSpec::default() };
    let token = world.control().forge_token(&foreign);
    for body in [
        json!({"access_token": token, "expires_in": 1800}).to_string(),
        json!({"access_token": "x", "expires_in": 1800}).to_string(),
        "[]".to_owned(),
        "<html>".to_owned(),
    ] {
        world.control().inject_fault(Operation::TokenGuest, Fault::Body(200, body), 1);
        let page = sdk_guest(&browser, Client::Private).await;
        page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
        assert!(!page.text.contains(&token));
    }
}

#[tokio::test]
async fn nested_tokens_of_a_passkey_become_cookies_and_leave_the_body() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let shopper = world.control().customer_id_of(JO.0);
    let spec = TokenSpec { customer_id: shopper, ..TokenSpec::default() };
    let token = world.control().forge_token(&spec);
    let body = json!({"success": true, "tokenResponse": {
        "access_token": token, "expires_in": 1800, "usid": "u", "refresh_token": "Qx.Zp",
        "refresh_token_expires_in": 7_776_000,
    }});
    world.control().inject_fault(Operation::SlasOther, Fault::Body(200, body.to_string()), 1);
    let finish = slas_path(Client::Private, "webauthn/authenticate/finish");
    let page = browser.posts_json(&finish, &json!({"credential": {"id": "x"}})).await.expect(200);
    let left = json!({"success": true, "tokenResponse": {
        "expires_in": 1800, "usid": "u", "refresh_token_expires_in": 7_776_000,
    }});
    assert_eq!(page.json(), left);
    assert_eq!(browser.expect_cookie("token"), token);
}

#[tokio::test]
async fn the_response_does_not_reveal_who_has_an_account() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let unknown = json!({"message": "user not found"}).to_string();
    world.control().inject_fault(Operation::SlasOther, Fault::Body(404, unknown), 2);
    let form = [("user_id", "nobody@example.com"), ("mode", "email")];
    let request = || browser.sends(&slas_path(Client::Private, "passwordless/login"), &form);
    for request in [request(), request().from_server()] {
        let page =
            request.header("authorization", &basic_authorization(("a", "b"))).await.expect(200);
        assert_eq!(page.text, "");
    }
}

#[tokio::test]
async fn kind_21_the_start_of_a_passkey_login_passes() {
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
        let start = slas_path(client, "webauthn/authenticate/start");
        for fields in
            [&[][..], &[("user_id", JO.0)], &[("user_id", JO.0), ("tenant_id", "zzte_053")]]
        {
            for server in [false, true] {
                let request = || {
                    let request = world.browser().sends(&start, fields);
                    if server { request.from_server() } else { request }
                };
                world.control().inject_fault(
                    Operation::SlasOther,
                    Fault::Body(200, options.to_string()),
                    1,
                );
                assert_eq!(request().await.expect(200).json(), options);
                world.control().inject_fault(
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
async fn kind_21_a_wrong_passkey_is_no_outage() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let finish = slas_path(Client::Private, "webauthn/authenticate/finish");
    let refused = json!({"credentialId": "x", "success": false});
    world.control().inject_fault(Operation::SlasOther, Fault::Body(200, refused.to_string()), 1);
    let page = browser.posts_json(&finish, &json!({"credential": {"id": "x"}})).await.expect(200);
    assert_eq!(page.expect_no_cookies().json(), refused);
    let nonsense = Fault::Body(200, json!({"success": true}).to_string());
    world.control().inject_fault(Operation::SlasOther, nonsense, 1);
    let page = browser.posts_json(&finish, &json!({"credential": {"id": "x"}})).await;
    page.expect_problem(503, "upstream_unavailable").expect_no_cookies();
}
