//! The SLAS façade: heads fetch tokens by the shipped SDKs, and only cookies hold them.

mod hostile;
mod profiles;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tandem_sandbox::{Fault, Operation};
use testkit::{Browser, Client, JO, Mode, Page, PendingRequest, SAM, Scenario, controller};

const BELOW: &str = "shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2";
const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";
const CALLBACK: &str = "https://shop.test/callback";

/// The path of a call, below the private or the public prefix.
fn slas(client: Client, call: &str) -> String {
    let prefix = if client == Client::Private { "private" } else { "public" };
    format!("/mobify/slas/{prefix}/{BELOW}/{call}")
}

fn challenge() -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

fn basic((login, password): (&str, &str)) -> String {
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

fn redeems(browser: &Browser, client: Client, code: &(String, String)) -> PendingRequest {
    browser.sends(
        &slas(client, "token"),
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

/// As the SDKs begin a guest session.
async fn begins(browser: &Browser, client: Client) -> Page {
    if client == Client::Private {
        let form = [("grant_type", "client_credentials"), ("channel_id", "RefArch")];
        // The SDK has no secret: it sends a placeholder.
        let placeholder = basic(("client", "_PLACEHOLDER_"));
        let request = browser.sends(&slas(client, "token"), &form);
        return request.header("authorization", &placeholder).await;
    }
    let query = format!(
        "authorize?hint=guest&response_type=code&redirect_uri={CALLBACK}&code_challenge={}",
        challenge()
    );
    let redirect = browser.calls(&slas(client, &query)).await.expect(303);
    redeems(browser, client, &code_of(&redirect)).await
}

/// As the SDKs sign in.
async fn signs_in(browser: &Browser, client: Client, who: (&str, &str)) -> Page {
    let form = [("redirect_uri", CALLBACK), ("code_challenge", &challenge())];
    let request = browser.sends(&slas(client, "login"), &form);
    let redirect = request.header("authorization", &basic(who)).await.expect(303);
    redeems(browser, client, &code_of(&redirect)).await
}

fn refreshes(browser: &Browser, client: Client) -> PendingRequest {
    let form = [("grant_type", "refresh_token"), ("refresh_token", ""), ("channel_id", "RefArch")];
    browser.sends(&slas(client, "token"), &form).header("x-grant-type", "refresh_token")
}

fn leaves(browser: &Browser, client: Client) -> PendingRequest {
    let request = browser.calls(&slas(client, "logout?channel_id=RefArch"));
    request.header("authorization", "Bearer undefined")
}

#[tokio::test]
async fn a_guests_tokens_become_cookies_and_leave_the_body() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        let page = begins(&browser, scenario.client).await.expect(200);
        browser.is_guest(false);
        let said = page.json();
        assert_eq!(said["usid"], browser.usid(), "{scenario}");
        assert_eq!(said["expires_in"], 1800);
        for secret in ["access_token", "refresh_token", "id_token"] {
            assert!(said.get(secret).is_none(), "{scenario}: {secret}");
        }
        assert_eq!(page.cache_control(), "private, no-store");
    }
}

#[tokio::test]
async fn no_dw_session_is_made_while_a_token_passes_and_the_next_view_makes_one() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        begins(&browser, scenario.client).await.expect(200);
        world.calls();
        browser.visits("/").await.expect(200);
        world.has_called(&["ocapi.sessions"]);
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn promise_1_a_login_drops_the_guests_dwsid_at_once() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&controller("Home-Show")).await.expect(200);
        let (usid, guests) = (browser.usid(), browser.holds("dwsid"));
        signs_in(&browser, scenario.client, JO).await.expect(200);
        let shopper = browser.is_registered(JO.0, scenario.mode == Mode::Hybrid);
        assert_ne!(browser.cookie("dwsid"), Some(guests), "{scenario}");
        assert_eq!(browser.usid(), usid, "{scenario}: the guest's basket can still be found");
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
    }
}

#[tokio::test]
async fn wrong_credentials_stay_what_they_are() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    begins(&browser, Client::Private).await.expect(200);
    let before = browser.cookies();
    let form = [("redirect_uri", CALLBACK), ("code_challenge", &challenge())];
    let request = browser.sends(&slas(Client::Private, "login"), &form);
    request.header("authorization", &basic((JO.0, "wrong"))).await.expect(401).sets_no_cookies();
    assert_eq!(browser.cookies(), before);
}

#[tokio::test]
async fn a_refresh_takes_the_token_of_the_cookie() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        begins(&browser, scenario.client).await.expect(200);
        let before = browser.holds("token");
        world.calls();
        let said = refreshes(&browser, scenario.client).await.expect(200).json();
        world.has_called(&["slas.token.refresh"]);
        assert_ne!(browser.holds("token"), before, "{scenario}");
        assert_eq!(said["usid"], browser.usid());
        assert!(said.get("access_token").is_none());
    }
}

#[tokio::test]
async fn promise_3_tabs_that_refresh_at_once_share_one_call() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        begins(&browser, scenario.client).await.expect(200);
        world.calls();
        let tabs: Vec<_> = (0..20).map(|_| refreshes(&browser, scenario.client)).collect();
        let tabs: Vec<_> = tabs.into_iter().map(|tab| tokio::spawn(async { tab.await })).collect();
        for tab in tabs {
            tab.await.unwrap().expect(200);
        }
        world.has_called(&["slas.token.refresh"]);
    }
}

#[tokio::test]
async fn a_refresh_without_a_cookie_is_refused_in_the_words_that_clients_know() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let said = refreshes(&world.browser(), scenario.client).await.expect(401).json();
        assert_eq!(said["message"], "invalid refresh_token");
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn a_dead_refresh_token_ends_the_session_and_says_so() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    signs_in(&browser, Client::Private, JO).await.expect(200);
    world.control().revoke_refresh(&browser.holds("cc-nx"));
    let said = refreshes(&browser, Client::Private).await.expect(401).json();
    assert_eq!(said["message"], "invalid refresh_token");
    assert_eq!(browser.cookie("cc-nx"), None);
    assert_eq!(browser.cookie("token"), None);
}

#[tokio::test]
async fn promise_2_an_outage_signs_nobody_out_even_if_the_head_gives_up() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        signs_in(&browser, scenario.client, JO).await.expect(200);
        world.minutes_pass(40);
        world.control().fault(Operation::TokenRefresh, Fault::Status(503, None), 10);
        refreshes(&browser, scenario.client).await.expect_problem(503, "upstream_unavailable");
        // The SDK now begins a guest session.
        begins(&browser, scenario.client).await.expect(503);
        assert!(browser.cookie("cc-nx").is_some(), "{scenario}: still signed in");
        world.control().clear_faults();
        world.minutes_pass(2);
        begins(&browser, scenario.client).await.expect(200);
        browser.is_registered(JO.0, false);
    }
}

#[tokio::test]
async fn promise_2_an_outage_at_a_call_with_the_token_is_no_missing_token() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        signs_in(&browser, scenario.client, JO).await.expect(200);
        world.minutes_pass(40);
        world.control().fault(Operation::TokenRefresh, Fault::Status(503, None), 10);
        let user = slas(scenario.client, "userinfo?channel_id=RefArch");
        browser.calls(&user).await.expect_problem(503, "upstream_unavailable");
        assert!(browser.cookie("cc-nx").is_some(), "{scenario}: still signed in");
        world.control().clear_faults();
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        world.minutes_pass(2);
        browser.calls(&user).await.expect_problem(401, "session_expired");
        assert_eq!(browser.cookie("cc-nx"), None, "{scenario}");
    }
}

#[tokio::test]
async fn a_logout_ends_both_worlds_and_begins_nothing() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        browser.logs_in(JO).await.expect(200);
        let before = browser.copy();
        world.calls();
        leaves(&browser, scenario.client).await.expect(200);
        world.has_called(&["slas.logout"]);
        for name in ["token", "cc-nx", "cc-nx-g", "usid", "cid", "dwsid"] {
            assert_eq!(browser.cookie(name), None, "{scenario}: {name}");
        }
        let said = refreshes(&before, scenario.client).await.expect(401).json();
        assert_eq!(said["message"], "invalid refresh_token", "{scenario}: logout sticks");
    }
}

#[tokio::test]
async fn a_link_on_another_site_signs_nobody_out() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    signs_in(&browser, Client::Private, JO).await.expect(200);
    let link = browser.visits(&slas(Client::Private, "logout?channel_id=RefArch"));
    link.header("sec-fetch-site", "cross-site").await.expect_problem(403, "csrf_rejected");
    browser.is_registered(JO.0, false);
}

#[tokio::test]
async fn another_shopper_may_sign_in_over_the_first() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    signs_in(&browser, Client::Private, JO).await.expect(200);
    signs_in(&browser, Client::Private, SAM).await.expect(200);
    browser.is_registered(SAM.0, false);
}

#[tokio::test]
async fn a_server_that_renders_pages_gets_the_tokens_and_no_cookies() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        world.lands_no_browser();
        let browser = world.browser();
        let form = [("grant_type", "client_credentials"), ("channel_id", "RefArch")];
        if scenario.client == Client::Public {
            continue;
        }
        let request = browser.sends(&slas(Client::Private, "token"), &form).from_server();
        let page = request.await.expect(200);
        page.sets_no_cookies();
        assert_eq!(page.cache_control(), "private, no-store");
        let said = page.json();
        assert!(said["access_token"].as_str().is_some_and(|token| token.len() > 100));
        assert!(said["refresh_token"].as_str().is_some_and(|token| token.len() > 50));
        world.has_called(&["slas.token.guest"]);
    }
}

#[tokio::test]
async fn a_server_may_renew_the_tokens_it_keeps() {
    let world = Scenario::private().start().await;
    world.lands_no_browser();
    let browser = world.browser();
    let form = [("grant_type", "client_credentials")];
    let request = || browser.sends(&slas(Client::Private, "token"), &form).from_server();
    let kept = request().await.expect(200).json()["refresh_token"].as_str().unwrap().to_owned();
    world.calls();
    let form = [("grant_type", "refresh_token"), ("refresh_token", &kept)];
    for _ in 0..3 {
        let request = browser.sends(&slas(Client::Private, "token"), &form).from_server();
        let page = request.await.expect(200);
        page.sets_no_cookies();
        assert!(page.json()["access_token"].is_string());
    }
    world.has_called(&["slas.token.refresh"]);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "garbage")];
    let request = browser.sends(&slas(Client::Private, "token"), &form).from_server();
    assert_eq!(request.await.expect(401).json()["message"], "invalid refresh_token");
}

#[tokio::test]
async fn a_tampered_cookie_makes_no_server_of_a_browser() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.is_given("token", "garbage");
    let form = [("grant_type", "client_credentials"), ("channel_id", "RefArch")];
    let request = browser.sends(&slas(Client::Private, "token"), &form);
    let said = request.from_server().header("x-bff", "1").await.expect(200).json();
    assert!(said.get("access_token").is_none());
    browser.is_guest(false);
}

#[tokio::test]
async fn the_page_that_slas_redirects_to_is_empty_and_kept_by_nobody() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    let page = browser.calls("/callback?usid=x&code=CANARY").await.expect(200);
    assert_eq!(page.text, "");
    assert_eq!(page.cache_control(), "private, no-store");
    page.sets_no_cookies();
    world.has_called(&[]);
}
