//! OCAPI: the two requests byte for byte, every fault of its documents, and no token of a fault in
//! a log.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem::flow::{BridgeResponse, Cause, HeldDw, ProbeResponse, UpstreamFailure};
use tandem::ids::{AccessToken, DwValue, Dwsid};
use tandem::model::CustomerType;
use tandem::upstream::CallContext;
use wiremock::ResponseTemplate;

use crate::support::{
    self, Behavior, CapturedLog, MisbehavingUpstream, MockPlatform, Settings, context, html, pairs,
    redirect, status,
};

const SESSIONS: &str = "/s/RefArch/dw/shop/v24_5/sessions";
const AUTH: &str = "/s/RefArch/dw/shop/v24_5/customers/auth";
const SECURE: &str = "dwsecuretoken_a85a5236a2e852d714eb6f1585efb61c";
const ANONYMOUS: &str = "dwanonymous_a85a5236a2e852d714eb6f1585efb61c";
const DWSID: &str = "dwsid=eXv5R3FZ_-x==; Path=/; HttpOnly; Secure; SameSite=None";

fn access() -> AccessToken {
    AccessToken::parse("at.at.at").unwrap()
}

fn held() -> HeldDw {
    HeldDw {
        dwsid: Dwsid::parse("Vx3-_a==").unwrap(),
        secure_tokens: vec![
            (SECURE.to_owned(), DwValue::parse("5Kx5-2P7==").unwrap()),
            ("dwsecuretoken_b".to_owned(), DwValue::parse("second").unwrap()),
        ],
    }
}

async fn bridge(platform: &MockPlatform) -> BridgeResponse {
    platform.site.ocapi.as_ref().unwrap().bridge(&access(), &context()).await
}

async fn probe(platform: &MockPlatform) -> ProbeResponse {
    platform.site.ocapi.as_ref().unwrap().probe(&held(), &context()).await
}

async fn with_settings(site: &'static str) -> MockPlatform {
    MockPlatform::new(Settings { site, ..Settings::default() }).await
}

fn set(cookies: &[&str]) -> ResponseTemplate {
    cookies.iter().fold(status(204), |response, line| response.append_header("set-cookie", *line))
}

fn customer(auth_type: &str) -> Value {
    json!({"_v": "24.5", "_type": "customer", "auth_type": auth_type,
           "customer_id": "abdtkZzH6sqInJGIHNR1yUw90A", "preferred_locale": "default"})
}

#[tokio::test]
async fn sessions_call_carries_the_access_token_and_nothing_else() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", SESSIONS, set(&[DWSID])).await;
    let response = bridge(&platform).await;
    assert!(matches!(response, BridgeResponse::Bridged(_)), "{response:?}");
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {SESSIONS}"));
    assert_eq!(sent.query(), pairs::<&str, &str>([]));
    // No Origin (401 at OCAPI), no cookies, no content type.
    assert_eq!(sent.headers(), ["authorization", "correlation-id", "x-dw-client-id"]);
    assert_eq!(sent.header("authorization"), Some("Bearer at.at.at"));
    assert_eq!(sent.header("x-dw-client-id"), Some(testkit::CLIENT));
    assert_eq!(sent.header("content-type"), None);
}

#[tokio::test]
async fn the_client_ip_is_sent_where_it_is_known_and_configured() {
    let client = Some("203.0.113.7".parse().unwrap());
    for (site, sent_as) in [
        ("", Some("x-client-ip")),
        ("ocapi.client_ip_header = \"true-client-ip\"", Some("true-client-ip")),
        ("ocapi.client_ip_header = \"\"", None),
    ] {
        let platform = with_settings(site).await;
        platform.responds("POST", SESSIONS, set(&[DWSID])).await;
        let context = CallContext { client, ..context() };
        platform.site.ocapi.as_ref().unwrap().bridge(&access(), &context).await;
        let sent = platform.single_request().await;
        for name in ["x-client-ip", "true-client-ip"] {
            let expected = (sent_as == Some(name)).then_some("203.0.113.7");
            assert_eq!(sent.header(name), expected, "{site}: {name}");
        }
    }
}

#[tokio::test]
async fn sessions_call_has_content_length_0() {
    let peer =
        MisbehavingUpstream::start(Behavior::Sends(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()))
            .await;
    let site = support::site(&Settings::default(), &peer.url(), &Clock::system());
    site.ocapi.as_ref().unwrap().bridge(&access(), &context()).await;
    let request = peer.last_request().to_lowercase();
    assert!(request.starts_with("post /s/refarch/dw/shop/v24_5/sessions http/1.1\r\n"));
    assert_eq!(request.matches("content-length: 0\r\n").count(), 1, "{request}");
    assert!(!request.contains("transfer-encoding"), "{request}");
    assert!(request.ends_with("\r\n\r\n"), "{request}");
}

#[tokio::test]
async fn customers_auth_call_carries_the_dw_session_as_a_cookie() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", AUTH, support::json(200, &customer("guest"))).await;
    let response = probe(&platform).await;
    assert!(matches!(response, ProbeResponse::Alive { .. }), "{response:?}");
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {AUTH}"));
    assert_eq!(sent.headers(), ["cookie", "correlation-id", "x-dw-client-id"]);
    assert_eq!(sent.header("cookie"), Some("dwsid=Vx3-_a=="));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.0.body, br#"{"type":"session"}"#);
}

#[tokio::test]
async fn the_secure_token_is_sent_only_where_https_is_not_enforced() {
    let platform = with_settings("ocapi.enforce_https = false").await;
    platform.responds("POST", AUTH, support::json(200, &customer("guest"))).await;
    probe(&platform).await;
    let sent = platform.single_request().await;
    let cookies = format!("dwsid=Vx3-_a==; {SECURE}=5Kx5-2P7==; dwsecuretoken_b=second");
    assert_eq!(sent.header("cookie"), Some(cookies.as_str()));
}

#[tokio::test]
async fn version_and_client_id_are_those_of_the_configuration() {
    let platform =
        with_settings("ocapi.version = \"v25_6\"\nocapi.client_id = \"ocapi-client\"").await;
    let at = SESSIONS.replace("v24_5", "v25_6");
    platform.responds("POST", &at, set(&[DWSID])).await;
    assert!(matches!(bridge(&platform).await, BridgeResponse::Bridged(_)));
    assert_eq!(platform.single_request().await.header("x-dw-client-id"), Some("ocapi-client"));
}

#[tokio::test]
async fn all_three_variants_of_the_secure_token_are_parsed() {
    let value = format!("{SECURE}=5Kx5-2P7==; Path=/; Secure");
    let deletion = format!("{SECURE}=\"\"; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/");
    let anonymous = format!("{ANONYMOUS}=bdjalnzmfrkJ0FtYliwud5db67; Max-Age=15552000; Path=/");
    for (line, expected) in
        [(None, vec![]), (Some(&value), vec![Some("5Kx5-2P7==")]), (Some(&deletion), vec![None])]
    {
        let platform = MockPlatform::private().await;
        let mut lines = vec![DWSID, &anonymous];
        lines.extend(line.map(String::as_str));
        platform.responds("POST", SESSIONS, set(&lines)).await;
        let BridgeResponse::Bridged(cookies) = bridge(&platform).await else { panic!("{line:?}") };
        assert_eq!(cookies.dwsid.expose(), "eXv5R3FZ_-x==");
        let [first, rest @ ..] = &cookies.companions[..] else { panic!("no dwanonymous") };
        assert_eq!((first.name.as_str(), first.max_age), (ANONYMOUS, Some(15_552_000)));
        let values = rest.iter().map(|companion| {
            assert_eq!(companion.name, SECURE);
            companion.value.as_ref().map(DwValue::expose)
        });
        assert_eq!(values.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn fault_23_a_204_without_exactly_one_dwsid_is_a_failure() {
    for cookies in [
        &[][..],
        &["dwsid=; Path=/"],
        &["dwsid=\"\"; Expires=Thu, 01-Jan-1970 00:00:10 GMT"],
        &["dwsid=a", "dwsid=b"],
        &["dwsid=a b"],
        &["DWSID=a"],
        &["not a cookie"],
    ] {
        let platform = MockPlatform::private().await;
        platform.responds("POST", SESSIONS, set(cookies)).await;
        let expected = UpstreamFailure { cause: Cause::Unavailable, retry_after: Some(5) };
        assert_eq!(bridge(&platform).await, BridgeResponse::Failed(expected), "{cookies:?}");
    }
}

#[tokio::test]
async fn attack_77_a_redirect_of_ocapi_is_not_followed() {
    let evil = wiremock::MockServer::start().await;
    let trap = wiremock::Mock::given(wiremock::matchers::any());
    trap.respond_with(set(&[DWSID])).expect(0).mount(&evil).await;
    for code in [301, 302, 303, 307, 308] {
        let platform = MockPlatform::private().await;
        let response = || status(code).insert_header("location", evil.uri());
        platform.responds("POST", SESSIONS, response()).await;
        platform.responds("POST", AUTH, response()).await;
        assert!(matches!(bridge(&platform).await, BridgeResponse::Failed(_)));
        assert!(matches!(probe(&platform).await, ProbeResponse::Failed(_)));
    }
}

#[tokio::test]
async fn fault_6_sessions_is_not_retried_after_a_connection_reset() {
    let peer = MisbehavingUpstream::start(Behavior::Resets).await;
    let site = support::site(&Settings::default(), &peer.url(), &Clock::system());
    let response = site.ocapi.as_ref().unwrap().bridge(&access(), &context()).await;
    assert!(matches!(response, BridgeResponse::Failed(_)), "{response:?}");
    assert_eq!(peer.calls(), 1, "every call creates another session");
}

#[tokio::test]
async fn attack_70_an_ocapi_fault_with_the_token_is_not_logged() {
    let captured = CapturedLog::start();
    for shape in [json!("CANARY-AT"), json!({"type": "string", "value": "CANARY-AT"})] {
        let fault = json!({"fault": {
            "type": "InvalidAccessTokenException", "message": "CANARY-AT is invalid",
            "arguments": {"accessToken": shape}, "display_message_pattern": "CANARY-AT",
        }});
        for code in [400, 401, 403, 404, 500] {
            let platform = MockPlatform::private().await;
            platform.responds("POST", SESSIONS, support::json(code, &fault)).await;
            platform.responds("POST", AUTH, support::json(code, &fault)).await;
            let ocapi = platform.site.ocapi.as_ref().unwrap();
            let token = AccessToken::parse("CANARY-AT").unwrap();
            let response = ocapi.bridge(&token, &context()).await;
            assert!(!format!("{response:?}").contains("CANARY"));
            let dw = HeldDw {
                dwsid: Dwsid::parse("CANARY-DWSID").unwrap(),
                secure_tokens: vec![(SECURE.into(), DwValue::parse("CANARY-SECURE").unwrap())],
            };
            let response = ocapi.probe(&dw, &context()).await;
            assert!(!format!("{response:?} {dw:?}").contains("CANARY"));
        }
    }
    let log = captured.text();
    assert!(log.contains("\"upstream\":\"ocapi\""), "the calls were logged: {log}");
    assert!(!log.to_lowercase().contains("canary"), "{log}");
}

fn bridged(response: &BridgeResponse) -> String {
    match response {
        BridgeResponse::Bridged(cookies) => format!("bridged, {} more", cookies.companions.len()),
        BridgeResponse::TokenRefused => "token refused".to_owned(),
        BridgeResponse::Failed(failure) => failure_text(*failure),
    }
}

fn probed(response: &ProbeResponse) -> String {
    match response {
        ProbeResponse::Alive { owner, login } => {
            let kind = match owner.kind {
                CustomerType::Guest => "guest",
                CustomerType::Registered => "registered",
            };
            let login = if login.is_some() { " with login" } else { "" };
            format!("alive: {kind}{login}")
        }
        ProbeResponse::Dead => "dead".to_owned(),
        ProbeResponse::Failed(failure) => failure_text(*failure),
    }
}

fn failure_text(failure: UpstreamFailure) -> String {
    let after = failure.retry_after.map(|after| format!(" {after}s")).unwrap_or_default();
    format!("{:?}{after}", failure.cause).to_lowercase()
}

/// The fault table of the OCAPI reference, with the status each type comes with.
const FAULTS: [(u16, &str); 29] = [
    (400, "MissingClientIdException"),
    (400, "InvalidClientIdException"),
    (400, "InvalidHostHeaderException"),
    (400, "InvalidVersionException"),
    (400, "HookStatusException"),
    (400, "QuotaExceededException"),
    (400, "CustomerBasketsQuotaExceededException"),
    (401, "AuthorizationHeaderMissingException"),
    (401, "InvalidAuthorizationHeaderException"),
    (401, "InvalidAccessTokenException"),
    (400, "InvalidAccessTokenException"),
    (401, "InvalidSecureTokenException"),
    (401, "UnauthorizedOriginException"),
    (401, "UnknownClientIdException"),
    (401, "DemoClientIdException"),
    (401, "UnauthorizedReadAccessException"),
    (401, "AuthenticationFailedException"),
    (400, "AuthenticationFailedException"),
    (403, "AuthenticationFailedException"),
    (403, "ClientAccessForbiddenException"),
    (403, "OrganizationAccessForbiddenException"),
    (403, "SiteAccessForbiddenException"),
    (403, "SecureCommunicationRequiredException"),
    (403, "SiteOfflineException"),
    (403, "UserAccessForbiddenException"),
    (404, "UnknownSiteException"),
    (404, "ResourcePathNotFoundException"),
    (404, "VersionNotFoundException"),
    (500, "InternalServerErrorException"),
];

fn responses() -> Vec<(String, ResponseTemplate)> {
    let fault = |code: u16, kind: &str| {
        let body = json!({"_v": "24.5", "fault": {
            "type": kind, "message": "…", "arguments": {"path": {"type": "string", "value": "x"}},
        }});
        (format!("{code} {kind}"), support::json(code, &body))
    };
    let named = |name: &str, response| (name.to_owned(), response);
    let mut responses: Vec<_> = FAULTS.iter().map(|(code, kind)| fault(*code, kind)).collect();
    let mut login = customer("registered");
    login["login"] = json!("jo@example.com");
    responses.extend([
        named("204 with dwsid", set(&[DWSID])),
        named("200 with dwsid and a companion", {
            let companion = format!("{ANONYMOUS}=x; Path=/");
            support::json(200, &customer("guest"))
                .append_header("set-cookie", DWSID)
                .append_header("set-cookie", companion.as_str())
        }),
        named("200 guest", support::json(200, &customer("guest"))),
        named("200 registered", support::json(200, &customer("registered"))),
        named("200 registered, with login", support::json(200, &login)),
        named("200 of an agent", support::json(200, &customer("agent"))),
        named("200 without customer_id", support::json(200, &json!({"auth_type": "guest"}))),
        named("200 HTML", html(200)),
        named("200 empty", status(200)),
        named("204 empty", status(204)),
        named("303", redirect("https://evil.test/")),
        named("400 without fault", support::json(400, &json!({"title": "Bad Request"}))),
        named("401 empty", status(401)),
        named("403 HTML of the edge", html(403)),
        named("404 HTML", html(404)),
        named("409 empty", status(409)),
        named("412 empty", status(412)),
        named("429, Retry-After: 7", status(429).insert_header("retry-after", "7")),
        named("429 HTML", html(429)),
        named("503 HTML", html(503)),
        named("520 HTML", html(520)),
    ]);
    responses
}

#[tokio::test]
async fn every_response_of_ocapi_has_a_reviewed_classification() {
    let mut table =
        format!("{:<45} | {:<20} | customers/auth\n{}\n", "", "sessions", "-".repeat(90));
    let shared = support::shared();
    for (name, response) in responses() {
        let platform = MockPlatform::sharing(&Settings::default(), &shared).await;
        platform.responds("POST", SESSIONS, response.clone()).await;
        platform.responds("POST", AUTH, response).await;
        let sessions = bridged(&bridge(&platform).await);
        // A throttled or failed /sessions must not block the call of customers/auth.
        platform.clock.advance(std::time::Duration::from_secs(61));
        let auth = probed(&probe(&platform).await);
        let _ = writeln!(table, "{name:<45} | {sessions:<20} | {auth}");
        assert_eq!(platform.requests().await.len(), 2, "{name}: no retry");
    }
    insta::assert_snapshot!("ocapi", table);
}
