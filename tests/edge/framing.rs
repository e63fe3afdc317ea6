//! Messages whose ends two readers could see in two places (attacks 42, 43, 61, 64, 65).

use testkit::{Connection, Cookies, FixedHead, HOST, Scenario, World, get, post};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

async fn with_stand_in() -> (World, FixedHead) {
    let head = FixedHead::responding(EMPTY).await;
    (Scenario::default().with_head(head.origin()).start().await, head)
}

#[tokio::test]
async fn attack_61_an_ambiguous_length_is_refused_and_the_connection_closed() {
    let (world, head) = with_stand_in().await;
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
async fn attack_61_http_1_0_with_chunks_is_refused() {
    let (world, head) = with_stand_in().await;
    let mut connection = world.connect().await;
    let coding = "transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    connection.write(format!("POST /form HTTP/1.0\r\nhost: {HOST}\r\n{coding}")).await;
    assert_eq!(connection.response("POST").await.status, 400);
    assert!(connection.is_closed().await);
    assert!(head.requests().is_empty());
}

/// RFC 9112 section 6.3: the coding counts, the length goes, and the connection ends after the
/// response, because whoever is before us may have counted by the length.
#[tokio::test]
async fn attack_61_with_both_length_and_chunks_nothing_after_the_answer_is_a_request() {
    let (world, head) = with_stand_in().await;
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
        let asked = head.requests().split_off(before);
        assert_eq!(asked.len(), 1, "{framing:?}");
        let (headers, body) = &asked[0];
        assert_eq!(body, b"hello");
        let framed = (headers.all("content-length").len(), headers.all("transfer-encoding").len());
        assert!(matches!(framed, (1, 0) | (0, 1)), "the Head sees two lengths: {headers:?}");
    }
}

#[tokio::test]
async fn attack_61_a_chunk_longer_than_numbers_go_is_an_error_and_the_end() {
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
async fn attack_42_a_target_elsewhere_is_refused_without_a_dial() {
    let (world, head) = with_stand_in().await;
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
async fn the_absolute_form_with_our_own_name_is_a_path() {
    let (world, head) = with_stand_in().await;
    let request = format!("GET https://{HOST}/cart?x=1 HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    world.send_bytes(request).await.expect(200);
    assert_eq!(head.requests()[0].0.first, "GET /cart?x=1 HTTP/1.1");
}

#[tokio::test]
async fn attack_43_no_host_or_two_is_refused() {
    let (world, head) = with_stand_in().await;
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
async fn attack_64_pipelined_requests_get_each_their_own_shopper() {
    let world = World::start().await;
    let jars = [world.registered_cookies().await, world.guest_cookies().await, Cookies::default()];
    let mut alone = Vec::new();
    for jar in &jars {
        alone.push(world.session(jar).await["customer_id"].clone());
    }
    assert_ne!(alone[0], alone[1]);
    let mut connection: Connection = world.connect().await;
    let order = [0, 1, 2, 1, 0, 2, 0];
    let requests = order.map(|at| get("/bff/session").own_page().cookies(&jars[at]).bytes());
    connection.write(requests.concat()).await;
    for at in order {
        assert_eq!(connection.response("GET").await.expect(200).json()["customer_id"], alone[at]);
    }
}

#[tokio::test]
async fn attack_65_a_body_that_would_be_refused_is_not_asked_for() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    let request =
        post("/bff/login").header("expect", "100-continue").header("content-length", "50");
    connection.write(request.bytes()).await;
    connection.response("POST").await.expect_problem(403, "csrf_rejected");
    assert!(connection.is_closed().await, "the body that never came could be taken for a request");
}

#[tokio::test]
async fn a_body_that_is_wanted_is_asked_for() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    let request = post("/bff/session").own_page().header("expect", "100-continue");
    connection.write(request.header("content-length", "2").bytes()).await;
    assert_eq!(connection.response("POST").await.status, 100);
    connection.write("{}").await;
    connection.response("POST").await.expect(200);
}

#[tokio::test]
async fn kind_21_an_address_of_another_scheme_is_refused() {
    let (world, head) = with_stand_in().await;
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

/// RFC 9112 section 3.2: a fragment is no part of a target. The HTTP library cuts it off before
/// anything is matched, so it must not take part in anything.
#[tokio::test]
async fn kind_21_a_fragment_makes_no_page_a_file_and_reaches_no_upstream() {
    let (world, head) = with_stand_in().await;
    for target in ["/cart#/static/x.css", "/cart#.css", "/cart?a#b.css"] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\naccept: text/html\r\n\r\n");
        let response = world.send_bytes(request).await;
        // A page, with a session, and not a file.
        assert!(!response.all("set-cookie").is_empty(), "{target}");
        assert!(!head.requests().last().unwrap().0.first.contains('#'), "{target}");
    }
}
