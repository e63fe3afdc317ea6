//! Controller pages: forms belong to one session, and the platform never reports that a session has
//! expired.

use http::Method;
use tandem_sandbox::Operation;
use testkit::{Browser, DwSession, JO, Mode, PendingRequest, Scenario, controller};

const FIELD: &str = "csrf_token";

/// The CSRF token of the profile form.
async fn open_profile_form(browser: &Browser) -> String {
    browser.visits(&controller("Account-EditProfile")).await.expect(200).csrf_token()
}

/// Submits the profile form that was shown with `token`.
fn submit_profile_form(browser: &Browser, token: &str) -> PendingRequest {
    let fields = [(FIELD, token), ("name", "Jo Stoker")];
    let page = controller("Account-EditProfile");
    browser.posts_form(&page, &controller("Account-SaveProfile"), &fields)
}

#[tokio::test]
async fn a_form_of_the_live_session_passes_with_an_expired_token() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(20);
        let token = open_profile_form(&browser).await;
        // The access token expires, the DW session lives: a refresh must not replace it.
        world.minutes_pass(15);
        let page = submit_profile_form(&browser, &token).await.expect(200);
        assert!(page.text.contains("Your profile was saved"), "{scenario}");
        browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(world.count(Operation::Sessions), 0);
    }
}

#[tokio::test]
async fn promise_9_fault_30_a_form_of_a_dead_session_is_shown_again() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let token = open_profile_form(&browser).await;
        world.minutes_pass(45);
        let page = submit_profile_form(&browser, &token).await.expect(303);
        assert_eq!(page.location(), controller("Account-EditProfile"), "{scenario}");
        assert_eq!(world.count_ecom_posts(), 0, "{scenario}: ECOM received no POST");
        browser.expect_registered(JO.0, DwSession::Live);
        let token = open_profile_form(&browser).await;
        let page = submit_profile_form(&browser, &token).await.expect(200);
        assert!(page.text.contains("Your profile was saved"), "{scenario}");
    }
}

#[tokio::test]
async fn promise_9_a_script_that_posts_into_a_dead_session_gets_401() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(45);
        let form = [("csrf_token", "of the old session"), ("name", "Jo")];
        let page = browser.sends(&controller("Account-SaveProfile"), &form).await;
        page.expect_problem(401, "session_expired");
        assert_eq!(world.count_ecom_posts(), 0);
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn promise_9_a_post_is_sent_once_when_ecom_replaces_its_session() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let token = open_profile_form(&browser).await;
        // Tandem cannot know it: by its clock the session lives.
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        submit_profile_form(&browser, &token).await;
        assert_eq!(world.count_ecom_posts(), 1, "{scenario}");
        // The platform's new session does not belong to the shopper, and the browser has checked
        // promise 1 by now. The next page repairs it.
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        if scenario.mode == Mode::Hybrid {
            // The platform restored the session, rejected the form, and logged the shopper out:
            // that is reported.
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["session_expired"], true, "{scenario}");
            assert_eq!(page.ecom_customer().1, browser.expect_guest(DwSession::Live), "{scenario}");
        } else {
            assert_eq!(
                page.ecom_customer().1,
                browser.expect_registered(JO.0, DwSession::Live),
                "{scenario}"
            );
        }
    }
}

#[tokio::test]
async fn fault_25_a_page_is_repaired_when_ecom_replaces_its_session() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
        // With Hybrid Auth the platform restores its session and hands tokens over.
        let requests = if scenario.mode == Mode::Hybrid { 1 } else { 2 };
        assert_eq!(world.count(Operation::EcomPage), requests, "{scenario}");
        world.forget_calls();
        browser.visits(&controller("Account-Show")).await.expect(200).expect_no_cookies();
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn fault_25_the_same_for_a_guest_with_a_basket() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        browser.visits(&controller("Home-Show")).await.expect(200);
        browser.puts_into_basket("bag-harbour").await.expect(200);
        let guest = browser.expect_guest(DwSession::Live);
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        let page = browser.visits(&controller("Cart-Show")).await.expect(200);
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
        assert!(page.text.contains("bag-harbour"), "{scenario}");
    }
}

#[tokio::test]
async fn promise_1_a_prefetch_in_a_dead_session_changes_no_shopper() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.start().await;
        let browser = world.registered_on_ecom().await;
        world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
        let prefetch = browser.visits(&controller("Home-Show")).header("sec-purpose", "prefetch");
        // The browser drops the error, and requests the page again at the click.
        prefetch.await.expect_problem(401, "renewal_needed").expect_no_cookies();
        world.expect_calls(&[]);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, browser.expect_registered(JO.0, DwSession::Live));
    }
}

#[tokio::test]
async fn a_head_request_is_repaired_like_a_page() {
    let world = Scenario::private().start().await;
    let browser = world.registered_on_ecom().await;
    world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
    browser.visits(&controller("Account-Show")).method(Method::HEAD).await.expect(200);
    browser.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn promise_4_one_access_token_never_makes_two_dw_sessions() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.registered_on_ecom().await;
        for _ in 0..2 {
            world.control().expire_dw_session(&browser.expect_cookie("dwsid"));
            browser.visits(&controller("Home-Show")).await.expect(200);
            world.expect_calls(&["slas.token.refresh", "ocapi.sessions"]);
            world.minutes_pass(2);
        }
        browser.expect_registered(JO.0, DwSession::Live);
    }
}

#[tokio::test]
async fn promises_1_and_14_the_return_from_a_payment_page_sets_no_cookies() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        // The form comes from another site, so the browser sends no cookie.
        let other = world.browser();
        let fields = [("result", "paid")];
        let page = controller("Home-Show");
        let posted = other.posts_form("/", &page, &fields).header("sec-fetch-site", "cross-site");
        posted.await.expect_no_cookies();
        assert_eq!(world.count_ecom_posts(), 1, "{scenario}: ECOM receives the payment");
        assert!(other.names().is_empty());
    }
}

#[tokio::test]
async fn promise_11_a_dwsid_of_a_sibling_host_never_reaches_ecom() {
    let world = Scenario::private().start().await;
    let browser = world.registered_on_ecom().await;
    let planted = world.control().new_ecom_visitor();
    let visit = browser.visits(&controller("Cart-Show"));
    visit.header("cookie", &format!("dwsid={planted}; colour=red")).await.expect(200);
    let calls = world.control().calls();
    let page = calls.iter().rfind(|call| call.operation == Operation::EcomPage).unwrap();
    let cookies = page.header("cookie").unwrap();
    assert!(!cookies.contains(&planted) && cookies.contains("colour=red"));
    assert!(cookies.contains(&browser.expect_cookie("dwsid")));
    browser.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn a_form_rendered_without_a_dw_session_reaches_ecom() {
    let world = Scenario::private().on_demand().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    assert!(browser.cookie("dwsid").is_none());
    let page = controller("Home-Show");
    browser.posts_form("/", &page, &[("q", "tandem")]).await;
    assert_eq!(world.count_ecom_posts(), 1, "ECOM receives it once");
    browser.expect_guest(DwSession::Live);
}
