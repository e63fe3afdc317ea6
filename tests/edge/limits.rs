//! Too much, too deep, too slow (attacks 51, 85, 87, 89, 90).

use std::time::Duration;

use tokio::time::Instant;

use crate::support::{Ask, HOST, StandIn, World, get, post, stop_time};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn attacks_51_and_87_a_head_of_unusual_size_ends_here() {
    let head = StandIn::answering(EMPTY).await;
    let world = World::with().head(head.address).start().await;
    let many = (0..300).fold(get("/"), |ask, at| ask.header(&format!("x-{at}"), "1"));
    let long = |name: &str, length: usize| get("/").header(name, &"x".repeat(length));
    let several =
        (0..25).fold(get("/"), |ask, at| ask.header(&format!("x-{at}"), &"x".repeat(1000)));
    let cookies = |count: usize| {
        let cookies: Vec<_> = (0..count).map(|at| format!("c{at}=v{at}")).collect();
        get("/").header("cookie", &cookies.join("; "))
    };
    let asks: [(Ask, u16); 7] = [
        (get(&format!("/{}", "a".repeat(9000))), 414),
        (get(&format!("/?{}", "a".repeat(70_000))), 431),
        (many, 431),
        (several, 431),
        (long("x-long", 17_000), 431),
        (long("cookie", 100_000), 431),
        (cookies(2000), 431),
    ];
    for (at, (ask, status)) in asks.into_iter().enumerate() {
        let answer = world.ask(ask).await;
        assert_eq!(answer.status, status, "number {at}: {}", answer.text());
    }
    assert!(head.asked().is_empty());
    assert_eq!(world.auth_calls(), [""; 0]);
    // What a shopper with every cookie of a big shop sends is not unusual.
    world.ask(cookies(200).header("referer", &"x".repeat(4000))).await.expect(200);
}

#[tokio::test]
async fn attack_89_a_body_over_the_limit_is_413_however_it_is_framed() {
    let world = World::start().await;
    let jar = world.guest().await;
    world.forget_calls();
    let megabyte = format!("{{\"username\":\"{}\"}}", "x".repeat(1_000_000));
    for route in ["/bff/session", "/bff/login", "/bff/logout"] {
        let ask = post(route).own_page().cookies(&jar).json(&megabyte);
        world.ask(ask).await.expect_problem(413, "payload_too_large");
        let top = format!("POST {route} HTTP/1.1\r\nhost: {HOST}\r\nx-bff: 1\r\n");
        let kind = "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut line = world.line().await;
        line.write(format!("{top}{kind}{:x}\r\n", megabyte.len())).await;
        // It is refused before it has all been sent.
        line.write(&megabyte[..200_000]).await;
        line.answer("POST").await.expect_problem(413, "payload_too_large");
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_89_json_nested_ten_thousand_deep_is_400() {
    let world = World::start().await;
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(10_000 / open.len());
        for route in ["/bff/session", "/bff/login", "/bff/logout"] {
            let ask = post(route).own_page().json(&deep);
            world.ask(ask).await.expect_problem(400, "bad_request");
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_88_a_packed_body_is_never_unpacked() {
    let world = World::start().await;
    let ask = post("/bff/login").own_page().header("content-encoding", "gzip");
    world.ask(ask.json("\u{1f}not json")).await.expect_problem(400, "bad_request");
}

#[tokio::test]
async fn attack_85_a_head_that_does_not_end_is_cut_off_in_time() {
    let world = World::with().server("header_read_timeout_ms = 200").start().await;
    // Nothing at all; the first letter of either protocol; half a head; half an HTTP/2 preface.
    let starts =
        ["", "P", "GET / HT", "GET / HTTP/1.1\r\nhost: shop.test\r\nx-slow: ", "PRI * HTTP/2"];
    let time = stop_time();
    let mut lines = Vec::new();
    for start in starts {
        let mut line = world.line().await;
        line.write(start).await;
        lines.push((start, line));
    }
    time.passes(Duration::from_millis(190)).await;
    for (start, line) in &mut lines {
        assert!(line.is_silent().await, "{start:?}: cut off too early");
    }
    time.passes(Duration::from_millis(20)).await;
    for (start, line) in lines {
        let said = line.rest().await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{start:?}: {said}");
    }
    world.ask(get("/bff/session")).await.expect(200);
}

#[tokio::test]
async fn attack_85_letters_that_keep_coming_do_not_win_time() {
    let world = World::with().server("header_read_timeout_ms = 200").start().await;
    let time = stop_time();
    let mut line = world.line().await;
    line.write("GET / HTTP/1.1\r\nhost: shop.test\r\nx-slow: ").await;
    for _ in 0..9 {
        time.passes(Duration::from_millis(20)).await;
        assert!(line.is_silent().await, "cut off too early");
        line.write("x").await;
    }
    time.passes(Duration::from_millis(40)).await;
    assert!(!line.is_silent().await, "one letter at a time is enough");
}

#[tokio::test]
async fn attack_85_an_idle_connection_is_closed_and_others_are_not_troubled() {
    let world = World::with().server("header_read_timeout_ms = 200").start().await;
    let time = stop_time();
    let mut idle = world.line().await;
    idle.write(get("/bff/session").bytes()).await;
    idle.answer("GET").await.expect(200);
    let mut busy = world.line().await;
    for _ in 0..4 {
        time.passes(Duration::from_millis(100)).await;
        busy.write(get("/bff/session").bytes()).await;
        busy.answer("GET").await.expect(200);
    }
    assert!(idle.is_closed().await);
}

#[tokio::test]
async fn attack_85_a_slow_body_of_our_own_routes_ends_in_bounded_time() {
    let world = World::with().server("request_timeout_ms = 200").start().await;
    let mut line = world.line().await;
    let ask = post("/bff/login").own_page().header("content-type", "application/json");
    line.write(ask.header("content-length", "100").bytes()).await;
    line.write("{").await;
    line.answer("POST").await.expect(503);
    assert!(line.is_closed().await, "the rest of the body could be taken for a request");
}

#[tokio::test]
async fn attack_85_a_slow_answer_of_the_head_is_no_slow_head_of_the_client() {
    let head = crate::support::Head::bind().await;
    let plan = World::with().server("header_read_timeout_ms = 200").head(head.address);
    let world = plan.start().await;
    let mut line = world.line().await;
    line.write(get("/slow").own_page().bytes()).await;
    let (mut upstream, _) = head.asked().await;
    let time = stop_time();
    time.passes(Duration::from_millis(400)).await;
    assert!(line.is_silent().await);
    upstream.write(EMPTY).await;
    line.answer("GET").await.expect(200);
}

#[tokio::test]
async fn attack_90_a_long_path_is_sorted_in_no_time() {
    let head = StandIn::answering(EMPTY).await;
    let world = World::with().head(head.address).start().await;
    let jar = world.guest().await;
    let began = Instant::now();
    for unit in ["/assets", "/bff/..", "%2e%2e/", ".js", "/on/demandware.store"] {
        let path = format!("/{}", unit.repeat(7000 / unit.len()));
        world.ask(get(&path).own_page().cookies(&jar)).await;
        let sent = path.replace('%', "%25");
        world.ask(get(&format!("/bff/go?to={sent}")).document().cookies(&jar)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
}
