//! A DW session that another host of the domain has planted is never adopted, shown or used.

use testkit::{Client, DwSession, Mode, SAM, Scenario, Time, controller};

use crate::planted_cookies::credentials_of;

#[tokio::test]
async fn promise_13_a_planted_guests_dw_session_is_not_adopted() {
    let scenario = Scenario::private().with_guest_dwsid_bridge();
    let world = scenario.start().await;
    let planter = world.guest().await;
    let browser = world.guest().await;
    browser.loses_cookie("token").loses_cookie("cc-nx-g").loses_cookie("dwsid");
    browser.stores_domain_cookie("dwsid", &planter.expect_cookie("dwsid"));
    browser.visits("/").await.expect(200);
    assert_ne!(browser.customer_id(), planter.customer_id());
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_costs_a_page_no_call() {
    let world = Scenario::private().on_demand().start().await;
    let planter = world.registered().await;
    planter.visits(&controller("Account-Show")).await.expect(200);
    let victim = world.guest().await;
    victim.stores_domain_cookie("dwsid", &planter.expect_cookie("dwsid"));
    victim.visits("/").await.expect(200);
    world.forget_calls();
    for _ in 0..3 {
        let page = victim.visits("/").await.expect(200);
        assert_eq!(world.take_calls(), [""; 0], "promise 5; and {:?}", page.set_cookies());
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_costs_a_script_no_call() {
    let world = Scenario::private().on_demand().start().await;
    let planter = world.registered().await;
    planter.visits(&controller("Account-Show")).await.expect(200);
    let victim = world.guest().await;
    victim.stores_domain_cookie("dwsid", &planter.expect_cookie("dwsid"));
    victim.calls("/api/me").await;
    world.forget_calls();
    for _ in 0..3 {
        victim.calls("/api/me").await;
        assert_eq!(world.take_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_with_readable_tokens_is_ignored() {
    for time in [Time::Landing, Time::OnDemand] {
        let scenario = Scenario::new(Client::Private, Mode::Classic, time);
        let scenario =
            scenario.with_profile("plugin-slas").with_site("cookies.readable_tokens", "true");
        let world = scenario.clone().start().await;
        let planter = world.logged_in(SAM).await;
        planter.visits(&controller("Account-Show")).await.expect(200);
        let victim = world.browser();
        victim.stores_domain_cookie("dwsid", &planter.expect_cookie("dwsid"));
        victim.visits("/").await.expect(200);
        assert!(
            !victim.token().expect("a token").registered,
            "{scenario}: logged in as the planter"
        );
    }
}

#[tokio::test]
async fn kind_35_a_planted_registered_dw_session_logs_no_visitor_in() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let planted = credentials_of(&world, SAM).await;
        let dwsid = planted.dwsid.expect("a dwsid");
        for first in ["/".to_owned(), controller("Account-Show"), "/bff/go?to=/".to_owned()] {
            let browser = world.browser();
            browser.stores_domain_cookie("dwsid", &dwsid);
            let page = browser.visits(&first).await;
            assert!(!page.text.contains(&planted.customer), "{scenario}, {first}");
            let token = browser.token().expect("a token");
            assert!(!token.registered, "{scenario}, {first}: logged in as the planter");
            assert_eq!(browser.cookie("cc-nx"), None, "{scenario}, {first}");
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["session_expired"], false, "{scenario}, {first}: nothing has expired");
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer().0, "guest", "{scenario}, {first}");
        }
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_logs_in_no_prefetch_call_or_form() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let planted = credentials_of(&world, SAM).await;
        let browser = world.browser();
        browser.stores_domain_cookie("dwsid", planted.dwsid.as_ref().expect("a dwsid"));
        let account = controller("Account-Show");
        let prefetched = browser.visits(&account).header("sec-purpose", "prefetch").await;
        assert!(!prefetched.text.contains(&planted.customer), "{scenario}: a prefetch");
        let call = browser.calls(&account).await;
        assert!(!call.text.contains(&planted.customer), "{scenario}: a call");
        let form = browser.posts_form("/", &account, &[("a", "b")]).await;
        assert!(!form.text.contains(&planted.customer), "{scenario}: a form");
        browser.posts("/bff/session").await;
        assert!(!browser.token().expect("a token").registered, "{scenario}");
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_beside_our_tokens_is_not_shown() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let planted = credentials_of(&world, SAM).await;
        let browser = world.guest().await;
        let guest = browser.customer_id().expect("a token");
        // On demand there is none yet; otherwise the browser has lost its own.
        browser.loses_cookie("dwsid");
        browser.stores_domain_cookie("dwsid", planted.dwsid.as_ref().expect("a dwsid"));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, guest, "{scenario}");
        browser.expect_guest(DwSession::Live);
    }
}
