//! ECOM silently replaces a dead DW session by a new guest's (fault 25). However fresh the tokens and
//! the sealed state are, the shopper must get their own page.

use tandem_sandbox::{Operation, TokenSpec};
use testkit::{Cookies, FixedHead, RawResponse, Scenario, World, get};

const HOME: &str = "/on/demandware.store/Sites-RefArch-Site/en_US/Home-Show";

/// A browser with these cookies, and the customer it belongs to.
struct Shopper<'a> {
    world: &'a World,
    jar: Cookies,
    customer: String,
}

impl<'a> Shopper<'a> {
    async fn registered(world: &'a World) -> Self {
        let jar = world.registered_cookies().await;
        let customer = world.control().customer_id_of("jo@example.com").expect("a customer");
        Self { world, jar, customer }
    }

    async fn guest(world: &'a World) -> Self {
        let jar = world.guest_cookies().await;
        let customer = jar.value("cid").to_owned();
        Self { world, jar, customer }
    }

    fn dw_session_dies(&self) {
        self.world.control().expire_dw_session(self.jar.value("dwsid"));
    }

    /// The browser's access token is replaced by an expired one of the same shopper.
    fn access_token_expires(&mut self) {
        let expired = self.world.control().forge_token(&TokenSpec {
            customer_id: Some(self.customer.clone()),
            usid: Some(self.jar.value("usid").to_owned()),
            expires_in: Some(-1),
            ..TokenSpec::default()
        });
        self.jar = self.jar.clone().without("token");
        self.jar.0.insert("token".to_owned(), expired);
    }

    async fn visits_ecom(&mut self) -> RawResponse {
        let response = self.world.send(get(HOME).document().cookies(&self.jar)).await;
        self.jar.take(&response);
        response
    }

    async fn sees_own_page(&mut self, when: &str) {
        let response = self.visits_ecom().await;
        let shown = format!("data-customer-id=\"{}\"", self.customer);
        assert_eq!(response.status, 200, "{when}: {}", response.text());
        assert!(response.text().contains(&shown), "{when}: another shopper's page");
        let session = self.world.control().dw_session(self.jar.value("dwsid")).expect("a session");
        assert!(session.live, "{when}: the browser has a dead session");
        assert_eq!(session.customer_id, self.customer, "{when}");
        assert_eq!(self.world.session(&self.jar).await["customer_id"], *self.customer, "{when}");
    }
}

#[tokio::test]
async fn fault_25_a_session_that_dies_twice_a_minute_is_replaced_twice() {
    let world = World::start().await;
    let mut shoppers = [Shopper::registered(&world).await, Shopper::guest(&world).await];
    for shopper in &mut shoppers {
        for when in ["once", "twice", "three times"] {
            shopper.dw_session_dies();
            shopper.sees_own_page(when).await;
        }
    }
    assert!(world.control().max_exchanges_within_a_minute() <= 3);
}

#[tokio::test]
async fn fault_25_a_rotating_token_survives_the_same() {
    let world = Scenario::default().with_public_client().start().await;
    let mut shoppers = [Shopper::registered(&world).await, Shopper::guest(&world).await];
    for shopper in &mut shoppers {
        for when in ["once", "twice", "three times"] {
            shopper.dw_session_dies();
            shopper.sees_own_page(when).await;
        }
    }
    assert_eq!(world.control().max_exchanges_of_one_refresh_token(), 1);
}

#[tokio::test]
async fn fault_25_a_cached_exchange_does_not_restore_the_dead_session() {
    let world = World::start().await;
    let mut shopper = Shopper::registered(&world).await;
    shopper.dw_session_dies();
    shopper.sees_own_page("the session is dead").await;
    shopper.access_token_expires();
    shopper.sees_own_page("the token has expired").await;
    shopper.access_token_expires();
    shopper.dw_session_dies();
    shopper.sees_own_page("both have expired").await;
    assert!(world.control().max_exchanges_within_a_minute() <= 3);
}

#[tokio::test]
async fn fault_25_a_token_of_the_same_request_makes_the_session() {
    let world = World::start().await;
    let mut shopper = Shopper::registered(&world).await;
    world.seconds_pass(20 * 60);
    shopper.visits_ecom().await;
    world.seconds_pass(11 * 60);
    shopper.dw_session_dies();
    world.forget_calls();
    shopper.sees_own_page("token and session have expired").await;
    assert_eq!(world.count(Operation::TokenRefresh), 1);
    assert_eq!(world.count(Operation::Sessions), 1);
}

#[tokio::test]
async fn fault_21_a_registered_shopper_never_sees_a_guests_page() {
    // An instance that loses every session before the next request.
    let losing = FixedHead::responding(
        "HTTP/1.1 200 OK\r\nset-cookie: dwsid=foreign-session; Path=/\r\n\
         content-type: text/html\r\ncontent-length: 12\r\n\r\nhello, Guest",
    )
    .await;
    let world = Scenario::default().with_ecom_at(losing.origin()).start().await;
    let mut guest = Shopper::guest(&world).await;
    let mut registered = Shopper::registered(&world).await;
    assert_eq!(guest.visits_ecom().await.expect(200).text(), "hello, Guest");
    registered.visits_ecom().await.expect_problem_page(503, "upstream_unavailable");
    // Each page was requested once in the existing session, and once in a new one.
    assert_eq!(losing.requests().len(), 4);
    for shopper in [guest, registered] {
        assert_ne!(shopper.jar.value("dwsid"), "foreign-session");
    }
}

#[tokio::test]
async fn attacks_66_and_67_our_cookies_set_by_ecom_are_verified() {
    let ecom = FixedHead::responding(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\
         set-cookie: cc-nx=CANARY-REFRESH; Path=/; Max-Age=9000\r\n\
         set-cookie: cc-at=CANARY.ACCESS.TOKEN; Path=/\r\n\
         set-cookie: token=CANARY-TOKEN; Path=/\r\n\
         set-cookie: usid=CANARY-USID; Path=/\r\n\
         set-cookie: cid=CANARY-CID; Path=/\r\n\
         set-cookie: __Host-tandem=CANARY-SEALED; Path=/; Secure\r\n\
         set-cookie: dwsid=CANARY-ONE; Path=/\r\n\
         set-cookie: dwsid=CANARY-TWO; Path=/\r\n\
         set-cookie: =CANARY-NAMELESS\r\n\
         set-cookie: wide=1; Domain=.test; Path=/\r\n\
         set-cookie: ecom_own=1; Path=/; Priority=High\r\n\r\nok",
    )
    .await;
    let world = Scenario::default().with_ecom_at(ecom.origin()).start().await;
    for mut jar in [world.guest_cookies().await, world.registered_cookies().await] {
        let before = jar.clone();
        let response = world.send(get(HOME).document().cookies(&jar)).await;
        response.expect(200);
        let lines = response.all("set-cookie").join("\n");
        assert!(!lines.contains("CANARY"), "{lines}");
        assert!(lines.contains("ecom_own=1; Path=/; Priority=High"), "{lines}");
        assert!(lines.contains("wide=1; Path=/") && !lines.contains("Domain"), "{lines}");
        jar.take(&response);
        for name in ["token", "usid", "cid", "dwsid"] {
            assert_eq!(jar.value(name), before.value(name), "{name}");
        }
    }
    let metrics = world.metrics().await;
    assert!(metrics.contains("invalid_dwsid"), "{metrics}");
}

#[tokio::test]
async fn kind_48_the_groups_of_ab_tests_do_not_change_with_the_dw_session() {
    const GROUPS: &str = "dwpersonalization_883e6171b7dd64fcf453d869317c00d5";
    let ecom = FixedHead::responding(&format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\
         set-cookie: {GROUPS}=green; Path=/; Max-Age=15552000; Secure; HttpOnly\r\n\
         set-cookie: dwanonymous_883e6171b7dd64fcf453d869317c00d5=CANARY; Path=/\r\n\r\nok"
    ))
    .await;
    let world = Scenario::default().with_ecom_at(ecom.origin()).start().await;
    // The first page begins a session, so ECOM's own companions of `dwsid` are not the browser's.
    let mut jar = Cookies::default();
    let response = world.send(get(HOME).document()).await;
    let lines = response.expect(200).all("set-cookie").join("\n");
    assert!(lines.contains(&format!("{GROUPS}=green; Path=/; Max-Age=15552000")), "{lines}");
    assert!(!lines.contains("CANARY"), "{lines}");
    jar.take(&response);
    let begins_anew = Cookies::of(&[(GROUPS, "green")]);
    for cookies in [jar, begins_anew] {
        let response = world.send(get(HOME).document().cookies(&cookies)).await;
        let lines = response.expect(200).all("set-cookie");
        let groups = lines.iter().filter(|line| line.starts_with(GROUPS));
        assert!(groups.clone().count() == 1 && groups.clone().all(|line| line.contains("=green;")));
        let requests = ecom.requests();
        let (last, _) = requests.last().unwrap();
        assert!(last.header("cookie").unwrap_or_default().contains(&format!("{GROUPS}=green")));
    }
}

#[tokio::test]
async fn login_pages_apply_below_the_prefix_of_a_site() {
    let ecom = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let lines = "path_prefix = \"/de\"\necom.login_pages = [\"/on/demandware.store/leave/now\"]";
    let world = Scenario::default().site(lines).with_ecom_at(ecom.origin()).start().await;
    let mut jar = Cookies::default();
    jar.take(&world.send(get("/de/").document()).await);
    for (path, calls) in [("stay/now", false), ("leave/now", true)] {
        world.forget_calls();
        let path = format!("/de/on/demandware.store/{path}");
        world.send(get(&path).document().cookies(&jar)).await.expect(200);
        assert_eq!(!world.auth_calls().is_empty(), calls, "{path}: {:?}", world.auth_calls());
    }
}
