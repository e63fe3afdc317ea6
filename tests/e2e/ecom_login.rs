//! Shoppers sign in, register and sign out on ECOM's own pages, and the Head knows.

use tandem_sandbox::{Fault, Operation, Times};
use testkit::{Browser, JO, Mode, Page, SAM, Scenario, World, controller};

/// ECOM that says nothing, ECOM with the cartridge, and the platform that does it all.
fn kinds() -> Vec<Scenario> {
    let plain = Scenario::clients().map(Scenario::on_demand).into_iter().chain(Scenario::clients());
    let plugin = Scenario::clients().map(Scenario::with_plugin_slas).into_iter();
    let plugin = plugin.chain(Scenario::clients().map(Scenario::with_cartridge_alone));
    let hybrid = Scenario::with_ecom().into_iter().filter(|scenario| scenario.mode == Mode::Hybrid);
    plain.chain(plugin).chain(hybrid).collect()
}

async fn signs_in(browser: &Browser, (login, password): (&str, &str)) -> Page {
    let form = browser.visits(&controller("Login-Show")).await.expect(200).csrf_token();
    let fields = [("csrf_token", &*form), ("loginEmail", login), ("loginPassword", password)];
    browser.posts_form(&controller("Login-Show"), &controller("Account-Login"), &fields).await
}

async fn on_ecom(world: &World) -> Browser {
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.visits(&controller("Home-Show")).await.expect(200);
    browser.is_guest(true);
    browser
}

#[tokio::test]
async fn whoever_signs_in_on_ecom_is_signed_in_on_the_head() {
    for scenario in kinds() {
        let world = scenario.clone().start().await;
        let browser = on_ecom(&world).await;
        signs_in(&browser, JO).await.expect(302);
        browser.is_registered(JO.0, true);
        let account = browser.visits(&controller("Account-Show")).await.expect(200);
        assert!(account.text.contains("Jo Rider"), "{scenario}");
        world.calls();
        browser.visits("/").await.expect(200);
        assert_eq!(world.calls(), [""; 0], "{scenario}: and it is warm");
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn a_sign_in_on_ecom_costs_a_look_and_an_exchange_where_ecom_hands_nothing_over() {
    let world = Scenario::private().start().await;
    let browser = on_ecom(&world).await;
    let dwsid = browser.holds("dwsid");
    world.calls();
    signs_in(&browser, JO).await.expect(302);
    assert_eq!(world.calls(), ["ocapi.customers.auth", "slas.session-bridge"]);
    assert_eq!(browser.holds("dwsid"), dwsid, "the session and all that is in it stays");
}

#[tokio::test]
async fn a_wrong_password_on_ecom_changes_nothing() {
    for scenario in kinds() {
        let world = scenario.clone().start().await;
        let browser = on_ecom(&world).await;
        let guest = browser.is_guest(true);
        signs_in(&browser, (JO.0, "wrong-password")).await.expect(200);
        assert_eq!(browser.is_guest(true), guest, "{scenario}");
    }
}

#[tokio::test]
async fn whoever_registers_on_ecom_is_signed_in_on_the_head() {
    for scenario in kinds() {
        let world = scenario.clone().start().await;
        let browser = on_ecom(&world).await;
        let form = browser.visits(&controller("Login-Show")).await.expect(200).csrf_token();
        let fields = [
            ("csrf_token", &*form),
            ("dwfrm_profile_customer_firstname", "Ada"),
            ("dwfrm_profile_customer_lastname", "Saddle"),
            ("dwfrm_profile_customer_email", "ada@example.com"),
            ("dwfrm_profile_login_password", "Tandem-2026"),
        ];
        let page = controller("Account-SubmitRegistration");
        browser.posts_form(&controller("Login-Show"), &page, &fields).await.expect(302);
        browser.is_registered("ada@example.com", true);
    }
}

#[tokio::test]
async fn promise_10_whoever_signs_out_on_ecom_is_signed_out_on_the_head() {
    for scenario in kinds() {
        let world = scenario.clone().start().await;
        let browser = on_ecom(&world).await;
        signs_in(&browser, JO).await.expect(302);
        let before = browser.late();
        world.forget_calls();
        browser.visits(&controller("Login-Logout")).await.expect(302);
        // Under Hybrid Auth the platform does it inside.
        let revoked = usize::from(scenario.mode != Mode::Hybrid);
        assert_eq!(world.count(Operation::Logout), revoked, "{scenario}");
        browser.visits("/").await.expect(200);
        browser.is_guest(scenario.bridges_at_landing() || scenario.mode == Mode::Hybrid);
        // What was under way with the old cookies meanwhile does not bring the shopper back.
        before.visits("/").await.expect(200).sets_no_cookies();
        let view = before.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "none", "{scenario}");
    }
}

#[tokio::test]
async fn another_shopper_may_sign_in_on_ecom_after_the_first() {
    for scenario in kinds() {
        let world = scenario.clone().start().await;
        let browser = on_ecom(&world).await;
        signs_in(&browser, JO).await.expect(302);
        browser.visits(&controller("Login-Logout")).await.expect(302);
        signs_in(&browser, SAM).await.expect(302);
        browser.is_registered(SAM.0, true);
    }
}

#[tokio::test]
async fn the_cartridge_keeps_quiet_where_tandem_has_made_the_session() {
    let told = Scenario::clients().map(Scenario::with_plugin_slas).into_iter();
    for scenario in told.chain(Scenario::clients().map(Scenario::with_cartridge_alone)) {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.is_guest(true);
        let new = scenario.and_bridge(scenario.guest_calls());
        assert_eq!(world.calls(), new, "{scenario}: our calls, and none of the cartridge's");
        // Longer than the guard lives in the browser, but never idle.
        for _ in 0..4 {
            world.minutes_pass(14);
            browser.visits(&controller("Cart-Show")).await.expect(200);
        }
        let bridged = world.calls().iter().filter(|call| call.starts_with("ocapi")).count();
        assert_eq!(bridged, 0, "{scenario}");
    }
}

#[tokio::test]
async fn what_the_cartridge_sets_is_not_what_scripts_may_read() {
    let world = Scenario::private().with_plugin_slas().start().await;
    let browser = on_ecom(&world).await;
    signs_in(&browser, JO).await.expect(302);
    let mut seen = browser.script_sees();
    seen.retain(|name| !name.starts_with("dwanonymous"));
    assert_eq!(seen, ["usid"]);
    assert!(
        browser.cookie("cc-at_2").is_some(),
        "the token comes in pieces: {:?}",
        browser.names()
    );
}

#[tokio::test]
async fn promise_4_a_session_made_for_a_sign_in_page_reaches_the_browser_and_its_form_is_taken() {
    for scenario in [Scenario::private(), Scenario::private().on_demand()] {
        let scenario = scenario.with_site("ecom.sign_in", "Login-Show,Account-Login");
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        world.minutes_pass(45);
        signs_in(&browser, JO).await.expect(302);
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn promise_2_an_outage_that_only_the_cartridge_sees_signs_nobody_out() {
    let world = Scenario::private().with_plugin_slas().start().await;
    let browser = on_ecom(&world).await;
    signs_in(&browser, JO).await.expect(302);
    world.control().expire_dw(&browser.holds("dwsid"));
    let down = Fault::Status(503, None);
    world.control().fault(Operation::TokenRefresh, down, 1);
    browser.visits(&controller("Account-Show")).await;
    browser.visits(&controller("Account-Show")).await.expect(200);
    browser.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_1_a_sign_in_that_cannot_be_checked_now_is_made_good_by_the_next_page() {
    for scenario in kinds() {
        let world = scenario.clone().start().await;
        let browser = on_ecom(&world).await;
        world.control().fault(Operation::Jwks, Fault::Status(503, None), Times::Always);
        signs_in(&browser, JO).await.expect(302);
        browser.visits(&controller("Account-Show")).await.expect(200);
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn attack_15_a_token_planted_by_a_sibling_host_is_nobodys_where_ecom_is_behind_us() {
    let world = Scenario::private().start().await;
    let (victim, attacker) = (world.browser(), world.browser());
    victim.visits("/").await.expect(200);
    let guest = victim.is_guest(true);
    world.minutes_pass(1);
    attacker.visits("/").await.expect(200);
    attacker.logs_in(JO).await.expect(200);
    let token = attacker.holds("token");
    victim.is_given("cc-at", &token[..1199]).is_given("cc-at_2", &token[1199..]);
    victim.visits("/").await.expect(200);
    assert_eq!(victim.is_guest(true), guest);
    assert_eq!(victim.cookie("cc-at"), None);
}

#[tokio::test]
async fn promise_9_a_form_that_a_script_sends_by_get_is_not_sent_into_another_session() {
    let world = Scenario::private().start().await;
    let browser = on_ecom(&world).await;
    world.minutes_pass(45);
    let coupon = format!("{}?csrf_token=x&code=y", controller("Cart-AddCoupon"));
    let pages = world.count(Operation::EcomPage);
    browser.calls(&coupon).await.expect_problem(401, "session_expired");
    assert_eq!(world.count(Operation::EcomPage), pages);
}

#[tokio::test]
async fn a_token_that_an_unfronted_ecom_hands_over_is_taken_over_without_a_call() {
    for scenario in Scenario::clients().map(Scenario::without_fronting_ecom) {
        let world = scenario.clone().start().await;
        let (browser, other) = (world.browser(), world.browser());
        browser.visits("/").await.expect(200);
        other.visits("/").await.expect(200);
        world.minutes_pass(1);
        other.logs_in(JO).await.expect(200);
        // ECOM has signed Jo in on its own host name; its cookies are for the whole shop.
        let token = other.holds("token");
        browser.is_given("cc-at", &token[..1199]).is_given("cc-at_2", &token[1199..]);
        browser.is_given("cc-nx", &other.holds("cc-nx")).is_given("dwsid", &other.holds("dwsid"));
        browser.loses("cc-nx-g");
        world.calls();
        browser.visits("/").await.expect(200);
        let keys_and_whose_dwsid = ["slas.jwks", "ocapi.customers.auth"];
        assert_eq!(world.calls(), keys_and_whose_dwsid, "{scenario}");
        browser.is_registered(JO.0, true);
        assert_eq!(browser.holds("token"), token);
        assert_eq!((browser.cookie("cc-at"), browser.cookie("cc-at_2")), (None, None));
        // A piece is missing: that is no token, and nothing changes.
        browser.is_given("cc-at", &token[..1199]);
        browser.visits("/").await.expect(200);
        browser.is_registered(JO.0, true);
        assert_eq!(browser.cookie("cc-at"), None);
    }
}

#[tokio::test]
async fn a_token_handed_over_that_is_older_or_forged_is_not_taken_over() {
    let world = Scenario::private().without_fronting_ecom().start().await;
    let (browser, other) = (world.browser(), world.browser());
    other.visits("/").await.expect(200);
    let older = other.holds("token");
    world.minutes_pass(1);
    browser.visits("/").await.expect(200);
    let guest = browser.is_guest(true);
    let (head, signature) = older.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in [older.clone(), forged, "a.b.c".to_owned()] {
        let pieces = token.as_bytes().chunks(1199).map(|it| std::str::from_utf8(it).unwrap());
        for (at, piece) in pieces.enumerate() {
            let name = if at == 0 { "cc-at".to_owned() } else { format!("cc-at_{}", at + 1) };
            browser.is_given(&name, piece);
        }
        browser.visits("/").await.expect(200);
        assert_eq!(browser.is_guest(true), guest);
        assert_eq!(browser.cookie("cc-at"), None);
    }
}

#[tokio::test]
async fn the_word_refresh_from_an_unfronted_ecom_ends_the_registered_session() {
    let world = Scenario::private().without_fronting_ecom().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.logs_in(JO).await.expect(200);
    browser.is_given("cc-at", "refresh").loses("cc-nx").loses("dwsid");
    browser.visits("/").await.expect(200);
    browser.is_guest(true);
    assert_eq!(browser.cookie("cc-at"), None);
}

#[tokio::test]
async fn where_the_operator_wants_it_a_returning_visitor_is_sent_to_the_same_page_once() {
    let world = Scenario::private().with_site("ecom.returning", "redirect").start().await;
    let browser = on_ecom(&world).await;
    world.minutes_pass(45);
    let cart = format!("{}?a=%2F", controller("Cart-Show"));
    let page = browser.visits(&cart).await.expect(307);
    assert_eq!(page.location(), cart);
    browser.visits(&cart).await.expect(200);
    let stranger = world.browser();
    stranger.visits(&cart).await.expect(200);
}

#[tokio::test]
async fn a_choice_against_tracking_reaches_the_token_once() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        browser.is_given("dw_dnt", "1");
        world.calls();
        browser.visits("/").await.expect(200);
        let refreshes = world.calls().iter().filter(|it| it.contains("refresh")).count();
        assert_eq!(refreshes, 1, "{scenario}");
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["dnt"], true, "{scenario}");
        browser.visits("/").await.expect(200);
        assert_eq!(world.calls(), [""; 0], "{scenario}");
    }
}
