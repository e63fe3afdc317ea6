//! ECOM with the cartridge `plugin_slas`.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::browser::Browser;
use super::world::{LOGIN, PASSWORD, World, world_with};
use crate::{
    ClientKind, CookieNames, CustomerKind, EcomKind, Fault, Operation, Options, RefreshTokenState,
    Remember,
};

fn plugin() -> Options {
    Options { ecom: EcomKind::PluginSlas, ..Options::default() }
}

/// The calls that ECOM made itself since the last check.
fn calls(world: &World) -> Vec<&'static str> {
    let calls = world.control.calls();
    world.control.forget_calls();
    calls.iter().filter(|call| call.by_ecom).map(|call| call.operation.as_str()).collect()
}

/// Adds a bell to the cart of the token's customer.
async fn adds_a_bell(world: &World, token: &str) {
    let cart = json!({"product_id": "bell-brass", "quantity": 1});
    let call = World::request(&world.head, Method::POST, "/api/basket/items").json(&cart);
    call.header("cookie", &format!("token={token}")).send().await.expect(200);
}

#[tokio::test]
async fn a_new_visitor_gets_guest_tokens_once_and_without_a_redirect() {
    let clients = [
        (ClientKind::Private, vec!["slas.session-bridge"]),
        (ClientKind::Public, vec!["slas.authorize", "slas.session-bridge"]),
    ];
    for (ecom_client, expected) in clients {
        let world = world_with(Options { ecom_client, ..plugin() });
        let mut browser = Browser::of(&world);
        browser.visits("Home-Show").await.expect(200);
        assert_eq!(calls(&world), expected);
        assert_eq!(browser.names(), ["cc-at", "cc-at_2", "cc-nx-g", "cc-sg", "dwsid", "usid"]);
        let bridged = world.sessions(&browser.access_token("cc-at")).send().await.expect(204);
        let other = world.control.dw_session(&bridged.cookie("dwsid").unwrap()).unwrap();
        assert_eq!(other.customer_id, browser.session().customer_id);
        let grant = world.control.refresh_token(&browser.expect_cookie("cc-nx-g")).unwrap();
        assert_eq!(grant.usid, browser.expect_cookie("usid"));
        let next = browser.visits("Cart-Show").await.expect(200);
        assert_eq!(next.header("set-cookie"), None);
        assert_eq!(calls(&world), [""; 0]);
    }
}

#[tokio::test]
async fn the_access_token_is_split_and_scripts_can_read_it() {
    let world = world_with(plugin());
    let page = Browser::of(&world).visits("Home-Show").await;
    let line = |name| page.cookie_line(name).unwrap().to_owned();
    for name in ["cc-at", "cc-at_2", "cc-nx-g", "cc-sg", "usid"] {
        assert!(line(name).ends_with("; Path=/; Secure"), "{}", line(name));
    }
    assert_eq!(line("cc-sg"), "cc-sg=1; Max-Age=1800; Path=/; Secure");
    assert_eq!(page.cookie("cc-at").unwrap().len(), 1199);
    assert!(page.cookie("cc-at_2").unwrap().len() < 1199);
    assert!(line("cc-nx-g").contains("; Max-Age=2592000;"));
    assert!(line("usid").contains("; Max-Age=7776000;"));
    assert!(line("dwsid").contains("HttpOnly"), "set by the platform itself");
}

#[tokio::test]
async fn the_number_of_a_piece_comes_after_the_site() {
    let world = world_with(Options { token_cookies: CookieNames::Suffixed, ..plugin() });
    let mut browser = Browser::of(&world);
    browser.visits("Home-Show").await.expect(200);
    let expected = ["cc-at_RefArch", "cc-at_RefArch_2", "cc-nx-g_RefArch", "cc-sg_RefArch"];
    assert_eq!(browser.names(), [&expected[..], &["dwsid", "usid_RefArch"]].concat());
    calls(&world);
    world.clock.advance(Duration::from_secs(1800));
    browser.visits("Home-Show").await.expect(302);
    assert_eq!(calls(&world), ["slas.token.refresh", "ocapi.sessions"]);
}

#[tokio::test]
async fn a_returning_shopper_is_redirected_into_a_bridged_session() {
    for ecom_client in [ClientKind::Private, ClientKind::Public] {
        let world = world_with(Options { ecom_client, ..plugin() });
        let mut browser = Browser::of(&world);
        browser.visits("Home-Show").await.expect(200);
        let (guest, dwsid, refresh) = (
            browser.session().customer_id,
            browser.expect_cookie("dwsid"),
            browser.expect_cookie("cc-nx-g"),
        );
        calls(&world);
        world.clock.advance(Duration::from_secs(1800));
        let redirect = browser.visits("Cart-Show?a=b%20c").await.expect(302);
        redirect.expect_redirect_to("Cart-Show?a=b%20c");
        assert_eq!(calls(&world), ["slas.token.refresh", "ocapi.sessions"]);
        let line = redirect.cookie_line("dwsid").unwrap();
        assert!(!line.contains("HttpOnly"), "{line}");
        assert_ne!(browser.expect_cookie("dwsid"), dwsid);
        assert_eq!(browser.session().customer_id, guest);
        let rotated = browser.expect_cookie("cc-nx-g") != refresh;
        assert_eq!(rotated, ecom_client == ClientKind::Public);
        browser.visits("Cart-Show").await.expect(200);
        assert_eq!(calls(&world), [""; 0]);
    }
}

#[tokio::test]
async fn a_live_session_without_the_guard_is_bridged_again() {
    let world = world_with(plugin());
    let mut browser = Browser::of(&world);
    browser.visits("Home-Show").await.expect(200);
    calls(&world);
    browser.delete_cookie("cc-sg");
    browser.visits("Home-Show").await.expect(302);
    assert_eq!(calls(&world), ["slas.token.refresh", "ocapi.sessions"]);
}

#[tokio::test]
async fn the_hook_skips_posts_some_controllers_and_registered_shoppers() {
    let world = world_with(plugin());
    let mut browser = Browser::of(&world);
    for controller in ["__Analytics-Start", "ConsentTracking-Check", "TandemBridge-Signature"] {
        browser.visits(controller).await;
    }
    let call = world.page(Method::POST, "Account-Login").form(&[]);
    assert_eq!(call.send().await.expect(403).cookie("cc-at"), None);
    let dwsid = browser.expect_cookie("dwsid");
    assert!(world.control.log_in_on_ecom(&dwsid, LOGIN));
    browser.visits("Account-Show").await.expect(200);
    assert_eq!(calls(&world), [""; 0]);
}

#[tokio::test]
async fn a_refresh_that_fails_makes_a_new_guest_without_a_redirect() {
    let world = world_with(plugin());
    let mut browser = Browser::of(&world);
    browser.set_cookie("cc-nx", "stale");
    browser.visits("Home-Show").await.expect(200);
    assert_eq!(calls(&world), ["slas.token.refresh", "slas.session-bridge"]);
    assert_eq!(browser.cookie("cc-nx"), None);
    assert_eq!(browser.session().customer_type, CustomerKind::Guest);
}

#[tokio::test]
async fn a_page_is_shown_without_tokens_while_slas_fails() {
    let world = world_with(plugin());
    world.control.inject_fault(Operation::SessionBridge, Fault::Status(503, None), 1);
    let mut browser = Browser::of(&world);
    browser.visits("Home-Show").await.expect(200);
    assert_eq!(browser.names(), ["dwsid"]);
    let call = world.control.calls().into_iter().find(|call| call.by_ecom).unwrap();
    assert_eq!((call.operation, call.status), (Operation::SessionBridge, Some(503)));
}

#[tokio::test]
async fn a_login_sets_tokens_opens_a_session_and_merges_the_basket() {
    let world = world_with(plugin());
    let mut browser = Browser::of(&world);
    browser.visits("Home-Show").await.expect(200);
    adds_a_bell(&world, &browser.access_token("cc-at")).await;
    let (dwsid, usid) = (browser.expect_cookie("dwsid"), browser.expect_cookie("usid"));
    calls(&world);
    browser.logs_in().await.expect(302).expect_redirect_to("Account-Show");
    let expected = ["slas.login", "slas.token.code", "ocapi.sessions", "scapi.baskets.merge"];
    assert_eq!(calls(&world), expected);
    assert_eq!(browser.names(), ["cc-at", "cc-at_2", "cc-nx", "cc-sg", "dwsid", "usid"]);
    assert_ne!(browser.expect_cookie("dwsid"), dwsid);
    assert_eq!(browser.expect_cookie("usid"), usid);
    let session = browser.session();
    assert_eq!(session.login.as_deref(), Some(LOGIN));
    assert_eq!(world.control.basket_of(&session.customer_id).len(), 1);
    let grant = world.control.refresh_token(&browser.expect_cookie("cc-nx")).unwrap();
    assert_eq!(grant.customer_id, session.customer_id);
    browser.visits("Account-Show").await.expect(200);
    assert_eq!(calls(&world), [""; 0]);
}

#[tokio::test]
async fn without_remember_me_no_refresh_token_is_set() {
    for (ticked, kept) in [(false, false), (true, true)] {
        let world = world_with(Options { remember: Remember::WhenTicked, ..plugin() });
        let mut browser = Browser::of(&world);
        let ticked = if ticked { "true" } else { "" };
        let fields = [("loginEmail", LOGIN), ("loginPassword", PASSWORD)];
        let fields = [&fields[..], &[("loginRememberMe", ticked)]].concat();
        browser.submits("Account-Login", &fields).await.expect(302);
        assert_eq!(browser.cookie("cc-nx").is_some(), kept);
        assert_eq!(browser.session().login.as_deref(), Some(LOGIN));
    }
}

#[tokio::test]
async fn a_login_that_slas_rejects_looks_like_a_wrong_password() {
    let world = world_with(plugin());
    let mut browser = Browser::of(&world);
    world.control.inject_fault(Operation::Login, Fault::Status(409, None), 1);
    let page = browser.logs_in().await.expect(200);
    assert!(page.text.contains("do not match"));
    assert_eq!(browser.session().customer_type, CustomerKind::Guest);
}

#[tokio::test]
async fn a_logout_ends_the_slas_session_and_sets_refresh() {
    let world = world_with(plugin());
    let mut browser = Browser::of(&world);
    browser.logs_in().await.expect(302);
    let (refresh, dwsid) = (browser.expect_cookie("cc-nx"), browser.expect_cookie("dwsid"));
    let token = browser.access_token("cc-at");
    calls(&world);
    let response = browser.visits("Login-Logout").await.expect(302);
    response.expect_redirect_to("Home-Show");
    assert_eq!(calls(&world), ["slas.token.refresh", "slas.logout"]);
    assert_eq!(response.cookie_line("cc-at"), Some("cc-at=refresh; Max-Age=1800; Path=/; Secure"));
    assert_eq!(browser.names(), ["cc-at", "cc-at_2", "dwsid"], "a piece of the old token stays");
    assert!(token.ends_with(&browser.expect_cookie("cc-at_2")));
    assert_eq!(world.control.refresh_token(&refresh).unwrap().state, RefreshTokenState::Revoked);
    assert_eq!(browser.expect_cookie("dwsid"), dwsid);
    assert_eq!(browser.session().customer_type, CustomerKind::Guest);
}

#[tokio::test]
async fn the_do_not_track_cookie_is_copied_into_the_tokens() {
    let world = world_with(plugin());
    for (value, claim) in [("1", "1"), ("0", "0")] {
        let mut browser = Browser::of(&world);
        browser.set_cookie("dw_dnt", value);
        browser.visits("Home-Show").await.expect(200);
        assert_eq!(super::world::claims(&browser.access_token("cc-at"))["dnt"], claim);
    }
}
