//! A refresh token that SLAS rejects: in which words that ends the shopper's session.

use serde_json::json;
use tandem_sandbox::{Fault, Operation, Times, Upstream};
use testkit::{Browser, DwSession, JO, PendingRequest, Scenario, World, controller};

/// Rejections that do not name the refresh token.
const REJECTIONS: [(u16, &str, &str); 8] = [
    (403, "forbidden", "Customer account is locked."),
    (401, "unauthorized", "Customer is disabled."),
    (404, "not_found", "User not found"),
    (410, "gone", "Session no longer exists."),
    (412, "session_ended", "Session was ended."),
    (422, "unprocessable", "Session cannot be renewed."),
    (403, "forbidden", "Customer group was removed."),
    (410, "server_error", "Gone"),
];
/// Rejections that speak of the client, or of what only a refresh needs.
const ABOUT_CLIENT: [(u16, &str, &str); 5] = [
    (400, "invalid_request", "invalid client_id"),
    (401, "invalid_client", "Authorization failed."),
    (400, "unauthorized_client", "Grant is not allowed."),
    (403, "invalid_scope", "Missing scope."),
    (412, "precondition_failure", "A service is not available."),
];

fn rejection((status, error, text): (u16, &str, &str)) -> Fault {
    Fault::Body(status, format!(r#"{{"error":"{error}","error_description":"{text}"}}"#))
}

fn reject_refresh(world: &World, fault: Fault) {
    world.control().inject_fault(Operation::TokenRefresh, fault, Times::Always);
}

/// A script of the page creates a basket.
fn creates_basket(browser: &Browser) -> PendingRequest {
    let path = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/\
                baskets?siteId=RefArch";
    browser.posts_json(path, &json!({}))
}

async fn is_reported_expired(browser: &Browser) -> bool {
    browser.calls("/bff/session").await.expect(200).json()["session_expired"] == true
}

#[tokio::test]
async fn kind_44_a_page_is_a_guests_if_slas_rejects_the_token_and_serves_others() {
    for (at, scenario) in Scenario::all().into_iter().enumerate() {
        // Every kind of shop, and all words for one of them.
        for words in REJECTIONS.into_iter().take(if at == 0 { REJECTIONS.len() } else { 1 }) {
            let world = scenario.clone().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            reject_refresh(&world, rejection(words));
            browser.visits("/").await.expect(200);
            assert!(is_reported_expired(&browser).await, "{scenario}, {words:?}");
            browser.expect_guest(scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn kind_44_a_page_of_ecom_is_never_502_for_it() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.minutes_pass(60);
        reject_refresh(&world, rejection(REJECTIONS[0]));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().0, "guest", "{scenario}");
        assert!(is_reported_expired(&browser).await, "{scenario}");
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn kind_44_an_api_call_ends_the_token_when_it_is_rejected_again() {
    for profile in ["classic", "pwa-kit", "storefront-next", "plugin-slas"] {
        for scenario in Scenario::clients() {
            let all = profile == "classic";
            for words in REJECTIONS.into_iter().take(if all { REJECTIONS.len() } else { 1 }) {
                let world = scenario.clone().with_profile(profile).start().await;
                let browser = world.registered().await;
                world.minutes_pass(60);
                reject_refresh(&world, rejection(words));
                let before = browser.cookies();
                let first = creates_basket(&browser).await;
                first.expect_problem(503, "upstream_unavailable").expect_no_cookies();
                assert_eq!(browser.cookies(), before);
                world.seconds_pass(5);
                // These may be about the client or about SLAS, so another call decides.
                if words.0 == 401 || words.1 == "server_error" {
                    world.browser().visits("/").await.expect(200);
                }
                let second = creates_basket(&browser).await;
                second.expect_problem(401, "session_expired");
                assert!(!browser.names().iter().any(|name| name.starts_with("cc-nx")));
            }
        }
    }
}

#[tokio::test]
async fn promise_2_and_kind_44_words_about_the_client_keep_the_session_while_nothing_works() {
    for scenario in Scenario::clients() {
        for words in REJECTIONS.into_iter().chain(ABOUT_CLIENT) {
            let world = scenario.clone().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            let before = browser.cookies();
            world.control().inject_fault(Upstream::Slas, rejection(words), Times::Always);
            for _ in 0..6 {
                let page = browser.visits("/").await;
                page.expect_no_cookies();
                browser.posts("/bff/session").await.expect_no_cookies();
                world.seconds_pass(40);
            }
            assert_eq!(browser.cookies(), before, "{scenario}, {words:?}");
            world.control().clear_faults();
            world.minutes_pass(2);
            browser.visits("/").await.expect(200);
            browser.expect_registered(JO.0, scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn kind_44_an_unknown_client_ends_the_token_at_once_while_guest_logins_work() {
    for scenario in Scenario::with_ecom() {
        for words in &ABOUT_CLIENT[..2] {
            for path in ["/", "/account", "/bff/session", &controller("Account-Show")] {
                let world = scenario.clone().start().await;
                let browser = world.registered().await;
                world.minutes_pass(60);
                reject_refresh(&world, rejection(*words));
                let page = match path {
                    "/bff/session" => browser.posts(path).await,
                    path => browser.visits(path).await,
                };
                let status = match path {
                    // A shopper whose session is over is sent to the login page.
                    "/account" => 303,
                    "/bff/session" => 401,
                    _ => 200,
                };
                assert_eq!(page.status, status, "{scenario}, {words:?}, {path}");
                assert!(is_reported_expired(&browser).await, "{scenario}, {words:?}, {path}");
                let landed = scenario.dw_session_after_landing();
                let bridged = path.contains("Account-Show");
                browser.expect_guest(if bridged { DwSession::Live } else { landed });
            }
        }
    }
}

#[tokio::test]
async fn promise_2_and_kind_44_an_api_call_ends_no_token_by_what_succeeded_before() {
    for scenario in Scenario::clients() {
        for words in &ABOUT_CLIENT[..2] {
            let world = scenario.clone().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            // The client works, and then its secret expires.
            world.browser().visits("/").await.expect(200);
            world.control().inject_fault(Upstream::Slas, rejection(*words), Times::Always);
            let before = browser.cookies();
            for _ in 0..4 {
                let call = creates_basket(&browser).await.expect(503);
                assert!(call.retry_after() > 0, "{scenario}, {words:?}");
                for path in ["/account", &controller("Account-Show")] {
                    let page = browser.visits(path).await.expect(503);
                    page.expect_no_cookies();
                    assert!(page.retry_after() > 0, "{scenario}, {words:?}, {path}");
                }
                world.seconds_pass(20);
            }
            assert_eq!(browser.cookies(), before, "{scenario}, {words:?}");
            world.control().clear_faults();
            world.minutes_pass(2);
            // The refresh alone is rejected: an API call learns of a guest's login in between.
            reject_refresh(&world, rejection(*words));
            creates_basket(&browser).await.expect(503);
            world.seconds_pass(5);
            world.browser().visits("/").await.expect(200);
            creates_basket(&browser).await.expect_problem(401, "session_expired");
        }
    }
}

#[tokio::test]
async fn promise_2_and_kind_44_what_only_a_refresh_needs_is_no_fault_of_the_token() {
    for scenario in Scenario::clients() {
        for words in &ABOUT_CLIENT[2..] {
            let world = scenario.clone().start().await;
            let (browser, other) = (world.registered().await, world.registered().await);
            world.minutes_pass(60);
            reject_refresh(&world, rejection(*words));
            for _ in 0..4 {
                browser.visits("/").await.expect_no_cookies();
                // Guest logins work all the time.
                world.browser().visits("/").await.expect(200);
                world.seconds_pass(40);
            }
            world.control().clear_faults();
            other.visits("/").await.expect(200);
            other.expect_registered(JO.0, scenario.dw_session_after_landing());
            reject_refresh(&world, rejection(*words));
            browser.visits("/").await.expect(200);
            assert!(is_reported_expired(&browser).await, "other tokens are exchanged: {words:?}");
        }
    }
}

#[tokio::test]
async fn promise_2_and_kind_44_the_edge_and_busy_answers_end_no_token() {
    let body = |status, text: &str| Fault::Body(status, text.to_owned());
    for fault in [
        body(403, "<html>Access Denied</html>"),
        body(404, ""),
        body(410, "gone"),
        body(412, "<html>412</html>"),
        body(401, r#"{"title":"Unauthorized","detail":"not of SLAS"}"#),
        rejection((408, "timeout", "Request timeout.")),
        rejection((409, "conflict", "Same usid.")),
        rejection((425, "early", "Too early.")),
        rejection((429, "too_many_requests", "Too many requests.")),
    ] {
        for scenario in Scenario::clients() {
            let world = scenario.clone().start().await;
            let browser = world.registered().await;
            world.minutes_pass(60);
            let before = browser.cookies();
            reject_refresh(&world, fault.clone());
            for _ in 0..3 {
                for page in [browser.visits("/account").await, browser.posts("/bff/session").await]
                {
                    page.expect_no_cookies();
                    assert_eq!(page.status, 503, "{scenario}, {fault:?}");
                }
                world.browser().visits("/").await.expect(200);
                world.seconds_pass(61);
            }
            assert_eq!(browser.cookies(), before, "{scenario}, {fault:?}");
            world.control().clear_faults();
            world.minutes_pass(2);
            browser.visits("/").await.expect(200);
            browser.expect_registered(JO.0, scenario.dw_session_after_landing());
        }
    }
}

#[tokio::test]
async fn kind_44_a_valid_access_token_outlives_a_doubtful_rejection() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        // Thirty seconds are left.
        world.seconds_pass(29 * 60 + 30);
        reject_refresh(&world, rejection(REJECTIONS[0]));
        browser.visits("/").await.expect(200);
        assert!(browser.token().unwrap().registered, "{scenario}");
        assert!(!is_reported_expired(&browser).await);
    }
}
