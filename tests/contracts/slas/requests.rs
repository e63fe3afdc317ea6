//! The requests, as the documentation of SLAS specifies them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tandem::flow::{
    AdoptResponse, GuestResponse, LoginResponse, LogoutResponse, LogoutScope, RefreshResponse,
};
use tandem::ids::{AccessToken, Dwsid};
use tandem::model::CustomerType;
use tandem::upstream::CallContext;

use super::{adopt_call, credentials, oauth, refresh_token, usid};
use testkit::{CLIENT, REDIRECT_URI, SITE};

use crate::support::{
    self, MockPlatform, Received, SECRET, Settings, Shopper, USID, base64url, context, pairs,
    redirect, tokens,
};

const CODE: &str = "https://shop.test/callback?usid=0f5b0f52-moved&code=code-1&state=";
const MOVED_USID: &str = "0f5b0f52-moved";

async fn serving_tokens(platform: &MockPlatform, shopper: &Shopper) {
    platform.responds("POST", &oauth("token"), support::json(200, &tokens(shopper))).await;
    platform
        .responds("POST", &oauth("session-bridge/token"), support::json(200, &tokens(shopper)))
        .await;
    platform.responds("GET", &oauth("authorize"), redirect(CODE)).await;
    platform.responds("POST", &oauth("login"), redirect(CODE)).await;
}

/// The challenge that belongs to the verifier of a later request.
fn challenge_of(verifier: &str) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    base64url(digest(&SHA256, verifier.as_bytes()))
}

/// The form that exchanges the code of a redirect for tokens. The usid of the redirect replaces the
/// one that was sent.
fn code_exchange(verifier: &str) -> BTreeMap<String, String> {
    pairs([
        ("grant_type", "authorization_code_pkce"),
        ("code", "code-1"),
        ("code_verifier", verifier),
        ("client_id", CLIENT),
        ("channel_id", SITE),
        ("redirect_uri", REDIRECT_URI),
        ("usid", MOVED_USID),
    ])
}

#[tokio::test]
async fn a_private_client_gets_a_guest_with_one_call() {
    let platform = MockPlatform::private().await;
    serving_tokens(&platform, &Shopper::guest()).await;
    let response = platform.site.slas.guest(None, &context()).await;
    assert!(matches!(response, GuestResponse::Granted(_)), "{response:?}");
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {}", oauth("token")));
    assert_eq!(sent.form(), pairs([("grant_type", "client_credentials"), ("channel_id", SITE)]));
    assert_eq!(sent.query(), pairs::<&str, &str>([]));
    assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
    assert_eq!(sent.basic(), format!("{CLIENT}:{SECRET}"));
    assert_eq!(sent.header("correlation-id"), Some("correlation-1"));
}

#[tokio::test]
async fn a_guest_call_carries_usid_and_do_not_track() {
    for (dnt, text) in [(true, "true"), (false, "false")] {
        let platform = MockPlatform::private().await;
        serving_tokens(&platform, &Shopper::guest()).await;
        let context = CallContext { dnt: Some(dnt), ..context() };
        platform.site.slas.guest(Some(&usid()), &context).await;
        let expected = [
            ("grant_type", "client_credentials"),
            ("channel_id", SITE),
            ("usid", USID),
            ("dnt", text),
        ];
        assert_eq!(platform.single_request().await.form(), pairs(expected));
    }
}

#[tokio::test]
async fn a_public_client_gets_a_guest_by_pkce() {
    let platform = MockPlatform::public().await;
    serving_tokens(&platform, &Shopper::guest()).await;
    let response = platform.site.slas.guest(Some(&usid()), &context()).await;
    assert!(matches!(response, GuestResponse::Granted(_)), "{response:?}");
    let [authorize, token]: [Received; 2] = platform.requests().await.try_into().ok().unwrap();
    assert_eq!(authorize.line(), format!("GET {}", oauth("authorize")));
    assert_eq!(authorize.headers(), ["correlation-id"]);
    assert!(authorize.0.body.is_empty());
    let form = token.form();
    let verifier = &form["code_verifier"];
    assert!((43..=128).contains(&verifier.len()));
    assert_eq!(
        authorize.query(),
        pairs([
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("channel_id", SITE),
            ("hint", "guest"),
            ("usid", USID),
            ("code_challenge", &challenge_of(verifier)),
        ])
    );
    assert_eq!(token.line(), format!("POST {}", oauth("token")));
    assert_eq!(token.headers(), ["correlation-id"]);
    assert_eq!(form, code_exchange(verifier));
}

#[tokio::test]
async fn no_two_authorizations_have_the_same_challenge() {
    let platform = MockPlatform::public().await;
    serving_tokens(&platform, &Shopper::guest()).await;
    for _ in 0..2 {
        platform.site.slas.guest(None, &context()).await;
    }
    let sent = platform.requests().await;
    assert_ne!(sent[0].query()["code_challenge"], sent[2].query()["code_challenge"]);
}

#[tokio::test]
async fn a_private_client_refreshes_with_its_secret() {
    let platform = MockPlatform::private().await;
    serving_tokens(&platform, &Shopper::guest()).await;
    let response = platform.site.slas.refresh(&refresh_token(), None, &context()).await;
    assert!(matches!(response, RefreshResponse::Granted(_)), "{response:?}");
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("POST {}", oauth("token")));
    assert_eq!(sent.form(), refresh_form());
    assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
    assert_eq!(sent.basic(), format!("{CLIENT}:{SECRET}"));
}

#[tokio::test]
async fn a_public_client_refreshes_with_its_dw_session_as_header() {
    let platform = MockPlatform::public().await;
    serving_tokens(&platform, &Shopper::registered()).await;
    let dwsid = Dwsid::parse("abc==").unwrap();
    let response = platform.site.slas.refresh(&refresh_token(), Some(&dwsid), &context()).await;
    assert!(matches!(response, RefreshResponse::Granted(_)), "{response:?}");
    let sent = platform.single_request().await;
    assert_eq!(sent.form(), refresh_form());
    assert_eq!(sent.headers(), ["correlation-id", "sfdc_dwsid"]);
    assert_eq!(sent.header("sfdc_dwsid"), Some("abc=="));
}

fn refresh_form() -> BTreeMap<String, String> {
    pairs([
        ("grant_type", "refresh_token"),
        ("refresh_token", "Qx-refresh.Zp-1"),
        ("client_id", CLIENT),
        ("channel_id", SITE),
    ])
}

#[tokio::test]
async fn a_login_carries_shopper_and_client_credentials() {
    let platform = MockPlatform::private().await;
    serving_tokens(&platform, &Shopper::registered()).await;
    let response = platform.site.slas.login(&credentials(), Some(&usid()), &context()).await;
    assert!(matches!(response, LoginResponse::Granted(_)), "{response:?}");
    let [login, token]: [Received; 2] = platform.requests().await.try_into().ok().unwrap();
    assert_eq!(login.line(), format!("POST {}", oauth("login")));
    assert_eq!(login.headers(), ["authorization", "correlation-id", "x-slas-client-auth"]);
    // RFC 7617 with UTF-8, for a password with an umlaut.
    assert_eq!(login.basic(), "jo@example.com:Geheim!ß");
    assert_eq!(login.strict_client(), format!("{CLIENT}:{SECRET}"));
    let (login, exchange) = (login.form(), token.form());
    let verifier = &exchange["code_verifier"];
    assert_eq!(
        login,
        pairs([
            ("client_id", CLIENT),
            ("channel_id", SITE),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("usid", USID),
            ("code_challenge", &challenge_of(verifier)),
        ])
    );
    assert_eq!(token.headers(), ["authorization", "correlation-id"]);
    assert_eq!(token.basic(), format!("{CLIENT}:{SECRET}"));
    assert_eq!(exchange, code_exchange(verifier));
}

#[tokio::test]
async fn a_public_or_lax_client_sends_no_client_header_at_login() {
    let lax = Settings { site: "slas.strict_client_auth = false", ..Settings::default() };
    for platform in [MockPlatform::public().await, MockPlatform::new(lax).await] {
        serving_tokens(&platform, &Shopper::registered()).await;
        platform.site.slas.login(&credentials(), None, &context()).await;
        let login = &platform.requests().await[0];
        assert_eq!(login.headers(), ["authorization", "correlation-id"]);
        assert!(!login.form().contains_key("usid"));
    }
}

#[tokio::test]
async fn logout_is_a_get_with_the_refresh_token_in_the_query() {
    use LogoutScope::{AllDevices, ThisDevice};
    for (scope, hint) in [(ThisDevice, None), (AllDevices, Some(("hint", "all-sessions")))] {
        let platform = MockPlatform::private().await;
        // SLAS sends empty strings and the text "null".
        let empty = json!({"access_token": "", "usid": "null", "expires_in": 0, "dnt": "null"});
        platform.responds("GET", &oauth("logout"), support::json(200, &empty)).await;
        let access = AccessToken::parse("at.at.at").unwrap();
        let slas = &platform.site.slas;
        let response = slas.logout(&access, &refresh_token(), scope, &context()).await;
        assert_eq!(response, LogoutResponse::Revoked);
        let sent = platform.single_request().await;
        assert_eq!(sent.line(), format!("GET {}", oauth("logout")));
        assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
        assert_eq!(sent.header("authorization"), Some("Bearer at.at.at"));
        let always =
            [("client_id", CLIENT), ("channel_id", SITE), ("refresh_token", "Qx-refresh.Zp-1")];
        assert_eq!(sent.query(), pairs(always.into_iter().chain(hint)));
    }
}

#[tokio::test]
async fn a_private_client_bridges_a_dw_session_with_one_call() {
    for (kind, signature, login, proof) in [
        (CustomerType::Guest, None, "guest", ("dwsid", "dwsid-1==")),
        (CustomerType::Guest, Some("s.i.g"), "guest", ("dwsgst", "s.i.g")),
        (CustomerType::Registered, None, "jo@example.com", ("dwsid", "dwsid-1==")),
        (CustomerType::Registered, Some("s.i.g"), "jo@example.com", ("dwsrst", "s.i.g")),
    ] {
        let platform = MockPlatform::private().await;
        serving_tokens(&platform, &Shopper::guest()).await;
        let response = platform.site.slas.adopt(&adopt_call(kind, signature), &context()).await;
        assert!(matches!(response, AdoptResponse::Granted(_)), "{response:?}");
        let sent = platform.single_request().await;
        assert_eq!(sent.line(), format!("POST {}", oauth("session-bridge/token")));
        assert_eq!(sent.headers(), ["authorization", "correlation-id"]);
        assert_eq!(sent.basic(), format!("{CLIENT}:{SECRET}"));
        let expected = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("channel_id", SITE),
            ("login_id", login),
            proof,
        ];
        assert_eq!(sent.form(), pairs(expected));
    }
}

#[tokio::test]
async fn a_public_client_bridges_a_dw_session_by_pkce() {
    for (kind, hint, login) in [
        (CustomerType::Guest, "sb-guest", "guest"),
        (CustomerType::Registered, "sb-user", "jo@example.com"),
    ] {
        let platform = MockPlatform::public().await;
        serving_tokens(&platform, &Shopper::guest()).await;
        let response = platform.site.slas.adopt(&adopt_call(kind, None), &context()).await;
        assert!(matches!(response, AdoptResponse::Granted(_)), "{response:?}");
        let [authorize, token]: [Received; 2] = platform.requests().await.try_into().ok().unwrap();
        assert_eq!(authorize.query()["hint"], hint);
        assert!(!authorize.query().contains_key("usid"));
        assert_eq!(token.headers(), ["correlation-id"]);
        let form = token.form();
        let verifier = &form["code_verifier"];
        assert_eq!(authorize.query()["code_challenge"], challenge_of(verifier));
        let expected = [
            ("grant_type", "session_bridge"),
            ("code", "code-1"),
            ("code_verifier", verifier),
            ("client_id", CLIENT),
            ("channel_id", SITE),
            ("login_id", login),
            ("dwsid", "dwsid-1=="),
            ("usid", MOVED_USID),
        ];
        assert_eq!(form, pairs(expected));
    }
}

#[tokio::test]
async fn the_jwks_is_fetched_without_credentials() {
    let platform = MockPlatform::private().await;
    let key = support::SigningKey::new("k-1");
    platform
        .responds("GET", &oauth("jwks"), support::json(200, &json!({"keys": [key.jwk()]})))
        .await;
    assert_eq!(platform.site.slas.keys().await.unwrap().len(), 1);
    let sent = platform.single_request().await;
    assert_eq!(sent.line(), format!("GET {}", oauth("jwks")));
    assert_eq!((sent.headers(), sent.query()), (vec![], pairs::<&str, &str>([])));
}

#[tokio::test]
async fn a_token_response_is_parsed_into_a_grant() {
    let platform = MockPlatform::private().await;
    let body: Value = tokens(&Shopper::registered());
    let response = support::json(200, &body)
        .append_header("set-cookie", "dwsid=hybrid==; Path=/; HttpOnly; Secure; SameSite=None")
        .append_header("set-cookie", "dwanonymous_abc=x; Max-Age=15552000; Path=/");
    platform.responds("POST", &oauth("token"), response).await;
    let response = platform.site.slas.refresh(&refresh_token(), None, &context()).await;
    let RefreshResponse::Granted(grant) = response else { panic!("{response:?}") };
    assert_eq!(grant.access.expose(), body["access_token"]);
    let refresh = grant.refresh.unwrap();
    assert_eq!((refresh.token.expose(), refresh.expires_in), ("refresh-2", 2_592_000));
    assert_eq!(grant.claims.customer.kind, CustomerType::Registered);
    assert_eq!(grant.claims.customer.id.as_str(), "abRegistered");
    assert_eq!(grant.claims.usid.as_str(), USID);
    assert_eq!(grant.claims.login_id.as_deref(), Some("jo@example.com"));
    // A Hybrid Auth tenant sets the DW session on the token response.
    let dw = grant.dw.unwrap();
    assert_eq!((dw.dwsid.expose(), dw.companions.len()), ("hybrid==", 1));
}
