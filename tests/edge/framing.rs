//! Messages whose ends two readers could see in two places (attacks 42, 43, 61, 64, 65).

use crate::support::{HOST, Jar, Line, StandIn, World, get, post};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

async fn with_stand_in() -> (World, StandIn) {
    let head = StandIn::answering(EMPTY).await;
    (World::with().head(head.address).start().await, head)
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
        let mut line = world.line().await;
        let bytes = format!("POST /form HTTP/1.1\r\nhost: {HOST}\r\n{framing}{smuggled}");
        line.write(bytes).await;
        let answer = line.try_answer(false).await;
        assert_eq!(answer.map(|answer| answer.status), Some(400), "{framing:?}");
        assert!(line.is_closed().await, "{framing:?} leaves the connection open");
    }
    assert!(head.asked().is_empty(), "{:?}", head.asked());
}

#[tokio::test]
async fn attack_61_http_1_0_with_chunks_is_refused() {
    let (world, head) = with_stand_in().await;
    let mut line = world.line().await;
    let coding = "transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    line.write(format!("POST /form HTTP/1.0\r\nhost: {HOST}\r\n{coding}")).await;
    assert_eq!(line.answer("POST").await.status, 400);
    assert!(line.is_closed().await);
    assert!(head.asked().is_empty());
}

/// RFC 9112 section 6.3: the coding counts, the length goes, and the connection ends after the
/// answer, because whoever is before us may have counted by the length.
#[tokio::test]
async fn attack_61_with_both_length_and_chunks_nothing_after_the_answer_is_a_request() {
    let (world, head) = with_stand_in().await;
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    for framing in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 99999999999999999999999\r\n",
    ] {
        let before = head.asked().len();
        let mut line = world.line().await;
        let chunks = "\r\n5\r\nhello\r\n0\r\n\r\n";
        line.write(format!("POST /form HTTP/1.1\r\nhost: {HOST}\r\n{framing}{chunks}")).await;
        line.write(&smuggled).await;
        line.answer("POST").await;
        assert!(line.is_closed().await, "{framing:?} leaves the connection open");
        let asked = head.asked().split_off(before);
        assert_eq!(asked.len(), 1, "{framing:?}");
        let (top, body) = &asked[0];
        assert_eq!(body, b"hello");
        let framed = (top.all("content-length").len(), top.all("transfer-encoding").len());
        assert!(matches!(framed, (1, 0) | (0, 1)), "the Head sees two lengths: {top:?}");
    }
}

#[tokio::test]
async fn attack_61_a_chunk_longer_than_numbers_go_is_an_error_and_the_end() {
    let world = World::start().await;
    for size in ["ffffffffffffffffff", "-1", "0x5", "5 5", "g"] {
        let mut line = world.line().await;
        let ask = "POST /bff/session HTTP/1.1\r\nx-bff: 1\r\ncontent-type: application/json\r\n";
        let body = format!("transfer-encoding: chunked\r\n\r\n{size}\r\nhello\r\n0\r\n\r\n");
        line.write(format!("{ask}host: {HOST}\r\n{body}")).await;
        line.answer("POST").await.expect_problem(400, "bad_request");
        assert!(line.is_closed().await, "{size}");
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
            let answer = world.ask_raw(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            let status = answer.await.status;
            assert!(matches!(status, 400 | 421), "{target} for {host}: {status}");
        }
    }
    assert!(head.asked().is_empty());
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn the_absolute_form_with_our_own_name_is_a_path() {
    let (world, head) = with_stand_in().await;
    let ask = format!("GET https://{HOST}/cart?x=1 HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    world.ask_raw(ask).await.expect(200);
    assert_eq!(head.asked()[0].0.first, "GET /cart?x=1 HTTP/1.1");
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
        let status = world.ask_raw(format!("GET / HTTP/1.1\r\n{hosts}\r\n")).await.status;
        assert!(matches!(status, 400 | 421), "{hosts:?}: {status}");
    }
    assert!(head.asked().is_empty());
}

#[tokio::test]
async fn attack_64_pipelined_requests_get_each_their_own_shopper() {
    let world = World::start().await;
    let jars = [world.registered().await, world.guest().await, Jar::default()];
    let mut alone = Vec::new();
    for jar in &jars {
        alone.push(world.session(jar).await["customer_id"].clone());
    }
    assert_ne!(alone[0], alone[1]);
    let mut line: Line = world.line().await;
    let order = [0, 1, 2, 1, 0, 2, 0];
    let asks = order.map(|at| get("/bff/session").own_page().cookies(&jars[at]).bytes());
    line.write(asks.concat()).await;
    for at in order {
        assert_eq!(line.answer("GET").await.expect(200).json()["customer_id"], alone[at]);
    }
}

#[tokio::test]
async fn attack_65_a_body_that_would_be_refused_is_not_asked_for() {
    let world = World::start().await;
    let mut line = world.line().await;
    let ask = post("/bff/login").header("expect", "100-continue").header("content-length", "50");
    line.write(ask.bytes()).await;
    line.answer("POST").await.expect_problem(403, "csrf_rejected");
    assert!(line.is_closed().await, "the body that never came could be taken for a request");
}

#[tokio::test]
async fn a_body_that_is_wanted_is_asked_for() {
    let world = World::start().await;
    let mut line = world.line().await;
    let ask = post("/bff/session").own_page().header("expect", "100-continue");
    line.write(ask.header("content-length", "2").bytes()).await;
    assert_eq!(line.answer("POST").await.status, 100);
    line.write("{}").await;
    line.answer("POST").await.expect(200);
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
        let answer = world.ask_raw(format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
        answer.expect_problem(400, "bad_request");
    }
    assert!(head.asked().is_empty());
    for target in ["http://shop.test/", "https://shop.test/", "HTTPS://shop.test/"] {
        let answer = world.ask_raw(format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
        answer.expect(200);
    }
}

/// RFC 9112 section 3.2: a fragment is no part of a target. The HTTP library cuts it off before
/// anything is matched, so it must not take part in anything.
#[tokio::test]
async fn kind_21_a_fragment_makes_no_page_a_file_and_reaches_no_upstream() {
    let (world, head) = with_stand_in().await;
    for target in ["/cart#/static/x.css", "/cart#.css", "/cart?a#b.css"] {
        let ask = format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\naccept: text/html\r\n\r\n");
        let answer = world.ask_raw(ask).await;
        // A page, with a session, and not a file.
        assert!(!answer.all("set-cookie").is_empty(), "{target}");
        assert!(!head.asked().last().unwrap().0.first.contains('#'), "{target}");
    }
}
