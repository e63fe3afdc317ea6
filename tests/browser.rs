//! What a newcomer sees: the real binary, opened in a real Chromium.
//!
//! Needs Debian's `chromium` and `chromium-driver`; each test says so when they are missing.

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "e2e/support/head.rs"]
mod head;
#[path = "browser/shop.rs"]
mod shop;
#[path = "browser/siblings.rs"]
mod siblings;
#[path = "browser/visitor.rs"]
mod visitor;

use visitor::{Visitor, visiting};

const LOGIN: &str = "jo@example.com";
const PASSWORD: &str = "Tandem-2026";
const NAME: &str = "Jo Rider";

/// The classic pages, as the shop links to them.
fn classic(controller: &str) -> String {
    format!("/on/demandware.store/Sites-RefArch-Site/en_US/{controller}")
}

async fn lands(visitor: &Visitor) {
    visitor.goes("/").await;
    visitor.until("document.querySelectorAll('.product h3').length === 6", "six products").await;
    visitor.sees("[data-who-name]", "Guest").await;
    assert_eq!(visitor.session("customer_type").await, "guest");
}

async fn puts_something_in_the_cart(visitor: &Visitor) {
    visitor.clicks(".product:nth-of-type(2) button").await;
    visitor.sees("[data-cart-count]", "1").await;
}

async fn signs_in(visitor: &Visitor) {
    visitor.clicks("[data-who] summary").await;
    visitor.clicks("[data-log-in]").await;
    visitor.types("#username", LOGIN).await;
    visitor.types("#password", PASSWORD).await;
    visitor.clicks("[data-login] [type=submit]").await;
    visitor.until("location.pathname === '/'", "the start page again").await;
    visitor.sees("[data-who-name]", NAME).await;
    assert_eq!(visitor.session("customer_type").await, "registered");
    assert_eq!(visitor.session("login_id").await, LOGIN);
}

/// Goes to the classic pages by the link, and returns the customer that both worlds name.
async fn crosses_to_the_classic_pages(visitor: &Visitor, kind: &str) -> String {
    let head = visitor.session("customer_id").await;
    visitor.clicks("a.to-ecom").await;
    visitor.sees("h1", "Home").await;
    is_the_same_on_this_classic_page(visitor, kind, &head).await;
    head
}

async fn is_the_same_on_this_classic_page(visitor: &Visitor, kind: &str, customer: &str) {
    visitor.sees("[data-twin-badge]", "Same shopper").await;
    assert_eq!(visitor.attribute("#ecom-customer", "data-customer-id").await, customer);
    assert_eq!(visitor.attribute("#ecom-customer", "data-customer-type").await, kind);
    assert_eq!(visitor.session("customer_id").await, customer);
}

async fn both_worlds_agree_in_the_inspector(visitor: &Visitor) {
    visitor.goes("/inspector").await;
    visitor.sees("[data-verdict]", "AGREE").await;
}

#[tokio::test]
async fn a_guest_becomes_a_customer_and_both_worlds_know_it() {
    visiting("story", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        puts_something_in_the_cart(&visitor).await;
        let guest = crosses_to_the_classic_pages(&visitor, "guest").await;
        visitor.goes("/").await;
        signs_in(&visitor).await;
        visitor.sees("[data-cart-count]", "1").await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        assert_ne!(customer, guest);
        visitor.sees("#ecom-customer", NAME).await;
        // The basket came along, from guest to customer and from one world to the other.
        visitor.clicks_link("Cart").await;
        visitor.sees("h1", "Your cart").await;
        assert_eq!(visitor.count("tr[data-product-id]").await, 1);
        both_worlds_agree_in_the_inspector(&visitor).await;
    })
    .await;
}

#[tokio::test]
async fn promise_9_a_form_of_the_classic_pages_is_saved_in_the_session_it_was_shown_in() {
    visiting("form", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        signs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        visitor.clicks_link("Edit profile").await;
        visitor.types("#name", "Joanna Rider").await;
        visitor.clicks(".content [type=submit]").await;
        visitor.sees(".notice.ok", "Your profile was saved.").await;
        is_the_same_on_this_classic_page(&visitor, "registered", &customer).await;
        visitor.goes("/").await;
        visitor.sees("[data-who-name]", "Joanna Rider").await;
    })
    .await;
}

#[tokio::test]
async fn whatever_expires_the_shopper_stays_the_same_registered_one() {
    visiting("repair", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        signs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        for broken in ["expire-dw", "expire-access", "both"] {
            both_worlds_agree_in_the_inspector(&visitor).await;
            visitor.clicks(&format!("[data-break={broken}]")).await;
            visitor.sees("[data-verdict]", "REPAIR DUE").await;
            visitor.clicks("[data-visit=ecom]").await;
            let status = format!("says you are {NAME} (registered)");
            visitor.sees("[data-frame-status=ecom]", &status).await;
            visitor.sees("[data-verdict]", "AGREE").await;
            visitor.goes(&classic("Account-Show")).await;
            visitor.sees(".content", LOGIN).await;
            is_the_same_on_this_classic_page(&visitor, "registered", &customer).await;
        }
    })
    .await;
}

#[tokio::test]
async fn promise_2_a_shopper_whose_session_is_refused_is_told_and_a_new_guest() {
    visiting("refused", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        signs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        both_worlds_agree_in_the_inspector(&visitor).await;
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
async fn promise_10_who_logs_out_is_a_guest_in_both_worlds() {
    visiting("logout", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        signs_in(&visitor).await;
        let customer = crosses_to_the_classic_pages(&visitor, "registered").await;
        visitor.goes("/").await;
        visitor.sees("[data-who-name]", NAME).await;
        visitor.clicks("[data-who] summary").await;
        visitor.clicks("[data-who] [data-log-out]").await;
        visitor.sees("[data-who-name]", "Guest").await;
        assert_ne!(crosses_to_the_classic_pages(&visitor, "guest").await, customer);
        visitor.goes(&classic("Account-Show")).await;
        visitor.sees(".content .notice", "You are not logged in here.").await;
        // And once more, from the classic side.
        visitor.goes("/").await;
        signs_in(&visitor).await;
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
    visiting("scripts", &[], async |visitor: Visitor| {
        lands(&visitor).await;
        check_cookies(&visitor, "cc-nx-g").await;
        signs_in(&visitor).await;
        crosses_to_the_classic_pages(&visitor, "registered").await;
        check_cookies(&visitor, "cc-nx").await;
    })
    .await;
}

/// Our secret cookies are there, `refresh` among them, and closed to scripts; the others are open.
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

async fn walk(visitor: Visitor) {
    lands(&visitor).await;
    puts_something_in_the_cart(&visitor).await;
    crosses_to_the_classic_pages(&visitor, "guest").await;
    visitor.goes("/").await;
    signs_in(&visitor).await;
    crosses_to_the_classic_pages(&visitor, "registered").await;
    visitor.goes(&classic("Cart-Show")).await;
    assert_eq!(visitor.count("tr[data-product-id]").await, 1);
    both_worlds_agree_in_the_inspector(&visitor).await;
}

#[tokio::test]
async fn a_public_client_walks_the_same_way() {
    visiting("public", &["--client", "public"], walk).await;
}

#[tokio::test]
async fn a_tenant_with_hybrid_auth_walks_the_same_way() {
    visiting("hybrid-auth", &["--mode", "hybrid-auth"], walk).await;
}

#[tokio::test]
async fn a_bridge_on_demand_walks_the_same_way() {
    visiting("on-demand", &["--time", "on-demand"], walk).await;
}

#[tokio::test]
async fn a_page_that_cannot_be_had_says_so_in_plain_words() {
    visiting("problem", &[], async |visitor: Visitor| {
        visitor.goes("/bff/nothing").await;
        visitor.sees("h1", "There is nothing here.").await;
        visitor.clicks_link("Go to the shop").await;
        visitor.sees("[data-who-name]", "Guest").await;
    })
    .await;
}
