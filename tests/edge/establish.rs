//! `GET /bff/establish`: browsers behind a gateway get their cookies here.

use tandem_sandbox::{Fault, Operation, Times, Upstream};
use testkit::{Cookies, ORIGIN, World, get, request};

use crate::support::{BASKETS, CART, GATEWAYS, Gateway, PRODUCT, establish, follow_establish};

async fn start_behind_nginx() -> World {
    Gateway::Nginx.shop().start().await
}

#[tokio::test]
async fn a_new_visitor_is_established_once() {
    for gateway in GATEWAYS {
        for (target, calls) in [
            ("/cart?x=1&y=/z", vec!["slas.token.guest", "ocapi.sessions"]),
            (CART, vec!["slas.token.guest", "ocapi.sessions"]),
        ] {
            let world = gateway.shop().start().await;
            let mut jar = Cookies::default();
            assert_eq!(follow_establish(&world, target, &mut jar).await, 2);
            assert_eq!(world.auth_calls(), calls);
            let response =
                world.send(gateway.subrequest("GET", target).document().cookies(&jar)).await;
            gateway.expect_allowed(&response);
            response.expect_no_cookies();
            assert_eq!(world.session(&jar).await["customer_type"], "guest");
        }
    }
}

#[tokio::test]
async fn a_returning_shopper_is_refreshed_and_stays_the_same() {
    let world = start_behind_nginx().await;
    let mut jar = world.registered_cookies().await;
    world.minutes_pass(24 * 60);
    world.forget_calls();
    assert_eq!(follow_establish(&world, CART, &mut jar).await, 2);
    assert_eq!(world.auth_calls(), ["slas.token.refresh", "ocapi.sessions"]);
    assert_eq!(world.session(&jar).await["login_id"], "jo@example.com");
    // A shopper with a complete session is redirected at once.
    world.forget_calls();
    assert_eq!(follow_establish(&world, CART, &mut jar).await, 1);
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn a_call_is_refreshed_but_creates_no_session() {
    let world = start_behind_nginx().await;
    let mut jar = world.guest_cookies().await;
    world.minutes_pass(31);
    world.forget_calls();
    let mut there = establish(PRODUCT);
    for _ in 0..2 {
        let response = world.send(get(&there).same_origin_fetch().cookies(&jar)).await;
        jar.take(response.expect(303));
        there = response.header("location").unwrap().to_owned();
    }
    assert_eq!(there, PRODUCT);
    assert_eq!(world.auth_calls(), ["slas.token.refresh"]);
    world.forget_calls();
    let other = world.send(get(&establish("/api/me")).same_origin_fetch()).await;
    other.expect_location("/api/me").expect_no_cookies();
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn a_browser_without_cookies_gets_the_page_and_no_loop() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        for target in ["/cart", "/s?q=a", CART] {
            let none = Cookies::default();
            let first = world.send(get(&establish(target)).document()).await;
            let second = format!("{}&again=1", establish(target));
            first.expect_location(&second);
            world.forget_calls();
            let response = world.send(get(&second).document().cookies(&none)).await;
            response.expect_no_cookies();
            let there = response.expect(303).header("location").unwrap().to_owned();
            assert!(
                there.starts_with(target) && there.ends_with("bff-without-session=1"),
                "{there}"
            );
            let response = world.send(gateway.subrequest("GET", &there).document()).await;
            gateway.expect_allowed(&response);
            assert_eq!(response.header("x-bff-customer-type"), Some(""));
            assert_eq!(world.auth_calls(), [""; 0]);
            // The marker in the address does not affect a shopper with a session.
            let jar = world.guest_cookies().await;
            let response =
                world.send(gateway.subrequest("GET", &there).document().cookies(&jar)).await;
            assert_eq!(response.header("x-bff-customer-type"), Some("guest"));
        }
    }
}

#[tokio::test]
async fn a_browser_that_stores_no_cookies_gets_an_error_not_a_loop() {
    let world = start_behind_nginx().await;
    let jar = world.guest_cookies().await;
    world.minutes_pass(40);
    let again = format!("{}&again=1", establish("/cart"));
    world
        .send(get(&again).document().cookies(&jar))
        .await
        .expect_problem_page(409, "login_conflict");
}

#[tokio::test]
async fn attacks_32_and_34_only_paths_of_this_site_are_returned_to() {
    let world = start_behind_nginx().await;
    let jar = world.guest_cookies().await;
    for hostile in [
        "//evil.test",
        "https://evil.test/",
        "/\\evil.test",
        "/%2F%2Fevil.test",
        "/bff/logout",
        "/bff/establish?return_to=/",
        "/a%0d%0aSet-Cookie:%20x=1",
        "",
    ] {
        let response = world.send(get(&establish(hostile)).document().cookies(&jar)).await;
        response.expect_location("/");
    }
    for bare in ["/bff/establish", "/bff/establish?", "/bff/establish?again=1"] {
        world.send(get(bare).document().cookies(&jar)).await.expect_location("/");
    }
}

#[tokio::test]
async fn promise_14_and_attack_24_a_foreign_image_creates_no_session() {
    let world = start_behind_nginx().await;
    let jar = world.guest_cookies().await;
    world.minutes_pass(40);
    world.forget_calls();
    for jar in [Cookies::default(), jar] {
        let image = get(&establish("/cart")).cookies(&jar).headers(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
        ]);
        world.send(image).await.expect_no_cookies();
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn an_outage_is_an_error_page_and_changes_nothing() {
    let world = start_behind_nginx().await;
    let jar = world.registered_cookies().await;
    world.minutes_pass(40);
    world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
    let response = world.send(get(&establish("/account")).document().cookies(&jar)).await;
    response.expect_problem_page(503, "upstream_unavailable").expect_no_cookies();
    assert!(response.header("retry-after").is_some());
    // A call, which would only renew the session, is not redirected either.
    let call = world.send(get(&establish("/api/me")).same_origin_fetch().cookies(&jar)).await;
    call.expect_problem(503, "upstream_unavailable");
    assert!(call.header("retry-after").is_some());
    call.expect_no_cookies();
    world.control().clear_faults();
    world.minutes_pass(1);
    assert_eq!(follow_establish(&world, "/cart", &mut jar.clone()).await, 2);
}

#[tokio::test]
async fn promise_15_and_kind_13_every_gateway_forwards_pages_in_an_outage() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered_cookies().await;
        world.minutes_pass(40);
        world.control().inject_fault(Upstream::Slas, Fault::Status(503, None), Times::Always);
        for jar in [jar, Cookies::default()] {
            let asked = gateway.subrequest("GET", "/cart").document().cookies(&jar);
            gateway.expect_establish(&world.send(asked).await, "/cart");
            let back = world.send(get(&establish("/cart")).document().cookies(&jar)).await;
            back.expect(303).expect_no_cookies();
            let there = back.header("location").unwrap();
            assert!(there.starts_with("/cart?bff-unavailable-at="), "{there}");
            let asked = gateway.subrequest("GET", there).document().cookies(&jar);
            let allowed = world.send(asked).await;
            gateway.expect_allowed(&allowed);
            for name in ["authorization", "cookie", "x-bff-customer-id"] {
                assert_eq!(allowed.header(name), Some(""), "{name}");
            }
            allowed.expect_no_cookies();
        }
    }
}

#[tokio::test]
async fn promise_2_an_expired_registered_session_is_reported() {
    let world = Gateway::Nginx.shop().site("session.login_page = \"/login\"").start().await;
    let jar = world.registered_cookies().await;
    world.control().revoke_refresh_token(jar.value("cc-nx"));
    world.minutes_pass(40);
    let call = world.send(get(&establish("/api/me")).same_origin_fetch().cookies(&jar)).await;
    call.expect_problem(401, "session_expired");
    assert_eq!(world.count(Operation::TokenRefresh), 1);
    let jar = world.registered_cookies().await;
    world.control().revoke_refresh_token(jar.value("cc-nx"));
    world.minutes_pass(40);
    let page = world.send(get(&establish("/account")).document().cookies(&jar)).await;
    page.expect_location("/login?error=session_expired&return_to=%2Faccount");
}

/// nginx hands a denied request over in headers.
#[tokio::test]
async fn a_request_denied_by_nginx_is_established_or_explained() {
    let world = start_behind_nginx().await;
    let handed = |method: &str, target: &str| {
        request(method, "/bff/establish").header("x-original-uri", target)
    };
    let target = "/s?q=a&b=c";
    let again = format!("{}&again=1", establish(target));
    world.send(handed("GET", target).document()).await.expect_location(&again);
    let jar = world.guest_cookies().await;
    world.minutes_pass(40);
    let call =
        handed("POST", BASKETS).same_origin_fetch().cookies(&jar).header("content-length", "0");
    world.send(call).await.expect_problem(401, "renewal_needed");
    let form = handed("POST", CART).document().cookies(&jar).header("content-length", "0");
    let form = form.header("origin", ORIGIN).header("referer", &format!("{ORIGIN}/cart"));
    world.send(form).await.expect_location(&establish("/cart"));
    world.send(handed("GET", "/x#y").document()).await.expect(400);
    let foreign = Gateway::Nginx.shop_for_peer("192.0.2.1").start().await;
    foreign.send(handed("GET", target).document()).await.expect(403);
}
