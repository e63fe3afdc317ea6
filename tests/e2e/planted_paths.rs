//! Cookies that were planted for other paths or for the whole domain: they hide none of ours, and are
//! deleted where that is possible.

use testkit::{Browser, SAM, Scenario, controller};

use crate::planted_cookies::{IDLE, credentials_of};

/// A sibling host plants a cookie for each folder above a controller page: browsers send cookies of
/// longer paths first.
fn plant_longer_paths(browser: &Browser, name: &str) {
    let site = "/on/demandware.store/Sites-RefArch-Site";
    for path in ["/on", "/on/demandware.store", site, &format!("{site}/en_US")] {
        let value = path.replace('/', "x");
        browser
            .stores_set_cookie(&format!("{name}={value}; Domain=shop.test; Path={path}; Secure"));
    }
}

#[tokio::test]
async fn kind_5_planted_longer_paths_do_not_hide_a_guests_token() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let own = browser.customer_id();
    plant_longer_paths(&browser, "cc-nx-g");
    world.minutes_pass(31);
    browser.visits(&controller("Home-Show")).await.expect(200);
    assert_eq!(browser.customer_id(), own);
}

#[tokio::test]
async fn kind_5_planted_longer_paths_do_not_hide_a_registered_token() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    plant_longer_paths(&browser, "cc-nx");
    world.minutes_pass(31);
    browser.visits(&controller("Home-Show")).await.expect(200);
    let view = browser.calls("/bff/session").await.expect(200).json();
    assert_eq!(view["customer_type"], "registered", "reported: {}", view["session_expired"]);
}

#[tokio::test]
async fn kind_5_planted_longer_paths_do_not_hide_the_dw_session() {
    let world = Scenario::private().start().await;
    let browser = world.registered().await;
    browser.visits(&controller("Home-Show")).await.expect(200);
    let dwsid = browser.expect_cookie("dwsid");
    plant_longer_paths(&browser, "dwsid");
    world.forget_calls();
    browser.visits(&controller("Home-Show")).await.expect(200);
    assert_eq!(browser.expect_cookie("dwsid"), dwsid, "{:?}", world.take_calls());
}

#[tokio::test]
async fn kind_5_deletions_fit_the_header_buffers_of_proxies() {
    let world = Scenario::private().start().await;
    let browser = world.guest().await;
    let path = format!("/product/{}", "a-long-name-".repeat(200));
    for name in ["cc-nx-g", "token", "usid", "cid"] {
        browser.stores_domain_cookie(name, "x");
    }
    let page = browser.visits(&path).await;
    let bytes: usize = page.set_cookies().iter().map(|line| line.len() + 14).sum();
    assert!(bytes < 8 * 1024, "{bytes} bytes of Set-Cookie in {} lines", page.set_cookies().len());
}

#[tokio::test]
async fn kind_5_planted_cookies_with_another_path_are_ignored() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let planted = credentials_of(&world, SAM).await;
        let browser = world.guest().await;
        let guest = browser.customer_id().expect("a token");
        for name in ["cc-nx", "cc-nx-g", "dwsid"] {
            let value =
                if name == "dwsid" { planted.dwsid.as_ref().unwrap() } else { &planted.refresh };
            browser
                .stores_set_cookie(&format!("{name}={value}; Path=/on/demandware.store; Secure"));
            for minutes in [0, IDLE] {
                world.minutes_pass(minutes);
                let page = browser.visits(&controller("Account-Show")).await.expect(200);
                assert_eq!(page.ecom_customer().1, guest, "{scenario}, {name}");
                assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}, {name}");
            }
        }
    }
}

#[tokio::test]
async fn kind_5_a_returning_cookie_is_deleted_with_its_domain_and_path() {
    let world = Scenario::private().start().await;
    let planted = credentials_of(&world, SAM).await;
    let browser = world.guest().await;
    let path = controller("Account-Show");
    for line in [
        "Domain=shop.test; Path=/",
        "Domain=.shop.test; Path=/on/demandware.store",
        "Path=/on/demandware.store/Sites-RefArch-Site",
        "Path=/on",
    ] {
        browser.stores_set_cookie(&format!("cc-nx={}; {line}; Secure", planted.refresh));
        // A cookie that returns soon is left; after an hour it is deleted again.
        world.minutes_pass(61);
        browser.visits(&path).await.expect(200);
        assert_eq!(browser.sends_to(&path, "cc-nx"), [""; 0], "{line}");
        assert_eq!(browser.sends_to(&path, "cc-nx-g").len(), 1, "ours stays");
    }
}

#[tokio::test]
async fn kind_5_an_undeletable_cookie_does_not_prevent_caching() {
    let world = Scenario::private().start().await;
    let planted = credentials_of(&world, SAM).await;
    let browser = world.guest().await;
    browser.stores_domain_cookie("cc-nx", &planted.refresh);
    browser.visits("/").await.expect(200);
    for _ in 0..3 {
        browser.stores_domain_cookie("cc-nx", &planted.refresh);
        browser.visits("/").await.expect(200).expect_no_cookies();
    }
}
