//! A rule that protects a path protects every spelling of it that an upstream may read (promise 12).

use testkit::{Cookies, FixedHead, RawRequest, Scenario, World, get, post, request};

use crate::support::{GATEWAYS, Gateway, expect_no_identity};
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1)";

/// What a Head that decodes, folds case, drops parameters, or trims reads as `/checkout`.
const SPELLINGS: [&str; 16] = [
    "/checkout",
    "/%63heckout",
    "/Checkout",
    "/CHECKOUT/",
    "/checkout;x",
    "/checkout;jsessionid=1/step",
    "/%43heckout",
    "/%2563heckout",
    "/checkout%3Bx",
    "/checkout.",
    "/checkout%20",
    "/checkout%20./step",
    "/;x/checkout",
    "/checkout%2Fstep",
    "/chec%E2%84%AAout",
    "/checkout/%70ay",
];

/// What is another path for everybody.
const OTHERS: [&str; 6] =
    ["/checkouts", "/check", "/a/checkout", "/%63heckoutx", "/Checkout-x", "/check%20out"];

async fn shop(rule: &str) -> (World, FixedHead) {
    let head = FixedHead::responding(EMPTY).await;
    let rule = format!("routes.rules = [{{ path = \"/checkout\", {rule} }}]");
    (Scenario::default().with_head(head.origin()).site(&rule).start().await, head)
}

#[tokio::test]
async fn kind_20_no_spelling_shows_a_guest_what_is_for_registered_shoppers() {
    let (world, head) = shop("token = \"registered\"").await;
    let (guest, jo) = (world.guest_cookies().await, world.registered_cookies().await);
    let before = head.requests().len();
    for path in SPELLINGS {
        for jar in [&Cookies::default(), &guest] {
            world.send(get(path).document().cookies(jar)).await.expect(401);
            let call = world.send(get(path).own_page().cookies(jar)).await;
            call.expect_problem(401, "login_required");
            let prefetch = get(path).document().header("sec-purpose", "prefetch").cookies(jar);
            world.send(prefetch).await.expect(401);
        }
    }
    assert_eq!(head.requests().len(), before);
    for path in SPELLINGS {
        world.send(get(path).document().cookies(&jo)).await.expect(200);
        let requests = head.requests();
        // The very same octets go on.
        assert_eq!(requests.last().unwrap().0.first, format!("GET {path} HTTP/1.1"));
    }
    for path in OTHERS {
        world.send(get(path).document().cookies(&guest)).await.expect(200);
    }
}

#[tokio::test]
async fn kind_20_no_spelling_escapes_the_methods_csrf_and_crawlers_of_a_rule() {
    let (world, head) = shop("methods = [\"GET\"]").await;
    let foreign = |request: RawRequest| request.header("sec-fetch-site", "cross-site");
    for path in SPELLINGS {
        world.send(request("DELETE", path).own_page()).await.expect_problem(405, "not_allowed");
    }
    assert!(head.requests().is_empty());
    let (world, head) = shop("csrf = \"same-origin\"").await;
    for path in SPELLINGS {
        world.send(foreign(post(path))).await.expect_problem(403, "csrf_rejected");
    }
    assert!(head.requests().is_empty());
    let (world, head) = shop("crawlers = \"refused\"").await;
    for path in SPELLINGS {
        world
            .send(get(path).header("user-agent", CRAWLER))
            .await
            .expect_problem(403, "not_allowed");
    }
    assert!(head.requests().is_empty());
    for path in OTHERS {
        world.send(get(path).header("user-agent", CRAWLER)).await.expect(200);
    }
}

#[tokio::test]
async fn kind_20_cookies_of_a_developers_path_pass_only_where_every_reading_lets_them() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nset-cookie: token=theirs\r\n\r\n";
    let head = FixedHead::responding(response).await;
    let rules = "routes.rules = [{ path = \"/dev\", cookies = \"passed\", token = \"none\" },\n\
        { path = \"/dev/shop\", cookies = \"filtered\", token = \"none\" }]";
    let world = Scenario::default().with_head(head.origin()).site(rules).start().await;
    for (path, passes) in
        [("/dev/x", true), ("/dev/shop", false), ("/dev/%73hop", false), ("/dev/Shop;x", false)]
    {
        let response = world.send(get(path).own_page()).await;
        assert_eq!(response.expect(200).all("set-cookie").len(), usize::from(passes), "{path}");
    }
}

#[tokio::test]
async fn kind_20_an_exception_below_a_protected_path_stays_one_in_its_own_spelling() {
    let rules = "routes.rules = [{ path = \"/Account\", token = \"registered\" },\n\
        { path = \"/Account/help\", token = \"optional\" }]";
    let head = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_head(head.origin()).site(rules).start().await;
    for (path, status) in [
        ("/Account/help", 200),
        ("/Account/help/x", 200),
        ("/account/help", 200),
        ("/Account", 401),
        ("/account", 401),
        ("/account/orders", 401),
        ("/Account/hel%70", 401),
    ] {
        world.send(get(path).document()).await.expect(status);
    }
}

#[tokio::test]
async fn kind_20_protected_paths_of_an_expired_session_are_found_in_every_spelling() {
    let head = FixedHead::responding(EMPTY).await;
    let site = "session.login_page = \"/login\"";
    let world = Scenario::default().with_head(head.origin()).site(site).start().await;
    for path in SPELLINGS {
        let jar = world.registered_cookies().await;
        world.control().revoke_refresh(jar.value("cc-nx"));
        world.minutes_pass(31);
        let page = world.send(get(path).document().cookies(&jar)).await;
        let there = page.expect(303).header("location").unwrap().to_owned();
        assert!(there.starts_with("/login?error=session_expired"), "{path}: {there}");
    }
}

#[tokio::test]
async fn kind_20_a_gateway_lets_no_guest_through_by_a_spelling() {
    let rule = "routes.rules = [{ path = \"/checkout\", token = \"registered\" }]";
    for gateway in GATEWAYS {
        let world = gateway.shop().site(rule).start().await;
        let (guest, jo) = (world.guest_cookies().await, world.registered_cookies().await);
        for path in SPELLINGS {
            for jar in [&Cookies::default(), &guest] {
                let response =
                    world.send(gateway.subrequest("GET", path).document().cookies(jar)).await;
                let refused = [303, 400, 401, 403].contains(&response.status);
                assert!(refused, "{gateway:?} {path}: {}", response.status);
                expect_no_identity(&response);
            }
        }
        for path in ["/checkout", "/Checkout", "/CHECKOUT/"] {
            let request = gateway.subrequest("GET", path).document().cookies(&jo);
            gateway.expect_allowed(&world.send(request).await);
        }
    }
}

#[tokio::test]
async fn kind_20_a_path_that_may_be_read_as_another_sites_is_refused() {
    let german = r#"
        [[sites]]
        id = "RefArchDE"
        hosts = ["shop.test"]
        public_origin = "https://shop.test"
        path_prefix = "/de"
        bridge.mode = "none"
        cookies.suffix = true
        routes.head = "http://127.0.0.1:1"
        slas.base_url = "http://127.0.0.1:1"
        slas.organization_id = "f_ecom_zzte_053"
        slas.client_id = "client"
        slas.redirect_uri = "https://shop.test/de/callback"
        "#;
    let world = Scenario::default().site("cookies.suffix = true").sections(german).start().await;
    for path in ["/%64e/checkout", "/De/checkout", "/de;x/checkout", "/;x/de", "/de%2Fcheckout"] {
        world.send(get(path).own_page()).await.expect_problem(400, "bad_request");
    }
    for path in ["/dex", "/d%65x", "/design;x"] {
        assert_ne!(world.send(get(path).own_page()).await.status, 400, "{path}");
    }
    let gateway = Gateway::Traefik;
    let world = gateway.shop().site("cookies.suffix = true").sections(german).start().await;
    let response = world.send(gateway.subrequest("GET", "/%64e/checkout").own_page()).await;
    response.expect_problem(400, "bad_request");
}
