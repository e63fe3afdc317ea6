//! What crosses the proxy, in which pieces, and what a Head that fails looks like from outside.

use std::time::Duration;

use tandem_sandbox::Operation;

use crate::support::{Head, Jar, StandIn, World, get, post};

#[tokio::test]
async fn an_answer_arrives_piece_by_piece_while_the_head_still_writes() {
    let head = Head::bind().await;
    let world = World::with().head(head.address).start().await;
    let mut line = world.line().await;
    line.write(get("/stream").own_page().bytes()).await;
    let (mut upstream, _) = head.asked().await;
    upstream.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(line.top().await.unwrap().first, "HTTP/1.1 200 OK");
    for piece in ["one", "two", "three"] {
        upstream.write(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        assert_eq!(line.chunk().await.unwrap(), piece.as_bytes());
    }
    upstream.write("0\r\n\r\n").await;
    assert_eq!(line.chunk().await.unwrap(), b"");
}

#[tokio::test]
async fn an_upload_reaches_the_head_piece_by_piece_while_the_browser_still_sends() {
    let head = Head::bind().await;
    let world = World::with().head(head.address).start().await;
    let mut line = world.line().await;
    let ask = post("/upload").own_page().header("content-length", "10");
    line.write(ask.bytes()).await;
    line.write("first").await;
    let (mut upstream, top) = head.asked().await;
    assert_eq!(top.header("content-length"), Some("10"));
    assert_eq!(upstream.take(5).await, b"first");
    line.write("final").await;
    assert_eq!(upstream.take(5).await, b"final");
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    line.answer("POST").await.expect(204);
}

#[tokio::test]
async fn a_large_upload_passes_whole_and_is_not_limited_as_our_own_routes_are() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    let jar = world.guest().await;
    let before = head.asked().len();
    let body: String = ('a'..='z').cycle().take(2_000_000).collect();
    world.ask(post("/upload").own_page().cookies(&jar).body(&body)).await.expect(200);
    let (_, received) = &head.asked()[before];
    assert!(received == body.as_bytes(), "{} octets of {}", received.len(), body.len());
}

#[tokio::test]
async fn attacks_59_and_60_hop_by_hop_headers_cross_in_neither_direction() {
    let head = StandIn::answering(
        "HTTP/1.1 200 OK\r\nconnection: close, X-Internal\r\nx-internal: secret\r\n\
         keep-alive: timeout=5\r\nproxy-authenticate: Basic\r\ntrailer: x-sum\r\n\
         upgrade: h2c\r\nx-kept: yes\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let world = World::with().head(head.address).start().await;
    let jar = world.guest().await;
    let before = head.asked().len();
    let ask = get("/page").document().cookies(&jar).headers(&[
        ("connection", "keep-alive, X-Secret, Cookie, X-Forwarded-Host, X-Request-Id, Host"),
        ("x-secret", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("upgrade", "websocket"),
        ("x-kept", "yes"),
    ]);
    let answer = world.ask(ask).await;
    assert_eq!(answer.expect(200).text(), "ok");
    assert_eq!(answer.header("x-kept"), Some("yes"));
    for name in ["x-internal", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    // Not for one hop: it announces what comes with the body.
    assert_eq!(answer.header("trailer"), Some("x-sum"));
    let (top, _) = &head.asked()[before];
    for gone in
        ["x-secret", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"]
    {
        assert!(!top.names().contains(&gone), "{gone} reaches the Head");
    }
    // What we add ourselves cannot be named away.
    assert!(top.header("cookie").unwrap().contains(jar.value("token")));
    assert_eq!(top.header("x-forwarded-host"), Some("shop.test"));
    assert!(top.header("x-request-id").is_some());
    assert_eq!(top.header("x-kept"), Some("yes"));
}

#[tokio::test]
async fn our_own_memory_never_reaches_the_head() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    let jar = world.guest().await;
    for path in ["/page", "/assets/app.js"] {
        world.ask(get(path).document().cookies(&jar)).await.expect(200);
        let asked = head.asked();
        let (top, _) = asked.last().unwrap();
        let cookies = top.all("cookie").join("; ");
        assert!(!cookies.contains("__Host-tandem"), "{path}");
        assert!(cookies.contains("usid="), "{path}");
    }
}

#[tokio::test]
async fn a_path_goes_on_as_the_same_octets() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    for path in [
        "/%62ff/session",
        "/x;y=1?z=%2F&z=//",
        "/%C3%A9?q=%00&to=/../x",
        "/product/a%2Fb",
        "/100%25?",
        "/~a/'b'/(c)/!$&,=:@",
    ] {
        let before = head.asked().len();
        let answer = world.ask(get(path).own_page()).await;
        answer.expect(200).expect_no_cookies();
        let (top, _) = &head.asked()[before];
        assert_eq!(top.first, format!("GET {path} HTTP/1.1"));
    }
}

#[tokio::test]
async fn attacks_39_and_40_a_path_that_can_be_read_in_two_ways_reaches_no_upstream() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    for path in [
        "/api/../bff/x",
        "/api/%2e%2e/on/demandware.store/x",
        "/api/%252e%252e/x",
        "/api/..;/x",
        "/api\\..\\x",
        "/api/%5c..",
        "//api/x",
        "/a//b",
        "/a/./b?",
        "/a%0d%0aset-cookie:%20x=1",
        "/api/x%00.png",
        "/assets/..%2fapi/x",
        "/assets/%c0%ae%c0%ae/x",
        "/on%2fdemandware.store%2F..%2F",
    ] {
        let answer = world.ask(get(path).own_page()).await;
        answer.expect_problem(400, "bad_request").expect_no_cookies();
    }
    assert!(head.asked().is_empty(), "{:?}", head.asked());
}

#[tokio::test]
async fn a_head_that_is_down_is_502_for_people_and_for_scripts() {
    let head = Head::bind().await;
    let address = head.address;
    drop(head);
    let world = World::with().head(address).start().await;
    let page = world.ask(get("/").document()).await;
    page.expect_problem_page(502, "upstream_unavailable");
    assert!(page.header("retry-after").is_some());
    let call = world.ask(get("/api/me").own_page()).await;
    call.expect_problem(502, "upstream_unavailable").expect_no_cookies();
}

#[tokio::test]
async fn a_head_that_is_silent_is_504() {
    let head = Head::bind().await;
    let plan = World::with().head(head.address).more("[upstream]\nproxy_timeout_ms = 100\n");
    let world = plan.start().await;
    let mut line = world.line().await;
    line.write(get("/").own_page().bytes()).await;
    let _silent = head.asked().await;
    line.answer("GET").await.expect_problem(504, "upstream_unavailable");
}

/// A rotated refresh token exists only in this answer: a Head that is down must not swallow it.
#[tokio::test]
async fn tokens_renewed_for_a_page_that_fails_are_not_lost() {
    let head = Head::bind().await;
    let plan = World::with().head(head.address).public_client();
    let world = plan.start().await;
    let login = r#"{"username":"jo@example.com","password":"Tandem-2026"}"#;
    let mut jar = Jar::default();
    jar.take(world.ask(post("/bff/login").own_page().json(login)).await.expect(200));
    drop(head);
    world.minutes_pass(31);
    world.forget_calls();
    let page = world.ask(get("/account").document().cookies(&jar)).await;
    page.expect_problem_page(502, "upstream_unavailable");
    assert_eq!(world.count(Operation::TokenRefresh), 1);
    jar.take(&page);
    // Long after nobody remembers the exchange any more, the shopper is still signed in.
    world.minutes_pass(31);
    let answer = world.ask(post("/bff/session").own_page().cookies(&jar)).await;
    assert_eq!(answer.expect(200).json()["customer_type"], "registered");
}

#[tokio::test]
async fn fault_32_a_head_that_dies_amid_its_answer_leaves_it_visibly_cut_short() {
    let head = Head::bind().await;
    let world = World::with().head(head.address).start().await;
    for (framing, piece) in [
        ("content-length: 1000", "half of it".to_owned()),
        ("transfer-encoding: chunked", format!("{:x}\r\nhalf of it\r\n", 10)),
    ] {
        for killed in [true, false] {
            let mut line = world.line().await;
            line.write(get("/page").own_page().bytes()).await;
            let (mut upstream, _) = head.asked().await;
            upstream.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{piece}")).await;
            let top = line.top().await.unwrap();
            if killed {
                upstream.reset();
            } else {
                drop(upstream);
            }
            let (body, whole) = line.body(&top).await;
            assert!(!whole, "{framing}: looks complete, {} octets", body.len());
        }
    }
}

#[tokio::test]
async fn fault_33_an_answer_shorter_than_announced_is_not_passed_off_as_whole() {
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    let head = StandIn::answering(short).await;
    let world = World::with().head(head.address).start().await;
    let answer = world.ask(get("/page").own_page()).await;
    assert!(!answer.whole);
}

#[tokio::test]
async fn fault_44_a_browser_that_leaves_ends_the_heads_work() {
    let head = Head::bind().await;
    let world = World::with().head(head.address).start().await;
    let mut line = world.line().await;
    line.write(get("/stream").own_page().bytes()).await;
    let (mut upstream, _) = head.asked().await;
    upstream.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    line.top().await.unwrap();
    drop(line);
    let left = tokio::time::timeout(Duration::from_secs(5), upstream.is_closed()).await;
    assert!(left.expect("the Head is told within a second or so"));
}

#[tokio::test]
async fn an_answer_of_nonsense_is_502() {
    for nonsense in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx: a\u{0}b\r\n\r\n",
        "",
    ] {
        let head = StandIn::answering(nonsense).await;
        let world = World::with().head(head.address).start().await;
        let answer = world.ask(get("/page").own_page()).await;
        answer.expect_problem(502, "upstream_unavailable");
    }
}
