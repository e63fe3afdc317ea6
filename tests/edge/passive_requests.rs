//! Requests that cost no upstream call and set no cookie (promise 6, attack 68).

use testkit::{Cookies, ORGANIZATION, RawRequest, World, get, post, request};

use crate::support::CART;

const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

fn passive() -> Vec<(&'static str, RawRequest)> {
    let preflight = |path: &str| {
        request("OPTIONS", path)
            .header("origin", "https://evil.test")
            .header("access-control-request-method", "POST")
    };
    vec![
        ("a file by its folder", get("/assets/app.css").same_origin_fetch()),
        ("a file by its folder, navigated to", get("/assets/app.css").document()),
        ("a file by its ending", get("/favicon.ico").document()),
        ("a file with a query", get("/pictures/tandem.webp?w=100").same_origin_fetch()),
        ("a prefetch", get("/").document().header("sec-purpose", "prefetch")),
        ("a prerender", get("/").document().header("sec-purpose", "prefetch;prerender")),
        ("an old prefetch", get("/").document().header("purpose", "prefetch")),
        ("an older prefetch", get("/").document().header("x-moz", "prefetch")),
        ("a crawler", get("/").document().header("user-agent", CRAWLER)),
        ("a crawler at /bff/go", get("/bff/go?to=/").document().header("user-agent", CRAWLER)),
        (
            "a crawler that runs scripts",
            post("/bff/session").same_origin_fetch().header("user-agent", CRAWLER),
        ),
        ("a prefetched /bff/go", get("/bff/go?to=/").document().header("sec-purpose", "prefetch")),
        ("a preflight of a page", preflight("/")),
        ("a preflight of the API", preflight("/api/basket/items")),
        ("a preflight of our own", preflight("/bff/session")),
        ("reading the session", get("/bff/session").same_origin_fetch()),
        ("opening the session as a page", get("/bff/session").document()),
    ]
}

#[tokio::test]
async fn promise_6_a_passive_request_gets_no_session() {
    let world = World::start().await;
    for (what, request) in passive() {
        world.forget_calls();
        let response = world.send(request).await;
        assert_eq!(world.auth_calls(), [""; 0], "{what}");
        assert_eq!(response.all("set-cookie"), [""; 0], "{what}");
        assert!(response.status < 500, "{what}: {}", response.status);
    }
}

#[tokio::test]
async fn promise_6_no_refresh_for_a_file_or_a_prefetch() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    world.minutes_pass(31);
    for (what, request) in passive() {
        world.forget_calls();
        let response = world.send(request.cookies(&jar)).await;
        assert_eq!(world.auth_calls(), [""; 0], "{what}");
        assert_eq!(response.all("set-cookie"), [""; 0], "{what}");
    }
    // For comparison: a page does refresh it.
    let page = world.send(get("/").document().cookies(&jar)).await;
    assert!(!page.expect(200).all("set-cookie").is_empty());
}

#[tokio::test]
async fn attack_68_a_crawlers_name_opens_nothing() {
    let world = World::start().await;
    let names = ["kube-probe/1.0", "GoogleHC/1.0", CRAWLER];
    for name in names {
        let calling = |request: RawRequest| request.header("user-agent", name);
        world.send(calling(post("/bff/logout"))).await.expect_problem(403, "csrf_rejected");
        world.send(calling(get("/").host("evil.test"))).await.expect_problem(421, "bad_request");
        world.send(calling(get("/api/me").same_origin_fetch())).await.expect(401);
        world.send(calling(get("/bff/nothing"))).await.expect_problem(404, "not_found");
    }
    // Their names do not count where a request shows more of a browser.
    let mut jar = Cookies::default();
    jar.take(&world.send(get("/").document().header("user-agent", names[0])).await);
    assert!(!jar.0.is_empty());
}

#[tokio::test]
async fn kind_6_programs_and_crawlers_get_their_first_page_without_a_session() {
    const SHOPPING: &str =
        "Mozilla/5.0 (compatible; AdsBot-Google-Mobile; +http://www.google.com/)";
    for path in ["/", CART] {
        let world = World::start().await;
        let page = || get(path).header("accept", "text/html,*/*;q=0.8");
        let programs = [
            page(),
            page().header("user-agent", "python-requests/2.32.3"),
            page().header("user-agent", "okhttp/4.12.0").header("accept-encoding", "gzip"),
            page().header("user-agent", SHOPPING).header("accept-language", "en"),
            get(path).document().header("user-agent", SHOPPING),
        ];
        for request in programs {
            world.send(request).await.expect(200).expect_no_cookies();
        }
        assert_eq!(world.auth_calls(), [""; 0], "{path}");
        for name in ["accept-language", "sec-fetch-mode"] {
            let value = if name == "accept-language" { "de" } else { "navigate" };
            let response = world.send(page().header(name, value)).await;
            assert!(!response.expect(200).all("set-cookie").is_empty(), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn kind_6_a_crawler_that_fills_a_cart_is_a_shopper() {
    const STOREBOT: &str = "Mozilla/5.0 (X11; Linux x86_64; Storebot-Google/1.0) Chrome/126.0.0.0";
    let world = World::start().await;
    let mut jar = Cookies::default();
    let page = get("/").header("accept", "text/html").header("user-agent", STOREBOT);
    jar.take(&world.send(page).await);
    let api = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations";
    let path = format!("{api}/{ORGANIZATION}/baskets?siteId=RefArch");
    let basket = post(&path).same_origin_fetch().json("{}");
    world.send(basket.header("user-agent", STOREBOT).cookies(&jar)).await.expect(200);
}

#[tokio::test]
async fn attack_41_a_query_never_makes_a_page_a_file() {
    let world = World::start().await;
    for path in ["/?x=/assets/app.css", "/?a.png", "/cart?/static/x.js"] {
        let page = world.send(get(path).document()).await;
        assert!(!page.expect(200).all("set-cookie").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn promise_6_the_admin_listener_costs_nothing() {
    let world = World::start().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        let mut connection = testkit::Connection::open(world.admin).await;
        connection.write(get(path).bytes()).await;
        connection.response("GET").await.expect(200).expect_no_cookies();
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}
