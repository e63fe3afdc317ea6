//! Who the shopper is where responses cross, replicas know nothing of each other, and somebody plants
//! cookies all the while.

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use serde_json::json;
use tandem_sandbox::{Fault, Operation};

use crate::support::{
    Browser, Client, JO, Mode, Page, SAM, ScriptedHead, Setup, Time, World, controller,
};

fn customer(browser: &Browser) -> Option<String> {
    browser.token().map(|said| said.customer_id)
}

async fn guest(world: &World) -> Browser {
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser
}

async fn jo(world: &World) -> Browser {
    let browser = guest(world).await;
    browser.logs_in(JO).await.expect(200);
    browser
}

/// The `Set-Cookie` lines of `page` reach `browser` now.
fn reaches(page: &Page, browser: &Browser) {
    for line in page.headers.get_all("set-cookie") {
        browser.keeps(line.to_str().expect("text"));
    }
}

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
    for setup in Setup::all() {
        let world = setup.clone().start().await;
        let victim = guest(&world).await;
        let planter = guest(&world).await;
        planter.logs_in(SAM).await.expect(200);
        let refresh = planter.holds("cc-nx");
        planter.posts("/bff/logout").await.expect(200);
        victim.is_planted("cc-nx", &refresh);
        let view = victim.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{setup}: the victim is still the guest");
        let basket = victim.puts_into_basket("bell-brass").await;
        assert!(basket.status.is_success(), "{setup}: {basket:?}");
    }
}

#[tokio::test]
async fn promise_13_nor_for_a_registered_shopper_whose_access_token_has_expired() {
    let world = Setup::private().start().await;
    let victim = jo(&world).await;
    world.minutes_pass(31);
    let planter = guest(&world).await;
    planter.logs_in(SAM).await.expect(200);
    let access = planter.holds("token");
    planter.posts("/bff/logout").await.expect(200);
    victim.is_planted("token", &access);
    victim.visits("/").await.expect(200);
    victim.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_2_two_landings_that_cross_leave_one_of_the_two_guests() {
    for setup in
        [Setup::private().on_demand(), Setup::new(Client::Public, Mode::Classic, Time::OnDemand)]
    {
        let world = setup.clone().start().await;
        // Two tabs are opened at once: two landings.
        let browser = world.browser();
        let second = world.browser();
        browser.visits("/").await.expect(200);
        let first = customer(&browser);
        let to_ecom = browser.late();
        let landing = second.visits("/").await.expect(200);
        let other = customer(&second);
        // The first tab follows a link to ECOM, and meanwhile the second landing comes in.
        let page = to_ecom.visits(&controller("Home-Show")).await.expect(200);
        reaches(&landing, &browser);
        reaches(&page, &browser);
        world.calls();
        browser.visits("/").await.expect(200);
        let now = customer(&browser);
        assert!(now == first || now == other, "{setup}: a third guest, {:?}", world.calls());
    }
}

#[tokio::test]
async fn promise_2_a_guests_page_of_another_replica_that_ends_after_a_login_leaves_the_login() {
    for mode in [Mode::Classic, Mode::Hybrid] {
        for time in [Time::OnDemand, Time::Landing] {
            let setup = Setup::new(Client::Private, mode, time);
            let mut world = setup.clone().start().await;
            let browser = guest(&world).await;
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.minutes_pass(6);
            // On its way to the other replica while the shopper logs in by this one.
            let mut tab = browser.late();
            browser.logs_in(JO).await.expect(200);
            world.restarts(&mut tab);
            let page = tab.visits(&controller("Home-Show")).await.expect(200);
            reaches(&page, &browser);
            let mut browser = browser.late();
            world.restarts(&mut browser);
            browser.visits("/").await.expect(200);
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(
                view["customer_type"],
                "registered",
                "{setup}: told {}; {:?}",
                view["session_expired"],
                page.set_cookies()
            );
        }
    }
}

#[tokio::test]
async fn promise_2_a_guests_slow_page_that_ends_after_a_login_leaves_the_login() {
    // No replica: the page began before the login and ends 31 s after it.
    let world = Setup::private().start().await;
    let browser = guest(&world).await;
    browser.visits(&controller("Home-Show")).await.expect(200);
    world.minutes_pass(6);
    let tab = browser.late();
    world.forgets_calls();
    world.control().fault(Operation::EcomPage, Fault::Delay(Duration::from_millis(1500)), 1);
    let slow = tokio::spawn(async move { tab.visits(&controller("Home-Show")).await });
    world.receives(Operation::EcomPage, 1).await;
    browser.logs_in(JO).await.expect(200);
    world.passes(Duration::from_secs(31));
    let page = slow.await.unwrap();
    reaches(&page, &browser);
    browser.visits("/").await.expect(200);
    let token = browser.token();
    assert!(token.is_some_and(|it| it.registered), "{:?}", page.set_cookies());
}

#[tokio::test]
async fn promise_2_a_guests_renewal_at_another_replica_that_ends_after_a_login_leaves_the_login() {
    let setup = Setup::private();
    let mut world = setup.clone().start().await;
    let browser = guest(&world).await;
    world.minutes_pass(31);
    let mut tab = browser.late();
    browser.logs_in(JO).await.expect(200);
    world.restarts(&mut tab);
    let page = tab.visits("/").await.expect(200);
    let mut browser = browser.late();
    reaches(&page, &browser);
    world.restarts(&mut browser);
    browser.visits("/").await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    let told = view["session_expired"] == true;
    assert!(view["customer_type"] == "registered" || told, "silently {view}");
}

#[tokio::test]
async fn promise_2_tokens_from_before_tandem_survive_an_outage_at_the_first_page() {
    for setup in Setup::clients() {
        let world = setup.clone().start().await;
        let old = jo(&world).await;
        let newcomer = world.browser();
        newcomer.is_given("cc-nx", &old.holds("cc-nx"));
        // An older set-up has left its usid for the whole domain beside the newer one.
        newcomer.is_given("usid", "a").is_planted("usid", "b");
        world.control().fault(Operation::TokenRefresh, Fault::Status(503, None), 1);
        newcomer.visits("/").await.expect(503);
        world.minutes_pass(2);
        newcomer.visits("/").await.expect(200);
        newcomer.is_registered(JO.0, setup.bridges_at_landing());
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_costs_no_page_a_call_nor_its_caching() {
    let world = Setup::private().on_demand().start().await;
    let planter = jo(&world).await;
    planter.visits(&controller("Account-Show")).await.expect(200);
    let victim = guest(&world).await;
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
    for setup in Setup::clients() {
        let world = setup.clone().start().await;
        let browser = jo(&world).await;
        browser.visits(&controller("Account-Show")).await.expect(200);
        let before = browser.late();
        let signed = world.control().sign_dw_session(&browser.holds("dwsid")).unwrap();
        browser.posts("/bff/logout").await.expect(200);
        world.calls();
        let body = json!({"dwsrst": signed, "login_id": JO.0});
        let page = before.posts_json("/bff/bridge", &body).await;
        reaches(&page, &browser);
        let now = browser.token().map(|it| it.registered);
        assert_eq!(now, Some(false), "{setup}: registered again; {:?}", world.calls());
        assert_eq!(page.set_cookies(), [""; 0], "{setup}: {page:?}");
        assert_eq!(world.calls(), [""; 0], "{setup}: asks nothing");
    }
}

#[tokio::test]
async fn kind_50_a_late_call_of_the_facade_asks_slas_for_no_guest() {
    let world = Setup::private().start().await;
    let browser = jo(&world).await;
    let before = browser.late();
    browser.posts("/bff/logout").await.expect(200);
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
        let setup = Setup::new(Client::Private, Mode::Classic, time);
        let setup = setup.with_profile("plugin-slas").with_site("cookies.readable_tokens", "true");
        let world = setup.clone().start().await;
        let planter = guest(&world).await;
        planter.logs_in(SAM).await.expect(200);
        planter.visits(&controller("Account-Show")).await.expect(200);
        let victim = world.browser();
        victim.is_planted("dwsid", &planter.holds("dwsid"));
        victim.visits("/").await.expect(200);
        assert!(!victim.token().expect("a token").registered, "{setup}: signed in as the planter");
    }
}

#[tokio::test]
async fn promise_17_a_browser_that_never_heard_of_its_logout_can_sign_in_by_its_head() {
    let head = ScriptedHead::start().await;
    let world = Setup::private().with_head(&head.origin).start().await;
    let browser = jo(&world).await;
    // The page navigates away before the answer to its fetch is here.
    browser.copy().posts("/bff/logout").await.expect(200);
    world.passes(Duration::from_secs(5));
    let elsewhere = guest(&world).await;
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
        browser.keeps(&format!("{name}={value}; Domain=shop.test; Path={path}; Secure"));
    }
}

#[tokio::test]
async fn kind_5_planted_refresh_tokens_with_longer_paths_do_not_hide_a_guests_own() {
    let world = Setup::private().start().await;
    let browser = guest(&world).await;
    let own = customer(&browser);
    is_hidden(&browser, "cc-nx-g");
    world.minutes_pass(31);
    browser.visits(&controller("Home-Show")).await.expect(200);
    assert_eq!(customer(&browser), own);
}

#[tokio::test]
async fn kind_5_planted_refresh_tokens_with_longer_paths_do_not_hide_a_registered_shoppers_own() {
    let world = Setup::private().start().await;
    let browser = jo(&world).await;
    is_hidden(&browser, "cc-nx");
    world.minutes_pass(31);
    browser.visits(&controller("Home-Show")).await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "registered", "told: {}", view["session_expired"]);
}

#[tokio::test]
async fn kind_5_planted_dw_sessions_with_longer_paths_do_not_hide_the_own_one() {
    let world = Setup::private().start().await;
    let browser = jo(&world).await;
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
    let setup = Setup::private().with_guest_dwsid_bridge();
    let world = setup.start().await;
    let planter = guest(&world).await;
    let browser = guest(&world).await;
    browser.loses("token").loses("cc-nx-g").loses("dwsid");
    browser.is_planted("dwsid", &planter.holds("dwsid"));
    browser.visits("/").await.expect(200);
    assert_ne!(customer(&browser), customer(&planter));
}

#[tokio::test]
async fn kind_5_deletions_fit_the_header_buffers_of_proxies() {
    let world = Setup::private().start().await;
    let browser = guest(&world).await;
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
    for setup in Setup::clients() {
        let world = setup.clone().start().await;
        let phone = guest(&world).await;
        let desk = phone.copy();
        phone.logs_in(JO).await.expect(200);
        world.minutes_pass(1);
        desk.logs_in(JO).await.expect(200);
        assert_eq!(phone.usid(), desk.usid(), "two devices of one shopper");
        world.minutes_pass(1);
        phone.posts("/bff/logout").await.expect(200);
        let view = desk.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "registered", "{setup}");
    }
}

#[tokio::test]
async fn kind_49_nor_does_it_take_the_tokens_that_the_other_device_is_renewing() {
    for setup in Setup::clients() {
        let world = setup.clone().start().await;
        let phone = guest(&world).await;
        let desk = phone.copy();
        phone.logs_in(JO).await.expect(200);
        world.minutes_pass(1);
        desk.logs_in(JO).await.expect(200);
        world.minutes_pass(60);
        let slow = Fault::DelayAfter(Duration::from_millis(300));
        world.forgets_calls();
        world.control().fault(Operation::HeadPage, slow, 1);
        let page = tokio::spawn(desk.visits("/").into_future());
        world.receives(Operation::HeadPage, 1).await;
        phone.posts("/bff/logout").await.expect(200);
        page.await.expect("no panic").expect(200);
        // Longer than a successor is remembered.
        world.minutes_pass(2);
        desk.visits("/").await.expect(200);
        desk.is_registered(JO.0, setup.bridges_at_landing());
    }
}

#[tokio::test]
async fn kind_49_an_earlier_access_token_goes_to_no_head_with_a_prefetch_after_the_logout() {
    for beside in [false, true] {
        let (origin, seen) = listening_head().await;
        let mut setup = Setup::private().with_head(&origin);
        if beside {
            setup = setup.beside_ecom();
        }
        let world = setup.clone().start().await;
        let browser = jo(&world).await;
        let earlier = browser.late();
        world.passes(Duration::from_secs(70));
        browser.loses("token");
        browser.visits("/").await.expect(200);
        world.passes(Duration::from_secs(70));
        browser.posts("/bff/logout").await.expect(200);
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
        let setup = Setup::private().without_enforce_https().with_head(&origin);
        let world = setup.with_profile(profile).start().await;
        let browser = jo(&world).await;
        let before = browser.late();
        browser.posts("/bff/logout").await.expect(200);
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
    let world = Setup::private().on_demand().start().await;
    let planter = jo(&world).await;
    planter.visits(&controller("Account-Show")).await.expect(200);
    let victim = guest(&world).await;
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
    let world = Setup::public().start().await;
    let phone = guest(&world).await;
    let desk = phone.copy();
    phone.logs_in(JO).await.expect(200);
    world.minutes_pass(1);
    desk.logs_in(JO).await.expect(200);
    assert_eq!(phone.usid(), desk.usid());
    world.minutes_pass(31);
    let tab = desk.late();
    desk.visits("/").await.expect(200);
    world.passes(Duration::from_secs(20));
    phone.posts("/bff/logout").await.expect(200);
    world.passes(Duration::from_secs(20));
    // A second tab of the desk, sent before the renewal reached it.
    let page = tab.visits("/").await;
    reaches(&page, &desk);
    world.minutes_pass(2);
    desk.visits("/").await.expect(200);
    desk.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_10_a_second_click_on_logout_signs_out_where_the_first_answer_never_came() {
    for setup in Setup::clients() {
        let mut world = setup.clone().start().await;
        let mut browser = jo(&world).await;
        let first = browser.copy();
        first.posts("/bff/logout").await.expect(200);
        world.passes(Duration::from_secs(1));
        browser.posts("/bff/logout").await.expect(200);
        world.restarts(&mut browser);
        browser.visits("/").await.expect(200);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{setup}: {view}");
    }
}

#[tokio::test]
async fn promise_10_a_late_renewal_of_another_replica_brings_nobody_back_beside_the_seal_of_a_logout()
 {
    let mut world = Setup::private().start().await;
    let browser = jo(&world).await;
    world.minutes_pass(31);
    let mut tab = browser.late();
    // The renewal at replica B is under way: its page is answered late.
    world.restarts(&mut tab);
    let renewal = tab.visits("/").await.expect(200);
    // The logout is at replica C, which knows nothing of it.
    let mut browser = browser.late();
    world.restarts(&mut browser);
    browser.posts("/bff/logout").await.expect(200);
    let before = browser.late();
    // The answer of the renewal comes after that of the logout.
    reaches(&renewal, &browser);
    // And then one that the guest after the logout has asked for.
    world.minutes_pass(6);
    let page = before.visits(&controller("Home-Show")).await.expect(200);
    reaches(&page, &browser);
    world.restarts(&mut browser);
    browser.visits("/").await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "guest", "{view}; {:?}", page.set_cookies());
}
