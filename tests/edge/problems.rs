//! What is refused, is refused in the same words: for scripts as JSON, for people as a page.

use crate::support::{StandIn, World, get, post, request};

#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_is_right() {
    let world = World::start().await;
    for (route, methods, allowed) in [
        ("/bff/session", ["PUT", "DELETE", "PATCH"], "GET,HEAD,POST"),
        ("/bff/login", ["GET", "HEAD", "PUT"], "POST"),
        ("/bff/logout", ["GET", "DELETE", "PATCH"], "POST"),
        ("/bff/go", ["POST", "PUT", "DELETE"], "GET,HEAD"),
    ] {
        for method in methods {
            let answer = world.ask(request(method, route).own_page()).await;
            answer.expect(405).expect_no_cookies();
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {route}");
            if method != "HEAD" {
                answer.expect_problem(405, "not_allowed");
            }
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_31_unusual_methods_are_refused_everywhere() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    let jar = world.guest().await;
    let before = head.asked().len();
    for method in ["TRACE", "CONNECT", "PRI", "TRACK", "DEBUG", "PROPFIND", "FOO", "get"] {
        for target in ["/bff/session", "/bff/login", "/cart", "/assets/app.js", "*"] {
            let answer = world.ask(request(method, target).own_page().cookies(&jar)).await;
            let status = answer.status;
            assert!(matches!(status, 400 | 405 | 421 | 501), "{method} {target}: {status}");
            assert!(!answer.text().contains(jar.value("token")));
        }
    }
    for target in ["shop.test", "shop.test:443", "evil.test:443"] {
        let bytes = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
        let status = world.ask_raw(bytes).await.status;
        assert!(matches!(status, 400 | 405 | 421 | 501), "CONNECT {target}: {status}");
    }
    assert_eq!(head.asked().len(), before, "the Head was asked");
}

#[tokio::test]
async fn attack_31_head_is_judged_as_get_is() {
    let world = World::start().await;
    let jar = world.guest().await;
    for target in ["/bff/session", "/bff/go?to=/cart", "/", "/nothing", "/bff/nothing"] {
        let full = world.ask(get(target).document().cookies(&jar)).await;
        let head = world.ask(request("HEAD", target).document().cookies(&jar)).await;
        assert_eq!(head.status, full.status, "{target}");
        for name in ["content-type", "cache-control", "location"] {
            assert_eq!(head.header(name), full.header(name), "{name} of {target}");
        }
    }
    let answer = world.ask(request("HEAD", "/").document().host("evil.test")).await;
    answer.expect(421);
    // A page asked for by HEAD begins a session like one asked for by GET.
    let landing = world.ask(request("HEAD", "/").document()).await;
    assert!(!landing.expect(200).all("set-cookie").is_empty());
}

#[tokio::test]
async fn what_is_not_a_route_of_ours_is_404_and_never_the_heads() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
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
        world.ask(get(path).own_page()).await.expect_problem(404, "not_found");
        world.ask(get(path).document()).await.expect_problem_page(404, "not_found");
        let change = post(path).own_page().json("{}");
        world.ask(change).await.expect_problem(404, "not_found").expect_no_cookies();
    }
    assert!(head.asked().is_empty());
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_52_nothing_of_the_admin_listener_is_on_the_public_one() {
    let head = StandIn::answering("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nhead").await;
    let world = World::with().head(head.address).start().await;
    for path in ["/metrics", "/livez", "/readyz", "/debug/pprof", "/admin", "/.env"] {
        // To the Head it goes, as every other path of the shop.
        let answer = world.ask(get(path)).await;
        assert_eq!(answer.expect(404).text(), "head", "{path}");
        world.ask(get(path).host("localhost")).await.expect_problem(421, "bad_request");
        world.ask(get(path).host("127.0.0.1")).await.expect_problem(421, "bad_request");
    }
    for (path, word) in [("/livez", "alive"), ("/readyz", "ready"), ("/metrics", "# EOF")] {
        let mut line = crate::support::Line::open(world.admin).await;
        line.write(get(path).bytes()).await;
        assert!(line.answer("GET").await.expect(200).text().contains(word));
    }
    for path in ["/", "/bff/session", "/bff/go", "/cart"] {
        let mut line = crate::support::Line::open(world.admin).await;
        line.write(get(path).bytes()).await;
        line.answer("GET").await.expect(404);
    }
}

#[tokio::test]
async fn a_body_that_is_neither_json_nor_a_form_is_400() {
    let world = World::start().await;
    let jar = world.guest().await;
    world.forget_calls();
    let login = || post("/bff/login").own_page().cookies(&jar);
    for ask in [
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
        post("/bff/session").own_page().json("[1]"),
        post("/bff/session").own_page().json(r#"{"dwsgst":"a b"}"#),
        post("/bff/session").own_page().json(r#"{"unknown":1}"#),
        post("/bff/logout").own_page().cookies(&jar).json("nonsense"),
        post("/bff/logout").own_page().cookies(&jar).json(r#"{"all_devices":"perhaps"}"#),
    ] {
        let sent = String::from_utf8(ask.bytes()).unwrap();
        let answer = world.ask(ask).await;
        assert_eq!(answer.status, 400, "{sent}\n{}", answer.text());
        answer.expect_problem(400, "bad_request").expect_no_cookies();
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    assert_eq!(world.session(&jar).await["customer_type"], "guest");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400_and_changes_nothing() {
    let world = World::start().await;
    let jar = world.registered().await;
    world.forget_calls();
    let ask = post("/bff/logout").own_page().cookies(&jar).header("content-length", "100");
    let mut line = world.line().await;
    line.write(ask.bytes()).await;
    line.write("{\"all_devices\":true}").await;
    line.finish().await;
    if let Some(answer) = line.try_answer(false).await {
        answer.expect_problem(400, "bad_request");
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
        let answer = world.ask(missing(headers)).await;
        answer.expect_problem_page(404, "not_found");
        assert!(answer.text().contains("There is nothing here."));
    }
    for headers in [
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")][..],
        &[("accept", "*/*")],
        &[("accept", "application/json")],
        &[],
    ] {
        world.ask(missing(headers)).await.expect_problem(404, "not_found");
    }
    world.ask(get("/").document().host("evil.test")).await.expect_problem_page(421, "bad_request");
}

#[tokio::test]
async fn attack_81_the_session_is_never_compressed() {
    let world = World::start().await;
    let jar = world.registered().await;
    let ask = get("/bff/session").own_page().cookies(&jar);
    let answer = world.ask(ask.header("accept-encoding", "gzip, br, zstd")).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.json()["customer_type"], "registered");
}
