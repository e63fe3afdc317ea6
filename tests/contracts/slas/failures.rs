//! What goes wrong on the way: no answer, too much of one, a wish to be left alone.

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

const IMPATIENT: Settings = Settings {
    public_client: false,
    site: "",
    limits: "[upstream]\ntimeout_ms = 100\nrefresh_timeout_ms = 700\nbody_limit_bytes = 16384",
};

fn guest_tokens() -> ResponseTemplate {
    support::json(200, &tokens(&Shopper::guest()))
}

fn unavailable(retry_after: u32) -> UpstreamFailure {
    UpstreamFailure { cause: Cause::Unavailable, retry_after: Some(retry_after) }
}

fn throttled(retry_after: u32) -> UpstreamFailure {
    UpstreamFailure { cause: Cause::Throttled, retry_after: Some(retry_after) }
}

#[tokio::test]
async fn attack_77_a_redirect_is_an_answer_and_never_followed() {
    let evil = MockServer::start().await;
    Mock::given(any()).respond_with(status(200)).expect(0).mount(&evil).await;
    for code in [301, 302, 303, 307, 308] {
        let answer = || status(code).insert_header("location", format!("{}/take", evil.uri()));
        for platform in [MockPlatform::private().await, MockPlatform::public().await] {
            for (verb, at) in
                [("POST", "token"), ("POST", "login"), ("GET", "authorize"), ("GET", "jwks")]
            {
                platform.responds(verb, &oauth(at), answer()).await;
            }
            let slas = &platform.site.slas;
            let refreshed = slas.refresh(&refresh_token(), None, &context()).await;
            assert!(matches!(refreshed, RefreshResponse::Unavailable(_)), "{refreshed:?}");
            let guest = slas.guest(None, &context()).await;
            assert!(matches!(guest, GuestResponse::Unavailable(_)), "{guest:?}");
            let signed_in = slas.login(&credentials(), None, &context()).await;
            assert!(matches!(signed_in, LoginResponse::Unavailable(_)), "{signed_in:?}");
            assert!(slas.keys().await.is_none());
        }
    }
}

#[tokio::test]
async fn fault_9_a_conflict_is_tried_once_more_after_a_second() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), guest_tokens()).await;
    platform.responds_once("POST", &oauth("token"), status(409)).await;
    let (answer, took) = timed(platform.site.slas.guest(None, &context())).await;
    assert!(matches!(answer, GuestResponse::Granted(_)), "{answer:?}");
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert_eq!(platform.requests().await.len(), 2);
}

#[tokio::test]
async fn fault_9_a_conflict_that_lasts_is_not_a_storm() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), status(409)).await;
    platform.responds("POST", &oauth("login"), status(409)).await;
    let slas = &platform.site.slas;
    let (context, credentials) = (context(), credentials());
    let (guest, signed_in) =
        tokio::join!(slas.guest(None, &context), slas.login(&credentials, None, &context));
    assert_eq!(guest, GuestResponse::Unavailable(throttled(2)));
    assert_eq!(signed_in, LoginResponse::Conflict);
    assert_eq!(platform.requests().await.len(), 4);
}

#[tokio::test]
async fn fault_6_a_refresh_is_never_sent_twice() {
    let public = Settings { public_client: true, ..Settings::default() };
    for settings in [public, Settings::default()] {
        for answer in [status(409), status(500), status(503), html(502), status(429)] {
            let platform = MockPlatform::new(settings.clone()).await;
            platform.responds("POST", &oauth("token"), answer).await;
            let answer = platform.site.slas.refresh(&refresh_token(), None, &context()).await;
            assert!(matches!(answer, RefreshResponse::Unavailable(_)), "{answer:?}");
            assert_eq!(platform.requests().await.len(), 1);
        }
        let peer = MisbehavingUpstream::start(Behavior::Resets).await;
        let site = support::site(&settings, &peer.url(), &Clock::system());
        let answer = site.slas.refresh(&refresh_token(), None, &context()).await;
        assert_eq!(answer, RefreshResponse::Unavailable(unavailable(5)));
        assert_eq!(peer.calls(), 1, "a token that was sent may be spent");
    }
}

#[tokio::test]
async fn a_call_that_found_no_connection_is_made_once_more() {
    // A port that nobody listens on: bound, and let go.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let site = support::site(&Settings::default(), &url, &Clock::system());
    let answer = site.slas.refresh(&refresh_token(), None, &context()).await;
    assert_eq!(answer, RefreshResponse::Unavailable(unavailable(5)));
    let metrics = site.metrics.text();
    let line = "tandem_upstream_calls_total{upstream=\"slas\",operation=\"refresh\",\
                outcome=\"connect_failed\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn fault_4_a_call_has_a_deadline() {
    let platform = MockPlatform::new(IMPATIENT).await;
    let late = guest_tokens().set_delay(Duration::from_secs(30));
    platform.responds("POST", &oauth("token"), late).await;
    let (answer, took) = timed(platform.site.slas.guest(None, &context())).await;
    assert_eq!(answer, GuestResponse::Unavailable(unavailable(5)));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn fault_5_a_refresh_may_take_longer_than_other_calls_but_not_for_ever() {
    let platform = MockPlatform::new(IMPATIENT).await;
    platform
        .responds("POST", &oauth("token"), guest_tokens().set_delay(Duration::from_secs(30)))
        .await;
    let late = guest_tokens().set_delay(Duration::from_millis(300));
    platform.responds_once("POST", &oauth("token"), late).await;
    let slas = &platform.site.slas;
    let first = slas.refresh(&refresh_token(), None, &context()).await;
    assert!(matches!(first, RefreshResponse::Granted(_)), "{first:?}");
    let (second, took) = timed(slas.refresh(&refresh_token(), None, &context())).await;
    assert_eq!(second, RefreshResponse::Unavailable(unavailable(5)));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn fault_11_an_answer_without_end_is_cut_off_at_the_limit() {
    let body = "x".repeat(20_000);
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 10_000_000_000_u64);
    let chunk = format!("{:x}\r\n{body}\r\n", body.len()).into_bytes();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let unbounded = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    for manner in [
        Behavior::Sends(announced.into_bytes()),
        Behavior::Repeats { head: chunked, piece: chunk },
        Behavior::Repeats { head: unbounded, piece: body.into_bytes() },
    ] {
        let peer = MisbehavingUpstream::start(manner).await;
        // The deadline is far away: it is the length that ends this.
        let limits = "[upstream]\nbody_limit_bytes = 16384\nrefresh_timeout_ms = 60000";
        let settings = Settings { limits, ..Settings::default() };
        let site = support::site(&settings, &peer.url(), &Clock::system());
        let (answer, took) = timed(site.slas.refresh(&refresh_token(), None, &context())).await;
        assert_eq!(answer, RefreshResponse::Unavailable(unavailable(5)));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(site.metrics.text().contains("outcome=\"response_too_large\"} 1"));
    }
}

#[tokio::test]
async fn fault_33_an_answer_that_breaks_off_is_no_answer() {
    for octets in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"acc\r\n",
        b"HTTP/1.1 200",
        b"not http at all\r\n\r\n",
        b"",
    ] {
        let peer = MisbehavingUpstream::start(Behavior::Sends(octets.to_vec())).await;
        let site = support::site(&Settings::default(), &peer.url(), &Clock::system());
        let answer = site.slas.refresh(&refresh_token(), None, &context()).await;
        assert_eq!(answer, RefreshResponse::Unavailable(unavailable(5)), "{octets:?}");
        assert_eq!(peer.calls(), 1);
    }
}

#[tokio::test]
async fn fault_8_a_throttled_tenant_is_left_alone_for_as_long_as_it_wishes() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), guest_tokens()).await;
    platform
        .responds_once("POST", &oauth("token"), status(429).insert_header("retry-after", "20"))
        .await;
    let slas = &platform.site.slas;
    let first = slas.guest(None, &context()).await;
    assert_eq!(first, GuestResponse::Unavailable(throttled(20)));
    platform.clock.advance(Duration::from_secs(18));
    let resting = slas.guest(None, &context()).await;
    assert!(
        matches!(resting, GuestResponse::Unavailable(trouble) if trouble.retry_after <= Some(2))
    );
    assert_eq!(platform.requests().await.len(), 1, "nothing was sent while it rests");
    platform.clock.advance(Duration::from_secs(2));
    let last = slas.guest(None, &context()).await;
    assert!(matches!(last, GuestResponse::Granted(_)), "{last:?}");
}

#[tokio::test]
async fn fault_8_a_throttled_refresh_token_does_not_shut_the_tenant() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("token"), guest_tokens()).await;
    platform
        .responds_once("POST", &oauth("token"), status(429).insert_header("retry-after", "20"))
        .await;
    let slas = &platform.site.slas;
    let first = slas.refresh(&refresh_token(), None, &context()).await;
    assert_eq!(first, RefreshResponse::Unavailable(throttled(20)));
    let other = RefreshToken::parse("another").unwrap();
    let second = slas.refresh(&other, None, &context()).await;
    assert!(matches!(second, RefreshResponse::Granted(_)), "{second:?}");
    let guest = slas.guest(None, &context()).await;
    assert!(matches!(guest, GuestResponse::Granted(_)), "{guest:?}");
}

#[tokio::test]
async fn a_retry_after_that_is_missing_or_no_number_of_seconds_is_five() {
    for wish in [None, Some("soon"), Some("-1"), Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some("")] {
        let platform = MockPlatform::private().await;
        let answer = wish
            .iter()
            .fold(status(429), |answer, wish| answer.insert_header("retry-after", *wish));
        platform.responds("POST", &oauth("token"), answer).await;
        let answer = platform.site.slas.guest(None, &context()).await;
        assert_eq!(answer, GuestResponse::Unavailable(throttled(5)), "{wish:?}");
    }
}

#[tokio::test]
async fn fault_10_a_row_of_failures_rests_the_tenant_and_one_call_probes() {
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
    let answer = slas.guest(None, &context()).await;
    assert!(matches!(answer, GuestResponse::Granted(_)), "{answer:?}");
}

#[tokio::test]
async fn refusals_do_not_rest_the_tenant() {
    let platform = MockPlatform::private().await;
    platform.responds("POST", &oauth("login"), status(401)).await;
    for _ in 0..20 {
        let answer = platform.site.slas.login(&credentials(), None, &context()).await;
        assert_eq!(answer, LoginResponse::BadCredentials);
    }
    assert_eq!(platform.requests().await.len(), 20);
}

#[tokio::test]
async fn a_busy_token_endpoint_does_not_shut_out_the_keys() {
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
async fn the_code_of_a_redirect_to_anywhere_is_read_and_nothing_else() {
    for location in [
        "https://shop.test/callback?code=code-1",
        "/callback?code=code-1&usid=",
        "?code=code-1&state=x&scope=openid%20offline_access",
        "com.example.app://callback?code=code-1",
    ] {
        let platform = MockPlatform::public().await;
        platform.responds("GET", &oauth("authorize"), redirect(location)).await;
        platform.responds("POST", &oauth("token"), guest_tokens()).await;
        let answer = platform.site.slas.guest(None, &context()).await;
        assert!(matches!(answer, GuestResponse::Granted(_)), "{location} {answer:?}");
        let form = platform.requests().await[1].form();
        assert_eq!(form["code"], "code-1");
        assert!(!form.contains_key("usid") && !form.contains_key("state"), "{form:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "real time is what the deadline is about")]
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let done = work.await;
    (done, started.elapsed())
}
