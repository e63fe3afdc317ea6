//! Cookies that another host of the domain, an older set-up or an attacker has left in the browser
//! under our names (promise 13): of everything presented, what our seal vouches for counts.

use tandem_sandbox::{Operation, RefreshState};
use testkit::{Browser, JO, Mode, SAM, Scenario, Time, World, controller};

const IDLE: u64 = 31;

/// Refresh token, access token and DW session of a shopper in another browser.
struct Attacker {
    refresh: String,
    access: String,
    dwsid: Option<String>,
    customer: String,
}

async fn attacker(world: &World, shopper: (&str, &str)) -> Attacker {
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    browser.logs_in(shopper).await.expect(200);
    if world.scenario.mode != Mode::None {
        browser.visits(&controller("Account-Show")).await.expect(200);
    }
    let customer = browser.token().expect("a token").customer_id;
    let (refresh, dwsid) = (browser.holds("cc-nx"), browser.cookie("dwsid"));
    Attacker { refresh, access: browser.holds("token"), dwsid, customer }
}

async fn guest(world: &World) -> (Browser, String) {
    let browser = world.browser();
    browser.visits("/").await.expect(200);
    let customer = browser.token().expect("a token").customer_id;
    (browser, customer)
}

#[tokio::test]
async fn kind_5_a_dead_refresh_token_of_the_whole_domain_costs_the_guest_nothing() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let dead = attacker(&world, JO).await.refresh;
        world.control().revoke_refresh(&dead);
        let browser = world.browser();
        browser.is_planted("cc-nx", &dead);
        browser.visits("/").await.expect(200);
        let guest = browser.token().expect("a token").customer_id;
        browser.puts_into_basket("bell-brass").await.expect(200);
        for _ in 0..2 {
            world.minutes_pass(IDLE);
            browser.visits("/").await.expect(200);
            assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}: the same guest");
        }
        assert_eq!(world.control().basket_of(&guest).len(), 1, "{scenario}: and the basket");
        assert_eq!(
            browser.sends_to("/", "cc-nx"),
            [""; 0],
            "{scenario}: the planted cookie is gone"
        );
    }
}

#[tokio::test]
async fn kind_5_an_old_account_of_the_whole_domain_is_not_signed_in_after_a_logout() {
    for (scenario, after) in Scenario::all().into_iter().flat_map(|scenario| {
        ["guest", "none"]
            .map(|after| (scenario.clone().with_site("session.after_logout", after), after))
    }) {
        let mut world = scenario.clone().start().await;
        let old = attacker(&world, SAM).await;
        world.minutes_pass(1);
        let (mut browser, _) = guest(&world).await;
        browser.is_planted("cc-nx", &old.refresh);
        browser.logs_in(JO).await.expect(200);
        // The sibling host sets it again and again.
        browser.is_planted("cc-nx", &old.refresh);
        browser.logs_out().await.expect(200);
        browser.is_planted("cc-nx", &old.refresh);
        world.minutes_pass(7 * 60);
        world.restarts(&mut browser);
        browser.visits("/").await.expect(200);
        let token = browser.token().expect("a guest");
        assert!(!token.registered, "{scenario}, then {after}: {:?}", browser.names());
        assert_eq!(
            world.control().refresh(&old.refresh).expect("a token").state,
            RefreshState::Live
        );
    }
}

#[tokio::test]
async fn promise_13_a_planted_refresh_token_does_not_sign_a_guest_in_as_somebody_else() {
    for scenario in Scenario::all() {
        for name in ["cc-nx", "cc-nx-g"] {
            let world = scenario.clone().start().await;
            let planted = attacker(&world, SAM).await;
            let (browser, guest) = guest(&world).await;
            for minutes in [0, IDLE, IDLE] {
                world.minutes_pass(minutes);
                browser.is_planted(name, &planted.refresh);
                browser.visits("/").await.expect(200);
                assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}, {name}");
                browser.is_planted(name, &planted.refresh);
                browser.calls("/api/me").await;
                assert_eq!(
                    browser.customer_id().as_ref(),
                    Some(&guest),
                    "{scenario}, {name}, a call"
                );
                if scenario.mode != Mode::None {
                    browser.is_planted(name, &planted.refresh);
                    let page = browser.visits(&controller("Account-Show")).await.expect(200);
                    assert_eq!(page.ecom_customer().1, guest, "{scenario}, {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn promise_13_a_planted_access_token_does_not_sign_a_guest_in_as_somebody_else() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let (browser, guest) = guest(&world).await;
        // Long enough for the browser's own access token to have gone, while the planted one lives.
        world.minutes_pass(IDLE);
        let planted = attacker(&world, SAM).await;
        browser.is_planted("token", &planted.access);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_ne!(view["customer_id"], *planted.customer, "{scenario}");
        browser.calls("/api/me").await;
        browser.visits("/").await.expect(200);
        assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}");
    }
}

#[tokio::test]
async fn promise_13_planted_cookies_do_not_change_a_registered_shopper_either() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let planted = attacker(&world, SAM).await;
        let (browser, _) = guest(&world).await;
        browser.logs_in(JO).await.expect(200);
        let jo = browser.customer_id();
        for minutes in [0, IDLE] {
            world.minutes_pass(minutes);
            for (name, value) in [
                ("cc-nx", Some(&planted.refresh)),
                ("cc-nx-g", Some(&planted.refresh)),
                ("token", Some(&planted.access)),
                ("dwsid", planted.dwsid.as_ref()),
            ] {
                let Some(value) = value else { continue };
                browser.is_planted(name, value);
                browser.visits("/").await.expect(200);
                assert_eq!(browser.customer_id(), jo, "{scenario}, {name}");
                if scenario.mode != Mode::None {
                    browser.is_planted(name, value);
                    let page = browser.visits(&controller("Account-Show")).await.expect(200);
                    assert_eq!(Some(page.ecom_customer().1), jo, "{scenario}, {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn kind_5_cookies_with_another_path_count_as_little() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let planted = attacker(&world, SAM).await;
        let (browser, guest) = guest(&world).await;
        for name in ["cc-nx", "cc-nx-g", "dwsid"] {
            let value =
                if name == "dwsid" { planted.dwsid.as_ref().unwrap() } else { &planted.refresh };
            browser.stores(&format!("{name}={value}; Path=/on/demandware.store; Secure"));
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
async fn kind_5_a_cookie_that_was_deleted_and_comes_back_is_deleted_with_its_domain_and_path_too() {
    let world = Scenario::private().start().await;
    let planted = attacker(&world, SAM).await;
    let (browser, _) = guest(&world).await;
    let path = controller("Account-Show");
    for line in [
        "Domain=shop.test; Path=/",
        "Domain=.shop.test; Path=/on/demandware.store",
        "Path=/on/demandware.store/Sites-RefArch-Site",
        "Path=/on",
    ] {
        browser.stores(&format!("cc-nx={}; {line}; Secure", planted.refresh));
        // The same again soon is not fought with every page; after an hour it is.
        world.minutes_pass(61);
        browser.visits(&path).await.expect(200);
        assert_eq!(browser.sends_to(&path, "cc-nx"), [""; 0], "{line}");
        assert_eq!(browser.sends_to(&path, "cc-nx-g").len(), 1, "ours stays");
    }
}

#[tokio::test]
async fn kind_5_a_cookie_that_cannot_be_deleted_does_not_cost_every_page_its_caching() {
    let world = Scenario::private().start().await;
    let planted = attacker(&world, SAM).await;
    let (browser, _) = guest(&world).await;
    browser.is_planted("cc-nx", &planted.refresh);
    browser.visits("/").await.expect(200);
    for _ in 0..3 {
        browser.is_planted("cc-nx", &planted.refresh);
        browser.visits("/").await.expect(200).sets_no_cookies();
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_of_a_registered_shopper_signs_nobody_in() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let planted = attacker(&world, SAM).await;
        let dwsid = planted.dwsid.expect("a dwsid");
        for first in ["/".to_owned(), controller("Account-Show"), "/bff/go?to=/".to_owned()] {
            let browser = world.browser();
            browser.is_planted("dwsid", &dwsid);
            let page = browser.visits(&first).await;
            assert!(!page.text.contains(&planted.customer), "{scenario}, {first}");
            let token = browser.token().expect("a token");
            assert!(!token.registered, "{scenario}, {first}: signed in as the planter");
            assert_eq!(browser.cookie("cc-nx"), None, "{scenario}, {first}");
            let view = browser.calls("/bff/session").await.expect(200).json();
            assert_eq!(view["session_expired"], false, "{scenario}, {first}: nothing has expired");
            let page = browser.visits(&controller("Account-Show")).await.expect(200);
            assert_eq!(page.ecom_customer().0, "guest", "{scenario}, {first}");
        }
    }
}

#[tokio::test]
async fn kind_35_nor_does_one_that_meets_a_prefetch_a_call_or_a_form() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let planted = attacker(&world, SAM).await;
        let browser = world.browser();
        browser.is_planted("dwsid", planted.dwsid.as_ref().expect("a dwsid"));
        let account = controller("Account-Show");
        let ahead = browser.visits(&account).header("sec-purpose", "prefetch").await;
        assert!(!ahead.text.contains(&planted.customer), "{scenario}: a page fetched ahead");
        let call = browser.calls(&account).await;
        assert!(!call.text.contains(&planted.customer), "{scenario}: a call");
        let form = browser.posts_form("/", &account, &[("a", "b")]).await;
        assert!(!form.text.contains(&planted.customer), "{scenario}: a form");
        browser.posts("/bff/session").await;
        assert!(!browser.token().expect("a token").registered, "{scenario}");
    }
}

#[tokio::test]
async fn kind_35_a_planted_dw_session_beside_our_tokens_is_never_shown() {
    for scenario in Scenario::with_ecom() {
        let world = scenario.clone().start().await;
        let planted = attacker(&world, SAM).await;
        let (browser, guest) = guest(&world).await;
        // Bridged on demand there is none yet; else the browser has lost its own.
        browser.loses("dwsid");
        browser.is_planted("dwsid", planted.dwsid.as_ref().expect("a dwsid"));
        let page = browser.visits(&controller("Account-Show")).await.expect(200);
        assert_eq!(page.ecom_customer().1, guest, "{scenario}");
        browser.is_guest(true);
    }
}

#[tokio::test]
async fn kind_5_tokens_from_before_tandem_are_taken_over_and_a_refused_one_falls_back_to_the_guest()
{
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let jo = attacker(&world, JO).await;
        // Nobody has spent it since: a shopper who comes back after Tandem has been put in front.
        let newcomer = world.browser();
        newcomer.is_given("cc-nx", &jo.refresh);
        newcomer.visits("/").await.expect(200);
        newcomer.is_registered(JO.0, scenario.bridges_at_landing());

        let (old, guest) = guest(&world).await;
        let newcomer = world.browser();
        world.control().revoke_refresh(&jo.refresh);
        newcomer
            .is_given("cc-nx", "a-dead-refresh-token")
            .is_given("cc-nx-g", &old.holds("cc-nx-g"));
        newcomer.visits("/").await.expect(200);
        assert_eq!(newcomer.customer_id(), Some(guest), "{scenario}: the guest's basket stays");
        let view = newcomer.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["session_expired"], true, "{scenario}: and the shopper is told");
    }
}

#[tokio::test]
async fn promise_13_tabs_whose_answers_cross_stay_the_same_shopper() {
    // One tab renews the tokens while another has a DW session made: the cookies of the one and
    // the seal of the other meet in the jar.
    for scenario in [
        Scenario::private().on_demand(),
        Scenario::new(testkit::Client::Public, Mode::Classic, Time::OnDemand),
    ] {
        let world = scenario.clone().start().await;
        let (browser, _) = guest(&world).await;
        browser.logs_in(JO).await.expect(200);
        let jo = browser.customer_id();
        let (before, seal) = (browser.copy(), browser.holds("__Host-tandem"));
        world.minutes_pass(IDLE);
        browser.visits("/").await.expect(200);
        drop(before);
        browser.is_given("__Host-tandem", &seal);
        for minutes in [0, 5, IDLE, IDLE] {
            world.minutes_pass(minutes);
            browser.visits("/").await.expect(200);
            assert_eq!(browser.customer_id(), jo, "{scenario} after {minutes} minutes");
        }
        assert_eq!(world.count(Operation::Logout), 0);
    }
}

#[tokio::test]
async fn kind_5_where_only_tandem_writes_a_new_visitor_cannot_be_given_an_account_either() {
    for scenario in Scenario::all() {
        let scenario = scenario.with_site("cookies.accept_unsealed", "false");
        let world = scenario.clone().start().await;
        let planted = attacker(&world, SAM).await;
        for (name, value) in [("cc-nx", &planted.refresh), ("token", &planted.access)] {
            for path in ["/", "/api/me", "/bff/session"] {
                let browser = world.browser();
                browser.is_planted(name, value);
                let page = browser.calls(path).await;
                assert!(!page.text.contains(&planted.customer), "{scenario}, {name}, {path}");
                browser.is_planted(name, value);
                browser.visits("/").await.expect(200);
                assert!(!browser.token().expect("a guest").registered, "{scenario}, {name}");
            }
        }
    }
}
