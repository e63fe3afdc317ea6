//! Pages and files of ECOM below the path of PWA Kit's OCAPI proxy, which leads to the same host.

use testkit::{Cookies, FixedHead, ORIGIN, Scenario, World, get, post, request};

use crate::support::{CART, GATEWAYS, expect_no_identity};

const PROXY: &str = "/mobify/proxy/ocapi";
const CACHING: &str = "/mobify/caching/ocapi";
const START: &str = "/on/demandware.store/Sites-RefArch-Site/en-GB/__Analytics-Start?url=x&res=1";
const CSS: &str = "/on/demandware.static/Sites-RefArch-Site/-/en_US/v1732/css/main.css";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Paths of the instance that do not belong to the shop, and paths of neither OCAPI nor ECOM.
const CLOSED: [&str; 16] = [
    "/on/demandware.store/Sites-Site/default/ViewApplication-DisplayWelcomePage",
    "/on/demandware.store/Sites-Other-Site/en_US/Cart-Show",
    "/on/demandware.store/Sites-Other-Site/en_US/__Analytics-Start",
    "/on/demandware.store/-/en_US/Cart-Show",
    "/on/demandware.static/Sites-Other-Site/-/en_US/v1/css/main.css",
    "/on/demandware.servlet/webdav/Sites/Cartridges",
    "/on/demandware.mobile/x",
    "/on",
    "/s/RefArch/cart",
    "/s/RefArch/dw/shop/v24_5/sessions",
    "/s/-/dw/data/v24_5/sites",
    "/dw/shop/v24_5/sessions",
    "/dw/data/v24_5/sites",
    "/cart",
    "/bff/session",
    "/",
];

/// Spellings of a path that some upstream reads as the same path.
fn spellings(path: &str) -> [String; 11] {
    [
        path.to_owned(),
        path.to_uppercase(),
        path.replace("demandware.s", "DemandWare.S"),
        path.replace("/on", "/o%6e"),
        path.replace("Sites-", "Site%73-"),
        path.replace("Sites-", "sites-"),
        path.replace("Sites-", "%2553ites-"),
        path.replace("-Site/", "-Site;x/"),
        path.replace("-Site/", "-Site./"),
        path.replacen("/on/", "/on/;x/", 1),
        path.replacen('/', "//", 1),
    ]
}

async fn start() -> (World, FixedHead) {
    start_with("bridge.time = \"on-demand\"", EMPTY).await
}

async fn start_with(site: &str, response: &str) -> (World, FixedHead) {
    let ecom = FixedHead::responding(response).await;
    let scenario = Scenario::default().with_ecom_at(ecom.origin()).site(site);
    (scenario.start().await, ecom)
}

/// A shop whose pages of ECOM are on another host: only OCAPI is behind Tandem.
async fn start_without_fronting() -> (World, FixedHead) {
    let instance = FixedHead::responding(EMPTY).await;
    let scenario = Scenario::default().on_demand().without_fronting_ecom();
    (scenario.with_ocapi(instance.origin()).start().await, instance)
}

fn last_line(ecom: &FixedHead) -> String {
    ecom.requests().last().map(|(headers, _)| headers.first.clone()).unwrap_or_default()
}

#[tokio::test]
async fn kind_23_beacons_controllers_and_files_reach_ecom_without_the_proxys_path() {
    for fronted in [true, false] {
        let (world, ecom) = if fronted { start().await } else { start_without_fronting().await };
        for path in [START, CSS, "/dw/image/v2/ZZTE_053/on/demandware.static/-/Sites-m/x.jpg?sw=9"]
        {
            world.send(get(&format!("{PROXY}{path}")).same_origin_fetch()).await.expect(200);
            assert_eq!(last_line(&ecom), format!("GET {path} HTTP/1.1"));
        }
        let beacon = post(&format!("{PROXY}{START}")).same_origin_fetch().body("x");
        world.send(beacon).await.expect(200);
        assert_eq!(ecom.requests().last().unwrap().1, b"x");
    }
    let (world, ecom) = start().await;
    world.send(get(&format!("{PROXY}{CART}")).same_origin_fetch()).await.expect(200);
    assert_eq!(last_line(&ecom), format!("GET {CART} HTTP/1.1"));
}

#[tokio::test]
async fn kind_23_a_beacon_carries_the_dw_session_and_no_token() {
    let (world, ecom) = start().await;
    let jar = world.guest_cookies().await;
    let mut jar = Cookies(jar.0.into_iter().chain([("x".to_owned(), "y".to_owned())]).collect());
    jar.take(&world.send(get(CART).document().cookies(&jar)).await);
    for path in [START.to_owned(), format!("{PROXY}{START}")] {
        world.send(get(&path).same_origin_fetch().cookies(&jar)).await.expect_no_cookies();
        let requests = ecom.requests();
        let cookies = requests.last().unwrap().0.header("cookie").unwrap_or_default().to_owned();
        assert!(cookies.contains(&format!("dwsid={}", jar.value("dwsid"))), "{cookies}");
        assert!(cookies.contains("x=y") && !cookies.contains("token="), "{cookies}");
        assert!(!cookies.contains("cc-nx") && !cookies.contains("tandem"), "{cookies}");
    }
}

#[tokio::test]
async fn kind_23_nothing_else_of_the_instance_is_open_in_any_spelling() {
    let (world, ecom) = start().await;
    let jar = world.registered_cookies().await;
    for path in CLOSED {
        for spelling in spellings(path) {
            let target = format!("{PROXY}{spelling}");
            let fetch = || get(&target).same_origin_fetch().cookies(&jar);
            let written = post(&target).same_origin_fetch().cookies(&jar).json("{}");
            for request in [fetch(), written, get(&target).document().cookies(&jar)] {
                let response = world.send(request).await;
                assert!([400, 403].contains(&response.status), "{target}: {}", response.status);
            }
        }
        let plain = get(&format!("{PROXY}{path}")).same_origin_fetch().cookies(&jar);
        world.send(plain).await.expect_problem(403, "not_allowed");
    }
    assert_eq!(ecom.requests().len(), 0);
}

#[tokio::test]
async fn kind_23_without_pages_of_ecom_only_beacons_and_files_pass() {
    let (world, instance) = start_without_fronting().await;
    let jar = world.guest_cookies().await;
    for path in CLOSED.iter().chain(&[CART]) {
        let request = get(&format!("{PROXY}{path}")).same_origin_fetch().cookies(&jar);
        world.send(request).await.expect_problem(403, "not_allowed");
    }
    assert_eq!(instance.requests().len(), 0);
}

#[tokio::test]
async fn attack_19_a_page_of_another_site_changes_nothing_below_the_proxy() {
    let (world, ecom) = start().await;
    let add = format!("{PROXY}{}", CART.replace("Cart-Show", "Cart-AddProduct"));
    for site in ["cross-site", "same-site"] {
        let form = post(&add).form("pid=p1").headers(&[
            ("origin", "https://evil.test"),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "navigate"),
            ("accept", "text/html"),
        ]);
        world.send(form).await.expect_problem_page(403, "csrf_rejected");
    }
    assert_eq!(ecom.requests().len(), 0);
}

#[tokio::test]
async fn kind_23_rules_for_ecoms_path_hold_below_the_proxy() {
    let rules = "routes.rules = [\n\
        { path = \"/on/demandware.store/Sites-RefArch-Site/en_US/Account-Show\", token = \"registered\" },\n\
        { path = \"/on/demandware.store/Sites-RefArch-Site/en_US/Report\", methods = [\"GET\"] },\n]";
    let (world, ecom) = start_with(rules, EMPTY).await;
    let jar = world.guest_cookies().await;
    let before = ecom.requests().len();
    let path = |name: &str| format!("{PROXY}{}", CART.replace("Cart-Show", name));
    for name in ["Account-Show", "Account-%53how", "account-show", "Account-Show;x"] {
        let call = get(&path(name)).same_origin_fetch().cookies(&jar);
        world.send(call).await.expect_problem(401, "login_required");
    }
    let written = post(&path("Report")).same_origin_fetch().cookies(&jar);
    world.send(written).await.expect_problem(405, "not_allowed");
    assert_eq!(ecom.requests().len(), before);
}

#[tokio::test]
async fn kind_23_redirects_stay_below_the_proxy() {
    for (location, expected) in [
        (CART.to_owned(), format!("{PROXY}{CART}")),
        (format!("{{ecom}}{CART}?x=1"), format!("{PROXY}{CART}?x=1")),
        ("/cart".to_owned(), "/cart".to_owned()),
        (
            "https://other.test/on/demandware.store/x".to_owned(),
            "https://other.test/on/demandware.store/x".to_owned(),
        ),
    ] {
        // An address of the upstream is known only when it listens.
        let ecom = testkit::Head::bind().await;
        let location = location.replace("{ecom}", &ecom.origin());
        let response = format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let world = Scenario::default().on_demand().with_ecom_at(ecom.origin()).start().await;
        let target = format!("{PROXY}{}", CART.replace("Cart", "Home"));
        let mut connection = world.begin(&get(&target).same_origin_fetch()).await;
        let (mut upstream, _) = ecom.receive().await;
        upstream.write(&response).await;
        let response = connection.response("GET").await;
        assert_eq!(response.expect(302).header("location"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn kind_23_the_caching_proxy_reads_without_credentials() {
    let cached = "HTTP/1.1 200 OK\r\ncache-control: public, max-age=600\r\n\
        set-cookie: a=b\r\ncontent-length: 0\r\n\r\n";
    let upstream = FixedHead::responding(cached).await;
    let scenario = Scenario::default().on_demand().with_ecom_at(upstream.origin());
    let world = scenario.with_ocapi(upstream.origin()).start().await;
    let jar = world.guest_cookies().await;
    let product = "/s/RefArch/dw/shop/v24_5/products/1";
    let call = get(&format!("{CACHING}{product}")).same_origin_fetch().cookies(&jar);
    let response = world.send(call.header("authorization", "Bearer x")).await;
    response.expect(200).expect_no_cookies();
    assert_eq!(response.header("cache-control"), Some("public, max-age=600"));
    let requests = upstream.requests();
    let headers = &requests.last().unwrap().0;
    assert_eq!(headers.first, format!("GET {product} HTTP/1.1"));
    assert_eq!((headers.header("cookie"), headers.header("authorization")), (None, None));
    world.send(get(&format!("{CACHING}{CSS}")).same_origin_fetch().cookies(&jar)).await.expect(200);
    let received = upstream.requests().len();
    for path in [CART, START] {
        let call = get(&format!("{CACHING}{path}")).same_origin_fetch().cookies(&jar);
        world.send(call).await.expect_problem(403, "not_allowed");
    }
    for path in [CSS, product] {
        let call = request("POST", &format!("{CACHING}{path}")).same_origin_fetch();
        world.send(call).await.expect_problem(405, "not_allowed");
    }
    assert_eq!(upstream.requests().len(), received);
}

#[tokio::test]
async fn kind_23_a_gateway_gets_the_same_decision() {
    for gateway in GATEWAYS {
        let world = gateway.shop().on_demand().start().await;
        let mut jar = world.guest_cookies().await;
        jar.take(&world.send(get(CART).document().cookies(&jar)).await);
        let subrequest = |path: &str| {
            let target = format!("{PROXY}{path}");
            gateway.subrequest("GET", &target).same_origin_fetch().cookies(&jar)
        };
        for path in [START, CSS, CART] {
            let response = world.send(subrequest(path)).await;
            gateway.expect_allowed(&response);
            assert_eq!(response.header("x-bff-upstream"), Some("ecom"), "{path}");
            assert_eq!(response.header("authorization"), Some(""), "{path}");
        }
        for path in CLOSED {
            for spelling in spellings(path) {
                let response = world.send(subrequest(&spelling).header("origin", ORIGIN)).await;
                let refused = [400, 403].contains(&response.status);
                assert!(refused, "{gateway:?} {spelling}: {}", response.status);
                expect_no_identity(&response);
            }
        }
    }
}
