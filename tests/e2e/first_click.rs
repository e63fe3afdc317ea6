//! The first click after an idle half hour, and pages that were fetched before the click.

use tandem_sandbox::Operation;
use testkit::{Browser, DwSession, JO, Mode, Page, Scenario, World, controller};

/// The token has expired after this time, and so has the DW session.
const IDLE_MINUTES: u64 = 32;

/// What the script of a product page sends.
async fn add_to_cart(browser: &Browser) -> Page {
    let form = [("pid", "bag-harbour"), ("quantity", "1")];
    browser.sends(&controller("Cart-AddProduct"), &form).await
}

async fn start_with_guest_on_ecom(scenario: &Scenario) -> (World, Browser) {
    let world = scenario.clone().start().await;
    let browser = world.browser();
    browser.visits(&controller("Home-Show")).await.expect(200);
    (world, browser)
}

#[tokio::test]
async fn kind_8_the_first_click_of_an_idle_guest_adds_to_the_same_basket() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_with_guest_on_ecom(&scenario).await;
        let guest = browser.expect_guest(DwSession::Live);
        add_to_cart(&browser).await.expect(200);
        world.minutes_pass(IDLE_MINUTES);
        let added = add_to_cart(&browser).await.expect(200).json();
        assert_eq!(added["quantityTotal"], 2, "{scenario}");
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
        assert_eq!(world.control().basket_of(&guest).len(), 1, "{scenario}");
    }
}

#[tokio::test]
async fn kind_8_the_first_click_of_an_idle_shopper_adds_to_the_same_basket() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.minutes_pass(IDLE_MINUTES);
        add_to_cart(&browser).await.expect(200);
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(world.control().basket_of(&shopper).len(), 1, "{scenario}");
    }
}

#[tokio::test]
async fn kind_8_a_click_of_a_shopper_whose_session_is_over_is_not_made_as_a_guest() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.control().revoke_refresh_token(&browser.expect_cookie("cc-nx"));
        world.minutes_pass(IDLE_MINUTES);
        add_to_cart(&browser).await.expect_problem(401, "session_expired");
        let guest = browser.expect_guest(DwSession::Live);
        assert!(world.control().basket_of(&guest).is_empty(), "{scenario}");
    }
}

#[tokio::test]
async fn kind_8_and_promise_9_a_form_with_a_csrf_token_is_shown_again() {
    for scenario in Scenario::with_ecom() {
        let (world, browser) = start_with_guest_on_ecom(&scenario).await;
        world.minutes_pass(IDLE_MINUTES);
        let form = [("pid", "bag-harbour"), ("csrf_token", "of the old session")];
        let page = browser.sends(&controller("Cart-AddProduct"), &form).await;
        page.expect_problem(401, "session_expired");
    }
}

/// Requests `path` as a speculation rule does.
async fn prefetch(browser: &Browser, path: &str) -> Page {
    browser.visits(path).header("sec-purpose", "prefetch;prerender").await
}

#[tokio::test]
async fn kind_2_a_prefetched_page_is_the_page_of_the_shopper() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        world.forget_calls();
        let page = prefetch(&browser, &controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
        prefetch(&browser, "/").await.expect(200);
        world.expect_calls(&[]);
    }
}

#[tokio::test]
async fn kind_2_and_promise_6_a_prefetch_that_needs_a_call_is_an_error_until_the_click() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        world.minutes_pass(IDLE_MINUTES);
        world.forget_calls();
        for page in ["/", &controller("Account-Show")] {
            let page = prefetch(&browser, page).await;
            page.expect_problem(401, "renewal_needed").expect_no_cookies();
        }
        world.expect_calls(&[]);
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
    }
}

#[tokio::test]
async fn promise_10_and_kind_2_a_prefetched_logout_logs_no_shopper_out() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.registered_on_ecom().await;
        world.forget_calls();
        for page in ["Login-Logout", "Account-Login"] {
            prefetch(&browser, &controller(page)).await.expect_problem(401, "renewal_needed");
        }
        assert_eq!(world.count(Operation::EcomPage), 0, "{scenario}");
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        let shopper = browser.expect_registered(JO.0, DwSession::Live);
        assert_eq!(page.ecom_customer(), ("registered".to_owned(), shopper), "{scenario}");
    }
}

#[tokio::test]
async fn kind_2_a_new_visitor_gets_no_page_before_the_click() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let browser = world.browser();
        for page in ["/", &controller("Home-Show")] {
            prefetch(&browser, page)
                .await
                .expect_problem(401, "renewal_needed")
                .expect_no_cookies();
        }
        world.expect_calls(&[]);
        assert_eq!(world.count(Operation::EcomPage), 0, "{scenario}");
    }
}

#[tokio::test]
async fn kind_31_a_form_without_a_referer_gets_a_page_that_explains_the_way_back() {
    for scenario in Scenario::with_ecom() {
        // `Referrer-Policy: no-referrer` and `origin`.
        for referring in ["", "/"] {
            let (world, browser) = start_with_guest_on_ecom(&scenario).await;
            world.minutes_pass(IDLE_MINUTES);
            let form = [("csrf_token", "of the old session"), ("name", "Jo")];
            let page =
                browser.posts_form(referring, &controller("Account-SaveProfile"), &form).await;
            page.expect_problem(401, "session_expired");
            assert!(page.text.contains("history.back()"), "{scenario}: {}", page.text);
            browser.expect_guest(DwSession::Live);
        }
    }
}

/// The form in a page that posts it again, as the browser sends it.
fn hidden_fields(page: &Page) -> Vec<(String, String)> {
    let inputs = page.text.lines().filter(|line| line.starts_with("<input type=\"hidden\""));
    let quoted = |line: &str, place| line.split('"').nth(place).unwrap_or_default().to_owned();
    inputs.map(|line| (quoted(line, 3), quoted(line, 5))).collect()
}

#[tokio::test]
async fn kind_1_a_payment_returns_to_the_session_of_the_shopper() {
    for scenario in Scenario::with_ecom() {
        let rule = format!(
            "routes.rules = [{{ path = \"{}\", cross_site_post = \"resubmit\" }}]",
            controller("Cart-Show")
        );
        let scenario = scenario.site(&rule);
        let world = scenario.clone().start().await;
        let browser = world.guest_on_ecom().await;
        add_to_cart(&browser).await.expect(200);
        let guest = browser.expect_guest(DwSession::Live);
        // The browser sends none of its cookies with the POST of the bank's page.
        let bank = world.browser();
        let fields = [("PaRes", "y"), ("MD", "a b&c")];
        let returns = bank.posts_form("/", &controller("Cart-Show"), &fields);
        let returns = returns.header("sec-fetch-site", "cross-site");
        // A stray cookie of the domain comes with every form.
        let returns = returns.header("cookie", "dwsid=stray");
        let page = returns.header("origin", "https://acs.bank.example").await.expect(200);
        page.expect_no_cookies();
        assert_eq!(page.cache_control(), "private, no-store");
        assert_eq!(world.count_ecom_posts(), 1, "{scenario}: ECOM has not seen the form");
        // The page posts the same fields from the shop's own origin.
        let fields = hidden_fields(&page);
        assert_eq!(fields[1], ("MD".to_owned(), "a b&amp;c".to_owned()));
        let fields = [("PaRes", "y"), ("MD", "a b&c")];
        let cart = browser.posts_form("/", &controller("Cart-Show"), &fields).await.expect(200);
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
        assert!(cart.text.contains("Harbour"), "{scenario}: {}", cart.text);
    }
}

/// The companions of the DW session, as a `Cookie` header.
fn companions(browser: &Browser) -> String {
    let cookies = browser.cookies().into_iter();
    let companions = cookies.filter(|(name, _)| name.starts_with("dwanonymous_"));
    companions.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// What a browser sends with the POST of another site: cookies that are `SameSite=None`.
fn cross_site_cookies(browser: &Browser) -> String {
    let sent = ["dwsid", "__Host-tandem-dw"].map(|name| (name, browser.expect_cookie(name)));
    sent.map(|(name, value)| format!("{name}={value}")).join("; ")
}

#[tokio::test]
async fn kind_1_a_payment_returns_at_once_where_the_dw_session_comes_with_it() {
    for scenario in classic() {
        let rule = format!(
            "routes.rules = [{{ path = \"{}\", cross_site_post = \"session\" }}]",
            controller("Cart-Show")
        );
        let scenario = scenario.site(&rule);
        let world = scenario.clone().start().await;
        let browser = world.guest_on_ecom().await;
        add_to_cart(&browser).await.expect(200);
        let guest = browser.expect_guest(DwSession::Live);
        world.forget_calls();
        let cookies = cross_site_cookies(&browser);
        let cart = cross_site_form(&world, &controller("Cart-Show"), &cookies).await.expect(200);
        // ECOM may have changed whose the session is: that is all that the browser is told.
        let [line] = cart.set_cookies()[..] else { panic!("{:?}", cart.set_cookies()) };
        assert!(line.starts_with("__Host-tandem-dw="), "{line}");
        assert!(cart.text.contains("Harbour"), "{scenario}: {}", cart.text);
        assert_eq!(world.auth_calls(), [""; 0], "{scenario}");
        // On a path that nobody named, and with a session that another host has set, it is a stranger.
        let dwsid = browser.expect_cookie("dwsid");
        for (path, cookies) in [
            ("Account-Show", format!("{cookies}; {}", companions(&browser))),
            ("Cart-Show", format!("dwsid={dwsid}")),
            ("Cart-Show", format!("dwsid={dwsid}; __Host-tandem-dw=forged")),
        ] {
            let page = cross_site_form(&world, &controller(path), &cookies).await;
            assert!(!page.text.contains("Harbour"), "{scenario}: {path}");
            let calls = world.control().calls();
            let sent = calls.last().and_then(|call| call.header("cookie")).unwrap_or_default();
            assert!(!sent.contains(&dwsid), "{scenario}: {path}");
            assert!(!sent.contains("dwanonymous"), "{scenario}: {path}");
        }
        assert_eq!(world.auth_calls(), [""; 0], "{scenario}");
        assert_eq!(browser.expect_guest(DwSession::Live), guest, "{scenario}");
    }
}

/// The kinds of shop that can look up whose a DW session is.
fn classic() -> Vec<Scenario> {
    let all = Scenario::with_ecom().into_iter();
    all.filter(|scenario| scenario.mode == Mode::Classic).collect()
}

/// A form of another site, with these cookies of the browser.
async fn cross_site_form(world: &World, path: &str, cookies: &str) -> Page {
    let returns = world.browser().posts_form("/", path, &[("PaRes", "y")]);
    let returns = returns.header("sec-fetch-site", "cross-site").header("cookie", cookies);
    returns.header("origin", "https://acs.bank.example").await
}

fn with_session_rule(scenario: &Scenario, path: &str) -> Scenario {
    scenario.clone().route(&format!("path = \"{path}\"\ncross_site_post = \"session\""))
}

#[tokio::test]
async fn promise_10_kind_1_a_form_of_another_site_reaches_no_session_that_was_logged_out() {
    for scenario in classic() {
        let path = controller("Account-Show");
        let world = with_session_rule(&scenario, &path).start().await;
        let browser = world.registered_on_ecom().await;
        let cookies = cross_site_cookies(&browser);
        let before = cross_site_form(&world, &path, &cookies).await;
        assert_eq!(before.ecom_customer().0, "registered", "{scenario}");
        browser.logs_out().await.expect(200);
        let after = cross_site_form(&world, &path, &cookies).await;
        assert!(!after.text.contains(JO.0), "{scenario}: {}", after.text);
    }
}

#[tokio::test]
async fn promise_1_kind_1_a_login_by_a_form_of_another_site_leaves_one_shopper() {
    for scenario in classic() {
        let path = controller("Account-Show");
        let world = with_session_rule(&scenario, &path).start().await;
        let browser = world.guest_on_ecom().await;
        let cookies = cross_site_cookies(&browser);
        // ECOM logs the shopper in while it serves the form.
        assert!(world.control().log_in_on_ecom(&browser.expect_cookie("dwsid"), JO.0));
        let page = cross_site_form(&world, &path, &cookies).await.expect(200);
        browser.stores_cookies_of(&page);
        let page = browser.visits(&controller("Account-Show")).await;
        let (kind, _) = page.expect(200).ecom_customer();
        let registered = browser.token().is_some_and(|token| token.registered);
        assert_eq!(kind == "registered", registered, "{scenario}: one shopper on both sides");
    }
}

#[tokio::test]
async fn kind_1_a_dw_session_that_comes_with_a_form_of_another_site_counts_only_where_it_is_named()
{
    for scenario in classic() {
        // Without any rule: the cookie is the platform's own, or from before the rule was removed.
        let world = scenario.clone().start().await;
        let browser = world.guest_on_ecom().await;
        let dwsid = browser.expect_cookie("dwsid");
        world.forget_calls();
        let cookies = format!("dwsid={dwsid}; {}", companions(&browser));
        let page = cross_site_form(&world, &controller("Account-Show"), &cookies).await;
        page.expect_no_cookies();
        assert_eq!(world.auth_calls(), [""; 0], "{scenario}");
        let calls = world.control().calls();
        let sent = calls.last().and_then(|call| call.header("cookie")).unwrap_or_default();
        assert!(!sent.contains(&dwsid) && !sent.contains("dwanonymous"), "{scenario}: {sent}");
        // On a page that logs in, a rule for everything changes nothing.
        let world = with_session_rule(&scenario, "/on/demandware.store/").start().await;
        let browser = world.guest_on_ecom().await;
        let cookies = cross_site_cookies(&browser);
        let page = cross_site_form(&world, &controller("Account-Login"), &cookies).await;
        page.expect(200).expect_no_cookies();
        assert_eq!(world.count_ecom_posts(), 0, "{scenario}: the form is posted again");
        // So it is after the DW session has expired at the bank.
        let browser = world.guest_on_ecom().await;
        world.minutes_pass(IDLE_MINUTES);
        let cookies = cross_site_cookies(&browser);
        let page = cross_site_form(&world, &controller("Cart-Show"), &cookies).await.expect(200);
        assert!(page.text.contains("PaRes"), "{scenario}: {}", page.text);
        assert_eq!(world.count_ecom_posts(), 0, "{scenario}");
    }
}

#[tokio::test]
async fn kind_1_only_the_dw_session_is_sent_with_requests_of_other_sites() {
    let rule = format!("path = \"{}\"\ncross_site_post = \"session\"", controller("Cart-Show"));
    let world = Scenario::private().route(&rule).start().await;
    let browser = world.browser();
    let page = browser.visits(&controller("Home-Show")).await.expect(200);
    for line in page.set_cookies() {
        let is_dw = ["dwsid=", "dwanonymous_", "dwsecuretoken_", "__Host-tandem-dw="];
        let is_dw = is_dw.iter().any(|name| line.starts_with(name));
        assert_eq!(line.contains("SameSite=None"), is_dw, "{line}");
        assert!(line.contains("Secure"), "{line}");
    }
    let logout = browser.logs_out().await.expect(200);
    let deleted = logout.set_cookies().into_iter().find(|line| line.starts_with("dwsid=;"));
    assert!(deleted.is_none_or(|line| line.contains("SameSite=None")), "{deleted:?}");
}

#[tokio::test]
async fn kind_1_a_path_without_a_rule_posts_nothing_again() {
    let world = Scenario::private().start().await;
    let bank = world.browser();
    let returns = bank.posts_form("/", &controller("Cart-Show"), &[("PaRes", "y")]);
    let page = returns.header("sec-fetch-site", "cross-site").await.expect(200);
    assert!(!page.text.contains("PaRes"), "{}", page.text);
    assert_eq!(world.count(Operation::EcomPage), 1);
}

#[tokio::test]
async fn promise_17_and_kind_28_no_subset_of_the_cookies_is_worse_off_than_none() {
    for scenario in [Scenario::private(), Scenario::public()] {
        let world = scenario.clone().start().await;
        for browser in [world.guest_on_ecom().await, world.registered_on_ecom().await] {
            let names = browser.names();
            for subset in 0..1_usize << names.len() {
                let kept = browser.copy();
                for (place, name) in names.iter().enumerate() {
                    if subset & (1 << place) == 0 {
                        kept.loses_cookie(name);
                    }
                }
                let left = kept.names();
                for page in [controller("Account-Show"), "/".to_owned()] {
                    let served = kept.copy().visits(&page).await;
                    assert_eq!(served.status, 200, "{scenario}: {page} with {left:?}");
                }
            }
        }
    }
}
