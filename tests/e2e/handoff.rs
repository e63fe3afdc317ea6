//! Who hands a shopper over counts: ECOM does so in the DW session it responds in, a Head hands
//! over tokens only (promise 19).

use testkit::{Browser, Client, JO, Mode, Page, SAM, Scenario, ScriptedHead, World, controller};

/// A world whose Head says what a test tells it to.
async fn scripted(scenario: Scenario) -> (World, ScriptedHead) {
    let head = ScriptedHead::start().await;
    (scenario.with_head(&head.origin).start().await, head)
}

/// Every client, bridge mode and bridge time, and the private client's with every cookie profile.
fn scenarios() -> Vec<Scenario> {
    let profiles = ["pwa-kit", "storefront-next", "plugin-slas"];
    let private =
        || Scenario::all().into_iter().filter(|scenario| scenario.client == Client::Private);
    let with = |profile| private().map(move |scenario| scenario.with_profile(profile));
    Scenario::all().into_iter().chain(profiles.into_iter().flat_map(with)).collect()
}

/// What a Head writes when it has signed `shopper` in on its own server.
async fn signed_in_by_the_head(
    world: &World,
    suffix: &str,
    shopper: (&str, &str),
) -> (Vec<String>, String) {
    let elsewhere = world.browser();
    elsewhere.visits("/").await.expect(200);
    elsewhere.logs_in(shopper).await.expect(200);
    let customer = elsewhere.token().expect("a token").customer_id;
    let access = access_token(&elsewhere);
    let refresh = elsewhere.holds("cc-nx");
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

async fn account(browser: &Browser) -> Page {
    browser.visits(&controller("Account-Show")).await.expect(200)
}

#[tokio::test]
async fn kind_36_a_shopper_whom_the_head_signs_in_is_the_same_shopper_on_ecom() {
    for scenario in scenarios() {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        world.minutes_pass(1);
        let (lines, jo) = signed_in_by_the_head(&world, suffix(&scenario), JO).await;
        head.sets(lines);
        browser.posts("/head/login").await.expect(200);
        assert_eq!(
            browser.token().map(|claims| claims.customer_id),
            Some(jo.clone()),
            "{scenario}"
        );
        if scenario.mode != Mode::None {
            let shown = account(&browser).await.ecom_customer();
            assert_eq!(shown, ("registered".to_owned(), jo), "{scenario}");
        }
        browser.is_registered(JO.0, scenario.mode != Mode::None);
    }
}

#[tokio::test]
async fn kind_36_ecom_never_shows_one_shopper_to_another_whom_the_head_has_signed_in() {
    for scenario in scenarios() {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        browser.logs_in(JO).await.expect(200);
        if scenario.mode != Mode::None {
            account(&browser).await;
        }
        world.minutes_pass(1);
        let (lines, sam) = signed_in_by_the_head(&world, suffix(&scenario), SAM).await;
        head.sets(lines);
        browser.posts("/head/login").await.expect(200);
        if scenario.mode != Mode::None {
            let shown = account(&browser).await.ecom_customer();
            assert_eq!(shown, ("registered".to_owned(), sam), "{scenario}");
        }
        browser.is_registered(SAM.0, scenario.mode != Mode::None);
    }
}

#[tokio::test]
async fn kind_36_a_head_that_deletes_the_refresh_cookie_has_signed_the_shopper_out() {
    for scenario in scenarios() {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        browser.logs_in(JO).await.expect(200);
        let before = browser.late();
        let suffix = suffix(&scenario);
        head.sets([
            format!("cc-nx{suffix}=; Path=/; Max-Age=0; Secure"),
            format!("cc-at{suffix}=; Path=/; Max-Age=0; Secure"),
        ]);
        browser.posts("/head/logout").await.expect(200);
        assert_eq!(browser.token(), None, "{scenario}");
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "none", "{scenario}");
        assert_eq!(view["session_expired"], false, "{scenario}: a logout is no expiry");
        browser.visits("/").await.expect(200);
        assert!(!browser.token().expect("a guest").registered, "{scenario}");
        let late = before.calls("/bff/session").await.expect(200).json();
        assert_eq!(late["customer_type"], "none", "{scenario}: and it sticks");
    }
}

#[tokio::test]
async fn kind_36_a_head_that_ends_the_slas_session_and_begins_a_guest_has_signed_out() {
    for scenario in scenarios() {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        browser.logs_in(JO).await.expect(200);
        world.minutes_pass(1);
        let other = world.browser();
        other.visits("/").await.expect(200);
        let suffix = suffix(&scenario);
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        head.sets([
            format!("cc-nx{suffix}=; Path=/; Max-Age=0; Secure"),
            format!("cc-nx-g{suffix}={}; Path=/; Max-Age=2592000; Secure", other.holds("cc-nx-g")),
            format!("cc-at{suffix}={}; Path=/; Max-Age=1800; Secure", access_token(&other)),
        ]);
        browser.posts("/head/logout").await.expect(200);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}");
        assert_eq!(view["session_expired"], false, "{scenario}: a logout is no expiry");
        assert_eq!(
            browser.token().map(|claims| claims.customer_id),
            other.token().map(|claims| claims.customer_id)
        );
        if scenario.mode != Mode::None {
            assert_eq!(account(&browser).await.ecom_customer().0, "guest", "{scenario}");
        }
    }
}

#[tokio::test]
async fn promise_2_a_head_that_makes_a_guest_while_the_session_lives_does_not_end_it() {
    for scenario in scenarios() {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        browser.logs_in(JO).await.expect(200);
        if scenario.mode != Mode::None {
            account(&browser).await;
        }
        world.minutes_pass(1);
        let other = world.browser();
        other.visits("/").await.expect(200);
        let suffix = suffix(&scenario);
        head.sets([
            format!("cc-nx{suffix}=; Path=/; Max-Age=0; Secure"),
            format!("cc-nx-g{suffix}={}; Path=/; Max-Age=2592000; Secure", other.holds("cc-nx-g")),
            format!("cc-at{suffix}={}; Path=/; Max-Age=1800; Secure", access_token(&other)),
        ]);
        browser.posts("/head/anything").await.expect(200);
        browser.is_registered(JO.0, scenario.mode != Mode::None);
    }
}

#[tokio::test]
async fn kind_36_tokens_of_the_same_shopper_leave_the_dw_session_alone() {
    for scenario in [Scenario::private(), Scenario::private().on_demand()] {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        browser.logs_in(JO).await.expect(200);
        account(&browser).await;
        let dwsid = browser.holds("dwsid");
        world.minutes_pass(1);
        let (lines, _) = signed_in_by_the_head(&world, "", JO).await;
        head.sets(lines);
        world.calls();
        browser.posts("/head/login").await.expect(200);
        assert_eq!(browser.holds("dwsid"), dwsid, "{scenario}");
        account(&browser).await;
        assert!(!world.calls().contains(&"ocapi.sessions"), "{scenario}");
    }
}

#[tokio::test]
async fn kind_36_a_dw_session_that_a_head_sets_is_taken_only_if_it_is_the_shoppers_own() {
    let scenario = Scenario::private();
    for whose in [JO, SAM] {
        let (world, head) = scripted(scenario.clone()).await;
        let browser = world.guest_on_ecom().await;
        world.minutes_pass(1);
        let (mut lines, jo) = signed_in_by_the_head(&world, "", JO).await;
        let dwsid = world.control().new_ecom_visitor();
        assert!(world.control().log_in_on_ecom(&dwsid, whose.0));
        lines.push(format!("dwsid={dwsid}; Path=/; Secure; HttpOnly"));
        head.sets(lines);
        browser.posts("/head/login").await.expect(200);
        assert_eq!(browser.cookie("dwsid").as_deref() == Some(&*dwsid), whose == JO);
        assert_eq!(account(&browser).await.ecom_customer(), ("registered".to_owned(), jo));
    }
}
