//! ECOM under Hybrid Auth: the platform changes tokens and session together.

use std::time::Duration;

use super::browser::Browser;
use super::world::{LOGIN, World, world_with};
use crate::{CookieNames, CustomerKind, EcomKind, Options, RefreshTokenState, Upstream};

fn world() -> World {
    let (ecom, token_cookies) = (EcomKind::HybridAuth, CookieNames::Suffixed);
    world_with(Options { hybrid_auth: true, ecom, token_cookies, ..Options::default() })
}

const GUEST: [&str; 4] = ["cc-at_RefArch", "cc-nx-g_RefArch", "dwsid", "usid_RefArch"];
const SHOPPER: [&str; 4] = ["cc-at_RefArch", "cc-nx_RefArch", "dwsid", "usid_RefArch"];

/// Whether the access token names the customer of the session.
fn agrees(browser: &Browser<'_>) -> bool {
    let isb = super::world::claims(&browser.expect_cookie("cc-at_RefArch"))["isb"].to_string();
    isb.contains(&format!("cid:{}::", browser.session().customer_id))
}

#[tokio::test]
async fn the_first_page_sets_a_session_and_tokens() {
    let world = world();
    let mut browser = Browser::of(&world);
    let page = browser.visits("Home-Show").await.expect(200);
    assert_eq!(browser.names(), GUEST);
    for name in GUEST.iter().filter(|name| **name != "dwsid") {
        let line = page.cookie_line(name).unwrap();
        assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
    }
    assert!(browser.expect_cookie("cc-at_RefArch").len() > 1199, "one cookie");
    assert!(agrees(&browser));
    assert_eq!(browser.visits("Cart-Show").await.expect(200).header("set-cookie"), None);
    let called =
        |upstream| world.control.calls().iter().any(|c| c.operation.upstream() == upstream);
    assert!(!called(Upstream::Slas) && !called(Upstream::Ocapi), "no call is visible");
}

#[tokio::test]
async fn a_returning_shopper_is_restored_without_a_redirect() {
    let world = world();
    let mut browser = Browser::of(&world);
    browser.logs_in().await.expect(302);
    let dwsid = browser.expect_cookie("dwsid");
    world.clock.advance(Duration::from_secs(1800));
    let page = browser.visits("Account-Show").await.expect(200);
    assert!(page.text.contains(LOGIN));
    assert_ne!(browser.expect_cookie("dwsid"), dwsid);
    assert_eq!(browser.session().login.as_deref(), Some(LOGIN));
    assert!(agrees(&browser));
}

#[tokio::test]
async fn an_invalid_refresh_token_makes_session_and_tokens_a_guests() {
    let world = world();
    let mut browser = Browser::of(&world);
    browser.logs_in().await.expect(302);
    world.control.revoke_refresh_token(&browser.expect_cookie("cc-nx_RefArch"));
    world.control.expire_dw_session(&browser.expect_cookie("dwsid"));
    browser.visits("Account-Show").await.expect(200);
    assert_eq!(browser.names(), GUEST);
    assert_eq!(browser.session().customer_type, CustomerKind::Guest);
    assert!(agrees(&browser));
}

#[tokio::test]
async fn login_and_logout_change_session_and_tokens_together() {
    let world = world();
    let mut browser = Browser::of(&world);
    browser.visits("Home-Show").await.expect(200);
    let (dwsid, usid) = (browser.expect_cookie("dwsid"), browser.expect_cookie("usid_RefArch"));
    browser.logs_in().await.expect(302);
    assert_eq!(browser.names(), SHOPPER);
    assert_eq!(
        (browser.expect_cookie("dwsid"), browser.expect_cookie("usid_RefArch")),
        (dwsid.clone(), usid)
    );
    assert_eq!(browser.session().login.as_deref(), Some(LOGIN));
    assert!(agrees(&browser));
    let refresh = browser.expect_cookie("cc-nx_RefArch");
    browser.visits("Login-Logout").await.expect(302);
    assert_eq!(browser.names(), GUEST);
    assert_eq!(browser.expect_cookie("dwsid"), dwsid);
    assert_eq!(world.control.refresh_token(&refresh).unwrap().state, RefreshTokenState::Revoked);
    assert!(agrees(&browser));
}

#[tokio::test]
async fn a_form_of_another_session_ends_session_and_tokens() {
    let world = world();
    let mut browser = Browser::of(&world);
    browser.logs_in().await.expect(302);
    let own = browser.visits("Account-EditProfile").await.csrf_token();
    let mut other = Browser::of(&world);
    let foreign = other.visits("Account-EditProfile").await.csrf_token();
    assert_ne!(own, foreign);
    let failed = browser.posts("Account-SaveProfile", &[("csrf_token", &foreign)]).await;
    failed.expect(403);
    assert_eq!(browser.names(), GUEST);
    assert!(agrees(&browser));
}
