//! The SLAS proxy: a Head fetches tokens with the shipped SDKs, and only cookies hold them.

mod do_not_track;
mod hostile;
mod profiles;

use std::future::IntoFuture as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tandem_sandbox::{Fault, Operation};
use testkit::{
    Browser, Client, DwSession, JO, Mode, Page, PendingRequest, SAM, Scenario, World, controller,
};

const BELOW: &str = "shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2";
const ORGANIZATION: &str = "organizations/f_ecom_zzte_053";
const NEW_PASSWORD: &str = "Another-2026";
const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";
const CALLBACK: &str = "https://shop.test/callback";

/// The path of a call, below the private or the public prefix.
pub(crate) fn slas_path(client: Client, call: &str) -> String {
    let prefix = if client == Client::Private { "private" } else { "public" };
    format!("/mobify/slas/{prefix}/{BELOW}/{call}")
}

fn challenge() -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

fn basic_authorization((login, password): (&str, &str)) -> String {
    format!("Basic {}", STANDARD.encode(format!("{login}:{password}")))
}

fn code_of(page: &Page) -> (String, String) {
    let location = url::Url::parse(page.location()).expect("a redirect");
    assert_eq!(&location[..url::Position::AfterPath], CALLBACK);
    let value = |name: &str| {
        let mut pairs = location.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    (value("code"), value("usid"))
}

/// Exchanges a code for tokens.
fn exchange_code(browser: &Browser, client: Client, code: &(String, String)) -> PendingRequest {
    browser.sends(
        &slas_path(client, "token"),
        &[
            ("grant_type", "authorization_code_pkce"),
            ("code", &code.0),
            ("usid", &code.1),
            ("code_verifier", VERIFIER),
            ("redirect_uri", CALLBACK),
            ("channel_id", "RefArch"),
        ],
    )
}

/// Creates a guest session as the SDKs do.
async fn sdk_guest(browser: &Browser, client: Client) -> Page {
    if client == Client::Private {
        let form = [("grant_type", "client_credentials"), ("channel_id", "RefArch")];
        // The SDK has no secret: it sends a placeholder.
        let placeholder = basic_authorization(("client", "_PLACEHOLDER_"));
        let request = browser.sends(&slas_path(client, "token"), &form);
        return request.header("authorization", &placeholder).await;
    }
    let query = format!(
        "authorize?hint=guest&response_type=code&redirect_uri={CALLBACK}&code_challenge={}",
        challenge()
    );
    let redirect = browser.calls(&slas_path(client, &query)).await.expect(303);
    exchange_code(browser, client, &code_of(&redirect)).await
}

/// Logs in as the SDKs do.
async fn sdk_login(browser: &Browser, client: Client, who: (&str, &str)) -> Page {
    let form = [("redirect_uri", CALLBACK), ("code_challenge", &challenge())];
    let request = browser.sends(&slas_path(client, "login"), &form);
    let redirect = request.header("authorization", &basic_authorization(who)).await.expect(303);
    exchange_code(browser, client, &code_of(&redirect)).await
}

/// Refreshes as the SDKs do.
fn sdk_refresh(browser: &Browser, client: Client) -> PendingRequest {
    let form = [("grant_type", "refresh_token"), ("refresh_token", ""), ("channel_id", "RefArch")];
    browser.sends(&slas_path(client, "token"), &form).header("x-grant-type", "refresh_token")
}

/// Logs out as the SDKs do.
fn sdk_logout(browser: &Browser, client: Client) -> PendingRequest {
    let request = browser.calls(&slas_path(client, "logout?channel_id=RefArch"));
    request.header("authorization", "Bearer undefined")
}

#[tokio::test]
async fn a_guests_tokens_become_cookies_and_leave_the_body() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let page = sdk_guest(&browser, scenario.client).await.expect(200);
        browser.expect_guest(DwSession::Absent);
        let body = page.json();
        assert_eq!(body["usid"], browser.usid(), "{scenario}");
        assert_eq!(body["expires_in"], 1800);
        for secret in ["access_token", "refresh_token", "id_token"] {
            assert!(body.get(secret).is_none(), "{scenario}: {secret}");
        }
        assert_eq!(page.cache_control(), "private, no-store");
    }
}

#[tokio::test]
async fn a_token_call_makes_no_dw_session_and_the_next_page_does() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        sdk_guest(&browser, scenario.client).await.expect(200);
        world.forget_calls();
        browser.visits("/").await.expect(200);
        world.expect_calls(&["ocapi.sessions"]);
        browser.expect_guest(DwSession::Live);
    }
}

#[tokio::test]
async fn promise_1_a_login_drops_the_guests_dwsid_at_once() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&controller("Home-Show")).await.expect(200);
        let (usid, guests) = (browser.usid(), browser.expect_cookie("dwsid"));
        sdk_login(&browser, scenario.client, JO).await.expect(200);
        let shopper =
            browser.expect_registered(JO.0, DwSession::live_if(scenario.mode == Mode::Hybrid));
        assert_ne!(browser.cookie("dwsid"), Some(guests), "{scenario}");
        assert_eq!(browser.usid(), usid, "{scenario}: the usid is kept");
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_401_and_change_no_cookie() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    sdk_guest(&browser, Client::Private).await.expect(200);
    let before = browser.cookies();
    let form = [("redirect_uri", CALLBACK), ("code_challenge", &challenge())];
    let request = browser.sends(&slas_path(Client::Private, "login"), &form);
    request
        .header("authorization", &basic_authorization((JO.0, "wrong")))
        .await
        .expect(401)
        .expect_no_cookies();
    assert_eq!(browser.cookies(), before);
}

#[tokio::test]
async fn a_refresh_uses_the_token_of_the_cookie() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        sdk_guest(&browser, scenario.client).await.expect(200);
        let before = browser.expect_cookie("token");
        world.forget_calls();
        let body = sdk_refresh(&browser, scenario.client).await.expect(200).json();
        world.expect_calls(&["slas.token.refresh"]);
        assert_ne!(browser.expect_cookie("token"), before, "{scenario}");
        assert_eq!(body["usid"], browser.usid());
        assert!(body.get("access_token").is_none());
    }
}

#[tokio::test]
async fn promise_3_concurrent_refreshes_share_one_call() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        sdk_guest(&browser, scenario.client).await.expect(200);
        world.forget_calls();
        let tabs: Vec<_> = (0..20).map(|_| sdk_refresh(&browser, scenario.client)).collect();
        let tabs: Vec<_> = tabs.into_iter().map(|tab| tokio::spawn(async { tab.await })).collect();
        for tab in tabs {
            tab.await.unwrap().expect(200);
        }
        world.expect_calls(&["slas.token.refresh"]);
    }
}

#[tokio::test]
async fn a_refresh_without_a_cookie_gets_the_error_that_sdks_know() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let body = sdk_refresh(&world.browser(), scenario.client).await.expect(401).json();
        assert_eq!(body["message"], "invalid refresh_token");
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn kind_46_a_login_by_the_sdk_ends_with_the_browser_if_that_is_the_default() {
    for scenario in Scenario::clients() {
        let scenario = scenario.with_site("session.remember_me", "false");
        let world = scenario.clone().start().await;
        let browser = world.browser();
        sdk_login(&browser, scenario.client, JO).await.expect(200);
        assert!(browser.cookie("cc-nx").is_some());
        browser.restarts();
        assert_eq!(browser.cookie("cc-nx"), None, "{scenario}");
    }
}

/// A browser that has lost the cookies of its tokens is logged in again by a refresh token that the
/// Head has kept. That login replaces only earlier credentials, not its own.
#[tokio::test]
async fn a_login_by_a_kept_refresh_token_does_not_supersede_its_own_tokens() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let kept = browser.expect_cookie("cc-nx");
        browser.loses_cookie("cc-nx").loses_cookie("token").loses_cookie("dwsid");
        let form = [("grant_type", "refresh_token"), ("refresh_token", kept.as_str())];
        browser.sends(&slas_path(scenario.client, "token"), &form).await.expect(200);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
    }
}

#[tokio::test]
async fn a_dead_refresh_token_ends_the_session_with_an_error() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    sdk_login(&browser, Client::Private, JO).await.expect(200);
    world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
    let body = sdk_refresh(&browser, Client::Private).await.expect(401).json();
    assert_eq!(body["message"], "invalid refresh_token");
    assert_eq!(browser.cookie("cc-nx"), None);
    assert_eq!(browser.cookie("token"), None);
}

/// Jo after a login by the SDK. The access token has expired, and every refresh fails.
async fn start_registered_without_refresh(scenario: &Scenario) -> (World, Browser) {
    let world = scenario.clone().start().await;
    let browser = world.browser();
    sdk_login(&browser, scenario.client, JO).await.expect(200);
    world.minutes_pass(40);
    world.control().inject_fault(Operation::TokenRefresh, Fault::Status(503, None), 10);
    (world, browser)
}

#[tokio::test]
async fn promise_2_an_outage_logs_no_shopper_out_if_the_head_gives_up() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_registered_without_refresh(&scenario).await;
        sdk_refresh(&browser, scenario.client).await.expect_problem(503, "upstream_unavailable");
        // The SDK now creates a guest session.
        sdk_guest(&browser, scenario.client).await.expect(503);
        assert!(browser.cookie("cc-nx").is_some(), "{scenario}: still logged in");
        world.control().clear_faults();
        world.minutes_pass(2);
        sdk_guest(&browser, scenario.client).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Absent);
    }
}

#[tokio::test]
async fn promise_2_an_outage_is_not_reported_as_a_missing_token() {
    for scenario in Scenario::clients() {
        let (world, browser) = start_registered_without_refresh(&scenario).await;
        let user = slas_path(scenario.client, "userinfo?channel_id=RefArch");
        browser.calls(&user).await.expect_problem(503, "upstream_unavailable");
        assert!(browser.cookie("cc-nx").is_some(), "{scenario}: still logged in");
        world.control().clear_faults();
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(2);
        browser.calls(&user).await.expect_problem(401, "session_expired");
        assert_eq!(browser.cookie("cc-nx"), None, "{scenario}");
    }
}

#[tokio::test]
async fn a_logout_ends_both_sessions_and_creates_none() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        let before = browser.copy();
        world.forget_calls();
        sdk_logout(&browser, scenario.client).await.expect(200);
        world.expect_calls(&["slas.logout"]);
        for name in ["token", "cc-nx", "cc-nx-g", "usid", "cid", "dwsid"] {
            assert_eq!(browser.cookie(name), None, "{scenario}: {name}");
        }
        let body = sdk_refresh(&before, scenario.client).await.expect(401).json();
        assert_eq!(body["message"], "invalid refresh_token", "{scenario}: the logout sticks");
    }
}

#[tokio::test]
async fn kind_15_a_logout_with_a_refused_access_token_revokes_the_refresh_token() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.control().revoke_access_token(&browser.expect_cookie("token"));
        sdk_logout(&browser, scenario.client).await.expect(200);
        world.expect_calls(&["slas.logout", "slas.token.refresh", "slas.logout"]);
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
        assert_eq!(browser.token(), None, "{scenario}");
    }
}

#[tokio::test]
async fn a_link_on_another_site_logs_no_shopper_out() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    sdk_login(&browser, Client::Private, JO).await.expect(200);
    let link = browser.visits(&slas_path(Client::Private, "logout?channel_id=RefArch"));
    link.header("sec-fetch-site", "cross-site").await.expect_problem(403, "csrf_rejected");
    browser.expect_registered(JO.0, DwSession::Absent);
}

#[tokio::test]
async fn another_shopper_may_log_in_over_the_first() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    sdk_login(&browser, Client::Private, JO).await.expect(200);
    sdk_login(&browser, Client::Private, SAM).await.expect(200);
    browser.expect_registered(SAM.0, DwSession::Absent);
}

#[tokio::test]
async fn a_server_that_renders_pages_gets_the_tokens_and_no_cookies() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        world.allow_no_landing();
        let browser = world.browser();
        let form = [("grant_type", "client_credentials"), ("channel_id", "RefArch")];
        if scenario.client == Client::Public {
            continue;
        }
        let request = browser.sends(&slas_path(Client::Private, "token"), &form).from_server();
        let page = request.await.expect(200);
        page.expect_no_cookies();
        assert_eq!(page.cache_control(), "private, no-store");
        let body = page.json();
        assert!(body["access_token"].as_str().is_some_and(|token| token.len() > 100));
        assert!(body["refresh_token"].as_str().is_some_and(|token| token.len() > 50));
        world.expect_calls(&["slas.token.guest"]);
    }
}

#[tokio::test]
async fn a_server_may_refresh_the_tokens_it_keeps() {
    let world = Scenario::private().start().await;
    world.allow_no_landing();
    let browser = world.browser();
    let form = [("grant_type", "client_credentials")];
    let request = || browser.sends(&slas_path(Client::Private, "token"), &form).from_server();
    let kept = request().await.expect(200).json()["refresh_token"].as_str().unwrap().to_owned();
    world.forget_calls();
    let form = [("grant_type", "refresh_token"), ("refresh_token", &kept)];
    for _ in 0..3 {
        let request = browser.sends(&slas_path(Client::Private, "token"), &form).from_server();
        let page = request.await.expect(200);
        page.expect_no_cookies();
        assert!(page.json()["access_token"].is_string());
    }
    world.expect_calls(&["slas.token.refresh"]);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "garbage")];
    let request = browser.sends(&slas_path(Client::Private, "token"), &form).from_server();
    assert_eq!(request.await.expect(401).json()["message"], "invalid refresh_token");
}

#[tokio::test]
async fn a_tampered_cookie_does_not_turn_a_browser_into_a_server() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.stores_host_cookie("token", "garbage");
    let form = [("grant_type", "client_credentials"), ("channel_id", "RefArch")];
    let request = browser.sends(&slas_path(Client::Private, "token"), &form);
    let body = request.from_server().header("x-bff", "1").await.expect(200).json();
    assert!(body.get("access_token").is_none());
    browser.expect_guest(DwSession::Absent);
}

#[tokio::test]
async fn the_callback_page_is_empty_and_not_stored() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let page = browser.calls("/callback?usid=x&code=CANARY").await.expect(200);
    assert_eq!(page.text, "");
    assert_eq!(page.cache_control(), "private, no-store");
    page.expect_no_cookies();
    world.expect_calls(&[]);
}

#[tokio::test]
async fn kind_42_a_refused_call_does_not_end_the_login_under_way() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        world.control().change_password(JO.0, NEW_PASSWORD);
        world.seconds_pass(2);
        let form = [("redirect_uri", CALLBACK), ("code_challenge", &challenge())];
        let request = browser.sends(&slas_path(scenario.client, "login"), &form);
        let basic = basic_authorization((JO.0, NEW_PASSWORD));
        let code = code_of(&request.header("authorization", &basic).await.expect(303));
        let late = Fault::DelayAfter(Duration::from_millis(200));
        world.control().inject_fault(Operation::TokenCode, late, 1);
        world.forget_calls();
        let login = exchange_code(&browser, scenario.client, &code).into_future();
        let login = tokio::spawn(login);
        world.wait_for_calls(Operation::TokenCode, 1).await;
        let path = format!("/mobify/proxy/api/checkout/shopper-baskets/v1/{ORGANIZATION}/baskets");
        let call = browser.posts(&format!("{path}?siteId=RefArch"));
        call.await.expect_problem(401, "session_expired");
        login.await.unwrap().expect(200);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        world.minutes_pass(40);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}
