//! Two hosts of one domain in a real browser: the shop's, and one that sets cookies for both.

use serde_json::json;
use testkit::{
    Browser, JO, PASSWORD, SAM, Scenario, ScriptedHead, World, controller, free_address,
};

use super::chromium::Chromium;
use super::visitor::{Visitor, visit};

const DOMAIN: &str = "tandem.localhost";

/// A shop with a Head that the test scripts, and a sibling host of the same domain.
struct Siblings {
    world: World,
    head: ScriptedHead,
    evil: ScriptedHead,
    origin: String,
}

impl Siblings {
    async fn start() -> Self {
        let (head, evil) = (ScriptedHead::start().await, ScriptedHead::start().await);
        let address = free_address();
        let origin = format!("http://shop.{DOMAIN}:{}", address.port());
        let scenario = Scenario::default().at(address, &origin).with_head(&head.origin);
        Self { world: scenario.start().await, head, evil, origin }
    }

    /// The address of the sibling host.
    fn evil_origin(&self) -> String {
        let port = self.evil.origin.rsplit(':').next().expect("a port");
        format!("http://evil.{DOMAIN}:{port}")
    }

    /// Another device on which the shopper with that login is logged in.
    async fn device_of(&self, shopper: (&str, &str)) -> Browser {
        // Of two tokens the newer one counts, and tokens have whole seconds.
        self.world.seconds_pass(2);
        let device = self.world.browser();
        device.logs_in(shopper).await.expect(200);
        device.visits(&controller("Account-Show")).await.expect(200);
        device
    }
}

async fn log_in(visitor: &Visitor, login: &str) {
    let body = json!({"username": login, "password": PASSWORD});
    let view = visitor.posts("/bff/login", &body).await;
    assert_eq!(view["login_id"], login, "{view}");
}

/// What a sibling host sets to plant the cookies of `device` in another browser.
fn for_the_domain(device: &Browser, names: &[&str]) -> Vec<String> {
    let line =
        |name: &&str| format!("{name}={}; Domain={DOMAIN}; Path=/", device.expect_cookie(name));
    names.iter().map(line).collect()
}

/// The visitor opens a page of the sibling host, which plants the cookies of `device`.
async fn meets_the_sibling(
    visitor: &Visitor,
    siblings: &Siblings,
    device: &Browser,
    names: &[&str],
) {
    siblings.evil.sets(for_the_domain(device, names));
    visitor.goes_to(&siblings.evil_origin()).await;
}

/// The shop's cookies that were set for the whole domain.
async fn domain_cookies(visitor: &Visitor) -> Vec<String> {
    let cookies = visitor.cookies().await.into_iter();
    let of_domain = cookies.filter(|it| it.domain().is_some_and(|at| !at.starts_with("shop.")));
    of_domain.map(|it| it.name().to_owned()).collect()
}

#[tokio::test]
async fn promise_13_a_sibling_host_does_not_change_the_shopper() {
    let siblings = Siblings::start().await;
    let origin = siblings.origin.clone();
    let chromium = Chromium::start().await;
    let credentials = ["cc-nx", "token", "dwsid"];
    visit("siblings", chromium, &origin, async move |visitor: Visitor| {
        let sam = siblings.device_of(SAM).await;

        // A guest meets the sibling.
        visitor.goes("/").await;
        let guest = visitor.session("customer_id").await;
        meets_the_sibling(&visitor, &siblings, &sam, &credentials).await;
        visitor.goes("/").await;
        assert_eq!(visitor.session("customer_id").await, guest);
        visitor.goes(&controller("Account-Show")).await;
        assert_eq!(visitor.attribute("#ecom-customer", "data-customer-id").await, guest);
        // `token` may belong to another application of this domain. It is ignored.
        assert_eq!(domain_cookies(&visitor).await, ["token"], "the planted cookies are deleted");

        // A shopper logs in, meets the sibling, logs out, and meets it again.
        visitor.goes("/").await;
        log_in(&visitor, JO.0).await;
        let registered = visitor.session("customer_id").await;
        meets_the_sibling(&visitor, &siblings, &sam, &credentials).await;
        visitor.goes(&controller("Account-Show")).await;
        assert_eq!(visitor.attribute("#ecom-customer", "data-customer-id").await, registered);
        visitor.goes("/").await;
        visitor.posts("/bff/logout", &json!({})).await;
        meets_the_sibling(&visitor, &siblings, &sam, &credentials).await;
        visitor.goes("/").await;
        assert_eq!(visitor.session("customer_type").await, "guest");
        assert_ne!(visitor.session("customer_id").await, sam.expect_cookie("cid"));
    })
    .await;
}

#[tokio::test]
async fn kind_35_a_dw_session_of_the_whole_domain_logs_no_visitor_in() {
    let siblings = Siblings::start().await;
    let origin = siblings.origin.clone();
    let chromium = Chromium::start().await;
    visit("planted-dwsid", chromium, &origin, async move |visitor: Visitor| {
        let sam = siblings.device_of(SAM).await;
        for first in ["/".to_owned(), controller("Account-Show")] {
            visitor.forgets_all_cookies().await;
            meets_the_sibling(&visitor, &siblings, &sam, &["dwsid"]).await;
            visitor.goes(&first).await;
            visitor.goes("/").await;
            assert_eq!(visitor.session("customer_type").await, "guest", "{first}");
            visitor.goes(&controller("Account-Show")).await;
            let shown = visitor.attribute("#ecom-customer", "data-customer-type").await;
            assert_eq!(shown, "guest", "{first}");
        }
    })
    .await;
}

#[tokio::test]
async fn kind_36_a_login_by_the_head_is_the_same_shopper_on_classic_pages() {
    let siblings = Siblings::start().await;
    let origin = siblings.origin.clone();
    let chromium = Chromium::start().await;
    visit("handoff", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes("/").await;
        visitor.goes(&controller("Home-Show")).await;
        for shopper in [JO, SAM] {
            let device = siblings.device_of(shopper).await;
            let (refresh, access) = (device.expect_cookie("cc-nx"), device.expect_cookie("token"));
            siblings.head.sets([
                "cc-nx-g=; Path=/; Max-Age=0".to_owned(),
                format!("cc-nx={refresh}; Path=/; Max-Age=7776000; HttpOnly"),
                format!("cc-at={access}; Path=/; Max-Age=1800; HttpOnly"),
            ]);
            visitor.goes("/head/login").await;
            assert_eq!(visitor.session("customer_id").await, device.expect_cookie("cid"));
            visitor.goes(&controller("Account-Show")).await;
            let shown = visitor.attribute("#ecom-customer", "data-customer-id").await;
            assert_eq!(
                shown,
                device.expect_cookie("cid"),
                "the classic pages show another shopper"
            );
        }
        siblings.head.sets(["cc-nx=; Path=/; Max-Age=0".to_owned()]);
        visitor.goes("/head/logout").await;
        assert_eq!(visitor.session("customer_type").await, "none");
        visitor.goes(&controller("Account-Show")).await;
        let shown = visitor.attribute("#ecom-customer", "data-customer-type").await;
        assert_eq!(shown, "guest");
    })
    .await;
}
