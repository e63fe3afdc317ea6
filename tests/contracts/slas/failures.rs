//! Failures of a call: no response, an oversized one, throttling.

use std::time::{Duration, Instant};

use tandem::clock::Clock;
use tandem::flow::{Cause, GuestResponse, LoginResponse, RefreshResponse, UpstreamFailure};
use tandem::ids::RefreshToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{credentials, oauth, refresh_token};
use crate::support::{
    self, Behavior, MisbehavingUpstream, MockPlatform, Settings, Shopper, context, html, redirect,
    status, tokens,
};

const SHORT_TIMEOUTS: Settings = Settings {
    public_client: false,
    site: "",
    limits: "[upstream]\ntimeout_ms = 100\nrefresh_timeout_ms = 700\nbody_limit_bytes = 16384",
};

fn guest_tokens() -> ResponseTemplate {
    support::json(200, &tokens(&Shopper::guest()))
}

/// A platform that throttles the first call of the token endpoint for twenty seconds.
async fn throttled_once() -> MockPlatform {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), guest_tokens()).await;
    let throttled = status(429).insert_header("retry-after", "20");
    platform.responds_once("POST", &oauth("token"), throttled).await;
    platform
}

fn unavailable(retry_after: u32) -> UpstreamFailure {
    UpstreamFailure { cause: Cause::Unavailable, retry_after: Some(retry_after) }
}

fn throttled(retry_after: u32) -> UpstreamFailure {
    UpstreamFailure { cause: Cause::Throttled, retry_after: Some(retry_after) }
}

#[tokio::test]
async fn attack_77_a_redirect_of_slas_is_not_followed() {
    let evil = MockServer::start().await;
    Mock::given(any()).respond_with(status(200)).expect(0).mount(&evil).await;
    for code in [301, 302, 303, 307, 308] {
        let response = || status(code).insert_header("location", format!("{}/take", evil.uri()));
        for platform in [MockPlatform::private().await, MockPlatform::public().await] {
            for (verb, at) in
                [("POST", "token"), ("POST", "login"), ("GET", "authorize"), ("GET", "jwks")]
            {
                platform.responds(verb, &oauth(at), response()).await;
            }
            let slas = &platform.site.slas;
            let refreshed = slas.refresh(&refresh_token(), None, &context()).await;
            assert!(matches!(refreshed, RefreshResponse::Failed(_)), "{refreshed:?}");
            let guest = slas.guest(None, &context()).await;
            assert!(matches!(guest, GuestResponse::Failed(_)), "{guest:?}");
            let login = slas.login(&credentials(), None, &context()).await;
            assert!(matches!(login, LoginResponse::Failed(_)), "{login:?}");
            assert!(slas.keys().await.is_none());
        }
    }
}

#[tokio::test]
async fn fault_9_a_conflict_is_retried_once_after_a_second() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), guest_tokens()).await;
    platform.responds_once("POST", &oauth("token"), status(409)).await;
    let (response, took) = timed(platform.site.slas.guest(None, &context())).await;
    assert!(matches!(response, GuestResponse::Granted(_)), "{response:?}");
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert_eq!(platform.requests().await.len(), 2);
}

#[tokio::test]
async fn fault_9_a_lasting_conflict_is_retried_only_once() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), status(409)).await;
    platform.responds("POST", &oauth("login"), status(409)).await;
    let slas = &platform.site.slas;
    let (context, credentials) = (context(), credentials());
    let (guest, login) =
        tokio::join!(slas.guest(None, &context), slas.login(&credentials, None, &context));
    assert_eq!(guest, GuestResponse::Failed(throttled(2)));
    assert_eq!(login, LoginResponse::Conflict);
    assert_eq!(platform.requests().await.len(), 4);
}

#[tokio::test]
async fn fault_6_a_refresh_is_never_sent_twice() {
    let public = Settings { public_client: true, ..Settings::default() };
    for settings in [public, Settings::default()] {
        for response in [status(409), status(500), status(503), html(502), status(429)] {
            let platform = MockPlatform::new(settings.clone()).await;
            platform.responds("POST", &oauth("token"), response).await;
            let response = platform.site.slas.refresh(&refresh_token(), None, &context()).await;
            assert!(matches!(response, RefreshResponse::Failed(_)), "{response:?}");
            assert_eq!(platform.requests().await.len(), 1);
        }
        let peer = MisbehavingUpstream::start(Behavior::Resets).await;
        let site = support::site(&settings, &peer.url(), &Clock::system());
        let response = site.slas.refresh(&refresh_token(), None, &context()).await;
        assert_eq!(response, RefreshResponse::Failed(unavailable(5)));
        assert_eq!(peer.calls(), 1, "a token that was sent may be spent");
    }
}

#[tokio::test]
async fn a_refused_connection_is_retried_once() {
    // A port without a listener: bound and released.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let site = support::site(&Settings::default(), &url, &Clock::system());
    let response = site.slas.refresh(&refresh_token(), None, &context()).await;
    assert_eq!(response, RefreshResponse::Failed(unavailable(5)));
    let metrics = site.metrics.text();
    let line = "tandem_upstream_calls_total{upstream=\"slas\",operation=\"refresh\",\
                outcome=\"connect_failed\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn fault_4_a_call_has_a_deadline() {
    let platform = MockPlatform::new(SHORT_TIMEOUTS).await;
    let late = guest_tokens().set_delay(Duration::from_secs(30));
    platform.responds("POST", &oauth("token"), late).await;
    let (response, took) = timed(platform.site.slas.guest(None, &context())).await;
    assert_eq!(response, GuestResponse::Failed(unavailable(5)));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn fault_5_a_refresh_has_a_longer_deadline_than_other_calls() {
    let platform = MockPlatform::new(SHORT_TIMEOUTS).await;
    platform
        .responds("POST", &oauth("token"), guest_tokens().set_delay(Duration::from_secs(30)))
        .await;
    let late = guest_tokens().set_delay(Duration::from_millis(300));
    platform.responds_once("POST", &oauth("token"), late).await;
    let slas = &platform.site.slas;
    let first = slas.refresh(&refresh_token(), None, &context()).await;
    assert!(matches!(first, RefreshResponse::Granted(_)), "{first:?}");
    let (second, took) = timed(slas.refresh(&refresh_token(), None, &context())).await;
    assert_eq!(second, RefreshResponse::Failed(unavailable(5)));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn fault_11_an_endless_response_is_cut_off_at_the_limit() {
    let body = "x".repeat(20_000);
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 10_000_000_000_u64);
    let chunk = format!("{:x}\r\n{body}\r\n", body.len()).into_bytes();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let unbounded = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    for behavior in [
        Behavior::Sends(announced.into_bytes()),
        Behavior::Repeats { head: chunked, piece: chunk },
        Behavior::Repeats { head: unbounded, piece: body.into_bytes() },
    ] {
        let peer = MisbehavingUpstream::start(behavior).await;
        // The deadline is far away: the length limit ends the call.
        let limits = "[upstream]\nbody_limit_bytes = 16384\nrefresh_timeout_ms = 60000";
        let settings = Settings { limits, ..Settings::default() };
        let site = support::site(&settings, &peer.url(), &Clock::system());
        let (response, took) = timed(site.slas.refresh(&refresh_token(), None, &context())).await;
        assert_eq!(response, RefreshResponse::Failed(unavailable(5)));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(site.metrics.text().contains("outcome=\"response_too_large\"} 1"));
    }
}

#[tokio::test]
async fn fault_33_a_truncated_response_is_a_failure() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"acc\r\n",
        b"HTTP/1.1 200",
        b"not http at all\r\n\r\n",
        b"",
    ] {
        let peer = MisbehavingUpstream::start(Behavior::Sends(bytes.to_vec())).await;
        let site = support::site(&Settings::default(), &peer.url(), &Clock::system());
        let response = site.slas.refresh(&refresh_token(), None, &context()).await;
        assert_eq!(response, RefreshResponse::Failed(unavailable(5)), "{bytes:?}");
        assert_eq!(peer.calls(), 1);
    }
}

#[tokio::test]
async fn fault_8_no_call_is_sent_before_retry_after_has_passed() {
    let platform = throttled_once().await;
    let slas = &platform.site.slas;
    let first = slas.guest(None, &context()).await;
    assert_eq!(first, GuestResponse::Failed(throttled(20)));
    platform.clock.advance(Duration::from_secs(18));
    let early = slas.guest(None, &context()).await;
    assert!(matches!(early, GuestResponse::Failed(failure) if failure.retry_after <= Some(2)));
    assert_eq!(platform.requests().await.len(), 1, "no call before Retry-After has passed");
    platform.clock.advance(Duration::from_secs(2));
    let last = slas.guest(None, &context()).await;
    assert!(matches!(last, GuestResponse::Granted(_)), "{last:?}");
}

#[tokio::test]
async fn fault_8_a_throttled_refresh_token_does_not_block_others() {
    let platform = throttled_once().await;
    let slas = &platform.site.slas;
    let first = slas.refresh(&refresh_token(), None, &context()).await;
    assert_eq!(first, RefreshResponse::Failed(throttled(20)));
    let other = RefreshToken::parse("another").unwrap();
    let second = slas.refresh(&other, None, &context()).await;
    assert!(matches!(second, RefreshResponse::Granted(_)), "{second:?}");
    let guest = slas.guest(None, &context()).await;
    assert!(matches!(guest, GuestResponse::Granted(_)), "{guest:?}");
}

#[tokio::test]
async fn a_missing_or_invalid_retry_after_counts_as_five_seconds() {
    for value in [None, Some("soon"), Some("-1"), Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some("")] {
        let platform = MockPlatform::private().await;
        let response = value
            .iter()
            .fold(status(429), |response, value| response.insert_header("retry-after", *value));
        platform.responds("POST", &oauth("token"), response).await;
        let response = platform.site.slas.guest(None, &context()).await;
        assert_eq!(response, GuestResponse::Failed(throttled(5)), "{value:?}");
    }
}

#[tokio::test]
async fn fault_10_failures_open_the_breaker_and_one_call_tries_again() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), status(503)).await;
    let slas = &platform.site.slas;
    for _ in 0..20 {
        slas.guest(None, &context()).await;
    }
    assert_eq!(platform.requests().await.len(), 5);
    platform.clock.advance(Duration::from_secs(5));
    for _ in 0..20 {
        slas.guest(None, &context()).await;
    }
    assert_eq!(platform.requests().await.len(), 6, "one probe");
    platform.server.reset().await;
    platform.responds("POST", &oauth("token"), guest_tokens()).await;
    platform.clock.advance(Duration::from_secs(5));
    let response = slas.guest(None, &context()).await;
    assert!(matches!(response, GuestResponse::Granted(_)), "{response:?}");
}

#[tokio::test]
async fn refused_logins_do_not_open_the_breaker() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("login"), status(401)).await;
    for _ in 0..20 {
        let response = platform.site.slas.login(&credentials(), None, &context()).await;
        assert_eq!(response, LoginResponse::BadCredentials);
    }
    assert_eq!(platform.requests().await.len(), 20);
}

#[tokio::test]
async fn a_throttled_token_endpoint_does_not_block_the_jwks() {
    let platform = MockPlatform::private().await;
    platform
        .responds("POST", &oauth("token"), status(429).insert_header("retry-after", "60"))
        .await;
    let key = support::SigningKey::new("k-1");
    let document = serde_json::json!({"keys": [key.jwk()]});
    platform.responds("GET", &oauth("jwks"), support::json(200, &document)).await;
    platform.site.slas.guest(None, &context()).await;
    let token = key.sign(&Shopper::guest());
    let token = tandem::ids::AccessToken::parse(&token).unwrap();
    assert!(platform.site.verifier.verify(&token, None).await.is_some());
}

#[tokio::test]
async fn the_code_of_a_redirect_is_read_from_any_location() {
    for location in [
        "https://shop.test/callback?code=code-1",
        "/callback?code=code-1&usid=",
        "?code=code-1&state=x&scope=openid%20offline_access",
        "com.example.app://callback?code=code-1",
    ] {
        let platform = MockPlatform::public().await;
        platform.responds("GET", &oauth("authorize"), redirect(location)).await;
        platform.responds("POST", &oauth("token"), guest_tokens()).await;
        let response = platform.site.slas.guest(None, &context()).await;
        assert!(matches!(response, GuestResponse::Granted(_)), "{location} {response:?}");
        let form = platform.requests().await[1].form();
        assert_eq!(form["code"], "code-1");
        assert!(!form.contains_key("usid") && !form.contains_key("state"), "{form:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the deadline counts real time")]
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let done = work.await;
    (done, started.elapsed())
}
