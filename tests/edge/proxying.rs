//! What the proxy forwards, how it streams, and how a failing Head looks from outside.

use std::time::Duration;

use tandem_sandbox::Operation;
use testkit::{Cookies, FixedHead, Head, JO, Scenario, get, post};

#[tokio::test]
async fn a_response_is_streamed_while_the_head_writes() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut connection = world.begin(&get("/stream").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(connection.headers().await.unwrap().first, "HTTP/1.1 200 OK");
    for piece in ["one", "two", "three"] {
        upstream.write(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        assert_eq!(connection.chunk().await.unwrap(), piece.as_bytes());
    }
    upstream.write("0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.unwrap(), b"");
}

#[tokio::test]
async fn an_upload_is_streamed_while_the_browser_sends() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut connection = world.connect().await;
    let request = post("/upload").same_origin_fetch().header("content-length", "10");
    connection.write(request.bytes()).await;
    connection.write("first").await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.header("content-length"), Some("10"));
    assert_eq!(upstream.take(5).await, b"first");
    connection.write("final").await;
    assert_eq!(upstream.take(5).await, b"final");
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    connection.response("POST").await.expect(204);
}

#[tokio::test]
async fn a_large_upload_passes_completely() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.guest_cookies().await;
    let before = head.requests().len();
    let body: String = ('a'..='z').cycle().take(2_000_000).collect();
    world.send(post("/upload").same_origin_fetch().cookies(&jar).body(&body)).await.expect(200);
    let (_, received) = &head.requests()[before];
    assert!(received == body.as_bytes(), "{} bytes of {}", received.len(), body.len());
}

#[tokio::test]
async fn attacks_59_and_60_hop_by_hop_headers_cross_in_neither_direction() {
    let head = FixedHead::responding(
        "HTTP/1.1 200 OK\r\nconnection: close, X-Internal\r\nx-internal: secret\r\n\
         keep-alive: timeout=5\r\nproxy-authenticate: Basic\r\ntrailer: x-sum\r\n\
         upgrade: h2c\r\nx-kept: yes\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.guest_cookies().await;
    let before = head.requests().len();
    let request = get("/page").document().cookies(&jar).headers(&[
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
    let response = world.send(request).await;
    assert_eq!(response.expect(200).text(), "ok");
    assert_eq!(response.header("x-kept"), Some("yes"));
    for name in ["x-internal", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    // `Trailer` is not hop-by-hop: it announces trailers of the body.
    assert_eq!(response.header("trailer"), Some("x-sum"));
    let (headers, _) = &head.requests()[before];
    for gone in
        ["x-secret", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"]
    {
        assert!(!headers.names().contains(&gone), "{gone} reaches the Head");
    }
    // `Connection` cannot remove headers that Tandem adds.
    assert!(headers.header("cookie").unwrap().contains(jar.value("token")));
    assert_eq!(headers.header("x-forwarded-host"), Some("shop.test"));
    assert!(headers.header("x-request-id").is_some());
    assert_eq!(headers.header("x-kept"), Some("yes"));
}

#[tokio::test]
async fn the_sealed_state_never_reaches_the_head() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.guest_cookies().await;
    for path in ["/page", "/assets/app.js"] {
        world.send(get(path).document().cookies(&jar)).await.expect(200);
        let requests = head.requests();
        let (headers, _) = requests.last().unwrap();
        let cookies = headers.all("cookie").join("; ");
        assert!(!cookies.contains("__Host-tandem"), "{path}");
        assert!(cookies.contains("usid="), "{path}");
    }
}

#[tokio::test]
async fn a_path_is_forwarded_byte_for_byte() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    for path in [
        "/%62ff/session",
        "/x;y=1?z=%2F&z=//",
        "/%C3%A9?q=%00&to=/../x",
        "/product/a%2Fb",
        "/100%25?",
        "/~a/'b'/(c)/!$&,=:@",
    ] {
        let before = head.requests().len();
        let response = world.send(get(path).same_origin_fetch()).await;
        response.expect(200).expect_no_cookies();
        let (headers, _) = &head.requests()[before];
        assert_eq!(headers.first, format!("GET {path} HTTP/1.1"));
    }
}

#[tokio::test]
async fn attacks_39_and_40_an_ambiguous_path_reaches_no_upstream() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
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
        let response = world.send(get(path).same_origin_fetch()).await;
        response.expect_problem(400, "bad_request").expect_no_cookies();
    }
    assert!(head.requests().is_empty(), "{:?}", head.requests());
}

#[tokio::test]
async fn an_unavailable_head_is_502_for_people_and_scripts() {
    let head = Head::bind().await;
    let address = head.address;
    drop(head);
    let world = Scenario::default().with_head(format!("http://{address}")).start().await;
    let page = world.send(get("/").document()).await;
    page.expect_problem_page(502, "upstream_unavailable");
    assert!(page.header("retry-after").is_some());
    let call = world.send(get("/api/me").same_origin_fetch()).await;
    call.expect_problem(502, "upstream_unavailable").expect_no_cookies();
}

#[tokio::test]
async fn a_silent_head_is_504() {
    let head = Head::bind().await;
    let scenario = Scenario::default().with_head(head.origin()).upstream("proxy_timeout_ms = 100");
    let world = scenario.start().await;
    let mut connection = world.begin(&get("/").same_origin_fetch()).await;
    let _silent = head.receive().await;
    connection.response("GET").await.expect_problem(504, "upstream_unavailable");
}

/// A rotated refresh token exists only in this response: an unavailable Head must not lose it.
#[tokio::test]
async fn tokens_refreshed_for_a_failing_page_are_not_lost() {
    let head = Head::bind().await;
    let scenario = Scenario::default().with_head(head.origin()).with_public_client();
    let world = scenario.start().await;
    let mut jar = Cookies::default();
    jar.take(world.send(post("/bff/login").same_origin_fetch().credentials(JO)).await.expect(200));
    drop(head);
    world.minutes_pass(31);
    world.forget_calls();
    let page = world.send(get("/account").document().cookies(&jar)).await;
    page.expect_problem_page(502, "upstream_unavailable");
    assert_eq!(world.count(Operation::TokenRefresh), 1);
    jar.take(&page);
    // Long after the exchange has left every cache, the shopper is still logged in.
    world.minutes_pass(31);
    let response = world.send(post("/bff/session").same_origin_fetch().cookies(&jar)).await;
    assert_eq!(response.expect(200).json()["customer_type"], "registered");
}

#[tokio::test]
async fn fault_32_a_truncated_response_is_visibly_truncated() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    for (framing, piece) in [
        ("content-length: 1000", "half of it".to_owned()),
        ("transfer-encoding: chunked", format!("{:x}\r\nhalf of it\r\n", 10)),
    ] {
        for killed in [true, false] {
            let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
            let (mut upstream, _) = head.receive().await;
            upstream.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{piece}")).await;
            let headers = connection.headers().await.unwrap();
            if killed {
                upstream.reset();
            } else {
                drop(upstream);
            }
            let (body, complete) = connection.body(&headers).await;
            assert!(!complete, "{framing}: looks complete, {} bytes", body.len());
        }
    }
}

#[tokio::test]
async fn fault_33_a_short_response_does_not_look_complete() {
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    let head = FixedHead::responding(short).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let response = world.send(get("/page").same_origin_fetch()).await;
    assert!(!response.complete);
}

#[tokio::test]
async fn fault_44_a_disconnect_ends_the_upstream_request() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut connection = world.begin(&get("/stream").same_origin_fetch()).await;
    let (mut upstream, _) = head.receive().await;
    upstream.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    connection.headers().await.unwrap();
    drop(connection);
    let left = tokio::time::timeout(Duration::from_secs(5), upstream.is_closed()).await;
    assert!(left.expect("the upstream request ends in time"));
}

#[tokio::test]
async fn an_invalid_response_is_502() {
    for invalid in [
        "invalid\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx: a\u{0}b\r\n\r\n",
        "",
    ] {
        let head = FixedHead::responding(invalid).await;
        let world = Scenario::default().with_head(head.origin()).start().await;
        let response = world.send(get("/page").same_origin_fetch()).await;
        response.expect_problem(502, "upstream_unavailable");
    }
}
