//! Storefront Next, whose server keeps the session by itself, with an imitation of that server: behind
//! Tandem it finds a valid token in every request, and its logins and logouts reach both systems.

use tandem_sandbox::Operation;
use testkit::{
    Browser, DwSession, JO, Mode, Page, PendingRequest, SAM, Scenario, StorefrontNext, World,
    controller,
};

const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

fn scenarios() -> Vec<Scenario> {
    let all = Scenario::all().into_iter();
    all.map(|scenario| scenario.with_profile("storefront-next")).collect()
}

async fn start(scenario: Scenario) -> (World, StorefrontNext) {
    let head = StorefrontNext::start().await;
    let world = scenario.with_head(&head.origin).start().await;
    head.connect(&world);
    (world, head)
}

fn logs_in(browser: &Browser, (login, password): (&str, &str)) -> PendingRequest {
    browser.posts_form("/login", "/action/login", &[("username", login), ("password", password)])
}

fn logs_out(browser: &Browser) -> PendingRequest {
    browser.posts_form("/account", "/action/logout", &[])
}

/// The shopper that the server shows.
fn shown(page: &Page) -> (String, String) {
    let shown = page.json();
    let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    (text("customer_type"), text("customer_id"))
}

/// ECOM, where the shop has it, shows the customer of the cookies.
async fn expect_same_on_ecom(world: &World, browser: &Browser) {
    if world.scenario.mode != Mode::None {
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(Some(page.ecom_customer().1), browser.customer_id(), "{}", world.scenario);
    }
}

#[tokio::test]
async fn promise_5_the_server_of_the_head_makes_no_slas_call_of_its_own() {
    for scenario in scenarios() {
        let (world, head) = start(scenario).await;
        let browser = world.browser();
        for minutes in [0, 1, 29, 31, 400] {
            world.minutes_pass(minutes);
            let page = browser.visits("/").await.expect(200);
            assert_eq!(Some(shown(&page).1), browser.customer_id(), "{}", world.scenario);
            world.minutes_pass(minutes);
            let data = browser.calls("/product/1.data").await.expect(200);
            assert_eq!(Some(shown(&data).1), browser.customer_id(), "{}", world.scenario);
            assert_eq!(head.take_own_calls(), [""; 0], "{} {minutes}", world.scenario);
        }
        expect_same_on_ecom(&world, &browser).await;
    }
}

#[tokio::test]
async fn promise_13_the_server_reads_the_token_that_counts_whatever_stands_beside_it() {
    for scenario in scenarios() {
        let (world, head) = start(scenario).await;
        let browser = world.guest().await;
        let planted = world.registered().await;
        for name in ["cc-at_RefArch", "cc-nx_RefArch", "usid_RefArch"] {
            let value = planted.cookie(name).expect("a cookie");
            browser.stores_domain_cookie(name, &value);
        }
        head.received_cookies();
        let page = browser.visits("/").await.expect(200);
        assert_eq!(shown(&page).0, "guest", "{}", world.scenario);
        let sent = head.received_cookies().pop().unwrap_or_default();
        for name in ["cc-at_RefArch=", "cc-nx_RefArch="] {
            assert!(sent.matches(name).count() <= 1, "one value per name: {name}");
        }
        assert_eq!(head.take_own_calls(), [""; 0], "{}", world.scenario);
    }
}

#[tokio::test]
async fn kind_36_a_login_of_the_heads_own_server_is_the_same_shopper_on_ecom() {
    for scenario in scenarios() {
        let (world, head) = start(scenario).await;
        let browser = world.guest_on_ecom().await;
        let usid = browser.usid();
        logs_in(&browser, JO).await.expect(303);
        assert_eq!(head.take_own_calls(), ["login"]);
        assert_eq!(browser.usid(), usid, "{}: the guest's session goes on", world.scenario);
        let page = browser.visits("/account").await.expect(200);
        assert_eq!(Some(shown(&page).1), browser.customer_id());
        assert_eq!(shown(&page).0, "registered");
        expect_same_on_ecom(&world, &browser).await;
        world.seconds_pass(5);
        logs_in(&browser, SAM).await.expect(303);
        expect_same_on_ecom(&world, &browser).await;
        browser.expect_registered(SAM.0, DwSession::live_if(world.scenario.mode != Mode::None));
    }
}

#[tokio::test]
async fn promise_1_tokens_that_the_heads_server_renewed_are_the_same_shoppers() {
    for scenario in scenarios() {
        let (world, head) = start(scenario).await;
        for registered in [false, true] {
            let browser = if registered {
                world.registered_on_ecom().await
            } else {
                world.guest_on_ecom().await
            };
            head.take_own_calls();
            let (customer, token) = (browser.customer_id(), browser.cookie("cc-at"));
            world.minutes_pass(1);
            browser.visits("/rejected-token").await.expect(307);
            assert_eq!(head.take_own_calls(), ["refresh"]);
            assert_ne!(browser.cookie("cc-at"), token, "{}", world.scenario);
            for minutes in [0, 31] {
                world.minutes_pass(minutes);
                let page = browser.visits("/").await.expect(200);
                assert_eq!(Some(shown(&page).1), customer, "{} {minutes}", world.scenario);
                expect_same_on_ecom(&world, &browser).await;
                assert_eq!(head.take_own_calls(), [""; 0], "{}", world.scenario);
            }
        }
    }
}

#[tokio::test]
async fn promise_2_a_rejected_login_of_the_heads_server_changes_nothing() {
    let (world, head) = start(Scenario::private().with_profile("storefront-next")).await;
    let browser = world.guest().await;
    let before = browser.cookies();
    logs_in(&browser, (JO.0, "wrong")).await.expect(401).expect_no_cookies();
    assert_eq!(browser.cookies(), before);
    assert_eq!(head.take_own_calls(), ["login"]);
}

#[tokio::test]
async fn promise_10_a_logout_of_the_heads_own_server_sticks_and_is_no_expiry() {
    for scenario in scenarios() {
        let (world, head) = start(scenario).await;
        let browser = world.guest_on_ecom().await;
        logs_in(&browser, JO).await.expect(303);
        expect_same_on_ecom(&world, &browser).await;
        let before = browser.stale_copy();
        logs_out(&browser).await.expect(303);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "none", "{}", world.scenario);
        assert_eq!(view["session_expired"], false, "{}", world.scenario);
        head.take_own_calls();
        let page = browser.visits("/").await.expect(200);
        assert_eq!(shown(&page).0, "guest", "{}", world.scenario);
        assert_eq!(head.take_own_calls(), [""; 0], "the guest is Tandem's");
        expect_same_on_ecom(&world, &browser).await;
        let late = before.calls("/bff/session").await.expect(200).json();
        assert_eq!(late["customer_type"], "none", "{}", world.scenario);
    }
}

#[tokio::test]
async fn promise_6_crawlers_share_one_guest_and_the_head_logs_none_in() {
    let rule = "path = \"/\"\ncrawlers = \"shared-guest\"";
    for scenario in scenarios() {
        let (world, head) = start(scenario.route(rule)).await;
        world.allow_no_landing();
        let mut guests = Vec::new();
        for path in ["/", "/product/1", "/product/1.data"] {
            let crawler = world.browser();
            let visit = crawler.visits(path).header("user-agent", CRAWLER);
            let page = visit.await.expect(200);
            page.expect_no_cookies();
            guests.push(shown(&page));
        }
        guests.dedup();
        assert_eq!(guests.len(), 1, "{}", world.scenario);
        assert_eq!(guests[0].0, "guest");
        assert_eq!(head.take_own_calls(), [""; 0], "{}", world.scenario);
        let received = head.received_cookies();
        assert!(received.iter().all(|sent| sent.starts_with("cc-at_RefArch=")), "{received:?}");
        assert!(received.iter().all(|sent| !sent.contains(';')), "the token alone: {received:?}");
        assert_eq!(world.take_calls(), world.scenario.guest_calls());
        world.minutes_pass(31);
        let later = world.browser().visits("/").header("user-agent", CRAWLER).await.expect(200);
        assert_ne!(shown(&later), guests[0], "after half an hour there is another");
        assert_eq!(world.count(Operation::Sessions), 0, "{}", world.scenario);
    }
}

#[tokio::test]
async fn attack_68_the_shared_guest_is_for_reading_pages_of_the_head_alone() {
    let rule = "path = \"/\"\ncrawlers = \"shared-guest\"";
    let scenario = Scenario::private().with_profile("storefront-next").route(rule);
    let (world, head) = start(scenario).await;
    let browser = world.registered_on_ecom().await;
    head.received_cookies();
    let page = browser.visits("/").header("user-agent", CRAWLER).await.expect(200);
    assert_eq!(shown(page.expect_no_cookies()).0, "guest", "never as the shopper of its cookies");
    let ours = |sent: &String| sent.contains("cc-nx") || sent.contains("dwsid");
    assert!(!head.received_cookies().iter().any(ours));
    browser.visits(&controller("Home-Show")).header("user-agent", CRAWLER).await.expect(200);
    let sent = world.control().calls().pop().expect("a page of ECOM");
    assert!(!sent.header("cookie").unwrap_or_default().contains("cc-at"), "ECOM gets no token");
    world.browser().calls("/logo.svg").header("user-agent", CRAWLER).await.expect(200);
    assert_eq!(head.received_cookies(), [""], "a file needs none");
}

#[tokio::test]
async fn promise_15_crawlers_get_pages_while_slas_is_unavailable() {
    let rule = "path = \"/\"\ncrawlers = \"shared-guest\"";
    let head = testkit::ScriptedHead::start().await;
    let scenario = Scenario::private().with_profile("storefront-next").route(rule);
    let world = scenario.with_head(&head.origin).start().await;
    world.allow_no_landing();
    world.control().inject_fault(
        Operation::TokenGuest,
        tandem_sandbox::Fault::Status(503, None),
        9,
    );
    let visit = world.browser().visits("/").header("user-agent", CRAWLER);
    visit.await.expect(200).expect_no_cookies();
    assert_eq!(head.received_cookies(), [""]);
}
