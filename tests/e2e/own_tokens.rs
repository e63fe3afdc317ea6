//! Storefronts that store their tokens themselves: their scripts and their servers call the APIs with a
//! token of their own and without cookies, and SLAS below the path of the APIs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tandem_sandbox::{Call, Operation, TokenSignature, TokenSpec, Upstream};
use testkit::{Browser, Client, JO, Page, PendingRequest, Scenario, World, controller};

const ORGANIZATION: &str = "organizations/f_ecom_zzte_053";
const SLAS: &str = "/mobify/proxy/api/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2";
const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";
const CALLBACK: &str = "https://shop.test/callback";

/// Every profile, and both clients.
fn scenarios() -> Vec<Scenario> {
    let profiles = ["classic", "pwa-kit", "storefront-next", "plugin-slas"];
    let private = profiles.map(|profile| Scenario::private().with_profile(profile));
    private.into_iter().chain([Scenario::public(), storefront()]).collect()
}

/// A shop whose storefront reads its tokens.
fn storefront() -> Scenario {
    let scenario = Scenario::public().with_profile("plugin-slas");
    scenario.with_site("cookies.readable_tokens", "true")
}

fn baskets(rest: &str) -> String {
    format!("/mobify/proxy/api/checkout/shopper-baskets/v1/{ORGANIZATION}/baskets{rest}")
}

/// A call that creates a basket, with that token and without cookies.
fn creates_basket(world: &World, token: &str) -> PendingRequest {
    creates_basket_in(&world.browser(), token)
}

fn creates_basket_in(browser: &Browser, token: &str) -> PendingRequest {
    let request = browser.posts_json(&baskets("?siteId=RefArch"), &json!({}));
    request.header("authorization", &format!("Bearer {token}"))
}

fn api_calls(world: &World) -> Vec<Call> {
    let calls = world.control().calls();
    calls.into_iter().filter(|call| call.operation.upstream() == Upstream::Scapi).collect()
}

fn access_token(browser: &Browser) -> String {
    let pieces = ["cc-at", "cc-at_2", "cc-at_3"].iter().filter_map(|name| browser.cookie(name));
    browser.cookie("token").unwrap_or_else(|| pieces.collect())
}

#[tokio::test]
async fn kind_38_a_storefronts_own_token_passes_without_cookies() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        for shopper in [world.guest().await, world.registered().await] {
            let token = access_token(&shopper);
            world.forget_calls();
            let page = creates_basket(&world, &token).await.expect(200);
            page.expect_no_cookies();
            let customer = page.json()["customerInfo"]["customerId"].clone();
            assert_eq!(customer.as_str().map(str::to_owned), shopper.customer_id());
            let server = world.browser().calls(&baskets("/none?siteId=RefArch")).from_server();
            // 404 means that the call was let in.
            server.header("authorization", &format!("Bearer {token}")).await.expect(404);
            let calls = api_calls(&world);
            let authorization = format!("Bearer {token}");
            assert_eq!(calls.len(), 2);
            for call in &calls {
                assert_eq!(call.header("authorization"), Some(authorization.as_str()));
                assert_eq!((call.header("cookie"), call.header("sfdc_dwsid")), (None, None));
            }
            let other = world.take_calls().into_iter().filter(|call| *call != "scapi.other");
            assert!(other.count() <= 1, "at most the keys are fetched: {}", world.scenario);
        }
    }
}

#[tokio::test]
async fn kind_38_ocapi_takes_a_storefronts_own_token_too() {
    let world = storefront().start().await;
    let shopper = world.guest().await;
    let create = world
        .browser()
        .posts_json("/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/baskets", &json!({}));
    let bearer = format!("Bearer {}", access_token(&shopper));
    let page = create.header("authorization", &bearer).await.expect(200);
    let customer = page.json()["customer_info"]["customer_id"].clone();
    assert_eq!(customer.as_str().map(str::to_owned), shopper.customer_id());
}

#[tokio::test]
async fn attack_16_a_token_that_is_not_ours_to_accept_reaches_no_api() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        let public = world.scenario.client == Client::Public;
        let own = public.then(|| "4e0b7c1a-2f56-4d6e-9c3b-7a1d5e8f2b90".to_owned());
        let spec = TokenSpec { client_id: own, ..TokenSpec::default() };
        let client_id = Some("another-client".to_owned());
        let tenant = Some("zzzz_001".to_owned());
        let signed = |signature| TokenSpec { signature, ..spec.clone() };
        for forged in [
            TokenSpec { client_id, ..spec.clone() },
            TokenSpec { tenant, ..spec.clone() },
            signed(TokenSignature::None),
            signed(TokenSignature::UnknownKey),
            signed(TokenSignature::Forged),
        ] {
            let token = world.control().forge_token(&forged);
            let page = creates_basket(&world, &token).await.expect(400);
            assert_eq!(page.expect_no_cookies().json()["message"], "access_token_cookie_missing");
        }
        let own = world.control().forge_token(&spec);
        creates_basket(&world, &own).await.expect(200);
        for value in [format!("Basic {own}"), format!("Bearer {own} x"), "Bearer".to_owned()] {
            creates_basket(&world, "").header("authorization", &value).await.expect(400);
        }
        let other_site = baskets("?siteId=Other");
        let call = world.browser().posts_json(&other_site, &json!({}));
        let call = call.header("authorization", &format!("Bearer {own}"));
        call.await.expect_problem(403, "not_allowed");
        assert_eq!(api_calls(&world).len(), 1, "{}", world.scenario);
    }
}

#[tokio::test]
async fn attack_57_with_a_cookie_of_ours_the_cookies_count() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        let (browser, other) = (world.guest().await, world.registered().await);
        let foreign = access_token(&other);
        let page = creates_basket_in(&browser, &foreign).await.expect(200);
        let customer = page.json()["customerInfo"]["customerId"].clone();
        assert_eq!(customer.as_str().map(str::to_owned), browser.customer_id());
        let names: Vec<String> = browser.cookies().into_iter().map(|(name, _)| name).collect();
        for name in names {
            let alone = world.browser();
            let value = browser.cookies().into_iter().find(|pair| pair.0 == name).unwrap().1;
            alone.stores_host_cookie(&name, &value);
            let page = creates_basket_in(&alone, &foreign).await;
            let customer = page.text.contains(&other.customer_id().unwrap());
            assert!(!customer, "{name} in {}", world.scenario);
        }
    }
}

#[tokio::test]
async fn promise_10_a_token_that_was_logged_out_here_counts_no_longer() {
    for scenario in scenarios() {
        let world = scenario.start().await;
        let browser = world.registered().await;
        let token = access_token(&browser);
        creates_basket(&world, &token).await.expect(200);
        browser.logs_out().await.expect(200);
        creates_basket(&world, &token).await.expect(400);
    }
}

#[tokio::test]
async fn kind_38_a_route_for_registered_shoppers_reads_the_own_token() {
    let rule = "path = \"/mobify/proxy/api/checkout/\"\ntoken = \"registered\"";
    let world = Scenario::private().route(rule).start().await;
    let guest = access_token(&world.guest().await);
    creates_basket(&world, &guest).await.expect_problem(401, "login_required");
    let registered = access_token(&world.registered().await);
    creates_basket(&world, &registered).await.expect(200);
    let crawler = creates_basket(&world, &registered).header("user-agent", "Googlebot/2.1");
    crawler.await.expect_problem(401, "login_required");
}

#[tokio::test]
async fn kind_38_an_expired_own_token_is_the_apis_to_reject() {
    let world = storefront().start().await;
    let token = access_token(&world.guest().await);
    creates_basket(&world, &token).await.expect(200);
    world.minutes_pass(31);
    world.forget_calls();
    creates_basket(&world, &token).await.expect(401).expect_no_cookies();
    world.expect_calls(&["scapi.other"]);
}

fn challenge() -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

fn code_of(page: &Page) -> (String, String) {
    let location = url::Url::parse(page.location()).expect("a redirect");
    let value = |name: &str| {
        let mut pairs = location.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    (value("code"), value("usid"))
}

/// The tokens for a code. The SDK adds a field that SLAS does not know.
async fn exchange_code(browser: &Browser, (code, usid): (String, String)) -> Value {
    let fields = [
        ("grant_type", "authorization_code_pkce"),
        ("code", &*code),
        ("usid", &*usid),
        ("code_verifier", VERIFIER),
        ("redirect_uri", CALLBACK),
        ("channel_id", "RefArch"),
        ("organizationId", "f_ecom_zzte_053"),
    ];
    browser.sends(&format!("{SLAS}/token"), &fields).await.expect(200).json()
}

async fn sdk_guest(browser: &Browser) -> Value {
    let query = format!(
        "{SLAS}/authorize?hint=guest&response_type=code&channel_id=RefArch\
         &redirect_uri={CALLBACK}&code_challenge={}",
        challenge()
    );
    let redirect = browser.calls(&query).await.expect(303);
    exchange_code(browser, code_of(&redirect)).await
}

async fn sdk_login(browser: &Browser, shopper: (&str, &str)) -> Value {
    sdk_login_with(browser, shopper, "").await
}

async fn sdk_login_with(browser: &Browser, (login, password): (&str, &str), usid: &str) -> Value {
    let challenge = challenge();
    let fields = [("redirect_uri", CALLBACK), ("code_challenge", &*challenge), ("usid", usid)];
    let basic = format!("Basic {}", STANDARD.encode(format!("{login}:{password}")));
    let request = browser.sends(&format!("{SLAS}/login"), &fields);
    let redirect = request.header("authorization", &basic).await.expect(303);
    exchange_code(browser, code_of(&redirect)).await
}

#[tokio::test]
async fn kind_38_slas_below_the_api_path_serves_a_storefront_that_reads_its_tokens() {
    let world = storefront().start().await;
    let browser = world.browser();
    let guest = sdk_guest(&browser).await;
    let token = guest["access_token"].as_str().expect("a token in the body");
    assert_eq!(token, access_token(&browser), "and the same one in the cookies");
    creates_basket(&world, token).await.expect(200);
    let registered = sdk_login(&browser, JO).await;
    let token = registered["access_token"].as_str().expect("a token in the body");
    assert_eq!(token, access_token(&browser));
    assert!(browser.token().expect("a token").registered);
    let shown = browser.visits(&controller("Account-Show")).await.expect(200).ecom_customer();
    assert_eq!(shown.1, registered["customer_id"].as_str().unwrap_or_default());
    world.minutes_pass(31);
    let refresh = browser.expect_cookie("cc-nx");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let renewed = browser.sends(&format!("{SLAS}/token"), &fields).await.expect(200).json();
    assert_eq!(renewed["refresh_token"].as_str(), browser.cookie("cc-nx").as_deref());
    let token = renewed["access_token"].as_str().expect("a token in the body").to_owned();
    creates_basket(&world, &token).await.expect(200);
    let logout = format!("{SLAS}/logout?channel_id=RefArch&refresh_token={refresh}");
    let bearer = format!("Bearer {token}");
    browser.calls(&logout).header("authorization", &bearer).await.expect(200);
    assert_eq!(browser.token(), None);
    creates_basket(&world, &token).await.expect(400);
}

#[tokio::test]
async fn kind_38_a_rendering_server_gets_a_guest_of_its_own_and_no_cookies() {
    let world = storefront().start().await;
    world.allow_no_landing();
    let server = world.browser();
    let query = format!(
        "{SLAS}/authorize?hint=guest&response_type=code&redirect_uri={CALLBACK}&code_challenge={}",
        challenge()
    );
    let redirect = server.calls(&query).from_server().await.expect(303);
    let (code, usid) = code_of(redirect.expect_no_cookies());
    let fields = [
        ("grant_type", "authorization_code_pkce"),
        ("code", &*code),
        ("usid", &*usid),
        ("code_verifier", VERIFIER),
        ("redirect_uri", CALLBACK),
        ("channel_id", "RefArch"),
    ];
    let page = server.sends(&format!("{SLAS}/token"), &fields).from_server().await.expect(200);
    let tokens = page.expect_no_cookies().json();
    let token = tokens["access_token"].as_str().expect("a token in the body");
    creates_basket(&world, token).from_server().await.expect(200);
    assert_eq!(world.count(Operation::Sessions), 0, "no DW session for a rendering server");
}

#[tokio::test]
async fn attack_44_below_the_api_path_slas_is_as_closed_as_elsewhere() {
    for scenario in [storefront(), Scenario::public(), Scenario::private()] {
        let is_public = scenario.client == Client::Public;
        let world = scenario.start().await;
        let browser = world.browser();
        let form = [("grant_type", "client_credentials")];
        let base = SLAS.rsplit_once('/').unwrap().0;
        for call in [
            format!("{SLAS}/trusted-system/token"),
            format!("{SLAS}/session-bridge/token"),
            format!("{SLAS}/introspect"),
            format!("{SLAS}/token/"),
            format!("{SLAS}/TOKEN"),
            SLAS.replace("shopper/auth", "shopper/%61uth") + "/token",
            SLAS.replace("shopper/auth", "Shopper/Auth") + "/token",
            SLAS.replace("shopper/auth", "shopper/auth;x") + "/token",
            SLAS.replace("shopper/auth", "shopper//auth") + "/token",
            SLAS.replace("_zzte_053", "_other_001") + "/token",
            format!("{base}/oauth2/../trusted-system/token"),
            SLAS.replace("/proxy/", "/caching/") + "/token",
        ] {
            let page = browser.sends(&call, &form).await;
            assert!([400, 403, 405].contains(&page.status.as_u16()), "{call}: {}", page.status);
            page.expect_no_cookies();
        }
        let token = browser.sends(&format!("{SLAS}/token"), &form).await;
        let cross = browser.sends(&format!("{SLAS}/token"), &form);
        let cross =
            cross.header("sec-fetch-site", "cross-site").header("origin", "https://evil.test");
        cross.await.expect_problem(403, "csrf_rejected");
        if is_public {
            assert_ne!(token.status, 403, "{}", world.scenario);
        } else {
            token.expect_problem(403, "not_allowed");
            assert_eq!(world.auth_calls(), [""; 0]);
        }
    }
}

/// A storefront that has taken its access token out of the cookies: it stores it elsewhere.
fn takes_token_out(browser: &Browser) {
    for piece in ["cc-at", "cc-at_2", "cc-at_3"] {
        browser.loses_cookie(piece);
    }
}

#[tokio::test]
async fn kind_38_a_login_keeps_the_usid_of_a_guest_whose_token_is_not_in_the_cookies() {
    for scenario in [storefront(), Scenario::public()] {
        let world = scenario.start().await;
        let browser = world.guest().await;
        let usid = browser.usid();
        takes_token_out(&browser);
        browser.loses_cookie("token");
        let registered = sdk_login_with(&browser, JO, &usid).await;
        assert_eq!(registered["usid"], usid.as_str(), "{}", world.scenario);
    }
}

#[tokio::test]
async fn attack_14_a_planted_usid_is_not_carried_into_a_login() {
    let world = storefront().start().await;
    let victim = world.guest().await.usid();
    for cookies in ["all", "no token", "none"] {
        let browser = if cookies == "none" { world.browser() } else { world.guest().await };
        if cookies == "no token" {
            takes_token_out(&browser);
        }
        let registered = sdk_login_with(&browser, JO, &victim).await;
        assert_ne!(registered["usid"], victim.as_str(), "{cookies}");
        // SLAS allows one login of a shopper in a second.
        world.seconds_pass(2);
    }
    let browser = world.registered().await;
    let own = browser.usid();
    takes_token_out(&browser);
    let other = sdk_login_with(&browser, testkit::SAM, &own).await;
    assert_ne!(other["usid"], own.as_str(), "of a registered shopper");
}
