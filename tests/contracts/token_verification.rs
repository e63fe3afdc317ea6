//! Access tokens that came from outside: which are a session here, and how often keys are fetched.

use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tandem::ids::AccessToken;
use tandem::model::CustomerType;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::slas::oauth;
use crate::support::{self, MockPlatform, Shopper, SigningKey, base64url, html, status, unsigned};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A tenant that publishes these keys.
async fn publishing(keys: &[&SigningKey]) -> MockPlatform {
    let platform = MockPlatform::private().await;
    publish(&platform, keys).await;
    platform
}

async fn publish(platform: &MockPlatform, keys: &[&SigningKey]) {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    platform.server.reset().await;
    platform.responds("GET", &oauth("jwks"), support::json(200, &json!({"keys": keys}))).await;
}

async fn is_session(platform: &MockPlatform, token: &str) -> bool {
    let Some(token) = AccessToken::parse(token) else { return false };
    platform.site.verifier.verify(&token, None).await.is_some()
}

async fn fetches(platform: &MockPlatform) -> usize {
    platform.requests().await.len()
}

/// Another token of the same guest.
fn token(key: &SigningKey, jti: usize) -> String {
    key.sign(&Shopper { jti: jti.to_string(), ..Shopper::guest() })
}

#[tokio::test]
async fn keys_without_alg_verify_tokens_and_are_fetched_once() {
    let (past, current) = (SigningKey::new("k-1"), SigningKey::new("k-2"));
    let platform = publishing(&[&past, &current]).await;
    for jti in 0..20 {
        assert!(is_session(&platform, &token(&current, jti)).await);
        assert!(is_session(&platform, &token(&past, jti)).await);
    }
    assert_eq!(fetches(&platform).await, 1);
    platform.clock.advance(DAY / 2);
    assert!(is_session(&platform, &token(&current, 20)).await);
    assert_eq!(fetches(&platform).await, 1);
    platform.clock.advance(DAY / 2);
    assert!(is_session(&platform, &token(&current, 21)).await);
    assert_eq!(fetches(&platform).await, 2, "fetched anew after a day");
}

#[tokio::test]
async fn two_hundred_tokens_at_once_fetch_the_keys_once() {
    let key = SigningKey::new("k-1");
    let platform = publishing(&[&key]).await;
    let tokens: Vec<String> = (0..200).map(|jti| token(&key, jti)).collect();
    let all = tokens.iter().map(|token| is_session(&platform, token));
    let genuine = futures_util::future::join_all(all).await;
    assert!(genuine.into_iter().all(|genuine| genuine));
    assert_eq!(fetches(&platform).await, 1);
}

#[tokio::test]
async fn attack_17_a_thousand_unknown_kids_cost_at_most_one_fetch_a_minute() {
    let key = SigningKey::new("k-1");
    let platform = publishing(&[&key]).await;
    for minute in 1..=3 {
        for number in 0..1000 {
            let header = json!({"typ": "jwt", "alg": "ES256", "kid": format!("random-{number}")});
            let forged = unsigned(&header, &json!({})) + ".c2ln";
            assert!(!is_session(&platform, &forged).await);
        }
        assert_eq!(fetches(&platform).await, minute);
        assert!(is_session(&platform, &token(&key, minute)).await, "genuine ones go on");
        platform.clock.advance(MINUTE);
    }
}

#[tokio::test]
async fn fault_49_a_rotated_key_costs_one_fetch() {
    let (old, new) = (SigningKey::new("k-1"), SigningKey::new("k-2"));
    let platform = publishing(&[&old]).await;
    assert!(is_session(&platform, &token(&old, 1)).await);
    publish(&platform, &[&old, &new]).await;
    platform.clock.advance(MINUTE);
    for jti in 0..10 {
        assert!(is_session(&platform, &token(&new, jti)).await);
        assert!(is_session(&platform, &token(&old, jti)).await);
    }
    assert_eq!(fetches(&platform).await, 1, "since the rotation");
}

#[tokio::test]
async fn fault_48_keys_that_cannot_be_fetched_anew_go_on_counting_for_a_fortnight() {
    let key = SigningKey::new("k-1");
    for broken in [status(503), html(200), support::json(200, &json!({"keys": []})), status(429)] {
        let platform = publishing(&[&key]).await;
        assert!(is_session(&platform, &token(&key, 1)).await);
        platform.server.reset().await;
        platform.responds("GET", &oauth("jwks"), broken).await;
        platform.clock.advance(DAY);
        for jti in 2..10 {
            assert!(is_session(&platform, &token(&key, jti)).await);
        }
        let unknown = SigningKey::new("k-2");
        assert!(!is_session(&platform, &token(&unknown, 1)).await);
        assert_eq!(fetches(&platform).await, 1, "one try a minute");
        platform.clock.advance(13 * DAY);
        assert!(!is_session(&platform, &token(&key, 10)).await);
    }
}

#[tokio::test]
async fn a_tenant_without_keys_yet_is_asked_again_after_a_minute() {
    let key = SigningKey::new("k-1");
    let platform = MockPlatform::private().await;
    platform.responds("GET", &oauth("jwks"), status(503)).await;
    for jti in 0..10 {
        assert!(!is_session(&platform, &token(&key, jti)).await);
    }
    assert_eq!(fetches(&platform).await, 1);
    publish(&platform, &[&key]).await;
    platform.clock.advance(MINUTE);
    assert!(is_session(&platform, &token(&key, 1)).await);
}

#[tokio::test]
async fn attack_16_a_forged_token_is_no_session_and_makes_nobody_fetch() {
    let key = SigningKey::new("k-1");
    let evil = SigningKey::new("k-1");
    let trap = MockServer::start().await;
    let document = support::json(200, &json!({"keys": [evil.jwk()]}));
    Mock::given(any()).respond_with(document).expect(0).mount(&trap).await;
    let platform = publishing(&[&key]).await;
    assert!(is_session(&platform, &token(&key, 1)).await);
    let guest = Shopper::guest();
    let header = |alg: &str| json!({"typ": "jwt", "alg": alg, "kid": "k-1"});
    let jku =
        json!({"typ": "jwt", "alg": "ES256", "kid": "k-1", "jku": trap.uri(), "x5u": trap.uri()});
    let inline = json!({"typ": "jwt", "alg": "ES256", "kid": "k-1", "jwk": evil.jwk()});
    let genuine = token(&key, 2);
    let (head, signature) = genuine.rsplit_once('.').unwrap();
    let (first, _) = head.split_once('.').unwrap();
    let other_payload = base64url(Shopper::registered().payload().to_string());
    for (name, forged) in [
        ("alg none, unsigned", unsigned(&header("none"), &guest.payload()) + "."),
        ("alg none, signed", key.sign_under(&header("none"), &guest)),
        ("alg NONE", key.sign_under(&header("NONE"), &guest)),
        ("HS256 with the public key", hs256(&header("HS256"), &guest, key.public())),
        (
            "HS256 with the key's JWK",
            hs256(&header("HS256"), &guest, key.jwk().to_string().as_bytes()),
        ),
        ("RS256", key.sign_under(&header("RS256"), &guest)),
        ("ES384", key.sign_under(&header("ES384"), &guest)),
        ("no alg", key.sign_under(&json!({"kid": "k-1"}), &guest)),
        ("no kid", key.sign_under(&json!({"alg": "ES256"}), &guest)),
        (
            "kid is a path",
            key.sign_under(&json!({"alg": "ES256", "kid": "../../etc/passwd"}), &guest),
        ),
        ("kid is empty", key.sign_under(&json!({"alg": "ES256", "kid": ""}), &guest)),
        ("kid is a number", key.sign_under(&json!({"alg": "ES256", "kid": 1}), &guest)),
        ("another key of that name", evil.sign(&guest)),
        ("jku and x5u", evil.sign_under(&jku, &guest)),
        ("jwk in the header", evil.sign_under(&inline, &guest)),
        ("another payload", format!("{first}.{other_payload}.{signature}")),
        ("no signature", format!("{head}.")),
        ("two parts", head.to_owned()),
        ("four parts", format!("{genuine}.x")),
        ("not a token", "x".to_owned()),
        ("64 kB", "x".repeat(65_536)),
        ("64 kB of a token", key.sign(&Shopper { jti: "j".repeat(65_536), ..Shopper::guest() })),
    ] {
        assert!(!is_session(&platform, &forged).await, "{name}");
    }
    platform.clock.advance(2 * MINUTE);
    assert!(!is_session(&platform, &evil.sign_under(&jku, &guest)).await);
    assert_eq!(fetches(&platform).await, 1, "the first one, for the genuine token");
}

fn hs256(header: &Value, shopper: &Shopper, secret: &[u8]) -> String {
    let message = unsigned(header, &shopper.payload());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", base64url(signature.as_ref()))
}

#[tokio::test]
async fn attack_16_a_genuine_token_of_another_tenant_client_or_site_is_no_session() {
    let key = SigningKey::new("k-1");
    let platform = publishing(&[&key]).await;
    assert!(is_session(&platform, &key.sign(&Shopper::guest())).await);
    for foreign in [
        Shopper { tenant: "aaaa_001", ..Shopper::guest() },
        Shopper { tenant: "zzte_05", ..Shopper::guest() },
        Shopper { client: "another-client", ..Shopper::guest() },
        Shopper { client: "", ..Shopper::guest() },
        Shopper { channel: "Other", ..Shopper::guest() },
        Shopper { channel: "refarch", ..Shopper::registered() },
    ] {
        assert!(!is_session(&platform, &key.sign(&foreign)).await, "{:?}", foreign.payload());
    }
}

#[tokio::test]
async fn an_expired_but_genuine_token_still_says_who_it_was() {
    let key = SigningKey::new("k-1");
    let platform = publishing(&[&key]).await;
    let expired = Shopper { life: -86_400, ..Shopper::registered() };
    let token = AccessToken::parse(&key.sign(&expired)).unwrap();
    let claims = platform.site.verifier.verify(&token, None).await.unwrap();
    assert_eq!(claims.customer.kind, CustomerType::Registered);
    assert!(claims.expires_at < platform.clock.now());
}

#[tokio::test]
async fn a_token_that_our_seal_vouches_for_needs_no_key_but_must_still_be_ours() {
    let platform = MockPlatform::private().await;
    let vouched = |shopper: Shopper| AccessToken::parse(&shopper.token()).unwrap();
    let verifier = &platform.site.verifier;
    let ours = vouched(Shopper::guest());
    assert!(verifier.verify(&ours, Some(ours.tag())).await.is_some());
    let foreign = vouched(Shopper { client: "another", ..Shopper::guest() });
    assert!(verifier.verify(&foreign, Some(foreign.tag())).await.is_none());
    assert_eq!(fetches(&platform).await, 0);
    let other = vouched(Shopper { jti: "2".to_owned(), ..Shopper::guest() });
    assert!(verifier.verify(&other, Some(ours.tag())).await.is_none(), "the seal is for another");
}

#[tokio::test]
async fn attack_17_a_client_that_hangs_up_does_not_take_the_fetch_of_this_minute_with_it() {
    let key = SigningKey::new("k-1");
    let platform = publishing(&[&key]).await;
    let hurried = token(&key, 1);
    // Polled once and dropped, as by a connection that is gone.
    let asked = tokio::time::timeout(Duration::ZERO, is_session(&platform, &hurried)).await;
    assert!(asked.is_err());
    assert!(is_session(&platform, &token(&key, 2)).await);
    assert_eq!(fetches(&platform).await, 1);
}
