//! The sandbox of the real binary, in a real Chromium.
//!
//! Needs Debian's `chromium` and `chromium-driver`; each test names the missing program.

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/field.rs"]
mod field;
#[path = "browser/shop.rs"]
mod shop;
#[path = "browser/siblings.rs"]
mod siblings;
#[path = "browser/visitor.rs"]
mod visitor;

use testkit::{JO, controller};
use visitor::{Visitor, visit_sandbox};

const NAME: &str = "Jo Rider";

async fn lands(visitor: &Visitor) {
    visitor.goes("/").await;
    visitor.until("document.querySelectorAll('.product h3').length === 6", "six products").await;
    visitor.sees("[data-who-name]", "Guest").await;
    assert_eq!(visitor.session("customer_type").await, "guest");
}

async fn adds_to_the_cart(visitor: &Visitor) {
    visitor.clicks(".product:nth-of-type(2) button").await;
    visitor.sees("[data-cart-count]", "1").await;
}

async fn logs_in(visitor: &Visitor) {
    visitor.clicks("[data-who] summary").await;
    visitor.clicks("[data-log-in]").await;
    visitor.types("#username", JO.0).await;
    visitor.types("#password", JO.1).await;
    visitor.clicks("[data-login] [type=submit]").await;
    visitor.until("location.pathname === '/'", "the start page again").await;
    visitor.sees("[data-who-name]", NAME).await;
    assert_eq!(visitor.session("customer_type").await, "registered");
    assert_eq!(visitor.session("login_id").await, JO.0);
}

/// Follows the link to the classic pages, and returns the customer that both sides name.
async fn crosses_to_the_classic_pages(visitor: &Visitor, kind: &str) -> String {
    let head = visitor.session("customer_id").await;
    visitor.clicks("a.to-ecom").await;
    visitor.sees("h1", "Home").await;
    is_the_same_on_the_classic_page(visitor, kind, &head).await;
    head
}

async fn is_the_same_on_the_classic_page(visitor: &Visitor, kind: &str, customer: &str) {
    visitor.sees("[data-twin-badge]", "Same shopper").await;
    assert_eq!(visitor.attribute("#ecom-customer", "data-customer-id").await, customer);
    assert_eq!(visitor.attribute("#ecom-customer", "data-customer-type").await, kind);
    assert_eq!(visitor.session("customer_id").await, customer);
}

async fn the_inspector_agrees(visitor: &Visitor) {
    visitor.goes("/inspector").await;
    visitor.sees("[data-verdict]", "AGREE").await;
}

#[tokio::test]
async fn a_guest_becomes_a_customer_on_both_sides() {
    visit_sandbox("story", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        adds_to_the_cart(&visitor).await;
        let guest = crosses_to_the_classic_pages(&visitor, "guest").await;
        visitor.goes("/").await;
        logs_in(&visitor).await;
        visitor.sees("[data-cart-count]", "1").await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        assert_ne!(customer, guest);
        visitor.sees("#ecom-customer", NAME).await;
        // The basket moved from guest to customer and from the Head to ECOM.
        visitor.clicks_link("Cart").await;
        visitor.sees("h1", "Your cart").await;
        assert_eq!(visitor.count("tr[data-product-id]").await, 1);
        the_inspector_agrees(&visitor).await;
    })
    .await;
}

#[tokio::test]
async fn promise_9_a_form_is_saved_in_the_session_it_was_shown_in() {
    visit_sandbox("form", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        logs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        visitor.clicks_link("Edit profile").await;
        visitor.types("#name", "Joanna Rider").await;
        visitor.clicks(".content [type=submit]").await;
        visitor.sees(".notice.ok", "Your profile was saved.").await;
        is_the_same_on_the_classic_page(&visitor, "registered", &customer).await;
        visitor.goes("/").await;
        visitor.sees("[data-who-name]", "Joanna Rider").await;
    })
    .await;
}

#[tokio::test]
async fn an_expired_credential_leaves_the_shopper_registered() {
    visit_sandbox("repair", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        logs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        for broken in ["expire-dw", "expire-access", "both"] {
            the_inspector_agrees(&visitor).await;
            visitor.clicks(&format!("[data-break={broken}]")).await;
            visitor.sees("[data-verdict]", "REPAIR DUE").await;
            visitor.clicks("[data-visit=ecom]").await;
            let shown = format!("says you are {NAME} (registered)");
            visitor.sees("[data-frame-status=ecom]", &shown).await;
            visitor.sees("[data-verdict]", "AGREE").await;
            visitor.goes(&controller("Account-Show")).await;
            visitor.sees(".content", JO.0).await;
            is_the_same_on_the_classic_page(&visitor, "registered", &customer).await;
        }
    })
    .await;
}

#[tokio::test]
async fn promise_2_a_shopper_whose_session_expires_is_told_and_a_guest() {
    visit_sandbox("refused", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        logs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        the_inspector_agrees(&visitor).await;
        visitor.clicks("[data-break=revoke-refresh]").await;
        visitor.sees("[data-message]", "The refresh token is revoked.").await;
        visitor.clicks("[data-break=expire-access]").await;
        visitor.sees("[data-verdict]", "LOGIN DUE").await;
        visitor.goes("/").await;
        visitor.sees("[data-notice]", "session").await;
        visitor.sees("[data-who-name]", "Guest").await;
        assert_ne!(visitor.session("customer_id").await, customer);
        crosses_to_the_classic_pages(&visitor, "guest").await;
    })
    .await;
}

#[tokio::test]
async fn promise_10_a_logout_leaves_a_guest_on_both_sides() {
    visit_sandbox("logout", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        logs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        visitor.goes("/").await;
        visitor.sees("[data-who-name]", NAME).await;
        visitor.clicks("[data-who] summary").await;
        visitor.clicks("[data-who] [data-log-out]").await;
        visitor.sees("[data-who-name]", "Guest").await;
        assert_ne!(crosses_to_the_classic_pages(&visitor, "guest").await, customer);
        visitor.goes(&controller("Account-Show")).await;
        visitor.sees(".content .notice", "You are not logged in here.").await;
        // The same from the classic pages.
        visitor.goes("/").await;
        logs_in(&visitor).await;
        crosses_to_the_classic_pages(&visitor, "registered").await;
        visitor.clicks(".ecom-hello [data-log-out]").await;
        visitor.sees("#ecom-customer", "Guest").await;
        visitor.sees("[data-twin-badge]", "Same shopper").await;
        assert_eq!(visitor.session("customer_type").await, "guest");
    })
    .await;
}

#[tokio::test]
async fn no_script_can_read_a_token() {
    visit_sandbox("scripts", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        check_cookies(&visitor, "cc-nx-g").await;
        logs_in(&visitor).await;
        crosses_to_the_classic_pages(&visitor, "registered").await;
        check_cookies(&visitor, "cc-nx").await;
    })
    .await;
}

/// The secret cookies, `refresh` among them, exist and are closed to scripts; the others are open.
async fn check_cookies(visitor: &Visitor, refresh: &str) {
    let readable = visitor.evaluates("document.cookie").await;
    let readable = readable.as_str().unwrap_or_default();
    let names: Vec<&str> =
        readable.split("; ").filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    let cookies = visitor.cookies().await;
    for secret in ["token", "dwsid", "tandem", refresh] {
        let cookie = cookies.iter().find(|cookie| cookie.name() == secret);
        let cookie = cookie.unwrap_or_else(|| panic!("the browser has no {secret}"));
        assert_eq!(cookie.http_only(), Some(true), "{secret}");
        assert!(!readable.contains(cookie.value()), "{secret} can be read");
        assert!(!names.contains(&secret), "{secret} can be read");
    }
    for open in ["usid", "cid"] {
        assert!(names.contains(&open), "{open} cannot be read");
    }
    let other = if refresh == "cc-nx" { "cc-nx-g" } else { "cc-nx" };
    assert!(cookies.iter().all(|cookie| cookie.name() != other), "{other} is still there");
}

async fn shops(visitor: Visitor) {
    lands(&visitor).await;
    adds_to_the_cart(&visitor).await;
    crosses_to_the_classic_pages(&visitor, "guest").await;
    visitor.goes("/").await;
    logs_in(&visitor).await;
    crosses_to_the_classic_pages(&visitor, "registered").await;
    visitor.goes(&controller("Cart-Show")).await;
    assert_eq!(visitor.count("tr[data-product-id]").await, 1);
    the_inspector_agrees(&visitor).await;
}

#[tokio::test]
async fn a_public_client_shops_the_same_way() {
    visit_sandbox("public", &["--client", "public"], shops).await;
}

#[tokio::test]
async fn a_tenant_with_hybrid_auth_shops_the_same_way() {
    visit_sandbox("hybrid-auth", &["--mode", "hybrid-auth"], shops).await;
}

#[tokio::test]
async fn a_bridge_on_demand_shops_the_same_way() {
    visit_sandbox("on-demand", &["--time", "on-demand"], shops).await;
}

#[tokio::test]
async fn a_page_that_does_not_exist_is_explained() {
    visit_sandbox("problem", &[], async |visitor: Visitor| {
        visitor.goes("/bff/nothing").await;
        visitor.sees("h1", "There is nothing here.").await;
        visitor.clicks_link("Go to the shop").await;
        visitor.sees("[data-who-name]", "Guest").await;
    })
    .await;
}
