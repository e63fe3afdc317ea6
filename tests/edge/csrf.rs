//! Only our own pages and listed origins may change state (attacks 19–28).

use testkit::{Cookies, FixedHead, HOST, ORIGIN, Scenario, World, get, post, request};

const CHANGING: [&str; 3] = ["/bff/session", "/bff/login", "/bff/logout"];

/// Every set of headers that a foreign page, or a careless client, may send.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[],
    &[("x-bff", "0")],
    &[("x-bff", "")],
    &[("x-bff", "1"), ("sec-fetch-site", "cross-site")],
    &[("x-bff", "1"), ("sec-fetch-site", "same-site")],
    &[("x-bff", "1"), ("sec-fetch-site", "Same-Origin")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", ORIGIN)],
    &[("sec-fetch-site", "same-site"), ("origin", "https://pay.shop.test")],
    &[("x-bff", "1"), ("origin", "https://evil.test")],
    &[("x-bff", "1"), ("origin", "null")],
    &[("x-bff", "1"), ("origin", "")],
    &[("x-bff", "1"), ("origin", "https://shop.test.evil.test")],
    &[("x-bff", "1"), ("origin", "https://evilshop.test")],
    &[("x-bff", "1"), ("origin", "https://shop.test:444")],
    &[("x-bff", "1"), ("origin", "http://shop.test")],
    &[("x-bff", "1"), ("origin", "https://shop.test, https://evil.test")],
    &[("x-bff", "1"), ("origin", ORIGIN), ("origin", "https://evil.test")],
    &[("x-bff", "1"), ("origin", "https://evil.test"), ("origin", ORIGIN)],
];

#[tokio::test]
async fn attacks_19_to_23_no_foreign_page_changes_state() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    let before = world.session(&jar).await;
    world.forget_calls();
    for headers in FOREIGN {
        for route in CHANGING {
            let request = post(route).headers(headers).cookies(&jar).json("{}");
            let response = world.send(request).await;
            assert_eq!(response.status, 403, "{route} {headers:?}");
            response.expect_problem(403, "csrf_rejected").expect_no_cookies();
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    let after = world.session(&jar).await;
    assert_eq!(after["customer_id"], before["customer_id"]);
    assert_eq!(after["customer_type"], "registered");
}

#[tokio::test]
async fn our_own_pages_and_listed_origins_may_change_state() {
    let world = Scenario::default().site(r#"cors_origins = ["https://app.test"]"#).start().await;
    let jar = world.guest_cookies().await;
    let allowed: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", ORIGIN)],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://app.test")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://app.test")],
        &[("origin", "https://app.test")],
        &[("x-bff", "1")],
    ];
    for headers in allowed {
        let response = world.send(post("/bff/session").headers(headers).cookies(&jar)).await;
        assert_eq!(response.status, 200, "{headers:?} {}", response.text());
    }
}

#[tokio::test]
async fn attack_24_an_image_cannot_log_in_or_out() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    world.forget_calls();
    for route in ["/bff/logout", "/bff/login"] {
        for dest in ["image", "iframe", "script"] {
            for method in ["GET", "HEAD"] {
                let request = request(method, route).header("sec-fetch-dest", dest).cookies(&jar);
                let response = world.send(request).await;
                response.expect(405).expect_no_cookies();
                assert_eq!(response.header("allow"), Some("POST"), "{method} {route}");
            }
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!(world.session(&jar).await["customer_type"], "registered");
}

#[tokio::test]
async fn attack_25_a_simple_request_with_json_is_no_login() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    world.forget_calls();
    let credentials = r#"{"username":"jo@example.com","password":"Tandem-2026"}"#;
    let simple = post("/bff/login").header("content-type", "text/plain").cookies(&jar);
    let simple = simple.body(credentials);
    world.send(simple.clone()).await.expect_problem(403, "csrf_rejected");
    world.send(simple.same_origin_fetch()).await.expect_problem(400, "bad_request");
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_26_a_header_or_parameter_cannot_change_the_method() {
    let overrides = [
        ("x-http-method-override", "POST"),
        ("x-http-method", "POST"),
        ("x-method-override", "POST"),
    ];
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.registered_cookies().await;
    let before = head.requests().len();
    let request =
        get("/bff/logout?_method=POST").headers(&overrides).same_origin_fetch().cookies(&jar);
    world.send(request).await.expect_problem(405, "not_allowed");
    assert_eq!(world.session(&jar).await["customer_type"], "registered");
    world
        .send(get("/account").headers(&overrides).same_origin_fetch().cookies(&jar))
        .await
        .expect(200);
    let (headers, _) = &head.requests()[before];
    assert!(headers.first.starts_with("GET "), "{}", headers.first);
    for (name, _) in overrides {
        assert_eq!(headers.header(name), None, "{name} reaches the Head");
    }
}

#[tokio::test]
async fn attack_27_a_preflight_allows_exactly_the_listed_origins() {
    let world = Scenario::default().site(r#"cors_origins = ["https://app.test"]"#).start().await;
    world.forget_calls();
    let preflight = |origin: &str| {
        request("OPTIONS", "/bff/login")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-bff")
    };
    for origin in
        ["https://evil.test", "null", "https://app.test.evil.test", "http://app.test", "*"]
    {
        let response = world.send(preflight(origin)).await;
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
    }
    let response = world.send(preflight("https://app.test")).await;
    response.expect_no_cookies();
    assert_eq!(response.header("access-control-allow-origin"), Some("https://app.test"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    let vary = response.all("vary").join(",").to_ascii_lowercase();
    assert!(vary.contains("origin"), "{vary}");
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_27_only_a_listed_origin_may_read_responses() {
    let world = Scenario::default().site(r#"cors_origins = ["https://app.test"]"#).start().await;
    for (origin, readable) in
        [("https://app.test", true), ("https://evil.test", false), ("null", false)]
    {
        for request in [get("/bff/session"), post("/bff/logout"), get("/bff/nothing")] {
            let response = world.send(request.header("origin", origin)).await;
            let allowed = response.header("access-control-allow-origin");
            assert_eq!(allowed, readable.then_some(origin), "{origin} {}", response.status);
            let vary = response.all("vary").join(",").to_ascii_lowercase();
            assert!(vary.contains("origin"), "{vary}");
        }
    }
}

#[tokio::test]
async fn attack_28_a_foreign_form_cannot_log_a_shopper_in() {
    let world = World::start().await;
    let form = "username=sam%40example.com&password=Tandem-2026&return_to=/";
    for jar in [Cookies::default(), world.registered_cookies().await] {
        world.forget_calls();
        let request = post("/bff/login").document().cookies(&jar).form(form);
        let request =
            request.header("origin", "https://evil.test").header("referer", "https://evil.test/");
        // `document()` sends "none"; the browser of a foreign form sends "cross-site".
        let foreign = String::from_utf8(request.bytes()).unwrap();
        let foreign = foreign.replace("sec-fetch-site: none", "sec-fetch-site: cross-site");
        let response = world.send_bytes(foreign).await;
        response.expect_problem_page(403, "csrf_rejected").expect_no_cookies();
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn attacks_28_and_36_the_callback_reflects_nothing() {
    let world = World::start().await;
    let evil = "/bff/callback?code=x&state=y&error=<script>alert(1)</script>";
    let response = world.send_bytes(format!("GET {evil} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
    assert!(matches!(response.status, 400 | 404), "{}", response.status);
    assert!(!response.text().contains("script"));
    let encoded = get("/bff/callback?code=x&state=y&error=%3Cscript%3Ealert(1)%3C/script%3E");
    let response = world.send(encoded.document()).await;
    response.expect_problem_page(404, "not_found").expect_no_cookies();
    assert!(!response.text().contains("alert"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
}
