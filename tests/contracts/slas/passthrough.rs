//! Passthrough calls, byte for byte.

use http::{HeaderValue, Method};
use serde_json::json;
use tandem::ids::AccessToken;
use tandem::upstream::http::CallError;
use tandem::upstream::slas::{CallCredentials, PassthroughBody, PassthroughCall};

use super::oauth;
use testkit::CLIENT;

use crate::support::{self, MockPlatform, Received, SECRET, context, pairs, redirect};

fn form(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

fn call<'a>(
    path: &'a str,
    credentials: CallCredentials,
    body: PassthroughBody<'a>,
) -> PassthroughCall<'a> {
    PassthroughCall {
        name: "token",
        method: Method::POST,
        path,
        query: &[],
        body,
        credentials,
        private: true,
    }
}

async fn sends(platform: &MockPlatform, call: &PassthroughCall<'_>) -> Received {
    platform.responds("POST", &oauth(call.path), support::json(200, &json!({}))).await;
    platform.site.slas.pass_through(call, &context()).await.unwrap();
    platform.single_request().await
}

#[tokio::test]
async fn the_client_secret_is_sent_as_basic_and_only_on_private_calls() {
    let form = form("grant_type", "client_credentials");
    let private = call("token", CallCredentials::Client, PassthroughBody::Form(&form));
    let sent = sends(&MockPlatform::private().await, &private).await;
    assert_eq!(sent.basic(), format!("{CLIENT}:{SECRET}"));
    assert_eq!(sent.form(), pairs([("grant_type", "client_credentials")]));
    assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
    let public = PassthroughCall { private: false, ..private };
    let sent = sends(&MockPlatform::private().await, &public).await;
    assert_eq!(sent.headers(), ["correlation-id"]);
}

#[tokio::test]
async fn a_passthrough_login_carries_shopper_and_client_credentials() {
    let form = form("redirect_uri", "https://shop.test/callback");
    let shopper = HeaderValue::from_static("Basic am86Z2VoZWlt");
    let login = call("login", CallCredentials::Shopper(shopper), PassthroughBody::Form(&form));
    let sent = sends(&MockPlatform::private().await, &login).await;
    assert_eq!(sent.basic(), "jo:geheim");
    assert_eq!(sent.strict_client(), format!("{CLIENT}:{SECRET}"));
    let sent =
        sends(&MockPlatform::private().await, &PassthroughCall { private: false, ..login }).await;
    assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
}

#[tokio::test]
async fn an_agents_code_is_the_bearer_and_the_client_a_second_header() {
    let form = form("grant_type", "client_credentials");
    let agent = CallCredentials::Agent(HeaderValue::from_static("Bearer code-of-account-manager"));
    let call = call("trusted-agent/token", agent, PassthroughBody::Form(&form));
    let sent = sends(&MockPlatform::private().await, &call).await;
    assert_eq!(sent.header("authorization"), Some("Bearer code-of-account-manager"));
    assert_eq!(sent.sfdc_client(), format!("{CLIENT}:{SECRET}"));
}

#[tokio::test]
async fn a_passthrough_call_sends_the_token_as_bearer_and_json() {
    let token = CallCredentials::Token(AccessToken::parse("x.y.z").unwrap());
    let body = json!({"credential": {"id": "1"}});
    let body = PassthroughBody::Json(body.as_object().unwrap());
    let sent = sends(&MockPlatform::private().await, &call("otp/verify", token, body)).await;
    assert_eq!(sent.header("authorization"), Some("Bearer x.y.z"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.0.body, br#"{"credential":{"id":"1"}}"#);
}

#[tokio::test]
async fn a_passthrough_redirect_is_returned_and_not_followed() {
    let platform = MockPlatform::private().await;
    platform
        .responds("GET", &oauth("authorize"), redirect("https://shop.test/callback?code=x"))
        .await;
    let query = form("hint", "guest");
    let body = PassthroughBody::None;
    let call = PassthroughCall {
        method: Method::GET,
        query: &query,
        ..call("authorize", CallCredentials::None, body)
    };
    let result = platform.site.slas.pass_through(&call, &context()).await.unwrap();
    assert_eq!(result.status, 303);
    let sent = platform.single_request().await;
    assert_eq!(sent.query(), pairs([("hint", "guest")]));
    assert_eq!(sent.strict_client(), format!("{CLIENT}:{SECRET}"));
}

#[tokio::test]
async fn a_throttled_passthrough_call_returns_retry_after() {
    let platform = MockPlatform::private().await;
    let response = support::json(429, &json!({})).insert_header("retry-after", "7");
    platform.responds("POST", &oauth("token"), response).await;
    let form = form("grant_type", "client_credentials");
    let call = call("token", CallCredentials::Client, PassthroughBody::Form(&form));
    let result = platform.site.slas.pass_through(&call, &context()).await;
    assert!(matches!(result, Err(CallError::Throttled(Some(7)))), "{result:?}");
}

#[test]
fn debug_of_passthrough_credentials_shows_no_secret() {
    let mut value = HeaderValue::from_static("Basic CANARY");
    value.set_sensitive(true);
    let credentials = [
        CallCredentials::Shopper(value.clone()),
        CallCredentials::Agent(value.clone()),
        CallCredentials::Caller(value),
        CallCredentials::Token(AccessToken::parse("CANARY").unwrap()),
    ];
    assert!(!format!("{credentials:?}").contains("CANARY"));
}
