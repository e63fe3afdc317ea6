//! Faults seen in the field that a browser decides: what it sends, and what it does with a response.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use tandem_sandbox::Operation;
use testkit::{Scenario, World, controller, free_address};
use tokio::net::TcpListener;

use super::chromium::Chromium;
use super::visitor::{Visitor, visit};

/// A page of the Head whose navigations a service worker forwards from the second one on.
const HEAD: &str = "<!doctype html><title>Head</title><h1>Head</h1>
    <script>navigator.serviceWorker.register('/worker.js')</script>";
const WORKER: &str = "addEventListener('install', () => skipWaiting());
    addEventListener('activate', (event) => event.waitUntil(clients.claim()));
    addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));";

fn respond(kind: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, kind)], body).into_response()
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let origin = format!("http://{}", listener.local_addr().expect("a bound socket"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

async fn start_head() -> String {
    serve(Router::new().fallback(async |request: Request| match request.uri().path() {
        "/worker.js" => respond("text/javascript", WORKER.to_owned()),
        _ => respond("text/html", HEAD.to_owned()),
    }))
    .await
}

/// A bank on another site, whose page posts its result to `target` at once.
async fn start_bank(target: String) -> String {
    serve(Router::new().fallback(async move || {
        respond(
            "text/html",
            format!(
                "<!doctype html><form method=post action=\"{target}\">\
                 <input name=PaRes value='a b&amp;c'></form><script>document.forms[0].submit()</script>"
            ),
        )
    }))
    .await
}

/// A shop at an address of its own, with these route rules, and its origin.
async fn start_shop(rules: &str) -> (World, String) {
    let address = free_address();
    let origin = format!("http://shop.tandem.localhost:{}", address.port());
    let scenario = Scenario::default().at(address, &origin).with_head(&start_head().await);
    (scenario.site(&format!("routes.rules = {rules}")).start().await, origin)
}

async fn shown_customer(visitor: &Visitor) -> String {
    visitor.attribute("#ecom-customer", "data-customer-id").await
}

#[tokio::test]
async fn kind_1_a_payment_returns_to_the_session_of_the_shopper() {
    let cart = controller("Cart-Show");
    let rule = format!("[{{ path = \"{cart}\", cross_site_post = \"resubmit\" }}]");
    let (_world, origin) = start_shop(&rule).await;
    let bank = start_bank(format!("{origin}{cart}")).await;
    let chromium = Chromium::start().await;
    visit("payment", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes(&controller("Home-Show")).await;
        let customer = shown_customer(&visitor).await;
        visitor.goes_to(&bank).await;
        visitor.sees("h1", "Your cart").await;
        assert_eq!(shown_customer(&visitor).await, customer);
    })
    .await;
}

#[tokio::test]
async fn kind_8_the_first_click_after_an_idle_half_hour_fills_the_same_basket() {
    let (world, origin) = start_shop("[]").await;
    let chromium = Chromium::start().await;
    visit("first-click", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes(&controller("Home-Show")).await;
        let customer = shown_customer(&visitor).await;
        let add = controller("Cart-AddProduct");
        for (minutes, quantity) in [(0, 1), (32, 2), (32, 3)] {
            world.minutes_pass(minutes);
            let (status, text) = visitor.sends_form(&add, "pid=bag-harbour&quantity=1").await;
            assert_eq!(status, 200, "{text}");
            assert!(text.contains(&format!("\"quantityTotal\":{quantity}")), "{text}");
        }
        visitor.goes(&controller("Cart-Show")).await;
        visitor.sees("h1", "Your cart").await;
        assert_eq!(shown_customer(&visitor).await, customer);
        assert_eq!(world.control().basket_of(&customer).len(), 1);
    })
    .await;
}

#[tokio::test]
async fn kind_28_a_browser_that_loses_cookies_keeps_its_shopper_while_a_refresh_token_is_left() {
    let (world, origin) = start_shop("[]").await;
    let chromium = Chromium::start().await;
    visit("lost-cookies", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes(&controller("Home-Show")).await;
        let customer = shown_customer(&visitor).await;
        let form = "pid=bag-harbour&quantity=1";
        visitor.sends_form(&controller("Cart-AddProduct"), form).await;
        let loses = async |names: &[&str]| {
            for name in names {
                visitor.forgets_cookie(name).await;
            }
            visitor.goes(&controller("Cart-Show")).await;
            visitor.sees("h1", "Your cart").await;
            shown_customer(&visitor).await
        };
        for names in [&["dwsid"][..], &["token"], &["tandem", "dwsid"]] {
            assert_eq!(loses(names).await, customer, "{names:?}");
        }
        assert_eq!(world.control().basket_of(&customer).len(), 1);
        // SLAS gives the usid of a session with a live refresh token to nobody else.
        assert_ne!(loses(&["dwsid", "cc-nx-g"]).await, customer);
    })
    .await;
}

#[tokio::test]
async fn kind_10_a_page_through_a_service_worker_begins_a_session() {
    let (_world, origin) = start_shop("[]").await;
    let chromium = Chromium::start().await;
    visit("service-worker", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes("/").await;
        visitor.until("navigator.serviceWorker.controller", "a service worker").await;
        visitor.forgets_all_cookies().await;
        visitor.goes("/").await;
        assert_eq!(visitor.session("customer_type").await, "guest");
        let cookies = visitor.cookies().await;
        assert!(cookies.iter().any(|cookie| cookie.name() == "cc-nx-g"), "{cookies:?}");
    })
    .await;
}

#[tokio::test]
async fn kind_31_a_form_without_a_referer_leads_back_and_can_be_sent_again() {
    let (world, origin) = start_shop("[]").await;
    let chromium = Chromium::start().await;
    visit("no-referrer", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes(&controller("Account-EditProfile")).await;
        let customer = shown_customer(&visitor).await;
        let policy = "document.head.insertAdjacentHTML('beforeend', \
                      '<meta name=referrer content=no-referrer>')";
        visitor.evaluates(policy).await;
        world.minutes_pass(32);
        visitor.types("#name", "Joanna").await;
        visitor.clicks(".content [type=submit]").await;
        visitor.sees("h1", "The form was not sent").await;
        visitor.clicks_link("Back to the form").await;
        visitor.sees("h1", "Edit profile").await;
        visitor.types("#name", "Joanna").await;
        visitor.clicks(".content [type=submit]").await;
        visitor.sees(".notice.ok", "Your profile was saved.").await;
        assert_eq!(shown_customer(&visitor).await, customer);
    })
    .await;
}

/// A speculation rule that fetches `target` at once, and a link to it.
fn speculation(target: &str) -> String {
    format!(
        "(() => {{ const rules = document.createElement('script'); rules.type = 'speculationrules'; \
         rules.textContent = JSON.stringify({{prefetch: [{{source: 'list', urls: ['{target}'], \
         eagerness: 'immediate'}}]}}); document.head.append(rules); \
         const link = document.createElement('a'); link.href = '{target}'; \
         link.textContent = 'To the account'; document.body.prepend(link); }})()"
    )
}

/// Waits until ECOM has received that many requests for pages.
async fn wait_for_pages(world: &World, pages: usize) {
    let arrived = async {
        while world.count(Operation::EcomPage) < pages {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("a prefetched page");
}

#[tokio::test]
async fn kind_2_a_prefetched_page_is_the_page_that_the_click_shows() {
    let (world, origin) = start_shop("[]").await;
    let chromium = Chromium::start().await;
    visit("prefetch", chromium, &origin, async move |visitor: Visitor| {
        let target = controller("Account-Show");
        visitor.goes(&controller("Home-Show")).await;
        let customer = shown_customer(&visitor).await;
        world.forget_calls();
        visitor.evaluates(&speculation(&target)).await;
        wait_for_pages(&world, 1).await;
        visitor.clicks_link("To the account").await;
        visitor.sees("h1", "My account").await;
        assert_eq!(shown_customer(&visitor).await, customer);
        assert_eq!(world.count(Operation::EcomPage), 1, "the click makes no other request");

        // Tokens and DW session have expired: the browser drops the error, and asks again.
        visitor.goes(&controller("Home-Show")).await;
        world.minutes_pass(32);
        world.forget_calls();
        visitor.evaluates(&speculation(&target)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.expect_calls(&[]);
        visitor.clicks_link("To the account").await;
        visitor.sees("h1", "My account").await;
        assert_eq!(shown_customer(&visitor).await, customer);
    })
    .await;
}
