//! Messages whose end two parsers could see in different places (attacks 42, 43, 61, 64, 65).

use testkit::{Connection, Cookies, FixedHead, HOST, Scenario, World, get, post};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

async fn with_fixed_head() -> (World, FixedHead) {
    let head = FixedHead::responding(EMPTY).await;
    (Scenario::default().with_head(head.origin()).start().await, head)
}

#[tokio::test]
async fn attack_61_an_ambiguous_length_is_rejected_and_closes() {
    let (world, head) = with_fixed_head().await;
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    for framing in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "content-length: +5\r\n\r\nhello",
        "content-length: -5\r\n\r\nhello",
        "content-length: 5,5\r\n\r\nhello",
        "content-length: 5, 6\r\n\r\nhello",
        "content-length: 0x5\r\n\r\nhello",
        "content-length: 5 5\r\n\r\nhello",
        "content-length: 99999999999999999999999\r\n\r\nhello",
        "content-length: \r\n\r\n",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "content-length : 5\r\n\r\nhello",
        "x-folded: a\r\n content-length: 5\r\n\r\nhello",
        "x-folded: a\r\n\tb\r\n\r\n",
        "x\u{0}: a\r\n\r\n",
        "x: a\rb\r\n\r\n",
        ": nameless\r\n\r\n",
    ] {
        let mut connection = world.connect().await;
        let bytes = format!("POST /form HTTP/1.1\r\nhost: {HOST}\r\n{framing}{smuggled}");
        connection.write(bytes).await;
        let response = connection.try_response(false).await;
        assert_eq!(response.map(|response| response.status), Some(400), "{framing:?}");
        assert!(connection.is_closed().await, "{framing:?} leaves the connection open");
    }
    assert!(head.requests().is_empty(), "{:?}", head.requests());
}

#[tokio::test]
async fn attack_61_http_1_0_with_chunks_is_rejected() {
    let (world, head) = with_fixed_head().await;
    let mut connection = world.connect().await;
    let coding = "transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    connection.write(format!("POST /form HTTP/1.0\r\nhost: {HOST}\r\n{coding}")).await;
    assert_eq!(connection.response("POST").await.status, 400);
    assert!(connection.is_closed().await);
    assert!(head.requests().is_empty());
}

/// RFC 9112 section 6.3: the coding counts, the length is dropped, and the connection ends after the
/// response, because a proxy in front may have used the length.
#[tokio::test]
async fn attack_61_length_and_chunks_end_the_connection() {
    let (world, head) = with_fixed_head().await;
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    for framing in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 99999999999999999999999\r\n",
    ] {
        let before = head.requests().len();
        let mut connection = world.connect().await;
        let chunks = "\r\n5\r\nhello\r\n0\r\n\r\n";
        connection.write(format!("POST /form HTTP/1.1\r\nhost: {HOST}\r\n{framing}{chunks}")).await;
        connection.write(&smuggled).await;
        connection.response("POST").await;
        assert!(connection.is_closed().await, "{framing:?} leaves the connection open");
        let received = head.requests().split_off(before);
        assert_eq!(received.len(), 1, "{framing:?}");
        let (headers, body) = &received[0];
        assert_eq!(body, b"hello");
        let framed = (headers.all("content-length").len(), headers.all("transfer-encoding").len());
        assert!(matches!(framed, (1, 0) | (0, 1)), "the Head sees two lengths: {headers:?}");
    }
}

#[tokio::test]
async fn attack_61_an_invalid_chunk_size_is_an_error() {
    let world = World::start().await;
    for size in ["ffffffffffffffffff", "-1", "0x5", "5 5", "g"] {
        let mut connection = world.connect().await;
        let request =
            "POST /bff/session HTTP/1.1\r\nx-bff: 1\r\ncontent-type: application/json\r\n";
        let body = format!("transfer-encoding: chunked\r\n\r\n{size}\r\nhello\r\n0\r\n\r\n");
        connection.write(format!("{request}host: {HOST}\r\n{body}")).await;
        connection.response("POST").await.expect_problem(400, "bad_request");
        assert!(connection.is_closed().await, "{size}");
    }
}

#[tokio::test]
async fn attack_42_a_foreign_target_is_rejected_without_a_connection() {
    let (world, head) = with_fixed_head().await;
    world.forget_calls();
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "https://evil.test/",
        "http://shop.test.evil.test/",
        "http://shop.test:22/",
        "http://shop.test@evil.test/",
        "ftp://evil.test/",
    ] {
        for host in [HOST, "evil.test", "169.254.169.254"] {
            let response =
                world.send_bytes(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            let status = response.await.status;
            assert!(matches!(status, 400 | 421), "{target} for {host}: {status}");
        }
    }
    assert!(head.requests().is_empty());
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn the_absolute_form_with_our_own_host_is_a_path() {
    let (world, head) = with_fixed_head().await;
    let request = format!("GET https://{HOST}/cart?x=1 HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    world.send_bytes(request).await.expect(200);
    assert_eq!(head.requests()[0].0.first, "GET /cart?x=1 HTTP/1.1");
}

#[tokio::test]
async fn attack_43_a_missing_or_repeated_host_is_rejected() {
    let (world, head) = with_fixed_head().await;
    for hosts in [
        "",
        "host: shop.test\r\nhost: shop.test\r\n",
        "host: shop.test\r\nhost: evil.test\r\n",
        "host: \r\n",
        "host: shop.test, evil.test\r\n",
        "host: shop.test/evil\r\n",
        "host: shop.test evil\r\n",
    ] {
        let status = world.send_bytes(format!("GET / HTTP/1.1\r\n{hosts}\r\n")).await.status;
        assert!(matches!(status, 400 | 421), "{hosts:?}: {status}");
    }
    assert!(head.requests().is_empty());
}

#[tokio::test]
async fn attack_64_pipelined_requests_keep_their_own_shopper() {
    let world = World::start().await;
    let jars = [world.registered_cookies().await, world.guest_cookies().await, Cookies::default()];
    let mut alone = Vec::new();
    for jar in &jars {
        alone.push(world.session(jar).await["customer_id"].clone());
    }
    assert_ne!(alone[0], alone[1]);
    let mut connection: Connection = world.connect().await;
    let order = [0, 1, 2, 1, 0, 2, 0];
    let requests =
        order.map(|at| get("/bff/session").same_origin_fetch().cookies(&jars[at]).bytes());
    connection.write(requests.concat()).await;
    for at in order {
        assert_eq!(connection.response("GET").await.expect(200).json()["customer_id"], alone[at]);
    }
}

#[tokio::test]
async fn attack_65_a_rejected_body_gets_no_100_continue() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    let request =
        post("/bff/login").header("expect", "100-continue").header("content-length", "50");
    connection.write(request.bytes()).await;
    connection.response("POST").await.expect_problem(403, "csrf_rejected");
    assert!(connection.is_closed().await, "the body that never came could be taken for a request");
}

#[tokio::test]
async fn an_accepted_body_gets_100_continue() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    let request = post("/bff/session").same_origin_fetch().header("expect", "100-continue");
    connection.write(request.header("content-length", "2").bytes()).await;
    assert_eq!(connection.response("POST").await.status, 100);
    connection.write("{}").await;
    connection.response("POST").await.expect(200);
}

#[tokio::test]
async fn kind_21_a_target_of_another_scheme_is_rejected() {
    let (world, head) = with_fixed_head().await;
    for target in [
        "ftp://shop.test/",
        "ws://shop.test/",
        "file://shop.test/etc/passwd",
        "javascript://shop.test/x",
        "HTTPX://shop.test/",
    ] {
        let response =
            world.send_bytes(format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
        response.expect_problem(400, "bad_request");
    }
    assert!(head.requests().is_empty());
    for target in ["http://shop.test/", "https://shop.test/", "HTTPS://shop.test/"] {
        let response =
            world.send_bytes(format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
        response.expect(200);
    }
}

/// RFC 9112 section 3.2: a fragment is no part of a target. The HTTP library removes it before the
/// path is matched, so it must have no effect.
#[tokio::test]
async fn kind_21_a_fragment_makes_no_page_a_file() {
    let (world, head) = with_fixed_head().await;
    for target in ["/cart#/static/x.css", "/cart#.css", "/cart?a#b.css"] {
        let headers = "accept: text/html\r\naccept-language: en";
        let request = format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n{headers}\r\n\r\n");
        let response = world.send_bytes(request).await;
        // A page, with a session, and not a file.
        assert!(!response.all("set-cookie").is_empty(), "{target}");
        assert!(!head.requests().last().unwrap().0.first.contains('#'), "{target}");
    }
}
