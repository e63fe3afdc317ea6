//! Calls of the façade, octet for octet.

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

fn relay<'a>(
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

async fn sends(platform: &MockPlatform, relay: &PassthroughCall<'_>) -> Received {
    platform.responds("POST", &oauth(relay.path), support::json(200, &json!({}))).await;
    platform.site.slas.pass_through(relay, &context()).await.unwrap();
    platform.single_request().await
}

#[tokio::test]
async fn the_clients_secret_goes_as_basic_and_only_for_a_private_call() {
    let form = form("grant_type", "client_credentials");
    let private = relay("token", CallCredentials::Client, PassthroughBody::Form(&form));
    let sent = sends(&MockPlatform::private().await, &private).await;
    assert_eq!(sent.basic(), format!("{CLIENT}:{SECRET}"));
    assert_eq!(sent.form(), pairs([("grant_type", "client_credentials")]));
    assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
    let public = PassthroughCall { private: false, ..private };
    let sent = sends(&MockPlatform::private().await, &public).await;
    assert_eq!(sent.headers(), ["correlation-id"]);
}

#[tokio::test]
async fn a_login_carries_the_shoppers_credentials_and_the_clients_beside_them() {
    let form = form("redirect_uri", "https://shop.test/callback");
    let shopper = HeaderValue::from_static("Basic am86Z2VoZWlt");
    let login = relay("login", CallCredentials::Shopper(shopper), PassthroughBody::Form(&form));
    let sent = sends(&MockPlatform::private().await, &login).await;
    assert_eq!(sent.basic(), "jo:geheim");
    assert_eq!(sent.strict_client(), format!("{CLIENT}:{SECRET}"));
    let sent =
        sends(&MockPlatform::private().await, &PassthroughCall { private: false, ..login }).await;
    assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
}

#[tokio::test]
async fn an_agents_code_goes_as_bearer_and_the_client_in_a_header_of_its_own() {
    let form = form("grant_type", "client_credentials");
    let agent = CallCredentials::Agent(HeaderValue::from_static("Bearer code-of-account-manager"));
    let relay = relay("trusted-agent/token", agent, PassthroughBody::Form(&form));
    let sent = sends(&MockPlatform::private().await, &relay).await;
    assert_eq!(sent.header("authorization"), Some("Bearer code-of-account-manager"));
    assert_eq!(sent.sfdc_client(), format!("{CLIENT}:{SECRET}"));
}

#[tokio::test]
async fn a_shoppers_token_goes_as_bearer_and_json_as_json() {
    let token = CallCredentials::Token(AccessToken::parse("x.y.z").unwrap());
    let body = json!({"credential": {"id": "1"}});
    let body = PassthroughBody::Json(body.as_object().unwrap());
    let sent = sends(&MockPlatform::private().await, &relay("otp/verify", token, body)).await;
    assert_eq!(sent.header("authorization"), Some("Bearer x.y.z"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.0.body, br#"{"credential":{"id":"1"}}"#);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let platform = MockPlatform::private().await;
    platform
        .responds("GET", &oauth("authorize"), redirect("https://shop.test/callback?code=x"))
        .await;
    let query = form("hint", "guest");
    let body = PassthroughBody::None;
    let relay = PassthroughCall {
        method: Method::GET,
        query: &query,
        ..relay("authorize", CallCredentials::None, body)
    };
    let reply = platform.site.slas.pass_through(&relay, &context()).await.unwrap();
    assert_eq!(reply.status, 303);
    let sent = platform.single_request().await;
    assert_eq!(sent.query(), pairs([("hint", "guest")]));
    assert_eq!(sent.strict_client(), format!("{CLIENT}:{SECRET}"));
}

#[tokio::test]
async fn a_slow_down_is_told_with_its_time() {
    let platform = MockPlatform::private().await;
    let answer = support::json(429, &json!({})).insert_header("retry-after", "7");
    platform.responds("POST", &oauth("token"), answer).await;
    let form = form("grant_type", "client_credentials");
    let relay = relay("token", CallCredentials::Client, PassthroughBody::Form(&form));
    let reply = platform.site.slas.pass_through(&relay, &context()).await;
    assert!(matches!(reply, Err(CallError::Throttled(Some(7)))), "{reply:?}");
}

#[test]
fn credentials_that_are_passed_on_do_not_print() {
    let mut value = HeaderValue::from_static("Basic CANARY");
    value.set_sensitive(true);
    let proofs = [
        CallCredentials::Shopper(value.clone()),
        CallCredentials::Agent(value.clone()),
        CallCredentials::Caller(value),
        CallCredentials::Token(AccessToken::parse("CANARY").unwrap()),
    ];
    assert!(!format!("{proofs:?}").contains("CANARY"));
}
