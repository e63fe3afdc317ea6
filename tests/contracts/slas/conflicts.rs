//! SLAS is busy with the same login, and takes no PKCE challenge a second time.

use tandem::upstream::slas::{CallCredentials, PassthroughBody, PassthroughCall};

use super::{credentials, oauth};
use testkit::REDIRECT_URI;

use crate::support::{MockPlatform, Settings, USID, context, redirect, status};

/// RFC 7636 section 4.1: a verifier for each authorization request. SLAS refuses one it has seen.
#[tokio::test]
async fn kind_21_after_a_conflict_the_next_try_has_another_challenge() {
    for public in [false, true] {
        let settings = Settings { public_client: public, ..Settings::default() };
        let platform = MockPlatform::new(settings).await;
        let code = || redirect(&format!("{REDIRECT_URI}?code=c&usid={USID}"));
        for (verb, at) in [("POST", "login"), ("GET", "authorize")] {
            platform.responds(verb, &oauth(at), code()).await;
            platform.responds_once(verb, &oauth(at), status(409)).await;
        }
        platform.responds("POST", &oauth("token"), status(400)).await;
        let slas = &platform.site.slas;
        slas.login(&credentials(), None, &context()).await;
        if public {
            slas.guest(None, &context()).await;
        }
        let sent = platform.requests().await;
        for calls in sent.chunks(3) {
            let challenge = |at: usize| {
                let said = if calls[at].line().starts_with("GET") {
                    calls[at].query()
                } else {
                    calls[at].form()
                };
                said["code_challenge"].clone()
            };
            assert_ne!(challenge(0), challenge(1));
            let verifier = &calls[2].form()["code_verifier"];
            assert_eq!(challenge_of(verifier), challenge(1), "the code is that of the second try");
        }
        assert_eq!(sent.len(), if public { 6 } else { 3 });
    }
}

fn challenge_of(verifier: &str) -> String {
    use base64::Engine as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

#[tokio::test]
async fn kind_21_a_heads_own_challenge_is_not_sent_twice() {
    let platform = MockPlatform::private().await;
    let form = |name: &str| vec![(name.to_owned(), "x".to_owned())];
    for (path, pairs, calls) in [
        ("login", form("code_challenge"), 1),
        ("password/reset", form("code_challenge"), 1),
        ("token", form("code_verifier"), 2),
    ] {
        platform.responds("POST", &oauth(path), status(409)).await;
        let before = platform.requests().await.len();
        let relay = PassthroughCall {
            name: "token",
            method: http::Method::POST,
            path,
            query: &[],
            body: PassthroughBody::Form(&pairs),
            credentials: CallCredentials::Client,
            private: true,
        };
        assert_eq!(platform.site.slas.pass_through(&relay, &context()).await.unwrap().status, 409);
        assert_eq!(platform.requests().await.len() - before, calls, "{path}");
    }
}
