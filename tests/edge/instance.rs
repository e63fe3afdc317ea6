//! The route to ECOM reaches the pages of this shop, not the rest of the instance (promise 18).

use testkit::{FixedHead, ORIGIN, Scenario, get, post};

use crate::support::{CART, GATEWAYS, Gateway, expect_no_identity};
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// The usual paths of ECOM, and the storefront paths of an instance without aliases.
const ALL_TO_ECOM: &str = "routes.ecom_paths = [\"/\"]";
const STOREFRONT: &str = "routes.ecom_paths = [\"/on/\", \"/s/\"]";

/// Paths of the instance that do not belong to the shop.
const OF_THE_INSTANCE: [&str; 17] = [
    "/s/RefArch/dw/shop/v24_5/customers/auth",
    "/s/RefArch/dw/shop/v24_5/sessions",
    "/s/RefArch/dw/data/v24_5/sites",
    "/s/RefArch/dw/meta/v1/rest",
    "/s/RefArch/dw",
    "/s/-/dw/data/v24_5/sites",
    "/s/-/",
    "/s/Other/cart",
    "/s/Sites-Site/",
    "/on/demandware.store/Sites-Site/default/ViewApplication-DisplayWelcomePage",
    "/on/demandware.store/Sites-Other-Site/en_US/Cart-Show",
    "/on/demandware.store/-/en_US/Cart-Show",
    "/on/demandware.servlet/webdav/Sites/Cartridges",
    "/on/demandware.servlet",
    "/on/demandware.static/Sites-Other-Site/-/en_US/v1/css/main.css",
    "/on/demandware.static/Sites-Site/-/default/x.js",
    "/on/demandware.mobile/x",
];

/// Those that only a shop with every path on ECOM would forward.
const AT_THE_ROOT: [&str; 4] = [
    "/dw/shop/v24_5/sessions",
    "/dw/oauth2/access_token",
    "/dw/data/v24_5/sites",
    "/dw/imaging/v1/x",
];

/// Pages of this shop, and files that they link to.
const OF_THE_SHOP: [&str; 8] = [
    CART,
    "/on/demandware.store/Sites-RefArch-Site",
    "/on/demandware.static/Sites-RefArch-Site/-/en_US/v1732/css/main.css",
    "/on/demandware.static/-/Sites-apparel-m-catalog/default/dw3f/images/large/x.jpg",
    "/on/demandware.static/-/Library-Sites-RefArchSharedLibrary/default/dw1/x.png",
    "/s/RefArch/mens/clothing/suits/?lang=en_US",
    "/s/RefArch/dw/image/v2/ZZTE_053/on/demandware.static/-/Sites-m/default/x.jpg?sw=300",
    "/s/RefArch/brands/dw/watches",
];

/// Spellings of a path that some upstream reads as the same path.
fn spellings(path: &str) -> Vec<String> {
    let first = |from: &str, to: &str| path.replacen(from, to, 1);
    vec![
        path.to_owned(),
        path.to_uppercase(),
        path.to_lowercase(),
        path.replace("s/", "%73/"),
        path.replace("dw", "%64w"),
        path.replace("dw", "d%57"),
        path.replace("dw", "%2564w"),
        path.replace("dw", "dw;v=1"),
        path.replace("dw/", "dw./"),
        path.replace("dw/", "dw%20/"),
        path.replace("-Site", "%2dSite"),
        path.replace("demandware", "demandwar%65"),
        path.replace("demandware.s", "DemandWare.S"),
        first("/on", "/o%6e"),
        first("/s/", "/S;x=/"),
        first("/s/", "/;x/s/"),
        path.replace('/', "/;x/").replacen("/;x/", "/", 1),
    ]
}

#[tokio::test]
async fn kind_37_no_spelling_of_an_instance_path_reaches_ecom() {
    for routes in [ALL_TO_ECOM, STOREFRONT] {
        let ecom = FixedHead::responding(EMPTY).await;
        let world = Scenario::default().with_ecom_at(ecom.origin()).site(routes).start().await;
        let jar = world.registered_cookies().await;
        let before = ecom.requests();
        let landed: Vec<_> = before.iter().map(|(headers, _)| headers.first.as_str()).collect();
        let root = if routes == ALL_TO_ECOM { &AT_THE_ROOT[..] } else { &[] };
        for path in OF_THE_INSTANCE.iter().chain(root) {
            for spelling in spellings(path) {
                let request = post(&spelling)
                    .same_origin_fetch()
                    .cookies(&jar)
                    .json("{\"type\":\"session\"}");
                let response = world.send(request).await;
                assert!(
                    [400, 403, 404].contains(&response.status),
                    "{spelling}: {}",
                    response.status
                );
                world.send(get(&spelling).document().cookies(&jar)).await;
            }
            let plain = world.send(get(path).same_origin_fetch().cookies(&jar)).await;
            plain.expect_problem(403, "not_allowed");
        }
        let requests = ecom.requests();
        let targets: Vec<_> = requests.iter().map(|(headers, _)| headers.first.as_str()).collect();
        assert_eq!(targets, landed);
    }
}

#[tokio::test]
async fn kind_37_the_shops_own_pages_and_files_pass() {
    for routes in [ALL_TO_ECOM, STOREFRONT] {
        let ecom = FixedHead::responding(EMPTY).await;
        let world = Scenario::default().with_ecom_at(ecom.origin()).site(routes).start().await;
        let jar = world.registered_cookies().await;
        for path in OF_THE_SHOP {
            world.send(get(path).document().cookies(&jar)).await.expect(200);
            let requests = ecom.requests();
            assert_eq!(requests.last().unwrap().0.first, format!("GET {path} HTTP/1.1"));
        }
    }
    let ecom = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_ecom_at(ecom.origin()).site(ALL_TO_ECOM).start().await;
    for path in ["/", "/dw/image/v2/ZZTE_053/on/demandware.static/-/Sites-m/x.jpg", "/cart", "/s"] {
        world.send(get(path).document()).await.expect(200);
    }
}

#[tokio::test]
async fn kind_37_a_gateway_denies_every_spelling() {
    for gateway in GATEWAYS {
        let ecom = FixedHead::responding(EMPTY).await;
        let world = gateway.shop().with_ecom_at(ecom.origin()).site(ALL_TO_ECOM).start().await;
        let jar = world.registered_cookies().await;
        for path in OF_THE_INSTANCE.iter().chain(&AT_THE_ROOT) {
            for spelling in spellings(path) {
                for method in ["GET", "POST"] {
                    let request =
                        gateway.subrequest(method, &spelling).same_origin_fetch().cookies(&jar);
                    let response = world.send(request.header("origin", ORIGIN)).await;
                    let refused = [400, 403, 404].contains(&response.status);
                    assert!(refused, "{gateway:?} {spelling}: {}", response.status);
                    expect_no_identity(&response);
                }
            }
            let plain =
                world.send(gateway.subrequest("GET", path).same_origin_fetch().cookies(&jar)).await;
            if gateway != Gateway::Nginx {
                plain.expect_problem(403, "not_allowed");
            }
        }
        for path in OF_THE_SHOP {
            let request = gateway.subrequest("GET", path).document().cookies(&jar);
            gateway.expect_allowed(&world.send(request).await);
        }
    }
}

#[tokio::test]
async fn kind_37_a_rule_opens_exactly_its_path() {
    let rules = "routes.ecom_paths = [\"/s/\", \"/on/\"]\nroutes.rules = [\n\
        { path = \"/s/\", token = \"optional\" },\n\
        { path = \"/s/RefArch/dw/shop/v24_5/products/\", to = \"ecom\", token = \"none\" },\n]";
    let ecom = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_ecom_at(ecom.origin()).site(rules).start().await;
    let named = "/s/RefArch/dw/shop/v24_5/products/1";
    world.send(get(named).same_origin_fetch()).await.expect(200);
    let reached = ecom.requests().len();
    for other in [
        "/s/RefArch/dw/shop/v24_5/sessions",
        "/s/RefArch/dw/shop/v24_5/product_search",
        "/s/refarch/dw/shop/v24_5/products/1",
        "/s/RefArch/dw/sho%70/v24_5/products/1",
        "/s/-/dw/data/v24_5/sites",
    ] {
        world.send(get(other).same_origin_fetch()).await.expect_problem(403, "not_allowed");
    }
    assert_eq!(ecom.requests().len(), reached);
}

#[tokio::test]
async fn kind_37_further_sites_must_be_configured() {
    let sites = "routes.ecom_paths = [\"/s/\", \"/on/\"]\necom.sites = [\"RefArchB2B\"]";
    let ecom = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_ecom_at(ecom.origin()).site(sites).start().await;
    for path in [
        "/s/RefArchB2B/cart",
        "/on/demandware.store/Sites-RefArchB2B-Site/en_US/Cart-Show",
        "/on/demandware.static/Sites-RefArchB2B-Site/-/en_US/v1/css/main.css",
    ] {
        world.send(get(path).document()).await.expect(200);
    }
    for path in ["/s/RefArchB2B/dw/shop/v24_5/sessions", "/s/Other/cart"] {
        world.send(get(path).document()).await.expect_problem_page(403, "not_allowed");
    }
}

#[tokio::test]
async fn kind_37_credentials_in_response_headers_reach_no_script() {
    let carriers = "authorization: Bearer CANARY\r\nproxy-authorization: Bearer CANARY\r\n\
        x-auth-token: bearer CANARY\r\nx-access-token: CANARY\r\nx-id-token: CANARY\r\n\
        sfdc_dwsid: CANARY\r\nsfdc_refresh_token: CANARY\r\nx-slas-client-auth: CANARY\r\n\
        _sfdc_client_auth: CANARY\r\nx-auth-request-access-token: CANARY\r\n\
        x-forwarded-access-token: CANARY\r\nx-refresh-token: CANARY\r\n\
        authentication-info: Bearer CANARY\r\n";
    let response = format!("HTTP/1.1 200 OK\r\n{carriers}etag: \"x\"\r\ncontent-length: 0\r\n\r\n");
    let upstream = FixedHead::responding(&response).await;
    let scenario = Scenario::default().with_head(upstream.origin()).with_ecom_at(upstream.origin());
    let world =
        scenario.with_ocapi(upstream.origin()).site("bridge.time = \"on-demand\"").start().await;
    let jar = world.guest_cookies().await;
    let ocapi = "/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/products/1";
    let file = "/on/demandware.static/Sites-RefArch-Site/-/en_US/v1/css/main.css";
    for path in ["/", "/a.css", file, ocapi] {
        let response = world.send(get(path).same_origin_fetch().cookies(&jar)).await;
        response.expect(200);
        assert_eq!(response.header("etag"), Some("\"x\""), "{path}");
        assert!(!response.contains("CANARY"), "{path}: {response:?}");
    }
}

#[tokio::test]
async fn kind_37_a_basic_challenge_reaches_the_browser() {
    let response = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"shop\"\r\n\
        content-length: 0\r\n\r\n";
    let upstream = FixedHead::responding(response).await;
    let world = Scenario::default().with_head(upstream.origin()).start().await;
    let page = world.send(get("/").document()).await;
    assert_eq!(page.expect(401).header("www-authenticate"), Some("Basic realm=\"shop\""));
}
