//! What sets a cookie is stored by nobody, and how the cookies look.

use std::collections::HashMap;

use tandem_sandbox::{Fault, Times, Upstream};
use testkit::{Browser, JO, Page, Scenario, controller};

const PRIVATE: &str = "private, no-store";

#[tokio::test]
async fn promise_7_attack_71_a_page_that_brings_cookies_is_stored_by_nobody() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        let page = browser.visits("/").await.expect(200);
        assert_eq!(page.cache_control(), PRIVATE);
        let page = browser.visits("/").await.expect(200);
        page.sets_no_cookies();
        assert_eq!(page.cache_control(), "no-cache", "what the Head says, when we add nothing");
        world.minutes_pass(60);
        let page = browser.calls("/api/products").await.expect(200);
        assert!(!page.set_cookies().is_empty());
        assert_eq!(page.cache_control(), PRIVATE);
    }
}

#[tokio::test]
async fn promise_7_attack_72_redirects_refusals_and_errors_are_stored_by_nobody_either() {
    for scenario in Scenario::clients() {
        let world = scenario.start().await;
        let browser = world.browser();
        let page = browser.visits("/nowhere").await.expect(404);
        assert!(!page.set_cookies().is_empty());
        assert_eq!(page.cache_control(), PRIVATE);
        browser.logs_in(JO).await.expect(200);
        world.control().revoke_refresh(&browser.holds("cc-nx"));
        world.minutes_pass(60);
        let page = browser.visits("/account").await.expect(303);
        assert!(!page.set_cookies().is_empty());
        assert_eq!(page.cache_control(), PRIVATE);
        world.minutes_pass(60);
        world.control().fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        let page = browser.visits("/").await.expect(503);
        assert_eq!(page.cache_control(), PRIVATE);
    }
}

#[tokio::test]
async fn promise_7_every_answer_of_our_own_routes_is_private() {
    for scenario in Scenario::all() {
        let world = scenario.start().await;
        let browser = world.browser();
        for answer in [
            browser.calls("/bff/session").await,
            browser.posts("/bff/session").await,
            browser.visits("/bff/go?to=/cart").await,
            browser.logs_in((JO.0, "wrong")).await,
            browser.logs_in(JO).await,
            browser.logs_out().await,
            browser.calls("/bff/nothing").await,
            browser.posts("/bff/go").await,
        ] {
            assert_eq!(answer.cache_control(), PRIVATE, "{answer:?}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    }
}

#[tokio::test]
async fn files_stay_cacheable_and_carry_no_cookie() {
    let world = Scenario::private().start().await;
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let page = browser.visits("/assets/app.css").await.expect(200);
    assert_eq!(page.sets_no_cookies().cache_control(), "public, max-age=300");
}

/// The attributes by which a browser finds a cookie again, and those that guard it.
fn attributes(line: &str) -> (String, String) {
    let (pair, rest) = line.split_once("; ").unwrap_or((line, ""));
    let name = pair.split('=').next().unwrap_or_default().to_owned();
    let lasting = |attribute: &&str| {
        !attribute.starts_with("Max-Age") && !attribute.to_lowercase().starts_with("expires")
    };
    let mut kept: Vec<&str> = rest.split("; ").filter(lasting).collect();
    kept.sort_unstable();
    (name, kept.join("; "))
}

/// One life: landing, a page of ECOM, login, a day later, logout.
async fn life(browser: &Browser, pass_a_day: impl Fn()) -> Vec<Page> {
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
        let pages = life(&browser, || world.minutes_pass(24 * 60)).await;
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
async fn attack_18_the_cookies_of_every_flow_look_as_reviewed() {
    let world = Scenario::private().without_enforce_https().start().await;
    let browser = world.browser();
    let pages = life(&browser, || world.minutes_pass(24 * 60)).await;
    let [landing, ecom, login, returning, logout] = pages.as_slice() else { panic!("five pages") };
    insta::assert_snapshot!(landing.cookie_attributes(), @r"
    cc-nx-g=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    usid=…; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    cid=…; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    token=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800
    dwanonymous_…=…; SameSite=Lax; Secure; Path=/; Max-Age=15552000
    dwsecuretoken_…=…; HttpOnly; SameSite=Lax; Secure; Path=/
    dwsid=…; HttpOnly; SameSite=Lax; Secure; Path=/
    __Host-tandem=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    ");
    ecom.sets_no_cookies();
    insta::assert_snapshot!(login.cookie_attributes(), @r"
    cc-nx-g=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT
    cc-nx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7776000
    usid=…; SameSite=Lax; Secure; Path=/; Max-Age=7776000
    cid=…; SameSite=Lax; Secure; Path=/; Max-Age=7776000
    token=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800
    dwanonymous_…=…; SameSite=Lax; Secure; Path=/; Max-Age=15552000
    dwsecuretoken_…=…; HttpOnly; SameSite=Lax; Secure; Path=/
    dwsid=…; HttpOnly; SameSite=Lax; Secure; Path=/
    __Host-tandem-nx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7776000
    __Host-tandem=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7776000
    ");
    insta::assert_snapshot!(returning.cookie_attributes(), @r"
    cc-nx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7689600
    usid=…; SameSite=Lax; Secure; Path=/; Max-Age=7689600
    cid=…; SameSite=Lax; Secure; Path=/; Max-Age=7689600
    token=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800
    dwanonymous_…=…; SameSite=Lax; Secure; Path=/; Max-Age=15552000
    dwsecuretoken_…=…; HttpOnly; SameSite=Lax; Secure; Path=/
    dwsid=…; HttpOnly; SameSite=Lax; Secure; Path=/
    __Host-tandem-nx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7689600
    __Host-tandem=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7689600
    ");
    insta::assert_snapshot!(logout.cookie_attributes(), @r"
    cc-nx=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT
    __Host-tandem-nx=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT
    cc-nx-g=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    usid=…; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    cid=…; SameSite=Lax; Secure; Path=/; Max-Age=2592000
    token=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800
    dwanonymous_…=…; SameSite=Lax; Secure; Path=/; Max-Age=15552000
    dwsecuretoken_…=…; HttpOnly; SameSite=Lax; Secure; Path=/
    dwsid=…; HttpOnly; SameSite=Lax; Secure; Path=/
    __Host-tandem=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7776000
    ");
}

#[tokio::test]
async fn attack_18_no_cookie_has_a_domain_or_outlives_its_refresh_token() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.without_enforce_https().start().await;
        let browser = world.browser();
        for page in life(&browser, || world.minutes_pass(24 * 60)).await {
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
