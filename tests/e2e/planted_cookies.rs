//! Tokens that another host of the domain, an older set-up or an attacker has planted in the browser
//! under our names (promise 13): of all values presented, the one in our seal counts.

use tandem_sandbox::{Fault, Operation, RefreshTokenState};
use testkit::{Client, DwSession, JO, Mode, SAM, Scenario, Time, World, controller};

/// Minutes after which an access token and a DW session have expired.
pub(crate) const IDLE: u64 = 31;

/// The credentials of a shopper who is logged in on another device.
pub(crate) struct Credentials {
    pub(crate) refresh: String,
    pub(crate) access: String,
    pub(crate) dwsid: Option<String>,
    pub(crate) customer: String,
}

pub(crate) async fn credentials_of(world: &World, shopper: (&str, &str)) -> Credentials {
    let browser = world.logged_in(shopper).await;
    if world.scenario.mode != Mode::None {
        browser.visits(&controller("Account-Show")).await.expect(200);
    }
    Credentials {
        refresh: browser.expect_cookie("cc-nx"),
        access: browser.expect_cookie("token"),
        dwsid: browser.cookie("dwsid"),
        customer: browser.customer_id().expect("a token"),
    }
}

#[tokio::test]
async fn kind_5_a_dead_refresh_token_of_the_domain_costs_nothing() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let dead = credentials_of(&world, JO).await.refresh;
        world.control().revoke_refresh_token(&dead);
        let browser = world.browser();
        browser.stores_domain_cookie("cc-nx", &dead);
        browser.visits("/").await.expect(200);
        let guest = browser.token().expect("a token").customer_id;
        browser.puts_into_basket("bell-brass").await.expect(200);
        for _ in 0..2 {
            world.minutes_pass(IDLE);
            browser.visits("/").await.expect(200);
            assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}: the same guest");
        }
        assert_eq!(world.control().basket_of(&guest).len(), 1, "{scenario}: the same basket");
        assert_eq!(
            browser.sends_to("/", "cc-nx"),
            [""; 0],
            "{scenario}: the planted cookie is deleted"
        );
    }
}

#[tokio::test]
async fn kind_5_a_planted_account_is_not_logged_in_after_a_logout() {
    for (scenario, after) in Scenario::all().into_iter().flat_map(|scenario| {
        ["guest", "none"]
            .map(|after| (scenario.clone().with_site("session.after_logout", after), after))
    }) {
        let mut world = scenario.clone().start().await;
        let old = credentials_of(&world, SAM).await;
        world.minutes_pass(1);
        let mut browser = world.guest().await;
        let _ = browser.customer_id().expect("a token");
        browser.stores_domain_cookie("cc-nx", &old.refresh);
        browser.logs_in(JO).await.expect(200);
        // The sibling host plants it again and again.
        browser.stores_domain_cookie("cc-nx", &old.refresh);
        browser.logs_out().await.expect(200);
        browser.stores_domain_cookie("cc-nx", &old.refresh);
        world.minutes_pass(7 * 60);
        world.restarts(&mut browser);
        browser.visits("/").await.expect(200);
        let token = browser.token().expect("a guest");
        assert!(!token.registered, "{scenario}, then {after}: {:?}", browser.names());
        assert_eq!(
            world.control().refresh_token(&old.refresh).expect("a token").state,
            RefreshTokenState::Live
        );
    }
}

#[tokio::test]
async fn promise_13_a_planted_refresh_token_logs_no_guest_in() {
    for scenario in Scenario::all() {
        for name in ["cc-nx", "cc-nx-g"] {
            let world = scenario.clone().start().await;
            let planted = credentials_of(&world, SAM).await;
            let browser = world.guest().await;
            let guest = browser.customer_id().expect("a token");
            for minutes in [0, IDLE, IDLE] {
                world.minutes_pass(minutes);
                browser.stores_domain_cookie(name, &planted.refresh);
                browser.visits("/").await.expect(200);
                assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}, {name}");
                browser.stores_domain_cookie(name, &planted.refresh);
                browser.calls("/api/me").await;
                assert_eq!(
                    browser.customer_id().as_ref(),
                    Some(&guest),
                    "{scenario}, {name}, a call"
                );
                if scenario.mode != Mode::None {
                    browser.stores_domain_cookie(name, &planted.refresh);
                    let page = browser.visits(&controller("Account-Show")).await.expect(200);
                    assert_eq!(page.ecom_customer().1, guest, "{scenario}, {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn promise_13_a_planted_access_token_logs_no_guest_in() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let browser = world.guest().await;
        let guest = browser.customer_id().expect("a token");
        // The browser's own access token has expired, the planted one is valid.
        world.minutes_pass(IDLE);
        let planted = credentials_of(&world, SAM).await;
        browser.stores_domain_cookie("token", &planted.access);
        let view = browser.calls("/bff/session").await.expect(200).json();
        assert_ne!(view["customer_id"], *planted.customer, "{scenario}");
        browser.calls("/api/me").await;
        browser.visits("/").await.expect(200);
        assert_eq!(browser.customer_id().as_ref(), Some(&guest), "{scenario}");
    }
}

#[tokio::test]
async fn promise_13_planted_cookies_change_no_registered_shopper() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let planted = credentials_of(&world, SAM).await;
        let browser = world.registered().await;
        let customer = browser.customer_id();
        for minutes in [0, IDLE] {
            world.minutes_pass(minutes);
            for (name, value) in [
                ("cc-nx", Some(&planted.refresh)),
                ("cc-nx-g", Some(&planted.refresh)),
                ("token", Some(&planted.access)),
                ("dwsid", planted.dwsid.as_ref()),
            ] {
                let Some(value) = value else { continue };
                browser.stores_domain_cookie(name, value);
                browser.visits("/").await.expect(200);
                assert_eq!(browser.customer_id(), customer, "{scenario}, {name}");
                if scenario.mode != Mode::None {
                    browser.stores_domain_cookie(name, value);
                    let page = browser.visits(&controller("Account-Show")).await.expect(200);
                    assert_eq!(Some(page.ecom_customer().1), customer, "{scenario}, {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn kind_5_earlier_tokens_are_accepted_or_the_guest_stays() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().start().await;
        let registered = credentials_of(&world, JO).await;
        // An unspent token: a shopper who returns after Tandem was installed.
        let returning = world.browser();
        returning.stores_host_cookie("cc-nx", &registered.refresh);
        returning.visits("/").await.expect(200);
        returning.expect_registered(JO.0, DwSession::live_if(scenario.bridges_at_landing()));

        let old = world.guest().await;
        let guest = old.customer_id().expect("a token");
        let returning = world.browser();
        world.control().revoke_refresh_token(&registered.refresh);
        returning
            .stores_host_cookie("cc-nx", "a-dead-refresh-token")
            .stores_host_cookie("cc-nx-g", &old.expect_cookie("cc-nx-g"));
        returning.visits("/").await.expect(200);
        assert_eq!(returning.customer_id(), Some(guest), "{scenario}: the guest's basket stays");
        let view = returning.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["session_expired"], true, "{scenario}: and the expiry is reported");
    }
}

#[tokio::test]
async fn promise_13_tabs_with_crossing_responses_stay_one_shopper() {
    // One tab refreshes the tokens while another makes a DW session: the cookies of the first and
    // the seal of the second are mixed in the jar.
    for scenario in [
        Scenario::private().on_demand(),
        Scenario::new(Client::Public, Mode::Classic, Time::OnDemand),
    ] {
        let world = scenario.clone().start().await;
        let browser = world.registered().await;
        let customer = browser.customer_id();
        let (before, seal) = (browser.copy(), browser.expect_cookie("__Host-tandem"));
        world.minutes_pass(IDLE);
        browser.visits("/").await.expect(200);
        drop(before);
        browser.stores_host_cookie("__Host-tandem", &seal);
        for minutes in [0, 5, IDLE, IDLE] {
            world.minutes_pass(minutes);
            browser.visits("/").await.expect(200);
            assert_eq!(browser.customer_id(), customer, "{scenario} after {minutes} minutes");
        }
        assert_eq!(world.count(Operation::Logout), 0);
    }
}

#[tokio::test]
async fn kind_5_unsealed_accounts_can_be_rejected_for_new_visitors() {
    for scenario in Scenario::all() {
        let scenario = scenario.with_site("cookies.accept_unsealed", "false");
        let world = scenario.clone().start().await;
        let planted = credentials_of(&world, SAM).await;
        for (name, value) in [("cc-nx", &planted.refresh), ("token", &planted.access)] {
            for path in ["/", "/api/me", "/bff/session"] {
                let browser = world.browser();
                browser.stores_domain_cookie(name, value);
                let page = browser.calls(path).await;
                assert!(!page.text.contains(&planted.customer), "{scenario}, {name}, {path}");
                browser.stores_domain_cookie(name, value);
                browser.visits("/").await.expect(200);
                assert!(!browser.token().expect("a guest").registered, "{scenario}, {name}");
            }
        }
    }
}

#[tokio::test]
async fn promise_13_a_planted_and_revoked_token_changes_no_guest() {
    for scenario in Scenario::all() {
        let world = scenario.clone().start().await;
        let victim = world.guest().await;
        let planter = world.logged_in(SAM).await;
        let refresh = planter.expect_cookie("cc-nx");
        planter.logs_out().await.expect(200);
        victim.stores_domain_cookie("cc-nx", &refresh);
        let view = victim.calls("/bff/session").await.expect(200).json();
        assert_eq!(view["customer_type"], "guest", "{scenario}: the victim is still the guest");
        let basket = victim.puts_into_basket("bell-brass").await;
        assert!(basket.status.is_success(), "{scenario}: {basket:?}");
    }
}

#[tokio::test]
async fn promise_13_a_planted_token_replaces_no_expired_shopper() {
    let world = Scenario::private().start().await;
    let victim = world.registered().await;
    world.minutes_pass(31);
    let planter = world.logged_in(SAM).await;
    let access = planter.expect_cookie("token");
    planter.logs_out().await.expect(200);
    victim.stores_domain_cookie("token", &access);
    victim.visits("/").await.expect(200);
    victim.expect_registered(JO.0, DwSession::Live);
}

#[tokio::test]
async fn promise_2_earlier_tokens_survive_an_outage_at_the_first_page() {
    for scenario in Scenario::clients() {
        let world = scenario.clone().refusing_pages_in_outages().start().await;
        let old = world.registered().await;
        let returning = world.browser();
        returning.stores_host_cookie("cc-nx", &old.expect_cookie("cc-nx"));
        // An older set-up left its usid for the whole domain beside the newer one.
        returning.stores_host_cookie("usid", "a").stores_domain_cookie("usid", "b");
        world.control().inject_fault(Operation::TokenRefresh, Fault::Status(503, None), 2);
        returning.visits("/").await.expect(503);
        world.control().clear_faults();
        world.minutes_pass(2);
        returning.visits("/").await.expect(200);
        returning.expect_registered(JO.0, DwSession::live_if(scenario.bridges_at_landing()));
    }
}
