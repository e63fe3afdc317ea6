//! Every rejection is the same problem: JSON for scripts, a page for people.

use testkit::{FixedHead, Scenario, World, get, post, request};

#[tokio::test]
async fn a_wrong_method_is_405_with_allow() {
    let world = World::start().await;
    for (route, methods, allowed) in [
        ("/bff/session", ["PUT", "DELETE", "PATCH"], "GET,HEAD,POST"),
        ("/bff/login", ["GET", "HEAD", "PUT"], "POST"),
        ("/bff/logout", ["GET", "DELETE", "PATCH"], "POST"),
        ("/bff/go", ["POST", "PUT", "DELETE"], "GET,HEAD"),
    ] {
        for method in methods {
            let response = world.send(request(method, route).same_origin_fetch()).await;
            response.expect(405).expect_no_cookies();
            assert_eq!(response.header("allow"), Some(allowed), "{method} {route}");
            if method != "HEAD" {
                response.expect_problem(405, "not_allowed");
            }
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_31_unusual_methods_are_rejected_everywhere() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.guest_cookies().await;
    let before = head.requests().len();
    for method in ["TRACE", "CONNECT", "PRI", "TRACK", "DEBUG", "PROPFIND", "FOO", "get"] {
        for target in ["/bff/session", "/bff/login", "/cart", "/assets/app.js", "*"] {
            let response =
                world.send(request(method, target).same_origin_fetch().cookies(&jar)).await;
            let status = response.status;
            assert!(matches!(status, 400 | 405 | 421 | 501), "{method} {target}: {status}");
            assert!(!response.text().contains(jar.value("token")));
        }
    }
    for target in ["shop.test", "shop.test:443", "evil.test:443"] {
        let bytes = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
        let status = world.send_bytes(bytes).await.status;
        assert!(matches!(status, 400 | 405 | 421 | 501), "CONNECT {target}: {status}");
    }
    assert_eq!(head.requests().len(), before, "the Head received a request");
}

#[tokio::test]
async fn attack_31_head_is_treated_like_get() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    for target in ["/bff/session", "/bff/go?to=/cart", "/", "/nothing", "/bff/nothing"] {
        let full = world.send(get(target).document().cookies(&jar)).await;
        let head = world.send(request("HEAD", target).document().cookies(&jar)).await;
        assert_eq!(head.status, full.status, "{target}");
        for name in ["content-type", "cache-control", "location"] {
            assert_eq!(head.header(name), full.header(name), "{name} of {target}");
        }
    }
    let response = world.send(request("HEAD", "/").document().host("evil.test")).await;
    response.expect(421);
    // A page requested by HEAD creates a session like one requested by GET.
    let landing = world.send(request("HEAD", "/").document()).await;
    assert!(!landing.expect(200).all("set-cookie").is_empty());
}

#[tokio::test]
async fn an_unknown_route_of_ours_is_404() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    for path in [
        "/bff/",
        "/bff/nothing",
        "/bff/session/",
        "/bff/session/x",
        "/bff/Session",
        "/bff/login/google",
        "/bff/callback",
        "/bff/auth",
        "/bff/bridges",
        "/bff/diagnostics",
        "/bff/%73ession",
        "/bff/..",
        "/bff/app.js",
    ] {
        world.send(get(path).same_origin_fetch()).await.expect_problem(404, "not_found");
        world.send(get(path).document()).await.expect_problem_page(404, "not_found");
        let change = post(path).same_origin_fetch().json("{}");
        world.send(change).await.expect_problem(404, "not_found").expect_no_cookies();
    }
    assert!(head.requests().is_empty());
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_52_the_public_listener_has_no_admin_routes() {
    let head =
        FixedHead::responding("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nhead").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    for path in ["/metrics", "/livez", "/readyz", "/debug/pprof", "/admin", "/.env"] {
        // It is forwarded to the Head like every other path of the shop.
        let response = world.send(get(path)).await;
        assert_eq!(response.expect(404).text(), "head", "{path}");
        world.send(get(path).host("localhost")).await.expect_problem(421, "bad_request");
        world.send(get(path).host("127.0.0.1")).await.expect_problem(421, "bad_request");
    }
    for (path, word) in [("/livez", "alive"), ("/readyz", "ready"), ("/metrics", "# EOF")] {
        let mut connection = testkit::Connection::open(world.admin).await;
        connection.write(get(path).bytes()).await;
        assert!(connection.response("GET").await.expect(200).text().contains(word));
    }
    for path in ["/", "/bff/session", "/bff/go", "/cart"] {
        let mut connection = testkit::Connection::open(world.admin).await;
        connection.write(get(path).bytes()).await;
        connection.response("GET").await.expect(404);
    }
}

#[tokio::test]
async fn a_body_that_is_neither_json_nor_a_form_is_400() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    world.forget_calls();
    let login = || post("/bff/login").same_origin_fetch().cookies(&jar);
    for request in [
        login(),
        login().json(""),
        login().json("{"),
        login().json("[]"),
        login().json("null"),
        login().json("{}"),
        login().json(r#"{"username":"jo"}"#),
        login().json(r#"{"username":"jo","password":""}"#),
        login().json(r#"{"username":"","password":"x"}"#),
        login().json(r#"{"username":1,"password":2}"#),
        login().json(r#"{"username":"a","username":"b","password":"x"}"#),
        login().json(r#"{"username":"a:b","password":"x"}"#),
        login().json(&format!(r#"{{"username":"{}","password":"x"}}"#, "x".repeat(1025))),
        login().form("username=jo"),
        login().form("username=a&username=b&password=x"),
        login().form(r#"{"username":"jo@example.com","password":"Tandem-2026"}"#),
        login().header("content-type", "text/xml").body("<login/>"),
        login().header("content-type", "multipart/form-data; boundary=x").body("--x--"),
        login().header("content-type", "application/json").header("content-type", "text/plain"),
        post("/bff/session").same_origin_fetch().json("[1]"),
        post("/bff/session").same_origin_fetch().json(r#"{"dwsgst":"a b"}"#),
        post("/bff/session").same_origin_fetch().json(r#"{"unknown":1}"#),
        post("/bff/logout").same_origin_fetch().cookies(&jar).json("nonsense"),
        post("/bff/logout").same_origin_fetch().cookies(&jar).json(r#"{"all_devices":"perhaps"}"#),
    ] {
        let sent = String::from_utf8(request.bytes()).unwrap();
        let response = world.send(request).await;
        assert_eq!(response.status, 400, "{sent}\n{}", response.text());
        response.expect_problem(400, "bad_request").expect_no_cookies();
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!(world.session(&jar).await["customer_type"], "guest");
}

#[tokio::test]
async fn a_truncated_body_is_400_and_changes_nothing() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    world.forget_calls();
    let request =
        post("/bff/logout").same_origin_fetch().cookies(&jar).header("content-length", "100");
    let mut connection = world.begin(&request).await;
    connection.write("{\"all_devices\":true}").await;
    connection.finish().await;
    if let Some(response) = connection.try_response(false).await {
        response.expect_problem(400, "bad_request");
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!(world.session(&jar).await["customer_type"], "registered");
}

#[tokio::test]
async fn people_get_a_page_and_scripts_get_json() {
    let world = World::start().await;
    let missing = |headers: &[(&str, &str)]| get("/bff/nothing").headers(headers);
    for headers in [
        &[("sec-fetch-mode", "navigate"), ("accept", "application/json")][..],
        &[("accept", "text/html,application/xhtml+xml")],
    ] {
        let response = world.send(missing(headers)).await;
        response.expect_problem_page(404, "not_found");
        assert!(response.text().contains("There is nothing here."));
    }
    for headers in [
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")][..],
        &[("accept", "*/*")],
        &[("accept", "application/json")],
        &[],
    ] {
        world.send(missing(headers)).await.expect_problem(404, "not_found");
    }
    world.send(get("/").document().host("evil.test")).await.expect_problem_page(421, "bad_request");
}

#[tokio::test]
async fn attack_81_the_session_is_never_compressed() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    let request = get("/bff/session").same_origin_fetch().cookies(&jar);
    let response = world.send(request.header("accept-encoding", "gzip, br, zstd")).await;
    assert_eq!(response.header("content-encoding"), None);
    assert_eq!(response.json()["customer_type"], "registered");
}
