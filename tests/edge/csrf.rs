//! Only our own pages and listed origins may change state (attacks 19–28).

use crate::support::{HOST, Jar, ORIGIN, StandIn, World, get, post, request};

const CHANGING: [&str; 3] = ["/bff/session", "/bff/login", "/bff/logout"];

/// Every set of headers with which a foreign page, or a careless client, may come.
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
    let jar = world.registered().await;
    let before = world.session(&jar).await;
    world.forget_calls();
    for headers in FOREIGN {
        for route in CHANGING {
            let ask = post(route).headers(headers).cookies(&jar).json("{}");
            let answer = world.ask(ask).await;
            assert_eq!(answer.status, 403, "{route} {headers:?}");
            answer.expect_problem(403, "csrf_rejected").expect_no_cookies();
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    let after = world.session(&jar).await;
    assert_eq!(after["customer_id"], before["customer_id"]);
    assert_eq!(after["customer_type"], "registered");
}

#[tokio::test]
async fn our_own_pages_and_listed_origins_may_change_state() {
    let world = World::with().site(r#"cors_origins = ["https://app.test"]"#).start().await;
    let jar = world.guest().await;
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
        let answer = world.ask(post("/bff/session").headers(headers).cookies(&jar)).await;
        assert_eq!(answer.status, 200, "{headers:?} {}", answer.text());
    }
}

#[tokio::test]
async fn attack_24_a_picture_cannot_log_in_or_out() {
    let world = World::start().await;
    let jar = world.registered().await;
    world.forget_calls();
    for route in ["/bff/logout", "/bff/login"] {
        for dest in ["image", "iframe", "script"] {
            for method in ["GET", "HEAD"] {
                let ask = request(method, route).header("sec-fetch-dest", dest).cookies(&jar);
                let answer = world.ask(ask).await;
                answer.expect(405).expect_no_cookies();
                assert_eq!(answer.header("allow"), Some("POST"), "{method} {route}");
            }
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!(world.session(&jar).await["customer_type"], "registered");
}

#[tokio::test]
async fn attack_25_a_simple_request_with_json_inside_is_no_login() {
    let world = World::start().await;
    let jar = world.guest().await;
    world.forget_calls();
    let credentials = r#"{"username":"jo@example.com","password":"Tandem-2026"}"#;
    let simple = post("/bff/login").header("content-type", "text/plain").cookies(&jar);
    let simple = simple.body(credentials);
    world.ask(simple.clone()).await.expect_problem(403, "csrf_rejected");
    world.ask(simple.own_page()).await.expect_problem(400, "bad_request");
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_26_a_header_or_parameter_cannot_change_the_method() {
    let overrides = [
        ("x-http-method-override", "POST"),
        ("x-http-method", "POST"),
        ("x-method-override", "POST"),
    ];
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    let jar = world.registered().await;
    let asked = head.asked().len();
    let ask = get("/bff/logout?_method=POST").headers(&overrides).own_page().cookies(&jar);
    world.ask(ask).await.expect_problem(405, "not_allowed");
    assert_eq!(world.session(&jar).await["customer_type"], "registered");
    world.ask(get("/account").headers(&overrides).own_page().cookies(&jar)).await.expect(200);
    let (top, _) = &head.asked()[asked];
    assert!(top.first.starts_with("GET "), "{}", top.first);
    for (name, _) in overrides {
        assert_eq!(top.header(name), None, "{name} reaches the Head");
    }
}

#[tokio::test]
async fn attack_27_a_preflight_names_listed_origins_exactly_and_no_others() {
    let world = World::with().site(r#"cors_origins = ["https://app.test"]"#).start().await;
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
        let answer = world.ask(preflight(origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    let answer = world.ask(preflight("https://app.test")).await;
    answer.expect_no_cookies();
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.test"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let vary = answer.all("vary").join(",").to_ascii_lowercase();
    assert!(vary.contains("origin"), "{vary}");
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_27_only_a_listed_origin_may_read_answers() {
    let world = World::with().site(r#"cors_origins = ["https://app.test"]"#).start().await;
    for (origin, readable) in
        [("https://app.test", true), ("https://evil.test", false), ("null", false)]
    {
        for ask in [get("/bff/session"), post("/bff/logout"), get("/bff/nothing")] {
            let answer = world.ask(ask.header("origin", origin)).await;
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, readable.then_some(origin), "{origin} {}", answer.status);
            let vary = answer.all("vary").join(",").to_ascii_lowercase();
            assert!(vary.contains("origin"), "{vary}");
        }
    }
}

#[tokio::test]
async fn attack_28_a_foreign_form_cannot_log_the_shopper_in_as_somebody_else() {
    let world = World::start().await;
    let form = "username=sam%40example.com&password=Tandem-2026&return_to=/";
    for jar in [Jar::default(), world.registered().await] {
        world.forget_calls();
        let ask = post("/bff/login").document().cookies(&jar).form(form);
        let ask = ask.header("origin", "https://evil.test").header("referer", "https://evil.test/");
        // `document()` says "none"; the browser of a foreign form says where it comes from.
        let foreign = String::from_utf8(ask.bytes()).unwrap();
        let foreign = foreign.replace("sec-fetch-site: none", "sec-fetch-site: cross-site");
        let answer = world.ask_raw(foreign).await;
        answer.expect_problem_page(403, "csrf_rejected").expect_no_cookies();
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn attacks_28_and_36_there_is_no_callback_to_abuse_and_nothing_is_reflected() {
    let world = World::start().await;
    let evil = "/bff/callback?code=x&state=y&error=<script>alert(1)</script>";
    let answer = world.ask_raw(format!("GET {evil} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
    assert!(matches!(answer.status, 400 | 404), "{}", answer.status);
    assert!(!answer.text().contains("script"));
    let encoded = get("/bff/callback?code=x&state=y&error=%3Cscript%3Ealert(1)%3C/script%3E");
    let answer = world.ask(encoded.document()).await;
    answer.expect_problem_page(404, "not_found").expect_no_cookies();
    assert!(!answer.text().contains("alert"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
