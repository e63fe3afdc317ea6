//! Who the shopper is where responses cross, replicas know nothing of each other, and somebody plants
//! cookies all the while.

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use serde_json::json;
use tandem_sandbox::{Fault, Operation};
use testkit::{Browser, Client, JO, Mode, Page, SAM, Scenario, ScriptedHead, Time, controller};

type Seen = Arc<Mutex<Vec<String>>>;

/// A Head that writes down the `Cookie` header of every request.
async fn listening_head() -> (String, Seen) {
    async fn respond(State(seen): State<Seen>, request: Request) -> &'static str {
        let cookie = request.headers().get("cookie").and_then(|it| it.to_str().ok());
        seen.lock().expect("no panic").push(cookie.unwrap_or_default().to_owned());
        "ok"
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Seen::default();
    let router = Router::new().fallback(respond).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (origin, seen)
}

#[tokio::test]
async fn promise_13_a_planted_token_that_its_planter_has_logged_out_changes_nothing_for_a_guest() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let victim = world.guest().await;
        let planter = world.guest().await;
        planter.logs_in(SAM).await.expect(200);
        let refresh = planter.holds("cc-nx");
        planter.logs_out().await.expect(200);
        victim.is_planted("cc-nx", &refresh);
        let view = victim.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}: the victim is still the guest");
        let basket = victim.puts_into_basket("bell-brass").await;
        assert!(basket.status.is_success(), "{scenario}: {basket:?}");
    }
}

#[tokio::test]
async fn promise_13_nor_for_a_registered_shopper_whose_access_token_has_expired() {
    let world = Scenario::private().start().await;
    let victim = world.jo().await;
    world.minutes_pass(31);
    let planter = world.guest().await;
    planter.logs_in(SAM).await.expect(200);
    let access = planter.holds("token");
    planter.logs_out().await.expect(200);
    victim.is_planted("token", &access);
    victim.visits("/").await.expect(200);
    victim.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_2_two_landings_that_cross_leave_one_of_the_two_guests() {
    for scenario in [
        Scenario::private().on_demand(),
        Scenario::new(Client::Public, Mode::Classic, Time::OnDemand),
    ] {
        let world = scenario.clone().start().await;
        // Two tabs are opened at once: two landings.
        let browser = world.browser();
        let second = world.browser();
        browser.visits("/").await.expect(200);
        let first = browser.customer_id();
        let to_ecom = browser.late();
        let landing = second.visits("/").await.expect(200);
        let other = second.customer_id();
        // The first tab follows a link to ECOM, and meanwhile the second landing comes in.
        let page = to_ecom.visits(&controller("Home-Show")).await.expect(200);
        browser.stores_cookies_of(&landing);
        browser.stores_cookies_of(&page);
        world.calls();
        browser.visits("/").await.expect(200);
        let now = browser.customer_id();
        assert!(now == first || now == other, "{scenario}: a third guest, {:?}", world.calls());
    }
}

#[tokio::test]
async fn promise_2_a_guests_page_of_another_replica_that_ends_after_a_login_leaves_the_login() {
    for mode in [Mode::Classic, Mode::Hybrid] {
        for time in [Time::OnDemand, Time::Landing] {
            let scenario = Scenario::new(Client::Private, mode, time);
            let mut world = scenario.clone().start().await;
            let browser = world.guest().await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.minutes_pass(6);
            // On its way to the other replica while the shopper logs in by this one.
            let mut tab = browser.late();
            browser.logs_in(JO).await.expect(200);
            world.restarts(&mut tab);
            let page = tab.visits(&controller("Home-Show")).await.expect(200);
            browser.stores_cookies_of(&page);
            let mut browser = browser.late();
            world.restarts(&mut browser);
            browser.visits("/").await.expect(200);
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(
                view["customer_type"],
                "registered",
                "{scenario}: told {}; {:?}",
                view["session_expired"],
                page.set_cookies()
            );
        }
    }
}

#[tokio::test]
async fn promise_2_a_guests_slow_page_that_ends_after_a_login_leaves_the_login() {
    // No replica: the page began before the login and ends 31 s after it.
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    browser.visits(&controller("Home-Show")).await.expect(200);
    world.minutes_pass(6);
    let tab = browser.late();
    world.forget_calls();
    world.control().fault(Operation::EcomPage, Fault::Delay(Duration::from_millis(1500)), 1);
    let slow = tokio::spawn(async move { tab.visits(&controller("Home-Show")).await });
    world.receives(Operation::EcomPage, 1).await;
    browser.logs_in(JO).await.expect(200);
    world.seconds_pass(31);
    let page = slow.await.unwrap();
    browser.stores_cookies_of(&page);
    browser.visits("/").await.expect(200);
    let token = browser.token();
    assert!(token.is_some_and(|it| it.registered), "{:?}", page.set_cookies());
}

#[tokio::test]
async fn promise_2_a_guests_renewal_at_another_replica_that_ends_after_a_login_leaves_the_login() {
    let scenario = Scenario::private();
    let mut world = scenario.clone().start().await;
    let browser = world.guest().await;
    world.minutes_pass(31);
    let mut tab = browser.late();
    browser.logs_in(JO).await.expect(200);
    world.restarts(&mut tab);
    let page = tab.visits("/").await.expect(200);
    let mut browser = browser.late();
    browser.stores_cookies_of(&page);
    world.restarts(&mut browser);
    browser.visits("/").await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    let told = view["session_expired"] == true;
    assert!(view["customer_type"] == "registered" || told, "silently {view}");
}

#[tokio::test]
async fn promise_2_tokens_from_before_tandem_survive_an_outage_at_the_first_page() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let old = world.jo().await;
        let newcomer = world.browser();
        newcomer.is_given("cc-nx", &old.holds("cc-nx"));
        // An older set-up has left its usid for the whole domain beside the newer one.
        newcomer.is_given("usid", "a").is_planted("usid", "b");
        world.control().fault(Operation::TokenRefresh, Fault::Status(503, None), 1);
        newcomer.visits("/").await.expect(503);
        world.minutes_pass(2);
        newcomer.visits("/").await.expect(200);
        newcomer.is_registered(JO.0, scenario.bridges_at_landing());
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_costs_no_page_a_call_nor_its_caching() {
    let world = Scenario::private().on_demand().start().await;
    let planter = world.jo().await;
    planter.visits(&controller("Account-Show")).await.expect(200);
    let victim = world.guest().await;
    victim.is_planted("dwsid", &planter.holds("dwsid"));
    victim.visits("/").await.expect(200);
    world.calls();
    for _ in 0..3 {
        let page = victim.visits("/").await.expect(200);
        assert_eq!(world.calls(), [""; 0], "promise 5; and {:?}", page.set_cookies());
    }
}

#[tokio::test]
async fn promise_10_a_late_bridge_by_a_signature_of_before_the_logout_is_refused() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.jo().await;
        browser.visits(&controller("Account-Show")).await.expect(200);
        let before = browser.late();
        let signed = world.control().sign_dw_session(&browser.holds("dwsid")).unwrap();
        browser.logs_out().await.expect(200);
        world.calls();
        let body = json!({"dwsrst": signed, "login_id": JO.0});
        let page = before.posts_json("/bff/bridge", &body).await;
        browser.stores_cookies_of(&page);
        let now = browser.token().map(|it| it.registered);
        assert_eq!(now, Some(false), "{scenario}: registered again; {:?}", world.calls());
        assert_eq!(page.set_cookies(), [""; 0], "{scenario}: {page:?}");
        assert_eq!(world.calls(), [""; 0], "{scenario}: asks nothing");
    }
}

#[tokio::test]
async fn kind_50_a_late_call_of_the_facade_asks_slas_for_no_guest() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    let before = browser.late();
    browser.logs_out().await.expect(200);
    world.calls();
    let path = "/mobify/slas/private/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token";
    for _ in 0..3 {
        let page =
            before.sends(path, &[("grant_type", "client_credentials"), ("channel_id", "RefArch")]);
        let page = page.await;
        assert_eq!(
            world.calls(),
            [""; 0],
            "{} {}, {:?}",
            page.status,
            page.text,
            page.set_cookies()
        );
    }
}

#[tokio::test]
async fn kind_35_holds_with_readable_tokens_too_where_tandem_fronts_ecom() {
    for time in [Time::Landing, Time::OnDemand] {
        let scenario = Scenario::new(Client::Private, Mode::Classic, time);
        let scenario =
            scenario.with_profile("plugin-slas").with_site("cookies.readable_tokens", "true");
        let world = scenario.clone().start().await;
        let planter = world.guest().await;
        planter.logs_in(SAM).await.expect(200);
        planter.visits(&controller("Account-Show")).await.expect(200);
        let victim = world.browser();
        victim.is_planted("dwsid", &planter.holds("dwsid"));
        victim.visits("/").await.expect(200);
        assert!(
            !victim.token().expect("a token").registered,
            "{scenario}: signed in as the planter"
        );
    }
}

#[tokio::test]
async fn promise_17_a_browser_that_never_heard_of_its_logout_can_sign_in_by_its_head() {
    let head = ScriptedHead::start().await;
    let world = Scenario::private().with_head(&head.origin).start().await;
    let browser = world.jo().await;
    // The page navigates away before the answer to its fetch is here.
    browser.copy().logs_out().await.expect(200);
    world.seconds_pass(5);
    let elsewhere = world.guest().await;
    elsewhere.logs_in(SAM).await.expect(200);
    head.sets([
        format!("cc-nx={}; Path=/; Max-Age=7776000; HttpOnly; Secure", elsewhere.holds("cc-nx")),
        format!("cc-at={}; Path=/; Max-Age=1800; HttpOnly; Secure", elsewhere.holds("token")),
    ]);
    browser.posts("/head/login").await.expect(200);
    world.minutes_pass(2);
    browser.visits("/").await.expect(200);
    browser.is_registered(SAM.0, true);
}

/// A sibling host sets a short cookie for each folder above a controller page: browsers send the
/// longer paths first.
fn is_hidden(browser: &Browser, name: &str) {
    let site = "/on/demandware.store/Sites-RefArch-Site";
    for path in ["/on", "/on/demandware.store", site, &format!("{site}/en_US")] {
        let value = path.replace('/', "x");
        browser.stores(&format!("{name}={value}; Domain=shop.test; Path={path}; Secure"));
    }
}

#[tokio::test]
async fn kind_5_planted_refresh_tokens_with_longer_paths_do_not_hide_a_guests_own() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let own = browser.customer_id();
    is_hidden(&browser, "cc-nx-g");
    world.minutes_pass(31);
    browser.visits(&controller("Home-Show")).await.expect(200);
    assert_eq!(browser.customer_id(), own);
}

#[tokio::test]
async fn kind_5_planted_refresh_tokens_with_longer_paths_do_not_hide_a_registered_shoppers_own() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    is_hidden(&browser, "cc-nx");
    world.minutes_pass(31);
    browser.visits(&controller("Home-Show")).await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "registered", "told: {}", view["session_expired"]);
}

#[tokio::test]
async fn kind_5_planted_dw_sessions_with_longer_paths_do_not_hide_the_own_one() {
    let world = Scenario::private().start().await;
    let browser = world.jo().await;
    browser.visits(&controller("Home-Show")).await.expect(200);
    let dwsid = browser.holds("dwsid");
    is_hidden(&browser, "dwsid");
    world.calls();
    browser.visits(&controller("Home-Show")).await.expect(200);
    assert_eq!(browser.holds("dwsid"), dwsid, "{:?}", world.calls());
}

#[tokio::test]
async fn promise_13_a_planted_guests_dw_session_is_not_adopted_where_our_seal_names_another_guest()
{
    let scenario = Scenario::private().with_guest_dwsid_bridge();
    let world = scenario.start().await;
    let planter = world.guest().await;
    let browser = world.guest().await;
    browser.loses("token").loses("cc-nx-g").loses("dwsid");
    browser.is_planted("dwsid", &planter.holds("dwsid"));
    browser.visits("/").await.expect(200);
    assert_ne!(browser.customer_id(), planter.customer_id());
}

#[tokio::test]
async fn kind_5_deletions_fit_the_header_buffers_of_proxies() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let path = format!("/product/{}", "a-long-name-".repeat(200));
    for name in ["cc-nx-g", "token", "usid", "cid"] {
        browser.is_planted(name, "x");
    }
    let page = browser.visits(&path).await;
    let bytes: usize = page.set_cookies().iter().map(|line| line.len() + 14).sum();
    assert!(bytes < 8 * 1024, "{bytes} octets of Set-Cookie in {} lines", page.set_cookies().len());
}

#[tokio::test]
async fn kind_49_a_logout_on_one_device_is_none_on_another_with_the_same_usid() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let phone = world.guest().await;
        let desk = phone.copy();
        phone.logs_in(JO).await.expect(200);
        world.minutes_pass(1);
        desk.logs_in(JO).await.expect(200);
        assert_eq!(phone.usid(), desk.usid(), "two devices of one shopper");
        world.minutes_pass(1);
        phone.logs_out().await.expect(200);
        let view = desk.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "registered", "{scenario}");
    }
}

#[tokio::test]
async fn kind_49_nor_does_it_take_the_tokens_that_the_other_device_is_renewing() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let phone = world.guest().await;
        let desk = phone.copy();
        phone.logs_in(JO).await.expect(200);
        world.minutes_pass(1);
        desk.logs_in(JO).await.expect(200);
        world.minutes_pass(60);
        let slow = Fault::DelayAfter(Duration::from_millis(300));
        world.forget_calls();
        world.control().fault(Operation::HeadPage, slow, 1);
        let page = tokio::spawn(desk.visits("/").into_future());
        world.receives(Operation::HeadPage, 1).await;
        phone.logs_out().await.expect(200);
        page.await.expect("no panic").expect(200);
        // Longer than a successor is remembered.
        world.minutes_pass(2);
        desk.visits("/").await.expect(200);
        desk.is_registered(JO.0, scenario.bridges_at_landing());
    }
}

#[tokio::test]
async fn kind_49_an_earlier_access_token_goes_to_no_head_with_a_prefetch_after_the_logout() {
    for beside in [false, true] {
        let (origin, seen) = listening_head().await;
        let mut scenario = Scenario::private().with_head(&origin);
        if beside {
            scenario = scenario.without_fronting_ecom();
        }
        let world = scenario.clone().start().await;
        let browser = world.jo().await;
        let earlier = browser.late();
        world.seconds_pass(70);
        browser.loses("token");
        browser.visits("/").await.expect(200);
        world.seconds_pass(70);
        browser.logs_out().await.expect(200);
        seen.lock().unwrap().clear();
        earlier.visits("/account").header("sec-purpose", "prefetch").await;
        let seen = seen.lock().unwrap().clone();
        let token = earlier.holds("token");
        assert!(!seen.iter().any(|it| it.contains(&token)), "beside: {beside}, {seen:?}");
    }
}

#[tokio::test]
async fn kind_50_a_late_request_takes_no_cookie_of_the_session_to_the_head() {
    for profile in ["classic", "storefront-next", "pwa-kit"] {
        let (origin, seen) = listening_head().await;
        let scenario = Scenario::private().without_enforce_https().with_head(&origin);
        let world = scenario.with_profile(profile).start().await;
        let browser = world.jo().await;
        let before = browser.late();
        browser.logs_out().await.expect(200);
        seen.lock().unwrap().clear();
        before.visits("/account").await;
        let seen = seen.lock().unwrap().clone();
        for (name, value) in before.cookies() {
            if value.len() < 8 || name == "dw_dnt" {
                continue;
            }
            assert!(!seen.iter().any(|it| it.contains(&value)), "{profile}: {name} in {seen:?}");
        }
    }
}
#[tokio::test]
async fn kind_35_a_planted_dw_session_costs_no_call_of_a_script_a_call() {
    let world = Scenario::private().on_demand().start().await;
    let planter = world.jo().await;
    planter.visits(&controller("Account-Show")).await.expect(200);
    let victim = world.guest().await;
    victim.is_planted("dwsid", &planter.holds("dwsid"));
    victim.calls("/api/me").await;
    world.calls();
    for _ in 0..3 {
        victim.calls("/api/me").await;
        assert_eq!(world.calls(), [""; 0]);
    }
}

#[tokio::test]
async fn kind_49_a_remembered_successor_counts_on_another_device_with_the_same_usid() {
    let world = Scenario::public().start().await;
    let phone = world.guest().await;
    let desk = phone.copy();
    phone.logs_in(JO).await.expect(200);
    world.minutes_pass(1);
    desk.logs_in(JO).await.expect(200);
    assert_eq!(phone.usid(), desk.usid());
    world.minutes_pass(31);
    let tab = desk.late();
    desk.visits("/").await.expect(200);
    world.seconds_pass(20);
    phone.logs_out().await.expect(200);
    world.seconds_pass(20);
    // A second tab of the desk, sent before the renewal reached it.
    let page = tab.visits("/").await;
    desk.stores_cookies_of(&page);
    world.minutes_pass(2);
    desk.visits("/").await.expect(200);
    desk.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_10_a_second_click_on_logout_signs_out_where_the_first_answer_never_came() {
    for scenario in Scenario::clients() {
        let mut world = scenario.clone().start().await;
        let mut browser = world.jo().await;
        let first = browser.copy();
        first.logs_out().await.expect(200);
        world.seconds_pass(1);
        browser.logs_out().await.expect(200);
        world.restarts(&mut browser);
        browser.visits("/").await.expect(200);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}: {view}");
    }
}

#[tokio::test]
async fn promise_10_a_late_renewal_of_another_replica_brings_nobody_back_beside_the_seal_of_a_logout()
 {
    let mut world = Scenario::private().start().await;
    let browser = world.jo().await;
    world.minutes_pass(31);
    let mut tab = browser.late();
    // The renewal at replica B is under way: its page is answered late.
    world.restarts(&mut tab);
    let renewal = tab.visits("/").await.expect(200);
    // The logout is at replica C, which knows nothing of it.
    let mut browser = browser.late();
    world.restarts(&mut browser);
    browser.logs_out().await.expect(200);
    let before = browser.late();
    // The answer of the renewal comes after that of the logout.
    browser.stores_cookies_of(&renewal);
    // And then one that the guest after the logout has asked for.
    world.minutes_pass(6);
    let page = before.visits(&controller("Home-Show")).await.expect(200);
    browser.stores_cookies_of(&page);
    world.restarts(&mut browser);
    browser.visits("/").await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "guest", "{view}; {:?}", page.set_cookies());
}
