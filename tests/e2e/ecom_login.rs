//! Shoppers log in, register and log out on ECOM's own pages, and the Head knows it.

use http::Method;
use tandem_sandbox::{Fault, Operation, Times, Upstream};
use testkit::{Browser, DwSession, JO, Mode, Page, SAM, Scenario, World, controller};

/// ECOM without a handoff, ECOM with the cartridge, and a platform with Hybrid Auth.
fn scenarios() -> Vec<Scenario> {
    let plain = Scenario::clients().map(Scenario::on_demand).into_iter().chain(Scenario::clients());
    let plugin = Scenario::clients().map(Scenario::with_plugin_slas).into_iter();
    let plugin = plugin.chain(Scenario::clients().map(Scenario::with_cartridge_alone));
    let hybrid = Scenario::with_ecom().into_iter().filter(|scenario| scenario.mode == Mode::Hybrid);
    plain.chain(plugin).chain(hybrid).collect()
}

/// Logs in by ECOM's own form.
async fn log_in_on_ecom(browser: &Browser, (login, password): (&str, &str)) -> Page {
    let form = browser.visits(&controller("Login-Show")).await.expect(200).csrf_token();
    let fields = [("csrf_token", &*form), ("loginEmail", login), ("loginPassword", password)];
    browser.posts_form(&controller("Login-Show"), &controller("Account-Login"), &fields).await
}

/// A guest who has visited both sides.
async fn visit_both(world: &World) -> Browser {
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.visits(&controller("Home-Show")).await.expect(200);
    browser.expect_guest(DwSession::Live);
    browser
}

#[tokio::test]
async fn a_login_on_ecom_is_a_login_on_the_head() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        log_in_on_ecom(&browser, JO).await.expect(302);
        browser.expect_registered(JO.0, DwSession::Live);
        let account = browser.visits(&controller("Account-Show")).await.expect(200);
        assert!(account.text.contains("Jo Rider"), "{scenario}");
        world.forget_calls();
        browser.visits("/").await.expect(200);
        assert_eq!(world.take_calls(), [""; 0], "{scenario}: the next page is warm");
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn kind_46_a_login_on_ecom_ends_with_the_browser_if_that_is_the_default() {
    for scenario in scenarios() {
        let scenario = scenario.with_site("session.remember_me", "false");
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        log_in_on_ecom(&browser, JO).await.expect(302);
        browser.expect_registered(JO.0, DwSession::Live);
        browser.restarts().visits("/").await.expect(200);
        browser.expect_guest(scenario.dw_session_after_landing());
    }
}

#[tokio::test]
async fn a_login_on_ecom_without_a_handoff_costs_two_calls() {
    let world = Scenario::private().start().await;
    let browser = visit_both(&world).await;
    let dwsid = browser.expect_cookie("dwsid");
    world.forget_calls();
    log_in_on_ecom(&browser, JO).await.expect(302);
    assert_eq!(world.take_calls(), ["ocapi.customers.auth", "slas.session-bridge"]);
    assert_eq!(browser.expect_cookie("dwsid"), dwsid, "the DW session is kept");
}

#[tokio::test]
async fn a_wrong_password_on_ecom_changes_nothing() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        let guest = browser.expect_guest(DwSession::Live);
        log_in_on_ecom(&browser, (JO.0, "wrong-password")).await.expect(200);
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
    }
}

#[tokio::test]
async fn a_registration_on_ecom_is_a_login_on_the_head() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
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
        browser.expect_registered("ada@example.com", DwSession::Live);
    }
}

#[tokio::test]
async fn promise_10_a_logout_on_ecom_is_a_logout_on_the_head() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        log_in_on_ecom(&browser, JO).await.expect(302);
        let before = browser.stale_copy();
        world.forget_calls();
        browser.visits(&controller("Login-Logout")).await.expect(302);
        // With Hybrid Auth the platform calls SLAS itself.
        let revoked = usize::from(scenario.mode != Mode::Hybrid);
        assert_eq!(world.count(Operation::Logout), revoked, "{scenario}");
        browser.visits("/").await.expect(200);
        browser.expect_guest(scenario.dw_session_after_landing());
        // A request with the old cookies does not undo the logout.
        before.visits("/").await.expect(200).expect_no_cookies();
        let view = before.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "none", "{scenario}");
    }
}

#[tokio::test]
async fn another_shopper_may_log_in_on_ecom_after_the_first() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        log_in_on_ecom(&browser, JO).await.expect(302);
        browser.visits(&controller("Login-Logout")).await.expect(302);
        log_in_on_ecom(&browser, SAM).await.expect(302);
        browser.expect_registered(SAM.0, DwSession::Live);
    }
}

#[tokio::test]
async fn the_cartridge_makes_no_calls_where_tandem_made_the_session() {
    let configured = Scenario::clients().map(Scenario::with_plugin_slas).into_iter();
    for scenario in configured.chain(Scenario::clients().map(Scenario::with_cartridge_alone)) {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.expect_guest(DwSession::Live);
        let new = scenario.and_bridge(scenario.guest_calls());
        assert_eq!(world.take_calls(), new, "{scenario}: no calls of the cartridge");
        // Longer than the guard cookie lives, but never idle.
        for _ in 0..4 {
            world.minutes_pass(14);
            browser.visits(&controller("Cart-Show")).await.expect(200);
        }
        let ocapi_calls =
            world.take_calls().iter().filter(|call| call.starts_with("ocapi")).count();
        assert_eq!(ocapi_calls, 0, "{scenario}");
    }
}

#[tokio::test]
async fn cookies_of_the_cartridge_are_not_readable_by_scripts() {
    let world = Scenario::private().with_plugin_slas().start().await;
    let browser = visit_both(&world).await;
    log_in_on_ecom(&browser, JO).await.expect(302);
    let mut seen = browser.script_readable_cookies();
    seen.retain(|name| !name.starts_with("dwanonymous"));
    assert_eq!(seen, ["usid"]);
    assert!(
        browser.cookie("cc-at_2").is_some(),
        "the token comes in pieces: {:?}",
        browser.names()
    );
}

#[tokio::test]
async fn promise_4_a_login_form_works_in_the_session_made_for_it() {
    for scenario in [Scenario::private(), Scenario::private().on_demand()] {
        let scenario = scenario.with_site("ecom.login_pages", "Login-Show,Account-Login");
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        world.minutes_pass(45);
        log_in_on_ecom(&browser, JO).await.expect(302);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn promise_2_an_outage_seen_by_the_cartridge_logs_no_shopper_out() {
    let world = Scenario::private().with_plugin_slas().start().await;
    let browser = visit_both(&world).await;
    log_in_on_ecom(&browser, JO).await.expect(302);
    world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
    let down = Fault::Status(503, None);
    world.control().inject_fault(Operation::TokenRefresh, down, 1);
    browser.visits(&controller("Account-Show")).await;
    browser.visits(&controller("Account-Show")).await.expect(200);
    browser.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn promise_1_a_login_that_cannot_be_verified_counts_on_the_next_page() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        world.control().inject_fault(Operation::Jwks, Fault::Status(503, None), Times::Always);
        log_in_on_ecom(&browser, JO).await.expect(302);
        browser.visits(&controller("Account-Show")).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn attack_15_a_planted_handoff_token_is_ignored_behind_tandem() {
    let world = Scenario::private().start().await;
    let (victim, attacker) = (world.browser(), world.browser());
    victim.visits("/").await.expect(200);
    let guest = victim.expect_guest(DwSession::Live);
    world.minutes_pass(1);
    attacker.visits("/").await.expect(200);
    attacker.logs_in(JO).await.expect(200);
    let token = attacker.expect_cookie("token");
    victim
        .stores_host_cookie("cc-at", &token[..1199])
        .stores_host_cookie("cc-at_2", &token[1199..]);
    victim.visits("/").await.expect(200);
    assert_eq!(victim.expect_guest(DwSession::Live), guest);
    assert_eq!(victim.cookie("cc-at"), None);
}

#[tokio::test]
async fn promise_9_a_form_sent_by_get_does_not_reach_another_session() {
    let world = Scenario::private().start().await;
    let browser = visit_both(&world).await;
    world.minutes_pass(45);
    let coupon = format!("{}?csrf_token=x&code=y", controller("Cart-AddCoupon"));
    let pages = world.count(Operation::EcomPage);
    browser.calls(&coupon).await.expect_problem(401, "session_expired");
    assert_eq!(world.count(Operation::EcomPage), pages);
}

#[tokio::test]
async fn a_token_of_an_unfronted_ecom_is_accepted_without_an_exchange() {
    for scenario in Scenario::clients().map(Scenario::without_fronting_ecom) {
        let world = scenario.clone().start().await;
        let (browser, other) = (world.browser(), world.browser());
        browser.visits("/").await.expect(200);
        other.visits("/").await.expect(200);
        world.minutes_pass(1);
        other.logs_in(JO).await.expect(200);
        // Jo logged in on ECOM's own host; its cookies are for the whole domain.
        let token = other.expect_cookie("token");
        browser
            .stores_host_cookie("cc-at", &token[..1199])
            .stores_host_cookie("cc-at_2", &token[1199..]);
        browser
            .stores_host_cookie("cc-nx", &other.expect_cookie("cc-nx"))
            .stores_host_cookie("dwsid", &other.expect_cookie("dwsid"));
        browser.loses_cookie("cc-nx-g");
        world.forget_calls();
        browser.visits("/").await.expect(200);
        let keys_and_owner = ["slas.jwks", "ocapi.customers.auth"];
        assert_eq!(world.take_calls(), keys_and_owner, "{scenario}");
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(browser.expect_cookie("token"), token);
        assert_eq!((browser.cookie("cc-at"), browser.cookie("cc-at_2")), (None, None));
        // Without one piece there is no token, and nothing changes.
        browser.stores_host_cookie("cc-at", &token[..1199]);
        browser.visits("/").await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(browser.cookie("cc-at"), None);
    }
}

#[tokio::test]
async fn an_older_or_forged_handoff_token_is_ignored() {
    let world = Scenario::private().without_fronting_ecom().start().await;
    let (browser, other) = (world.browser(), world.browser());
    other.visits("/").await.expect(200);
    let older = other.expect_cookie("token");
    world.minutes_pass(1);
    browser.visits("/").await.expect(200);
    let guest = browser.expect_guest(DwSession::Live);
    let (head, signature) = older.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in [older.clone(), forged, "a.b.c".to_owned()] {
        let pieces = token.as_bytes().chunks(1199).map(|it| std::str::from_utf8(it).unwrap());
        for (at, piece) in pieces.enumerate() {
            let name = if at == 0 { "cc-at".to_owned() } else { format!("cc-at_{}", at + 1) };
            browser.stores_host_cookie(&name, piece);
        }
        browser.visits("/").await.expect(200);
        assert_eq!(browser.expect_guest(DwSession::Live), guest);
        assert_eq!(browser.cookie("cc-at"), None);
    }
}

#[tokio::test]
async fn the_value_refresh_of_an_unfronted_ecom_ends_the_session() {
    let world = Scenario::private().without_fronting_ecom().start().await;
    let browser = world.registered().await;
    browser.stores_host_cookie("cc-at", "refresh").loses_cookie("cc-nx").loses_cookie("dwsid");
    browser.visits("/").await.expect(200);
    browser.expect_guest(DwSession::Live);
    assert_eq!(browser.cookie("cc-at"), None);
}

#[tokio::test]
async fn a_returning_visitor_may_be_redirected_to_the_same_page_once() {
    let world = Scenario::private().with_site("ecom.returning", "redirect").start().await;
    let browser = visit_both(&world).await;
    world.minutes_pass(45);
    let cart = format!("{}?a=%2F", controller("Cart-Show"));
    let page = browser.visits(&cart).await.expect(307);
    assert_eq!(page.location(), cart);
    browser.visits(&cart).await.expect(200);
    let other = world.browser();
    other.visits(&cart).await.expect(200);
}

#[tokio::test]
async fn a_do_not_track_choice_reaches_the_token_once() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits("/").await.expect(200);
        browser.stores_host_cookie("dw_dnt", "1");
        world.forget_calls();
        browser.visits("/").await.expect(200);
        let refreshes = world.take_calls().iter().filter(|it| it.contains("refresh")).count();
        assert_eq!(refreshes, 1, "{scenario}");
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["dnt"], true, "{scenario}");
        browser.visits("/").await.expect(200);
        assert_eq!(world.take_calls(), [""; 0], "{scenario}");
    }
}

/// Logs out by a controller of the shop's own, which no list names.
async fn leave(browser: &Browser, method: Method) -> Page {
    let path = controller("Shop-QuickLogout");
    match method {
        Method::POST => browser.posts_form(&controller("Account-Show"), &path, &[]).await,
        method => browser.visits(&path).method(method).await,
    }
}

#[tokio::test]
async fn kind_40_a_logout_by_an_unlisted_controller_logs_out() {
    for scenario in scenarios() {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let world = scenario.clone().start().await;
            let browser = world.registered_on_ecom().await;
            let before = browser.stale_copy();
            leave(&browser, method.clone()).await.expect(302);
            assert!(browser.token().is_none_or(|token| !token.registered), "{scenario} {method}");
            assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario} {method}");
            browser.visits("/").await.expect(200);
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["customer_type"], "guest", "{scenario} {method}");
            // With Hybrid Auth the platform hands over a guest, as it does for an expired session.
            let told = scenario.mode == Mode::Hybrid;
            assert_eq!(view["session_expired"], told, "{scenario} {method}");
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer().0, "guest", "{scenario} {method}");
            before.visits("/").await.expect_no_cookies();
        }
    }
}

#[tokio::test]
async fn kind_40_a_listed_logout_that_begins_another_session_logs_out_at_once() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        browser.visits(&controller("Account-Logout")).await.expect(302);
        assert_eq!(world.count(Operation::EcomPage), 1, "{scenario}");
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
    }
}

#[tokio::test]
async fn kind_40_a_session_that_expired_early_is_no_logout() {
    for scenario in [Scenario::private(), Scenario::public(), Scenario::private().on_demand()] {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(12);
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        browser.posts_form("/", &controller("Login-Show"), &[]).await;
        assert!(browser.token().unwrap().registered, "{scenario}");
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().0, "registered", "{scenario}");
    }
}

/// ECOM answers the next pages in a guest's session, as an instance does that has just been restarted.
async fn replace_sessions(world: &World, pages: usize) {
    let other = world.guest_on_ecom().await.expect_cookie("dwsid");
    let fault = Fault::ExtraHeader("set-cookie", format!("dwsid={other}; Path=/"));
    world.control().inject_fault(Operation::EcomPage, fault, Times::Next(pages));
}

#[tokio::test]
async fn kind_40_and_promise_2_a_page_in_another_session_is_no_logout() {
    let on_demand = Scenario::clients().map(Scenario::on_demand);
    for scenario in Scenario::clients().into_iter().chain(on_demand) {
        for method in [Method::GET, Method::HEAD] {
            for (idle, pages) in [(0, 1), (0, 2), (12, 2), (45, 1), (45, 2)] {
                let world = scenario.clone().start().await;
                let browser = world.registered_on_ecom().await;
                world.minutes_pass(idle);
                replace_sessions(&world, pages).await;
                let name = format!("{scenario} {method} after {idle} min, {pages} pages");
                let page = browser.visits(&controller("Home-Show")).method(method.clone()).await;
                let status = if pages == 1 { 200 } else { 503 };
                assert_eq!(page.status, status, "{name}");
                assert!(browser.token().unwrap().registered, "{name}");
                assert_eq!(world.control().live_refresh_tokens_of(JO.0), 1, "{name}");
                let view = browser.calls("/bff/session").await.expect(200).json();
                assert_eq!(view["customer_type"], "registered", "{name}");
                assert_eq!(view["session_expired"], false, "{name}");
                let page = browser.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer().0, "registered", "{name}");
            }
        }
    }
}

#[tokio::test]
async fn kind_40_a_logout_in_a_session_made_for_the_request_logs_out() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(45);
        leave(&browser, Method::GET).await.expect(302);
        assert!(browser.token().is_none_or(|token| !token.registered), "{scenario}");
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
    }
}

#[tokio::test]
async fn kind_40_a_guest_sees_the_page_of_another_guests_session_at_no_extra_cost() {
    let world = Scenario::private().start().await;
    let browser = world.guest_on_ecom().await;
    world.minutes_pass(45);
    replace_sessions(&world, 1).await;
    world.forget_calls();
    browser.visits(&controller("Home-Show")).await.expect(200);
    world.expect_calls(&["slas.token.refresh", "ocapi.sessions"]);
    assert!(!browser.token().unwrap().registered);
}

#[tokio::test]
async fn kind_40_and_promise_2_a_form_into_a_session_that_ecom_has_lost_is_no_logout() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(2);
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        let form = [("pid", "bag-harbour"), ("quantity", "1")];
        let from = controller("Cart-Show");
        browser.posts_form(&from, &controller("Cart-SubmitForm"), &form).await.expect(302);
        assert!(world.control().live_refresh_tokens_of(JO.0) > 0, "{scenario}");
        browser.visits(&controller("Account-Show")).await.expect(200);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn kind_40_without_ocapi_an_unlisted_logout_is_not_guessed() {
    let world = Scenario::private().start().await;
    let browser = world.registered_on_ecom().await;
    let down = Fault::Status(503, None);
    world.control().inject_fault(Operation::CustomersAuth, down, Times::Always);
    leave(&browser, Method::POST).await.expect(302);
    world.control().clear_faults();
    let page = browser.visits(&controller("Account-Show")).await.expect(200);
    assert_eq!(page.ecom_customer().0, "registered");
}

/// Logs in by this controller.
async fn log_in_at(browser: &Browser, page: &str) -> Page {
    let form = browser.visits(&controller("Login-Show")).await.expect(200).csrf_token();
    let fields = [("csrf_token", &*form), ("loginEmail", JO.0), ("loginPassword", JO.1)];
    browser.posts_form(&controller("Login-Show"), &controller(page), &fields).await.expect(302)
}

/// Sends a cart form, which is answered by a redirect.
async fn submits_cart(browser: &Browser) -> Page {
    let fields = [("pid", "bag-harbour"), ("quantity", "1")];
    let path = controller("Cart-SubmitForm");
    browser.posts_form(&controller("Cart-Show"), &path, &fields).await.expect(302)
}

#[tokio::test]
async fn kind_41_the_login_forms_of_sfra_and_sitegenesis_are_known() {
    for page in ["Account-Login", "COCustomer-LoginForm"] {
        let world = Scenario::private().start().await;
        let browser = visit_both(&world).await;
        // A form that has been answered by a redirect a moment ago does not matter for them.
        submits_cart(&browser).await;
        log_in_at(&browser, page).await;
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn kind_41_a_login_by_an_unlisted_controller_is_seen() {
    for scenario in scenarios() {
        let world = scenario.clone().start().await;
        let browser = visit_both(&world).await;
        log_in_at(&browser, "Shop-SignIn").await;
        browser.expect_registered(JO.0, DwSession::Live);
        world.forget_calls();
        browser.visits("/").await.expect(200);
        assert_eq!(world.take_calls(), [""; 0], "{scenario}: the next page is warm");
    }
}

#[tokio::test]
async fn kind_41_a_logout_by_an_unlisted_form_in_the_same_session_is_seen() {
    for scenario in [Scenario::private(), Scenario::public(), Scenario::private().on_demand()] {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let path = controller("Shop-SignOut?logout=1");
        browser.posts_form(&controller("Account-Show"), &path, &[]).await.expect(302);
        assert_eq!(world.control().live_refresh_tokens_of(JO.0), 0, "{scenario}");
        browser.visits("/").await.expect(200);
        browser.expect_guest(scenario.dw_session_after_landing());
    }
}

#[tokio::test]
async fn kind_41_and_promise_5_redirected_forms_cost_one_look_in_five_minutes() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        for browser in [world.guest_on_ecom().await, world.registered_on_ecom().await] {
            let looks = usize::from(scenario.mode == Mode::Classic);
            for _ in 0..2 {
                world.forget_calls();
                for _ in 0..5 {
                    submits_cart(&browser).await;
                    world.seconds_pass(10);
                }
                let calls = world.take_calls();
                assert_eq!(calls, vec!["ocapi.customers.auth"; looks], "{scenario}");
                world.minutes_pass(5);
            }
        }
    }
}

#[tokio::test]
async fn promise_15_and_kind_41_without_ocapi_a_redirected_form_changes_nothing() {
    let classic = [Scenario::private(), Scenario::public(), Scenario::private().on_demand()];
    for fault in [Fault::Status(503, None), Fault::Reset, Fault::Status(429, Some(20))] {
        for scenario in &classic {
            let world = scenario.clone().start().await;
            for browser in [world.registered_on_ecom().await, world.guest_on_ecom().await] {
                let shopper = browser.visits(&controller("Account-Show")).await.ecom_customer();
                world.control().inject_fault(Upstream::Ocapi, fault.clone(), Times::Always);
                // The second form comes after the time in which one look is enough.
                for _ in 0..2 {
                    submits_cart(&browser).await;
                    let page = browser.visits(&controller("Account-Show")).await.expect(200);
                    assert_eq!(page.ecom_customer(), shopper, "{scenario}, {fault:?}");
                    world.minutes_pass(6);
                }
                world.control().clear_faults();
                let page = browser.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer(), shopper, "{scenario}, {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn kind_33_a_browser_that_keeps_dwsid_alone_is_not_redirected_again_and_again() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().with_site("ecom.returning", "redirect").start().await;
        let browser = world.guest_on_ecom().await;
        let mut redirects = 0;
        world.minutes_pass(45);
        for _ in 0..4 {
            for (name, _) in browser.cookies().iter().filter(|(name, _)| name != "dwsid") {
                browser.loses_cookie(name);
            }
            let page = browser.visits(&controller("Cart-Show")).await;
            assert!([200, 307].contains(&page.status.as_u16()), "{scenario}: {}", page.status);
            redirects += usize::from(page.status == 307);
        }
        assert!(redirects <= 1, "{scenario}: {redirects}");
    }
}

#[tokio::test]
async fn kind_33_a_browser_that_refuses_dwsid_is_redirected_once() {
    let world = Scenario::private().with_site("ecom.returning", "redirect").start().await;
    let browser = world.registered_on_ecom().await;
    world.minutes_pass(45);
    let mut redirects = 0;
    for _ in 0..3 {
        browser.loses_cookie("dwsid");
        let page = browser.visits(&controller("Account-Show")).await;
        redirects += usize::from(page.status == 307);
    }
    assert_eq!(redirects, 1);
}
