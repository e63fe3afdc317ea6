//! A changed password ends every older token, and no login that follows.

use std::future::IntoFuture as _;
use std::time::Duration;

use serde_json::json;
use tandem_sandbox::{Fault, Operation, Times};
use testkit::{Browser, DwSession, JO, Mode, Page, PendingRequest, Scenario, World, controller};
use tokio::task::JoinHandle;

use crate::slas_allowlist::slas_path;

const NEW_PASSWORD: &str = "Another-2026";
/// Jo after the change.
const NEW_JO: (&str, &str) = (JO.0, NEW_PASSWORD);
/// Long enough for another request to finish first.
const SLOW: Duration = Duration::from_millis(200);

const BASKETS: &str =
    "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/baskets";

/// A call that SCAPI refuses after the change.
async fn creates_basket(browser: &Browser) -> Page {
    browser.posts_json(&format!("{BASKETS}?siteId=RefArch"), &json!({})).await
}

/// A call for a basket that does not exist: 404 means that SCAPI accepts the token.
async fn reads_basket(browser: &Browser) -> Page {
    browser.calls(&format!("{BASKETS}/none?siteId=RefArch")).await
}

/// Jo, whose password has just been changed elsewhere.
async fn with_changed_password(scenario: &Scenario) -> (World, Browser) {
    let world = scenario.clone().start().await;
    let browser = world.registered_on_ecom().await;
    world.control().change_password(JO.0, NEW_PASSWORD);
    // SLAS counts in seconds.
    world.seconds_pass(2);
    (world, browser)
}

/// A request of another tab, which the platform has received and answers late.
async fn slow(
    world: &World,
    operation: Operation,
    request: impl Future<Output = Page> + Send + 'static,
) -> JoinHandle<Page> {
    world.control().inject_fault(operation, Fault::DelayAfter(SLOW), Times::Next(1));
    world.forget_calls();
    let page = tokio::spawn(request);
    world.wait_for_calls(operation, 1).await;
    page
}

async fn expect_signed_in(browser: &Browser, scenario: &Scenario) {
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "registered", "{scenario}");
    browser.visits("/").await.expect(200);
    browser.expect_registered(JO.0, scenario.dw_session_after_landing());
    creates_basket(browser).await.expect(200);
}

#[tokio::test]
async fn kind_42_a_refused_call_does_not_end_the_login_under_way() {
    for scenario in Scenario::all() {
        let (world, browser) = with_changed_password(&scenario).await;
        let login = browser.logs_in(NEW_JO).into_future();
        let login = slow(&world, Operation::Login, login).await;
        creates_basket(&browser).await.expect_problem(401, "session_expired");
        login.await.unwrap().expect(200);
        expect_signed_in(&browser, &scenario).await;
    }
}

#[tokio::test]
async fn kind_42_a_call_that_is_refused_after_the_login_changes_nothing() {
    for scenario in Scenario::all() {
        let (world, browser) = with_changed_password(&scenario).await;
        let tab = browser.clone();
        let call = async move { creates_basket(&tab).await };
        let call = slow(&world, Operation::ScapiOther, call).await;
        browser.logs_in(NEW_JO).await.expect(200);
        call.await.unwrap().expect_problem(409, "login_conflict").expect_no_cookies();
        expect_signed_in(&browser, &scenario).await;
    }
}

#[tokio::test]
async fn kind_42_two_refused_calls_do_not_end_the_login_under_way() {
    for scenario in Scenario::clients() {
        let (world, browser) = with_changed_password(&scenario).await;
        let late = browser.stale_copy();
        let login = browser.logs_in(NEW_JO).into_future();
        let login = slow(&world, Operation::TokenCode, login).await;
        creates_basket(&browser).await.expect(401);
        creates_basket(&late).await;
        login.await.unwrap().expect(200);
        creates_basket(&late).await.expect_no_cookies();
        expect_signed_in(&browser, &scenario).await;
    }
}

#[tokio::test]
async fn kind_42_a_refused_refresh_does_not_end_the_login_under_way() {
    for scenario in Scenario::all() {
        let (world, browser) = with_changed_password(&scenario).await;
        world.minutes_pass(60);
        let login = browser.logs_in(NEW_JO).into_future();
        let login = slow(&world, Operation::Login, login).await;
        browser.posts("/bff/session").await.expect_problem(401, "session_expired");
        login.await.unwrap().expect(200);
        expect_signed_in(&browser, &scenario).await;
    }
}

#[tokio::test]
async fn kind_42_a_refresh_that_is_refused_after_the_login_changes_nothing() {
    for scenario in Scenario::all() {
        let (world, browser) = with_changed_password(&scenario).await;
        world.minutes_pass(60);
        let page = browser.visits("/").into_future();
        let page = slow(&world, Operation::TokenRefresh, page).await;
        browser.logs_in(NEW_JO).await.expect(200);
        page.await.unwrap().expect_no_cookies();
        expect_signed_in(&browser, &scenario).await;
    }
}

#[tokio::test]
async fn kind_42_and_promise_10_a_logout_overtakes_the_login_under_way() {
    for scenario in Scenario::clients() {
        let (world, browser) = with_changed_password(&scenario).await;
        let login = browser.logs_in(NEW_JO).into_future();
        let login = slow(&world, Operation::Login, login).await;
        creates_basket(&browser.stale_copy()).await.expect(401);
        browser.stale_copy().logs_out().await.expect(200);
        login.await.unwrap().expect_problem(409, "login_conflict");
    }
}

#[tokio::test]
async fn kind_42_what_was_refused_stays_refused_after_the_login() {
    for scenario in Scenario::clients() {
        let (world, browser) = with_changed_password(&scenario).await;
        let stolen = browser.stale_copy();
        let login = browser.logs_in(NEW_JO).into_future();
        let login = slow(&world, Operation::Login, login).await;
        creates_basket(&browser).await.expect(401);
        login.await.unwrap().expect(200);
        world.minutes_pass(2);
        let page = stolen.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().0, "guest", "{scenario}");
        stolen.expect_guest(DwSession::Live);
    }
}

/// ECOM's form for a new password, filled in.
async fn password_form(browser: &Browser, current: &str) -> PendingRequest {
    let form = browser.visits(&controller("Account-EditProfile")).await.expect(200).csrf_token();
    let fields = [
        ("csrf_token", &*form),
        ("dwfrm_profile_login_currentpassword", current),
        ("dwfrm_profile_login_newpasswords_newpassword", NEW_PASSWORD),
    ];
    browser.sends(&controller("Account-SavePassword"), &fields)
}

/// Jo changes the password on ECOM's page.
async fn changes_password(browser: &Browser, current: &str) -> Page {
    password_form(browser, current).await.await.expect(200)
}

/// ECOM without a handoff, ECOM with the cartridge, and a platform with Hybrid Auth.
fn ecoms() -> Vec<Scenario> {
    let plugin = Scenario::clients().map(Scenario::with_plugin_slas);
    Scenario::with_ecom().into_iter().chain(plugin).collect()
}

#[tokio::test]
async fn kind_43_a_password_changed_on_ecom_leaves_the_shopper_logged_in() {
    for scenario in ecoms() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.seconds_pass(2);
        let dwsid = browser.expect_cookie("dwsid");
        let page = changes_password(&browser, testkit::PASSWORD).await;
        assert_eq!(page.json()["success"], true, "{scenario}");
        creates_basket(&browser).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        if scenario.mode == Mode::Classic {
            assert_eq!(browser.expect_cookie("dwsid"), dwsid, "{scenario}");
        }
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().0, "registered", "{scenario}");
        world.minutes_pass(40);
        browser.visits("/").await.expect(200);
        reads_basket(&browser).await.expect(404);
        assert!(browser.token().unwrap().registered, "{scenario}");
    }
}

#[tokio::test]
async fn kind_43_a_changed_password_costs_a_refresh_a_look_and_a_session_bridge() {
    let world = Scenario::private().start().await;
    let browser = world.registered_on_ecom().await;
    world.seconds_pass(2);
    changes_password(&browser, testkit::PASSWORD).await;
    world.expect_calls(&["slas.token.refresh", "ocapi.customers.auth", "slas.session-bridge"]);
    world.seconds_pass(2);
    browser.visits(&controller("Account-Show")).await.expect(200);
    browser.visits("/").await.expect(200);
    world.expect_calls(&[]);
}

#[tokio::test]
async fn kind_43_a_guest_pays_nothing_for_a_password_page() {
    let world = Scenario::private().start().await;
    let browser = world.guest_on_ecom().await;
    changes_password(&browser, testkit::PASSWORD).await;
    world.expect_calls(&["ocapi.customers.auth"]);
}

#[tokio::test]
async fn kind_43_a_wrong_password_leaves_the_shopper_logged_in() {
    for scenario in ecoms() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let page = changes_password(&browser, "wrong-password").await;
        assert_eq!(page.json()["success"], false, "{scenario}");
        creates_basket(&browser).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn kind_43_and_promise_2_without_slas_a_password_can_be_changed_and_the_loss_is_told() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().with_short_timeouts().start().await;
        let browser = world.registered_on_ecom().await;
        world.seconds_pass(2);
        let down = Fault::Status(503, None);
        world.control().inject_fault(Operation::TokenRefresh, down, Times::Always);
        changes_password(&browser, testkit::PASSWORD).await;
        world.control().clear_faults();
        creates_basket(&browser).await.expect_problem(401, "session_expired");
        assert_eq!(browser.cookie("dwsid"), None, "{scenario}");
    }
}

#[tokio::test]
async fn kind_43_a_password_changed_on_another_device_ends_everything_here() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = with_changed_password(&scenario).await;
        browser.visits(&controller("Account-Show")).await.expect(200);
        creates_basket(&browser).await.expect_problem(401, "session_expired");
        for name in ["token", "cc-nx", "usid", "dwsid"] {
            assert_eq!(browser.cookie(name), None, "{scenario}: {name}");
        }
        assert_eq!(world.count(Operation::SessionBridge), 0, "{scenario}");
    }
}

/// A thief has the cookies from before the change, and ECOM's session is still alive.
#[tokio::test]
async fn kind_43_a_password_page_does_not_bring_a_thief_back() {
    for scenario in ecoms() {
        let (world, thief) = with_changed_password(&scenario).await;
        let fields = [("dwfrm_profile_login_currentpassword", "guessed")];
        thief.sends(&controller("Account-SavePassword"), &fields).await.expect(401);
        assert_eq!(world.count(Operation::SessionBridge), 0, "{scenario}");
        thief.visits("/").await.expect(200);
        assert!(!thief.token().expect("a token").registered, "{scenario}");
    }
}

/// Refreshes through the SLAS proxy, as a tab of the storefront does.
fn refreshes(browser: &Browser, scenario: &Scenario) -> PendingRequest {
    let form = [("grant_type", "refresh_token"), ("refresh_token", ""), ("channel_id", "RefArch")];
    browser.sends(&slas_path(scenario.client, "token"), &form)
}

async fn expect_shut_out(world: &World, thief: &Browser, scenario: &Scenario) {
    assert_eq!(world.count(Operation::SessionBridge), 0, "{scenario}");
    // With Hybrid Auth the page of an ended session has made a guest already.
    let was_registered = thief.token().expect("a token").registered;
    let basket = creates_basket(thief).await;
    assert!(!(was_registered && basket.status.is_success()), "{scenario}");
    thief.visits("/").await.expect(200);
    assert!(!thief.token().expect("a token").registered, "{scenario}");
}

/// The exchange of another tab, before the change, says nothing of the time after it.
#[tokio::test]
async fn kind_43_and_promise_10_a_remembered_refresh_does_not_bring_a_thief_back() {
    for scenario in ecoms() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.seconds_pass(2);
        let thief = browser.stale_copy();
        refreshes(&browser, &scenario).await.expect(200);
        world.seconds_pass(20);
        world.control().change_password(JO.0, NEW_PASSWORD);
        world.seconds_pass(20);
        changes_password(&thief, "guessed").await;
        expect_shut_out(&world, &thief, &scenario).await;
    }
}

#[tokio::test]
async fn kind_43_and_promise_10_a_refresh_under_way_does_not_bring_a_thief_back() {
    for scenario in ecoms() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.seconds_pass(2);
        let thief = browser.stale_copy();
        let form = password_form(&thief, "guessed").await;
        let refresh = refreshes(&browser, &scenario).into_future();
        let refresh = slow(&world, Operation::TokenRefresh, refresh).await;
        world.seconds_pass(2);
        world.control().change_password(JO.0, NEW_PASSWORD);
        form.await.expect(200);
        refresh.await.unwrap();
        expect_shut_out(&world, &thief, &scenario).await;
    }
}

/// A slow page, or a slow upload, stretches the time between the exchange and the response.
#[tokio::test]
async fn kind_43_and_promise_10_a_slow_password_page_does_not_bring_a_thief_back() {
    for scenario in ecoms() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.seconds_pass(2);
        let thief = browser.stale_copy();
        let form = password_form(&thief, "guessed").await.into_future();
        let page = slow(&world, Operation::EcomPage, form).await;
        world.seconds_pass(10);
        world.control().change_password(JO.0, NEW_PASSWORD);
        world.seconds_pass(2);
        page.await.unwrap();
        expect_shut_out(&world, &thief, &scenario).await;
    }
}

#[tokio::test]
async fn kind_43_a_call_refused_during_the_change_does_not_end_the_session() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.seconds_pass(2);
        let tab = browser.clone();
        let change = async move { changes_password(&tab, testkit::PASSWORD).await };
        let change = slow(&world, Operation::SessionBridge, change).await;
        creates_basket(&browser).await.expect_problem(401, "session_expired");
        change.await.unwrap().expect(200);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        creates_basket(&browser).await.expect(200);
    }
}
