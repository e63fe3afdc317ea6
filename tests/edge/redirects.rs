//! The targets of redirects and the hosts of requests (attacks 32–38).

use testkit::{FixedHead, HOST, ORIGIN, Scenario, World, get, post};

const CORPUS: &[&str] = &[
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\/\\/evil.test",
    "/%09/evil.test",
    "/%0a/evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "/%2F%2Fevil.test",
    "/.//evil.test",
    "/./\\evil.test",
    "/..//evil.test",
    "https:evil.test",
    "https://evil.test",
    "https://shop.test@evil.test",
    "https://a@b@evil.test",
    "https://evil.test#shop.test",
    "https://shop.test.evil.test",
    "https://evilshop.test",
    "https://shop.test:22/",
    "https://shop.test./",
    "https://xn--shp-snai.test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "／／evil.test",
    "/／evil.test",
    "/;@evil.test",
    "@evil.test",
    "evil.test",
    "",
    " /cart",
    // Chains of our own routes.
    "/bff/logout",
    "/bff/login?return_to=//evil.test",
    "/bff/go?to=//evil.test",
    "/BFF/logout",
    "/./bff/logout",
    "/x/../bff/logout",
    // Header splitting.
    "/\r\nSet-Cookie: x=1",
    "/%0d%0aSet-Cookie:%20x=1",
    "/cart\u{0}",
];

/// Percent-encodes every byte that is not a letter or a digit.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn attacks_32_to_35_a_redirect_stays_on_this_site() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    let mut connection = world.connect().await;
    for target in CORPUS {
        // Encoded once is correct; encoded twice, an upstream might decode it once more.
        for sent in [encoded(target), encoded(&encoded(target))] {
            let request = get(&format!("/bff/go?to={sent}")).document().cookies(&jar);
            connection.write(request.bytes()).await;
            let response = connection.response("GET").await;
            assert_eq!(response.header("location"), Some("/"), "{target:?} as {sent}");
            assert_eq!(response.header("x"), None);
            assert!(response.all("set-cookie").iter().all(|cookie| !cookie.starts_with("x=")));
        }
    }
}

#[tokio::test]
async fn attacks_32_to_35_a_form_redirects_within_this_site() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    for target in CORPUS {
        for sent in [encoded(target), encoded(&encoded(target))] {
            let form = format!("return_to={sent}&all_devices=false");
            connection.write(post("/bff/logout").same_origin_fetch().form(&form).bytes()).await;
            let response = connection.response("POST").await;
            assert_eq!(response.header("location"), Some("/"), "{target:?} as {sent}");
        }
    }
    for target in ["//evil.test", "/\\evil.test", "https://evil.test", "/bff/logout"] {
        world.seconds_pass(2);
        let sent = encoded(target);
        let form = format!("username=jo%40example.com&password=Tandem-2026&return_to={sent}");
        let response = world.send(post("/bff/login").same_origin_fetch().form(&form)).await;
        response.expect_location("/");
    }
}

#[tokio::test]
async fn a_path_of_this_site_is_redirected_to_unchanged() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    for target in ["/cart", "/s/RefArch/search?q=caf%C3%A9&x=//y", "/p/100%25-wool"] {
        let request = get(&format!("/bff/go?to={}", encoded(target))).document().cookies(&jar);
        world.send(request).await.expect_location(target);
    }
}

#[tokio::test]
async fn attack_37_a_redirect_target_of_ten_thousand_bytes_is_ignored() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    let long = format!("/bff/go?to=/{}", "a".repeat(7000));
    world.send(get(&long).document().cookies(&jar)).await.expect_location("/");
    let form = format!("return_to=/{}", "a".repeat(10_000));
    let response =
        world.send(post("/bff/logout").same_origin_fetch().cookies(&jar).form(&form)).await;
    response.expect_location("/");
}

#[tokio::test]
async fn attacks_33_and_38_only_the_sites_own_hosts_are_served() {
    let world = World::start().await;
    world.forget_calls();
    for host in [
        "evil.test",
        "evilshop.test",
        "shop.test.evil.test",
        "sub.shop.test",
        "shop.test:22",
        "shop.test:444",
        "shop.test.",
        "xn--shp-snai.test",
        "localhost",
        "127.0.0.1",
        "user@shop.test",
    ] {
        for request in [get("/").document(), post("/bff/session").header("x-bff", "1")] {
            let response = world.send(request.host(host)).await;
            assert!(matches!(response.status, 400 | 421), "{host}: {}", response.status);
            response.expect_no_cookies();
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    world.send(get("/bff/session").host("SHOP.test")).await.expect(200);
}

#[tokio::test]
async fn attack_38_a_forwarded_host_is_ignored() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let spoofed = [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "666"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "host=evil.test"),
    ];
    world.send(get("/").document().headers(&spoofed)).await.expect(200);
    let (headers, _) = &head.requests()[0];
    assert_eq!(headers.all("x-forwarded-host"), [HOST]);
    assert_eq!(headers.all("x-forwarded-proto"), ["https"]);
    assert_eq!(headers.all("x-forwarded-for"), ["127.0.0.1"]);
    for name in ["x-forwarded-port", "x-real-ip", "forwarded"] {
        assert_eq!(headers.header(name), None, "{name}");
    }
    let response = world.send(get("/bff/go?to=/cart").document().headers(&spoofed)).await;
    response.expect_location("/cart");
    let evil = post("/bff/session").headers(&spoofed).header("origin", "https://evil.test");
    world.send(evil).await.expect_problem(403, "csrf_rejected");
    let own = post("/bff/session").headers(&spoofed).header("origin", ORIGIN);
    world.send(own).await.expect(200);
}
