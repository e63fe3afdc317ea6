//! A rule that protects a path protects every spelling of it that an upstream may read as that path:
//! promise 12 in `docs/promises.md`, kind 20 in `docs/field.md`.

use testkit::{Cookies, FixedHead, Scenario, World, get, post, request};

use crate::support::{GATEWAYS, Gateway, expect_no_identity, with_german_site};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1)";

/// Paths that a Head reads as `/checkout`, or as a path below it, if it decodes, ignores case, drops
/// parameters or trims.
const SPELLINGS: [&str; 16] = [
    "/checkout",
    "/%63heckout", // an encoded `c`
    "/Checkout",
    "/CHECKOUT/",
    "/checkout;x", // parameters of a segment
    "/checkout;jsessionid=1/step",
    "/%43heckout",        // an encoded `C`
    "/%2563heckout",      // decoded twice: `%63`, then `c`
    "/checkout%3Bx",      // decoded to `;`, so that `x` is a parameter
    "/checkout.",         // Windows drops dots and spaces at the end of a segment
    "/checkout%20",       // an encoded space
    "/checkout%20./step", // a space and a dot
    "/;x/checkout",       // the first segment is empty without its parameters, and is then dropped
    "/checkout%2Fstep",   // an encoded slash
    "/chec%E2%84%AAout",  // U+212A, the Kelvin sign, is `k` in lower case
    "/checkout/%70ay",    // an encoded `p` below the path
];

/// Paths that no upstream reads as `/checkout`.
const UNRELATED_PATHS: [&str; 6] =
    ["/checkouts", "/check", "/a/checkout", "/%63heckoutx", "/Checkout-x", "/check%20out"];

/// A shop whose site has this rule for `/checkout`, and its Head.
async fn start_with_checkout_rule(rule: &str) -> (World, FixedHead) {
    start_with_rules(&format!("{{ path = \"/checkout\", {rule} }}")).await
}

/// A shop whose site has these rules, and its Head. There is no login page: a guest gets a 401 instead
/// of a redirect to it.
async fn start_with_rules(rules: &str) -> (World, FixedHead) {
    let head = FixedHead::responding(EMPTY).await;
    let rules = format!("routes.rules = [{rules}]");
    let scenario = Scenario::default().with_site("session.login_page", "").site(&rules);
    (scenario.with_head(head.origin()).start().await, head)
}

#[tokio::test]
async fn kind_20_no_spelling_opens_a_protected_path_to_a_guest() {
    let (world, head) = start_with_checkout_rule("token = \"registered\"").await;
    let (guest, registered) = (world.guest_cookies().await, world.registered_cookies().await);
    let before = head.requests().len();
    for path in SPELLINGS {
        for jar in [&Cookies::default(), &guest] {
            world.send(get(path).document().cookies(jar)).await.expect(401);
            let call = world.send(get(path).same_origin_fetch().cookies(jar)).await;
            call.expect_problem(401, "login_required");
            let prefetch = get(path).document().header("sec-purpose", "prefetch").cookies(jar);
            world.send(prefetch).await.expect(401);
        }
    }
    assert_eq!(head.requests().len(), before, "the Head received none of them");
    for path in SPELLINGS {
        world.send(get(path).document().cookies(&registered)).await.expect(200);
        let requests = head.requests();
        // The path is forwarded byte for byte.
        assert_eq!(requests.last().unwrap().0.first, format!("GET {path} HTTP/1.1"));
    }
    for path in UNRELATED_PATHS {
        world.send(get(path).document().cookies(&guest)).await.expect(200);
    }
}

#[tokio::test]
async fn kind_20_no_spelling_circumvents_the_methods_of_a_rule() {
    let (world, head) = start_with_checkout_rule("methods = [\"GET\"]").await;
    for path in SPELLINGS {
        let delete = request("DELETE", path).same_origin_fetch();
        world.send(delete).await.expect_problem(405, "not_allowed");
    }
    assert!(head.requests().is_empty());
}

#[tokio::test]
async fn kind_20_no_spelling_circumvents_the_origin_check_of_a_rule() {
    let (world, head) = start_with_checkout_rule("csrf = \"same-origin\"").await;
    for path in SPELLINGS {
        let foreign = post(path).header("sec-fetch-site", "cross-site");
        world.send(foreign).await.expect_problem(403, "csrf_rejected");
    }
    assert!(head.requests().is_empty());
}

#[tokio::test]
async fn kind_20_no_spelling_circumvents_a_rule_for_crawlers() {
    let (world, head) = start_with_checkout_rule("crawlers = \"refused\"").await;
    let crawl = |path| get(path).header("user-agent", CRAWLER);
    for path in SPELLINGS {
        world.send(crawl(path)).await.expect_problem(403, "not_allowed");
    }
    assert!(head.requests().is_empty());
    for path in UNRELATED_PATHS {
        world.send(crawl(path)).await.expect(200);
    }
}

#[tokio::test]
async fn kind_20_cookies_of_a_path_pass_only_if_every_reading_agrees() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nset-cookie: token=theirs\r\n\r\n";
    let head = FixedHead::responding(response).await;
    let rules = "routes.rules = [{ path = \"/dev\", cookies = \"passed\", token = \"none\" },\n\
        { path = \"/dev/shop\", cookies = \"filtered\", token = \"none\" }]";
    let world = Scenario::default().with_head(head.origin()).site(rules).start().await;
    for (path, passes) in
        [("/dev/x", true), ("/dev/shop", false), ("/dev/%73hop", false), ("/dev/Shop;x", false)]
    {
        let response = world.send(get(path).same_origin_fetch()).await;
        assert_eq!(response.expect(200).all("set-cookie").len(), usize::from(passes), "{path}");
    }
}

#[tokio::test]
async fn kind_20_where_readings_have_different_rules_the_strictest_applies() {
    let rules = "{ path = \"/Account\", token = \"registered\" },\n\
        { path = \"/Account/help\", token = \"optional\" }";
    let (world, _head) = start_with_rules(rules).await;
    for (path, status) in [
        ("/Account/help", 200),
        ("/Account/help/x", 200),
        ("/account/help", 200), // every reading is below the path of the exception, in some case
        ("/Account", 401),
        ("/account", 401),
        ("/account/orders", 401),
        ("/Account/hel%70", 401), // a Head that does not decode reads it as another path of the account
    ] {
        world.send(get(path).document()).await.expect(status);
    }
}

#[tokio::test]
async fn kind_20_protected_paths_apply_in_every_spelling() {
    // No rule: `/checkout` is one of the `session.protected_paths` of `config/default.toml`.
    let head = FixedHead::responding(EMPTY).await;
    let site = "session.login_page = \"/login\"";
    let world = Scenario::default().with_head(head.origin()).site(site).start().await;
    for path in SPELLINGS {
        let jar = world.registered_cookies().await;
        world.control().revoke_refresh_token(jar.value("cc-nx"));
        // Both tokens end: the refresh token is revoked, and an access token lives for 30 minutes.
        world.minutes_pass(31);
        let page = world.send(get(path).document().cookies(&jar)).await;
        let location = page.expect(303).header("location").unwrap().to_owned();
        assert!(location.starts_with("/login?error=session_expired"), "{path}: {location}");
    }
}

/// Gateways differ in how they read it, so an auth subrequest with an encoded slash is always denied.
const ENCODED_SLASH: &str = "/checkout%2Fstep";

/// The statuses of a denied request. A document is redirected (303) to `/bff/establish` or to the login
/// page, and a path with an encoded slash is a bad request (400). nginx gets 401 for a redirect and 403
/// for any other denial, since it passes no other status on.
fn denials(gateway: Gateway) -> [u16; 2] {
    if gateway == Gateway::Nginx { [401, 403] } else { [303, 400] }
}

#[tokio::test]
async fn kind_20_a_gateway_denies_a_guest_every_spelling() {
    let rule = "routes.rules = [{ path = \"/checkout\", token = \"registered\" }]";
    for gateway in GATEWAYS {
        let world = gateway.shop().site(rule).start().await;
        let (guest, registered) = (world.guest_cookies().await, world.registered_cookies().await);
        for path in SPELLINGS {
            for jar in [&Cookies::default(), &guest] {
                let request = gateway.subrequest("GET", path).document().cookies(jar);
                let response = world.send(request).await;
                let status = response.status;
                assert!(denials(gateway).contains(&status), "{gateway:?} {path}: {status}");
                expect_no_identity(&response);
            }
            if path != ENCODED_SLASH {
                let request = gateway.subrequest("GET", path).document().cookies(&registered);
                gateway.expect_allowed(&world.send(request).await);
            }
        }
    }
}

#[tokio::test]
async fn kind_20_a_path_that_may_belong_to_another_site_is_rejected() {
    let world = with_german_site(Scenario::default()).start().await;
    // Readings of these paths belong to the site below `/de` and, as they are written, to the site at `/`.
    for path in ["/%64e/checkout", "/De/checkout", "/de;x/checkout", "/;x/de", "/de%2Fcheckout"] {
        world.send(get(path).same_origin_fetch()).await.expect_problem(400, "bad_request");
    }
    // These begin with the letters of `/de` and are in another segment.
    for path in ["/dex", "/d%65x", "/design;x"] {
        assert_ne!(world.send(get(path).same_origin_fetch()).await.status, 400, "{path}");
    }
    for gateway in GATEWAYS {
        let world = with_german_site(gateway.shop()).start().await;
        let request = gateway.subrequest("GET", "/%64e/checkout").same_origin_fetch();
        let status = if gateway == Gateway::Nginx { 403 } else { 400 };
        expect_no_identity(world.send(request).await.expect(status));
    }
}
