//! The nginx recipe of `config/nginx.conf`, in Debian's nginx, in front of Tandem and the simulated
//! platform.
//!
//! Needs Debian's `nginx-light`; each test says so when it is missing.

#[expect(dead_code, reason = "shared with the tests of the edge, which use all of it")]
#[path = "edge/support/ask.rs"]
mod ask;
#[expect(dead_code, reason = "shared with the tests of the edge, which use all of it")]
#[path = "edge/support/head.rs"]
mod head;
#[path = "nginx/nginx.rs"]
mod nginx;
#[expect(dead_code, reason = "shared with the tests of the edge, which use all of it")]
#[path = "edge/support/process.rs"]
mod process;
#[path = "nginx/shopper.rs"]
mod shopper;
#[expect(dead_code, reason = "shared with the tests of the edge, which use all of it")]
#[path = "edge/support/time.rs"]
mod time;
#[expect(dead_code, reason = "shared with the tests of the edge, which use all of it")]
#[path = "edge/support/wire.rs"]
mod wire;
#[expect(dead_code, reason = "shared with the tests of the edge, which use all of it")]
#[path = "edge/support/world.rs"]
mod world;

use std::net::SocketAddr;

use ask::{get, post, request};
use head::StandIn;
use nginx::{Behind, Nginx};
use process::Server;
use shopper::{Shopper, ecom_customer};
use tandem::clock::Clock;
use tandem::proxy::STRIPPED;
use tandem_sandbox::{Fault, Operation, Options, Sandbox, Times, Upstream};
use wire::Line;
use world::{ORIGIN, Plan, World};

const CART: &str = "/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show";
const BASKETS: &str = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/\
     f_ecom_zzte_053/baskets?siteId=RefArch";
const SEARCH: &str = "/mobify/proxy/api/search/shopper-search/v1/organizations/\
     f_ecom_zzte_053/product-search?siteId=RefArch&q=a";

/// Headers by which a client would like to be somebody else.
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

fn behind_nginx() -> Plan {
    World::with()
        .server("trusted_proxies = [\"127.0.0.1\"]")
        .more("[gateway]\ndialect = \"nginx\"\npeers = [\"127.0.0.1\"]\n")
}

/// The platform, Tandem, and nginx before both.
async fn shop() -> (World, Nginx) {
    let world = behind_nginx().start().await;
    let nginx = Nginx::start(Behind { head: world.sandbox.head(), ..places(&world) }).await;
    (world, nginx)
}

fn places(world: &World) -> Behind {
    let sandbox = &world.sandbox;
    let (instance, api) = (sandbox.instance(), sandbox.api());
    Behind { tandem: world.address, head: sandbox.head(), instance, api }
}

/// How many questions Tandem was asked.
async fn questions(world: &World) -> u64 {
    let mut line = Line::open(world.admin).await;
    line.write("GET /metrics HTTP/1.1\r\nhost: admin\r\n\r\n").await;
    let metrics = line.answer("GET").await.expect(200).text();
    let asked = metrics.lines().filter(|line| line.contains("route=\"auth\""));
    asked.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn a_new_visitor_gets_a_session_once_and_then_the_page() {
    for page in ["/cart?x=1&y=2", CART] {
        let (world, nginx) = shop().await;
        let mut shopper = Shopper::new(nginx.address);
        let arrived = shopper.visits(page).await;
        arrived.answer.expect(200).expect_no_cookies();
        assert_eq!(arrived.way.len(), 3, "{:?}", arrived.way);
        assert_eq!(arrived.way[2], page, "back where it began, without a mark");
        assert_eq!(world.auth_calls(), ["slas.token.guest", "ocapi.sessions"]);
        assert_eq!(shopper.session().await["customer_type"], "guest");
    }
}

#[tokio::test]
async fn promise_5_a_warm_page_costs_one_question_and_no_call() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    world.forget_calls();
    let before = questions(&world).await;
    for path in ["/", "/cart", CART] {
        let page = shopper.visits(path).await;
        page.answer.expect(200).expect_no_cookies();
        assert_eq!(page.way.len(), 1);
    }
    assert_eq!(questions(&world).await - before, 3);
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!((world.count(Operation::HeadPage), world.count(Operation::EcomPage)), (2, 1));
}

#[tokio::test]
async fn promise_6_files_and_crawlers_pass_without_a_session() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    let file = shopper.asks(get("/assets/app.js")).await;
    file.expect(200).expect_no_cookies();
    assert_eq!(file.header("cache-control"), Some("public, max-age=300"));
    let crawler = get("/").document().header("user-agent", "Googlebot/2.1");
    shopper.asks(crawler).await.expect(200).expect_no_cookies();
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn an_api_call_goes_with_the_shopper_s_token_and_no_other() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    let nobody = shopper.fetches(SEARCH).await.answer;
    nobody.expect(401);
    shopper.visits("/").await.answer.expect(200);
    let found = shopper.asks(get(SEARCH).own_page().headers(&SPOOFED)).await;
    assert!(found.expect(200).json()["hits"].is_array());
    let basket = shopper.posts(BASKETS, "{}").await;
    let customer = basket.expect(200).json()["customerInfo"]["customerId"].clone();
    assert_eq!(customer, shopper.session().await["customer_id"]);
    let foreign = post(BASKETS).header("sec-fetch-site", "cross-site").json("{}");
    shopper.asks(foreign).await.expect(403);
    assert_eq!(world.count(Operation::ScapiOther), 1);
}

#[tokio::test]
async fn attack_97_what_a_client_says_about_itself_reaches_no_upstream() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let [page, api] = [StandIn::answering(answer).await, StandIn::answering(answer).await];
    let world = behind_nginx().start().await;
    let behind = Behind { head: page.address, api: api.address, ..places(&world) };
    let nginx = Nginx::start(behind).await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/cart").await.answer.expect(200);
    let session = shopper.session().await;
    shopper.asks(get("/cart").document().headers(&SPOOFED)).await.expect(200);
    shopper.asks(get(SEARCH).own_page().headers(&SPOOFED)).await.expect(200);
    let (page, api) = (page.asked(), api.asked());
    let ((page, _), (api, _)) = (page.last().unwrap(), api.last().unwrap());
    assert_eq!(page.header("x-bff-customer-id"), session["customer_id"].as_str());
    assert_eq!(page.header("x-bff-customer-type"), Some("guest"));
    assert_eq!(page.header("x-bff-usid"), session["usid"].as_str());
    assert_eq!(page.header("authorization"), None);
    let bearer = format!("Bearer {}", shopper.jar.value("token"));
    assert_eq!(api.header("authorization"), Some(bearer.as_str()));
    assert_eq!(api.header("sfdc_dwsid"), Some(shopper.jar.value("dwsid")));
    let target = SEARCH.strip_prefix("/mobify/proxy/api").unwrap();
    assert_eq!(api.first, format!("GET {target} HTTP/1.1"));
    for gone in ["cookie", "origin", "x-bff-customer-type", "x-bff-customer-id", "x-bff-usid"] {
        assert_eq!(api.header(gone), None, "{gone}");
    }
    for top in [page, api] {
        for gone in ["x-bff-upstream", "x-original-uri", "x-original-method"] {
            assert_eq!(top.header(gone), None, "{gone}");
        }
        let cookies = top.header("cookie").unwrap_or_default();
        assert!(!cookies.contains("tandem"), "our own memory stays with us");
    }
}

#[tokio::test]
async fn attacks_53_and_58_what_the_proxy_strips_reaches_no_upstream() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let page = StandIn::answering(answer).await;
    let world = behind_nginx().start().await;
    let nginx = Nginx::start(Behind { head: page.address, ..places(&world) }).await;
    let spoofed: Vec<_> = STRIPPED.iter().map(|name| (*name, "CANARY")).collect();
    let file = get("/assets/app.js").headers(&spoofed);
    Shopper::new(nginx.address).asks(file).await.expect(200);
    let asked = page.asked();
    let (top, _) = asked.last().unwrap();
    let passed = STRIPPED.iter().filter(|name| top.header(name).is_some());
    assert_eq!(passed.collect::<Vec<_>>(), [&""; 0]);
}

#[tokio::test]
async fn an_upstream_cannot_have_nginx_answer_with_what_only_nginx_is_told() {
    for place in ["/-/auth", "/bff/session"] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nx-accel-redirect: {place}\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\nok"
        );
        let upstream = StandIn::answering(&answer).await;
        let world = behind_nginx().start().await;
        let behind = Behind { head: upstream.address, api: upstream.address, ..places(&world) };
        let nginx = Nginx::start(behind).await;
        let mut shopper = Shopper::new(nginx.address);
        shopper.visits(CART).await.answer.expect(200);
        for path in ["/x", SEARCH] {
            let answer = shopper.asks(get(path).own_page()).await;
            assert_eq!(answer.expect(200).text(), "ok", "{place} {path}");
            for told in ["authorization", "cookie", "sfdc_dwsid", "x-bff-usid"] {
                assert_eq!(answer.header(told), None, "{place} {path} {told}");
            }
        }
    }
}

#[tokio::test]
async fn promise_1_both_worlds_know_the_same_shopper_through_login_and_logout() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    shopper.signs_in().await;
    for minutes in [0, 6, 26, 40, 24 * 60] {
        world.minutes_pass(minutes);
        let page = shopper.visits(CART).await.answer;
        let session = shopper.session().await;
        assert_eq!(session["login_id"], "jo@example.com", "after {minutes}");
        let id = session["customer_id"].as_str().unwrap().to_owned();
        assert_eq!(ecom_customer(page.expect(200)), ("registered".to_owned(), id));
    }
    shopper.posts("/bff/logout", "").await.expect(200);
    let page = shopper.visits(CART).await.answer;
    assert_eq!(ecom_customer(page.expect(200)).0, "guest");
    assert_eq!(shopper.session().await["customer_type"], "guest");
}

#[tokio::test]
async fn promise_7_a_page_with_our_note_is_kept_by_nobody() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    world.minutes_pass(6);
    let page = shopper.visits(CART).await;
    let cookies = page.answer.expect(200).all("set-cookie");
    assert!(cookies.len() == 1 && cookies[0].starts_with("__Host-tandem="), "{cookies:?}");
    assert_eq!(page.answer.all("cache-control"), ["private, no-store"]);
    shopper.visits(CART).await.answer.expect(200).expect_no_cookies();
}

#[tokio::test]
async fn a_reading_call_is_renewed_on_its_way_and_a_writing_one_is_told() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    world.minutes_pass(31);
    let told = shopper.posts(BASKETS, "{}").await;
    told.expect_problem(401, "renewal_needed");
    let found = shopper.fetches(SEARCH).await;
    assert!(found.answer.expect(200).json()["hits"].is_array());
    world.minutes_pass(31);
    shopper.posts(BASKETS, "{}").await.expect_problem(401, "renewal_needed");
    shopper.posts("/bff/session", "").await.expect(200);
    shopper.posts(BASKETS, "{}").await.expect(200);
    assert_eq!(world.count(Operation::ScapiOther), 1);
}

#[tokio::test]
async fn promise_9_a_form_of_a_dead_session_is_shown_again_and_never_sent() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    shopper.signs_in().await;
    world.minutes_pass(45);
    let page = CART.replace("Cart-Show", "Account-EditProfile");
    let form = post(&CART.replace("Cart-Show", "Account-SaveProfile")).document();
    let form = form.header("origin", ORIGIN).header("referer", &format!("{ORIGIN}{page}"));
    let answer = shopper.asks(form.form("csrf_token=x&name=Jo")).await;
    let there = answer.expect(303).header("location").unwrap().to_owned();
    assert_eq!(world.count(Operation::EcomPage), 0);
    let shown = shopper.visits(&there).await;
    assert_eq!(shown.way.last(), Some(&page));
    assert_eq!(ecom_customer(shown.answer.expect(200)).0, "registered");
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookies_gets_the_page_and_no_circle() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::without_cookies(nginx.address);
    for page in ["/cart", CART] {
        let arrived = shopper.visits(page).await;
        arrived.answer.expect(200);
        assert_eq!(arrived.way.len(), 3, "{:?}", arrived.way);
    }
    assert_eq!(world.count(Operation::TokenGuest), 2);
}

#[tokio::test]
async fn attack_94_nobody_outside_may_ask_or_hand_over() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    let asking = [("x-original-uri", "/"), ("x-original-method", "GET")];
    for path in
        ["/bff/auth", "/bff/auth/", "/bff/auth/x", "/%62ff/auth", "/x/../bff/auth", "/-/auth"]
    {
        let answer = shopper.asks(get(path).own_page().headers(&asking)).await;
        assert!([403, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert_eq!(answer.header("authorization"), None, "{path}");
        assert_eq!(answer.header("cookie"), None, "{path}");
    }
    let handing = get("/bff/establish?return_to=/cart").document();
    let answer = shopper.asks(handing.header("x-original-uri", "/login")).await;
    answer.expect_location("/cart");
    drop(world);
}

#[tokio::test]
async fn attacks_39_and_40_a_path_that_can_be_read_in_two_ways_reaches_no_upstream() {
    let (world, nginx) = shop().await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
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
        let answer = shopper.asks(get(path).document()).await;
        assert!([400, 403].contains(&answer.status), "{path}: {}", answer.status);
    }
    shopper.asks(request("TRACE", "/")).await.expect(405);
    assert!(world.control().calls().is_empty());
}

#[tokio::test]
async fn an_outage_of_slas_is_a_page_with_retry_after_and_warm_shoppers_do_not_notice() {
    let (world, nginx) = shop().await;
    let mut warm = Shopper::new(nginx.address);
    warm.visits("/").await.answer.expect(200);
    world.control().fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
    let page = Shopper::new(nginx.address).visits("/").await.answer;
    page.expect_problem_page(503, "upstream_unavailable");
    assert!(page.header("retry-after").is_some());
    warm.visits(CART).await.answer.expect(200);
    warm.fetches(SEARCH).await.answer.expect(200);
}

#[tokio::test]
async fn without_tandem_there_is_a_clear_page_and_no_request_goes_on() {
    let sandbox = Sandbox::start(Options::default(), Clock::system()).await.expect("a sandbox");
    let tandem = Server::start(&behind_nginx(), &sandbox).await;
    let behind = Behind {
        tandem: tandem.address,
        head: sandbox.head(),
        instance: sandbox.instance(),
        api: sandbox.api(),
    };
    let nginx = Nginx::start(behind).await;
    let mut shopper = Shopper::new(nginx.address);
    shopper.visits("/").await.answer.expect(200);
    shopper.visits(CART).await.answer.expect(200);
    drop(tandem);
    let _gone = held(behind.tandem).await;
    sandbox.control().forget_calls();
    for path in ["/", CART, SEARCH, "/assets/app.js", "/bff/session"] {
        let answer = shopper.asks(get(path).document()).await;
        assert!(answer.expect(503).text().contains("not available right now"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
    assert!(sandbox.control().calls().is_empty());
}

/// The port of a killed process, as soon as it has let go of it: bound and not listened to, so that
/// nobody else answers there.
async fn held(address: SocketAddr) -> tokio::net::TcpSocket {
    loop {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a live socket");
        if socket.bind(address).is_ok() {
            return socket;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
