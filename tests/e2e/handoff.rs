//! The sender of a handoff counts: ECOM hands a shopper over with the DW session it responds in, a
//! Head hands over tokens only (promise 19).

use testkit::{
    Browser, Client, DwSession, JO, Mode, Page, SAM, Scenario, ScriptedHead, World, controller,
};

/// A shop with a Head that the test scripts, and the browser of a guest with both sessions.
async fn start_with_guest(scenario: &Scenario) -> (World, ScriptedHead, Browser) {
    let head = ScriptedHead::start().await;
    let world = scenario.clone().with_head(&head.origin).start().await;
    let browser = world.guest_on_ecom().await;
    (world, head, browser)
}

/// The same after a login of Jo.
async fn start_with_registered(scenario: &Scenario) -> (World, ScriptedHead, Browser) {
    let (world, head, browser) = start_with_guest(scenario).await;
    browser.logs_in(JO).await.expect(200);
    (world, head, browser)
}

/// Every client, bridge mode and bridge time, and those of the private client with every profile.
fn scenarios() -> Vec<Scenario> {
    let profiles = ["pwa-kit", "storefront-next", "plugin-slas"];
    let private =
        || Scenario::all().into_iter().filter(|scenario| scenario.client == Client::Private);
    let with = |profile| private().map(move |scenario| scenario.with_profile(profile));
    Scenario::all().into_iter().chain(profiles.into_iter().flat_map(with)).collect()
}

/// The cookies that a Head sets after it has logged `shopper` in on its own server, and the customer.
async fn logged_in_by_the_head(
    world: &World,
    suffix: &str,
    shopper: (&str, &str),
) -> (Vec<String>, String) {
    let elsewhere = world.logged_in(shopper).await;
    let customer = elsewhere.token().expect("a token").customer_id;
    let access = access_token(&elsewhere);
    let refresh = elsewhere.expect_cookie("cc-nx");
    let lines = vec![
        format!("cc-nx-g{suffix}=; Path=/; Max-Age=0; Secure"),
        format!("cc-nx{suffix}={refresh}; Path=/; Max-Age=7776000; HttpOnly; Secure"),
        format!("cc-at{suffix}={access}; Path=/; Max-Age=1800; HttpOnly; Secure"),
    ];
    (lines, customer)
}

fn access_token(browser: &Browser) -> String {
    let pieces = ["cc-at", "cc-at_2", "cc-at_3"].iter().filter_map(|name| browser.cookie(name));
    browser.cookie("token").unwrap_or_else(|| pieces.collect())
}

fn suffix(scenario: &Scenario) -> &'static str {
    if ["pwa-kit", "storefront-next"].contains(&scenario.profile()) { "_RefArch" } else { "" }
}

/// The cookies that a Head sets after it has created a guest on its own server, and a browser with
/// that guest.
async fn guest_by_the_head(world: &World, suffix: &str) -> (Vec<String>, Browser) {
    let elsewhere = world.browser();
    elsewhere.visits("/").await.expect(200);
    let (access, refresh) = (access_token(&elsewhere), elsewhere.expect_cookie("cc-nx-g"));
    let lines = vec![
        format!("cc-nx{suffix}=; Path=/; Max-Age=0; Secure"),
        format!("cc-nx-g{suffix}={refresh}; Path=/; Max-Age=2592000; Secure"),
        format!("cc-at{suffix}={access}; Path=/; Max-Age=1800; Secure"),
    ];
    (lines, elsewhere)
}

/// Where there are classic pages, they show the registered shopper with that customer id.
async fn expect_on_ecom(scenario: &Scenario, browser: &Browser, customer: String) {
    if scenario.mode != Mode::None {
        let shown = visit_account(browser).await.ecom_customer();
        assert_eq!(shown, ("registered".to_owned(), customer), "{scenario}");
    }
}

async fn visit_account(browser: &Browser) -> Page {
    browser.visits(&controller("Account-Show")).await.expect(200)
}

#[tokio::test]
async fn kind_36_a_login_by_the_head_is_the_same_shopper_on_ecom() {
    for scenario in scenarios() {
        let (world, head, browser) = start_with_guest(&scenario).await;
        world.minutes_pass(1);
        let (lines, customer) = logged_in_by_the_head(&world, suffix(&scenario), JO).await;
        head.sets(lines);
        browser.posts("/head/login").await.expect(200);
        assert_eq!(browser.customer_id(), Some(customer.clone()), "{scenario}");
        expect_on_ecom(&scenario, &browser, customer).await;
        browser.expect_registered(JO.0, DwSession::live_if(scenario.mode != Mode::None));
    }
}

#[tokio::test]
async fn kind_36_ecom_shows_the_second_shopper_after_a_login_by_the_head() {
    for scenario in scenarios() {
        let (world, head, browser) = start_with_registered(&scenario).await;
        if scenario.mode != Mode::None {
            visit_account(&browser).await;
        }
        world.minutes_pass(1);
        let (lines, sam) = logged_in_by_the_head(&world, suffix(&scenario), SAM).await;
        head.sets(lines);
        browser.posts("/head/login").await.expect(200);
        expect_on_ecom(&scenario, &browser, sam).await;
        browser.expect_registered(SAM.0, DwSession::live_if(scenario.mode != Mode::None));
    }
}

#[tokio::test]
async fn kind_36_a_head_that_deletes_the_refresh_cookie_logs_out() {
    for scenario in scenarios() {
        let (_world, head, browser) = start_with_registered(&scenario).await;
        let before = browser.stale_copy();
        let suffix = suffix(&scenario);
        head.sets([
            format!("cc-nx{suffix}=; Path=/; Max-Age=0; Secure"),
            format!("cc-at{suffix}=; Path=/; Max-Age=0; Secure"),
        ]);
        browser.posts("/head/logout").await.expect(200);
        assert_eq!(browser.token(), None, "{scenario}");
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "none", "{scenario}");
        assert_eq!(view["session_expired"], false, "{scenario}: a logout, not an expiry");
        browser.visits("/").await.expect(200);
        assert!(!browser.token().expect("a guest").registered, "{scenario}");
        let late = before.calls("/bff/session").await.expect(200).json();
        assert_eq!(late["customer_type"], "none", "{scenario}: the logout sticks");
    }
}

#[tokio::test]
async fn kind_36_a_head_that_replaces_the_ended_session_logs_out() {
    for scenario in scenarios() {
        let (world, head, browser) = start_with_registered(&scenario).await;
        world.minutes_pass(1);
        let (lines, other) = guest_by_the_head(&world, suffix(&scenario)).await;
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        head.sets(lines);
        browser.posts("/head/logout").await.expect(200);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}");
        assert_eq!(view["session_expired"], false, "{scenario}: a logout, not an expiry");
        assert_eq!(browser.customer_id(), other.customer_id());
        if scenario.mode != Mode::None {
            assert_eq!(visit_account(&browser).await.ecom_customer().0, "guest", "{scenario}");
        }
    }
}

#[tokio::test]
async fn promise_2_a_guest_of_the_head_does_not_end_a_live_session() {
    for scenario in scenarios() {
        let (world, head, browser) = start_with_registered(&scenario).await;
        if scenario.mode != Mode::None {
            visit_account(&browser).await;
        }
        world.minutes_pass(1);
        head.sets(guest_by_the_head(&world, suffix(&scenario)).await.0);
        browser.posts("/head/anything").await.expect(200);
        browser.expect_registered(JO.0, DwSession::live_if(scenario.mode != Mode::None));
    }
}

#[tokio::test]
async fn kind_36_tokens_of_the_same_shopper_keep_the_dw_session() {
    for scenario in [Scenario::private(), Scenario::private().on_demand()] {
        let (world, head, browser) = start_with_registered(&scenario).await;
        visit_account(&browser).await;
        let dwsid = browser.expect_cookie("dwsid");
        world.minutes_pass(1);
        let (lines, _) = logged_in_by_the_head(&world, "", JO).await;
        head.sets(lines);
        world.forget_calls();
        browser.posts("/head/login").await.expect(200);
        assert_eq!(browser.expect_cookie("dwsid"), dwsid, "{scenario}");
        visit_account(&browser).await;
        assert!(!world.take_calls().contains(&"ocapi.sessions"), "{scenario}");
    }
}

#[tokio::test]
async fn kind_36_a_dw_session_of_the_head_counts_for_its_own_shopper() {
    let scenario = Scenario::private();
    for whose in [JO, SAM] {
        let (world, head, browser) = start_with_guest(&scenario).await;
        world.minutes_pass(1);
        let (mut lines, customer) = logged_in_by_the_head(&world, "", JO).await;
        let dwsid = world.control().new_ecom_visitor();
        assert!(world.control().log_in_on_ecom(&dwsid, whose.0));
        lines.push(format!("dwsid={dwsid}; Path=/; Secure; HttpOnly"));
        head.sets(lines);
        browser.posts("/head/login").await.expect(200);
        assert_eq!(browser.cookie("dwsid").as_deref() == Some(&*dwsid), whose == JO);
        assert_eq!(
            visit_account(&browser).await.ecom_customer(),
            ("registered".to_owned(), customer)
        );
    }
}
