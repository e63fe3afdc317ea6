//! Responses that set cookies are not stored, and the attributes of the cookies.

use std::collections::HashMap;

use tandem_sandbox::{Fault, Times, Upstream};
use testkit::{Browser, JO, Page, Scenario, controller};

const PRIVATE: &str = "private, no-store";

#[tokio::test]
async fn promise_7_attack_71_a_page_that_sets_cookies_is_not_stored() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        let page = browser.visits("/").await.expect(200);
        assert_eq!(page.cache_control(), PRIVATE);
        let page = browser.visits("/").await.expect(200);
        page.expect_no_cookies();
        assert_eq!(
            page.cache_control(),
            "no-cache",
            "the header of the Head, when Tandem sets no cookie"
        );
        world.minutes_pass(60);
        let page = browser.calls("/api/products").await.expect(200);
        assert!(!page.set_cookies().is_empty());
        assert_eq!(page.cache_control(), PRIVATE);
    }
}

#[tokio::test]
async fn promise_7_attack_72_redirects_and_errors_are_not_stored() {
    for scenario in Scenario::clients() {
        let world = scenario.refusing_pages_in_outages().start().await;
        let browser = world.browser();
        let page = browser.visits("/nowhere").await.expect(404);
        assert!(!page.set_cookies().is_empty());
        assert_eq!(page.cache_control(), PRIVATE);
        browser.logs_in(JO).await.expect(200);
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(60);
        let page = browser.visits("/account").await.expect(303);
        assert!(!page.set_cookies().is_empty());
        assert_eq!(page.cache_control(), PRIVATE);
        world.minutes_pass(60);
        world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        let page = browser.visits("/").await.expect(503);
        assert_eq!(page.cache_control(), PRIVATE);
    }
}

#[tokio::test]
async fn promise_7_every_response_of_our_own_routes_is_private() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        for response in [
            browser.calls("/bff/session").await,
            browser.posts("/bff/session").await,
            browser.visits("/bff/go?to=/cart").await,
            browser.logs_in((JO.0, "wrong")).await,
            browser.logs_in(JO).await,
            browser.logs_out().await,
            browser.calls("/bff/nothing").await,
            browser.posts("/bff/go").await,
        ] {
            assert_eq!(response.cache_control(), PRIVATE, "{response:?}");
            assert_eq!(response.header("x-content-type-options"), "nosniff");
        }
    }
}

#[tokio::test]
async fn files_stay_cacheable_and_carry_no_cookie() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let page = browser.visits("/assets/app.css").await.expect(200);
    assert_eq!(page.expect_no_cookies().cache_control(), "public, max-age=300");
}

/// The attributes that identify a cookie, and those that protect it.
fn attributes(line: &str) -> (String, String) {
    let (pair, rest) = line.split_once("; ").unwrap_or((line, ""));
    let name = pair.split('=').next().unwrap_or_default().to_owned();
    let lasting = |attribute: &&str| {
        !attribute.starts_with("Max-Age") && !attribute.to_lowercase().starts_with("expires")
    };
    let mut attributes: Vec<&str> = rest.split("; ").filter(lasting).collect();
    attributes.sort_unstable();
    (name, attributes.join("; "))
}

/// Landing, a page of ECOM, login, a page a day later, logout.
async fn every_flow(browser: &Browser, pass_a_day: impl Fn()) -> Vec<Page> {
    let mut pages = vec![browser.visits("/").await.expect(200)];
    pages.push(browser.visits(&controller("Home-Show")).await.expect(200));
    pages.push(browser.logs_in(JO).await.expect(200));
    pass_a_day();
    pages.push(browser.visits(&controller("Home-Show")).await.expect(200));
    pages.push(browser.logs_out().await.expect(200));
    pages
}

#[tokio::test]
async fn promise_7_a_deletion_repeats_the_attributes_of_the_write() {
    for scenario in Scenario::with_ecom() {
        let scenario = scenario.with_site("session.after_logout", "none").without_enforce_https();
        let world = scenario.start().await;
        let browser = world.browser();
        let pages = every_flow(&browser, || world.minutes_pass(24 * 60)).await;
        let mut written: HashMap<String, String> = HashMap::new();
        let mut deleted = 0;
        for line in pages.iter().flat_map(Page::set_cookies) {
            let (name, attributes) = attributes(line);
            if line.starts_with(&format!("{name}=;")) {
                deleted += 1;
                let write = written.get(&name);
                assert!(write.is_none_or(|write| *write == attributes), "{line}, not {write:?}");
            } else {
                written.insert(name, attributes);
            }
        }
        assert!(deleted >= 6, "only {deleted}");
    }
}

#[tokio::test]
async fn attack_18_the_cookies_of_every_flow_are_as_reviewed() {
    let world = Scenario::private().without_enforce_https().start().await;
    let browser = world.browser();
    let pages = every_flow(&browser, || world.minutes_pass(24 * 60)).await;
    let names = ["landing", "a page of ECOM", "login", "a page a day later", "logout"];
    let shown = names.iter().zip(&pages);
    let shown = shown.map(|(name, page)| format!("{name}:\n{}\n", page.cookie_attributes()));
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn attack_18_no_cookie_has_a_domain_or_outlives_its_refresh_token() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.without_enforce_https().start().await;
        let browser = world.browser();
        for page in every_flow(&browser, || world.minutes_pass(24 * 60)).await {
            for line in page.set_cookies() {
                assert!(!line.contains("Domain"), "{line}");
                assert!(line.contains("; Secure") && line.contains("; Path=/"), "{line}");
                assert!(line.contains("SameSite=Lax"), "{line}");
                let age = line.split("Max-Age=").nth(1).and_then(|rest| rest.split(';').next());
                let age: i64 = age.map_or(0, |age| age.parse().unwrap());
                assert!(age <= 180 * 86_400, "{line}");
                let ours = !line.starts_with("dw");
                assert!(!ours || age <= 90 * 86_400, "{line}");
            }
        }
    }
}
