//! Controller pages: forms that belong to one session, and a platform that never says when that
//! session is over.

use http::Method;
use tandem_sandbox::{Operation, Upstream};
use testkit::{Browser, JO, Mode, Scenario, World, controller};

const FIELD: &str = "csrf_token";

async fn form(browser: &Browser) -> String {
    browser.visits(&controller("Account-EditProfile")).await.expect(200).csrf_token()
}

/// Sends the profile form that was shown with `token`.
fn save(browser: &Browser, token: &str) -> testkit::PendingRequest {
    let fields = [(FIELD, token), ("name", "Jo Stoker")];
    let page = controller("Account-EditProfile");
    browser.posts_form(&page, &controller("Account-SaveProfile"), &fields)
}

/// How many POSTs have reached ECOM.
fn posts(world: &World) -> usize {
    let calls = world.control().calls();
    let posted = |method: &Method| method == Method::POST;
    calls.iter().filter(|c| c.operation.upstream() == Upstream::Ecom && posted(&c.method)).count()
}

#[tokio::test]
async fn a_form_of_the_live_session_passes_whatever_the_access_token_does_meanwhile() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.jo_on_ecom().await;
        world.minutes_pass(20);
        let token = form(&browser).await;
        // The access token dies, the DW session lives on: a refresh must not replace it.
        world.minutes_pass(15);
        let page = save(&browser, &token).await.expect(200);
        assert!(page.text.contains("Your profile was saved"), "{scenario}");
        browser.is_registered(JO.0, true);
        assert_eq!(world.count(Operation::Sessions), 0);
    }
}

#[tokio::test]
async fn promise_9_fault_30_a_form_of_a_dead_session_is_shown_again_and_never_sent() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.jo_on_ecom().await;
        let token = form(&browser).await;
        world.minutes_pass(45);
        let page = save(&browser, &token).await.expect(303);
        assert_eq!(page.location(), controller("Account-EditProfile"), "{scenario}");
        assert_eq!(posts(&world), 0, "{scenario}: the platform has seen no POST");
        browser.is_registered(JO.0, true);
        let token = form(&browser).await;
        let page = save(&browser, &token).await.expect(200);
        assert!(page.text.contains("Your profile was saved"), "{scenario}");
    }
}

#[tokio::test]
async fn promise_9_a_script_that_posts_into_a_dead_session_is_told_and_nothing_is_sent() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.jo_on_ecom().await;
        world.minutes_pass(45);
        let page = browser.posts(&controller("Account-SaveProfile")).await;
        page.expect_problem(401, "session_expired");
        assert_eq!(posts(&world), 0);
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn promise_9_a_post_whose_session_ecom_swaps_silently_is_sent_once_and_never_again() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.jo_on_ecom().await;
        let token = form(&browser).await;
        // We cannot know: by our clock the session lives.
        world.control().expire_dw(&browser.holds("dwsid"));
        save(&browser, &token).await;
        assert_eq!(posts(&world), 1, "{scenario}");
        // What the platform put in place of the shopper's session is not the shopper's: the
        // browser has held promise 1 by now. The next page repairs it.
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        if scenario.mode == Mode::Hybrid {
            // The platform restored the session, did not like the form, and signed the shopper
            // out of both worlds for it: that is told.
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["session_expired"], true, "{scenario}");
            assert_eq!(page.ecom_customer().1, browser.is_guest(true), "{scenario}");
        } else {
            assert_eq!(page.ecom_customer().1, browser.is_registered(JO.0, true), "{scenario}");
        }
    }
}

#[tokio::test]
async fn fault_25_a_page_whose_session_ecom_swaps_silently_is_repaired_before_anyone_sees_it() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.jo_on_ecom().await;
        world.control().expire_dw(&browser.holds("dwsid"));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        let shopper = browser.is_registered(JO.0, true);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
        // Under Hybrid Auth the platform restores its session by itself, and says so by tokens.
        let asked = if scenario.mode == Mode::Hybrid { 1 } else { 2 };
        assert_eq!(world.count(Operation::EcomPage), asked, "{scenario}: not oftener");
        world.calls();
        browser.visits(&controller("Account-Show")).await.expect(200).sets_no_cookies();
        world.has_called(&[]);
    }
}

#[tokio::test]
async fn fault_25_the_same_for_a_guest_with_a_basket() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.puts_into_basket("bag-harbour").await.expect(200);
        let guest = browser.is_guest(true);
        world.control().expire_dw(&browser.holds("dwsid"));
        let page = browser.visits(&controller("Cart-Show")).await.expect(200);
        assert_eq!(browser.is_guest(true), guest, "{scenario}");
        assert!(page.text.contains("bag-harbour"), "{scenario}");
    }
}

#[tokio::test]
async fn promise_1_a_prefetch_of_ecom_in_a_dead_session_brings_no_other_shopper() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.jo_on_ecom().await;
        world.control().expire_dw(&browser.holds("dwsid"));
        browser
            .visits(&controller("Home-Show"))
            .header("sec-purpose", "prefetch")
            .await
            .expect(200);
        world.has_called(&[]);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, browser.is_registered(JO.0, true));
    }
}

#[tokio::test]
async fn a_head_request_is_repaired_like_a_page() {
    let world = Scenario::private().start().await;
    let browser = world.jo_on_ecom().await;
    world.control().expire_dw(&browser.holds("dwsid"));
    browser.visits(&controller("Account-Show")).method(Method::HEAD).await.expect(200);
    browser.is_registered(JO.0, true);
}

#[tokio::test]
async fn promise_4_one_access_token_never_makes_two_dw_sessions() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.jo_on_ecom().await;
        for _ in 0..2 {
            world.control().expire_dw(&browser.holds("dwsid"));
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.has_called(&["slas.token.refresh", "ocapi.sessions"]);
            world.minutes_pass(2);
        }
        browser.is_registered(JO.0, true);
    }
}

#[tokio::test]
async fn promises_1_and_14_the_return_from_a_payment_page_leaves_the_session_the_browser_holds_back()
 {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        // The form comes from another site, so the browser sends no cookie with it.
        let stranger = world.browser();
        let fields = [("result", "paid")];
        let page = controller("Home-Show");
        let posted =
            stranger.posts_form("/", &page, &fields).header("sec-fetch-site", "cross-site");
        posted.await.sets_no_cookies();
        assert_eq!(posts(&world), 1, "{scenario}: ECOM hears of the payment");
        assert!(stranger.names().is_empty());
    }
}

#[tokio::test]
async fn promise_11_a_dwsid_that_a_sibling_host_tossed_in_never_reaches_ecom() {
    let world = Scenario::private().start().await;
    let browser = world.jo_on_ecom().await;
    let tossed = world.control().new_ecom_visitor();
    let visit = browser.visits(&controller("Cart-Show"));
    visit.header("cookie", &format!("dwsid={tossed}; colour=red")).await.expect(200);
    let calls = world.control().calls();
    let page = calls.iter().rfind(|call| call.operation == Operation::EcomPage).unwrap();
    let cookies = page.header("cookie").unwrap();
    assert!(!cookies.contains(&tossed) && cookies.contains("colour=red"));
    assert!(cookies.contains(&browser.holds("dwsid")));
    browser.is_registered(JO.0, true);
}

#[tokio::test]
async fn a_form_that_was_rendered_without_a_dw_session_is_not_sent_back() {
    let world = Scenario::private().on_demand().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    assert!(browser.cookie("dwsid").is_none());
    let page = controller("Home-Show");
    browser.posts_form("/", &page, &[("q", "tandem")]).await;
    assert_eq!(posts(&world), 1, "ECOM hears of it, once");
    browser.is_guest(true);
}
