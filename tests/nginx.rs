//! The nginx recipe of `config/nginx.conf`, in Debian's nginx, in front of Tandem and the simulated
//! platform.
//!
//! Needs Debian's `nginx-light`; each test fails with that hint when it is missing.

#[path = "nginx/nginx.rs"]
mod nginx;
#[path = "nginx/shopper.rs"]
mod shopper;

use std::net::SocketAddr;
use std::time::Duration;

use nginx::{Behind, Nginx};
use shopper::{Shopper, ecom_customer};
use tandem::clock::Clock;
use tandem::proxy::STRIPPED;
use tandem_sandbox::{Fault, Operation, Options, Times, Upstream};
use testkit::{FixedHead, ORIGIN, Program, Scenario, World, get, post, request, start_platform};
use tokio::net::TcpSocket;

const TANDEM: Program =
    Program { binary: env!("CARGO_BIN_EXE_tandem"), folder: env!("CARGO_TARGET_TMPDIR") };
/// A page of ECOM.
const CART: &str = "/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show";
const BASKETS: &str = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/\
     f_ecom_zzte_053/baskets?siteId=RefArch";
const SEARCH: &str = "/mobify/proxy/api/search/shopper-search/v1/organizations/\
     f_ecom_zzte_053/product-search?siteId=RefArch&q=a";

/// Headers in which a client claims to be another shopper or request.
const SPOOFED: [(&str, &str); 8] = [
    ("authorization", "Bearer CANARY"),
    ("sfdc_dwsid", "CANARY"),
    ("x-bff-customer-type", "registered"),
    ("x-bff-customer-id", "CANARY"),
    ("x-bff-usid", "CANARY"),
    ("x-bff-upstream", "scapi"),
    ("x-original-uri", "/assets/app.js"),
    ("x-original-method", "OPTIONS"),
];

fn behind_nginx() -> Scenario {
    Scenario::default()
        .server("trusted_proxies = [\"127.0.0.1\"]")
        .sections("[gateway]\ndialect = \"nginx\"\npeers = [\"127.0.0.1\"]\n")
}

/// The platform, Tandem, and nginx before both.
async fn start_behind_nginx() -> (World, Nginx) {
    let world = behind_nginx().start().await;
    let nginx = Nginx::start(servers(&world)).await;
    (world, nginx)
}

fn servers(world: &World) -> Behind {
    let sandbox = &world.sandbox;
    let (instance, api) = (sandbox.instance(), sandbox.api());
    Behind { tandem: world.address, head: sandbox.head(), instance, api }
}

/// How many auth subrequests Tandem has received.
async fn subrequests(world: &World) -> u64 {
    let metrics = world.metrics().await;
    let counts = metrics.lines().filter(|line| line.contains("route=\"auth\""));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn a_new_visitor_gets_a_session_once_and_then_the_page() {
    for page in ["/cart?x=1&y=2", CART] {
        let (world, nginx) = start_behind_nginx().await;
        let mut shopper = Shopper::new(nginx.address);
        let visit = shopper.visits(page).await;
        visit.response.expect(200).expect_no_cookies();
        assert_eq!(visit.chain.len(), 3, "{:?}", visit.chain);
        assert_eq!(visit.chain[2], page, "the address of the page, unchanged");
        assert_eq!(world.auth_calls(), ["slas.token.guest", "ocapi.sessions"]);
        assert_eq!(shopper.session().await["customer_type"], "guest");
    }
}

#[tokio::test]
async fn promise_5_a_warm_page_costs_one_subrequest_and_no_call() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    world.forget_calls();
    let before = subrequests(&world).await;
    for path in ["/", "/cart", CART] {
        let page = shopper.visits(path).await;
        page.response.expect(200).expect_no_cookies();
        assert_eq!(page.chain.len(), 1);
    }
    assert_eq!(subrequests(&world).await - before, 3);
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!((world.count(Operation::HeadPage), world.count(Operation::EcomPage)), (2, 1));
}

#[tokio::test]
async fn promise_6_files_and_crawlers_pass_without_a_session() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    let file = shopper.sends(get("/assets/app.js")).await;
    file.expect(200).expect_no_cookies();
    assert_eq!(file.header("cache-control"), Some("public, max-age=300"));
    let crawler = get("/").document().header("user-agent", "Googlebot/2.1");
    shopper.sends(crawler).await.expect(200).expect_no_cookies();
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn an_api_call_carries_only_the_token_of_the_shopper() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.fetches(SEARCH).await.response.expect(401);
    shopper.visits("/").await.response.expect(200);
    let found = shopper.sends(get(SEARCH).same_origin_fetch().headers(&SPOOFED)).await;
    assert!(found.expect(200).json()["hits"].is_array());
    let basket = shopper.posts(BASKETS, "{}").await;
    let customer = basket.expect(200).json()["customerInfo"]["customerId"].clone();
    assert_eq!(customer, shopper.session().await["customer_id"]);
    let foreign = post(BASKETS).header("sec-fetch-site", "cross-site").json("{}");
    shopper.sends(foreign).await.expect(403);
    assert_eq!(world.count(Operation::ScapiOther), 1);
}

#[tokio::test]
async fn attack_97_identity_headers_of_a_client_reach_no_upstream() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let [page, api] =
        [FixedHead::responding(response).await, FixedHead::responding(response).await];
    let world = behind_nginx().start().await;
    let behind = Behind { head: page.address, api: api.address, ..servers(&world) };
    let nginx = Nginx::start(behind).await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/cart").await.response.expect(200);
    let session = shopper.session().await;
    shopper.sends(get("/cart").document().headers(&SPOOFED)).await.expect(200);
    shopper.sends(get(SEARCH).same_origin_fetch().headers(&SPOOFED)).await.expect(200);
    let (page, api) = (page.requests(), api.requests());
    let ((page, _), (api, _)) = (page.last().unwrap(), api.last().unwrap());
    assert_eq!(page.header("x-bff-customer-id"), session["customer_id"].as_str());
    assert_eq!(page.header("x-bff-customer-type"), Some("guest"));
    assert_eq!(page.header("x-bff-usid"), session["usid"].as_str());
    assert_eq!(page.header("authorization"), None);
    let bearer = format!("Bearer {}", shopper.cookies.value("token"));
    assert_eq!(api.header("authorization"), Some(bearer.as_str()));
    assert_eq!(api.header("sfdc_dwsid"), Some(shopper.cookies.value("dwsid")));
    let target = SEARCH.strip_prefix("/mobify/proxy/api").unwrap();
    assert_eq!(api.first, format!("GET {target} HTTP/1.1"));
    for removed in ["cookie", "origin", "x-bff-customer-type", "x-bff-customer-id", "x-bff-usid"] {
        assert_eq!(api.header(removed), None, "{removed}");
    }
    for headers in [page, api] {
        for removed in ["x-bff-upstream", "x-original-uri", "x-original-method"] {
            assert_eq!(headers.header(removed), None, "{removed}");
        }
        let cookies = headers.header("cookie").unwrap_or_default();
        assert!(!cookies.contains("tandem"), "the sealed state is not forwarded");
    }
}

#[tokio::test]
async fn attacks_53_and_58_stripped_headers_reach_no_upstream() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let page = FixedHead::responding(response).await;
    let world = behind_nginx().start().await;
    let nginx = Nginx::start(Behind { head: page.address, ..servers(&world) }).await;
    let spoofed: Vec<_> = STRIPPED.iter().map(|name| (*name, "CANARY")).collect();
    let file = get("/assets/app.js").headers(&spoofed);
    Shopper::new(nginx.address).sends(file).await.expect(200);
    let requests = page.requests();
    let (headers, _) = requests.last().unwrap();
    let passed = STRIPPED.iter().filter(|name| headers.header(name).is_some());
    assert_eq!(passed.collect::<Vec<_>>(), [&""; 0]);
}

#[tokio::test]
async fn an_upstream_cannot_make_nginx_reveal_the_identity_headers() {
    for place in ["/-/auth", "/bff/session"] {
        let response = format!(
            "HTTP/1.1 200 OK\r\nx-accel-redirect: {place}\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\nok"
        );
        let upstream = FixedHead::responding(&response).await;
        let world = behind_nginx().start().await;
        let behind = Behind { head: upstream.address, api: upstream.address, ..servers(&world) };
        let nginx = Nginx::start(behind).await;
        let mut shopper = Shopper::new(nginx.address);
        shopper.visits(CART).await.response.expect(200);
        for path in ["/x", SEARCH] {
            let response = shopper.sends(get(path).same_origin_fetch()).await;
            assert_eq!(response.expect(200).text(), "ok", "{place} {path}");
            for secret in ["authorization", "cookie", "sfdc_dwsid", "x-bff-usid"] {
                assert_eq!(response.header(secret), None, "{place} {path} {secret}");
            }
        }
    }
}

#[tokio::test]
async fn promise_1_head_and_ecom_agree_through_login_and_logout() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    shopper.logs_in().await;
    for minutes in [0, 6, 26, 40, 24 * 60] {
        world.minutes_pass(minutes);
        let page = shopper.visits(CART).await.response;
        let session = shopper.session().await;
        assert_eq!(session["login_id"], "jo@example.com", "after {minutes}");
        let id = session["customer_id"].as_str().unwrap().to_owned();
        assert_eq!(ecom_customer(page.expect(200)), ("registered".to_owned(), id));
    }
    shopper.posts("/bff/logout", "").await.expect(200);
    let page = shopper.visits(CART).await.response;
    assert_eq!(ecom_customer(page.expect(200)).0, "guest");
    assert_eq!(shopper.session().await["customer_type"], "guest");
}

#[tokio::test]
async fn promise_7_a_page_with_our_cookie_is_not_stored() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    world.minutes_pass(6);
    let page = shopper.visits(CART).await;
    let cookies = page.response.expect(200).all("set-cookie");
    assert!(cookies.len() == 1 && cookies[0].starts_with("__Host-tandem="), "{cookies:?}");
    assert_eq!(page.response.all("cache-control"), ["private, no-store"]);
    shopper.visits(CART).await.response.expect(200).expect_no_cookies();
}

#[tokio::test]
async fn a_reading_call_is_redirected_to_renew_and_a_writing_one_is_401() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    world.minutes_pass(31);
    let refused = shopper.posts(BASKETS, "{}").await;
    refused.expect_problem(401, "renewal_needed");
    let found = shopper.fetches(SEARCH).await;
    assert!(found.response.expect(200).json()["hits"].is_array());
    world.minutes_pass(31);
    shopper.posts(BASKETS, "{}").await.expect_problem(401, "renewal_needed");
    shopper.posts("/bff/session", "").await.expect(200);
    shopper.posts(BASKETS, "{}").await.expect(200);
    assert_eq!(world.count(Operation::ScapiOther), 1);
}

#[tokio::test]
async fn promise_9_a_form_of_a_dead_session_is_shown_again_not_sent() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    shopper.logs_in().await;
    world.minutes_pass(45);
    let page = CART.replace("Cart-Show", "Account-EditProfile");
    let form = post(&CART.replace("Cart-Show", "Account-SaveProfile")).document();
    let form = form.header("origin", ORIGIN).header("referer", &format!("{ORIGIN}{page}"));
    let response = shopper.sends(form.form("csrf_token=x&name=Jo")).await;
    let location = response.expect(303).header("location").unwrap().to_owned();
    assert_eq!(world.count(Operation::EcomPage), 0);
    let shown = shopper.visits(&location).await;
    assert_eq!(shown.chain.last(), Some(&page));
    assert_eq!(ecom_customer(shown.response.expect(200)).0, "registered");
}

#[tokio::test]
async fn a_browser_without_cookies_gets_the_page_and_no_loop() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::without_cookies(nginx.address);
    for page in ["/cart", CART] {
        let visit = shopper.visits(page).await;
        visit.response.expect(200);
        assert_eq!(visit.chain.len(), 3, "{:?}", visit.chain);
    }
    assert_eq!(world.count(Operation::TokenGuest), 2);
}

#[tokio::test]
async fn attack_94_a_client_cannot_send_auth_subrequests() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    let forged = [("x-original-uri", "/"), ("x-original-method", "GET")];
    for path in
        ["/bff/auth", "/bff/auth/", "/bff/auth/x", "/%62ff/auth", "/x/../bff/auth", "/-/auth"]
    {
        let response = shopper.sends(get(path).same_origin_fetch().headers(&forged)).await;
        assert!([403, 404].contains(&response.status), "{path}: {}", response.status);
        assert_eq!(response.header("authorization"), None, "{path}");
        assert_eq!(response.header("cookie"), None, "{path}");
    }
    let establish = get("/bff/establish?return_to=/cart").document();
    let response = shopper.sends(establish.header("x-original-uri", "/login")).await;
    response.expect_location("/cart");
    drop(world);
}

#[tokio::test]
async fn attacks_39_and_40_an_ambiguous_path_reaches_no_upstream() {
    let (world, nginx) = start_behind_nginx().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    world.forget_calls();
    for path in [
        "/assets/..%2f..%2fon/demandware.store/x",
        "/on%2Fdemandware.store/Sites-RefArch-Site/en_US/Cart-Show",
        "/mobify/%70roxy/api/x",
        "/mobify/proxy/api/../ocapi/x",
        "/%6don;x/../mobify/proxy/api/x",
        "//on/demandware.store/x",
        "/assets/%252e%252e/x",
        "/x#/assets/app.js",
    ] {
        let response = shopper.sends(get(path).document()).await;
        assert!([400, 403].contains(&response.status), "{path}: {}", response.status);
    }
    shopper.sends(request("TRACE", "/")).await.expect(405);
    assert!(world.control().calls().is_empty());
}

#[tokio::test]
async fn kind_13_an_outage_of_slas_costs_a_page_of_ecom_and_no_warm_shopper() {
    let (world, nginx) = start_behind_nginx().await;
    let mut warm = Shopper::new(nginx.address);
    warm.visits("/").await.response.expect(200);
    world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
    let page = Shopper::new(nginx.address).visits("/").await.response;
    page.expect(200).expect_no_cookies();
    let page = Shopper::new(nginx.address).visits(CART).await.response;
    page.expect_problem_page(503, "upstream_unavailable");
    assert!(page.header("retry-after").is_some());
    warm.visits(CART).await.response.expect(200);
    warm.fetches(SEARCH).await.response.expect(200);
}

#[tokio::test]
async fn without_tandem_there_is_a_page_and_nothing_is_forwarded() {
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let tandem = TANDEM.serve(&behind_nginx(), &sandbox).await;
    let behind = Behind {
        tandem: tandem.address,
        head: sandbox.head(),
        instance: sandbox.instance(),
        api: sandbox.api(),
    };
    let nginx = Nginx::start(behind).await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.response.expect(200);
    shopper.visits(CART).await.response.expect(200);
    drop(tandem);
    let _port = occupied(behind.tandem).await;
    sandbox.control().forget_calls();
    for path in ["/", CART, SEARCH, "/assets/app.js", "/bff/session"] {
        let response = shopper.sends(get(path).document()).await;
        assert!(response.expect(503).text().contains("not available right now"), "{path}");
        assert_eq!(response.header("cache-control"), Some("private, no-store"));
        assert_eq!(response.header("retry-after"), Some("5"));
    }
    assert!(sandbox.control().calls().is_empty());
}

/// The port of a killed process, as soon as it is free: bound without a listener, so that no other
/// process takes it.
async fn occupied(address: SocketAddr) -> TcpSocket {
    loop {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a live socket");
        if socket.bind(address).is_ok() {
            return socket;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
