//! An answer with cookies of ours belongs to one browser (attacks 71 and 72).

use crate::support::{Jar, StandIn, World, get, post, request};

const SHARED: &str = "cache-control: public, s-maxage=31536000\r\nsurrogate-control: max-age=600\r\n\
                      cdn-cache-control: max-age=600\r\nexpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n";

#[tokio::test]
async fn attacks_71_and_72_no_cache_may_keep_an_answer_that_sets_our_cookies() {
    for (status, rest) in [
        ("200 OK", "content-length: 0\r\n"),
        ("304 Not Modified", "etag: \"x\"\r\n"),
        ("301 Moved Permanently", "location: /there\r\ncontent-length: 0\r\n"),
        ("302 Found", "location: /there\r\ncontent-length: 0\r\n"),
        ("404 Not Found", "content-length: 0\r\n"),
        ("500 Internal Server Error", "content-length: 0\r\n"),
    ] {
        for hint in ["", "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"] {
            let answer = format!("{hint}HTTP/1.1 {status}\r\n{SHARED}{rest}\r\n");
            let head = StandIn::answering(&answer).await;
            let world = World::with().head(head.address).start().await;
            for method in ["GET", "HEAD"] {
                let first = world.ask(request(method, "/").document()).await;
                assert!(!first.all("set-cookie").is_empty(), "{status}");
                assert_eq!(first.all("cache-control"), ["private, no-store"], "{status}");
                for name in ["surrogate-control", "cdn-cache-control", "expires"] {
                    assert_eq!(first.header(name), None, "{name} of {status}");
                }
                let mut jar = Jar::default();
                jar.take(&first);
                let warm = world.ask(request(method, "/").document().cookies(&jar)).await;
                warm.expect_no_cookies();
                let shared = warm.header("cache-control");
                assert_eq!(shared, Some("public, s-maxage=31536000"), "the Head's own word stays");
            }
        }
    }
}

#[tokio::test]
async fn attack_72_our_own_routes_are_private_whatever_they_answer() {
    let world = World::start().await;
    let jar = world.registered().await;
    for ask in [
        get("/bff/session"),
        get("/bff/session").own_page().cookies(&jar),
        get("/bff/go?to=/").document().cookies(&jar),
        get("/bff/nothing"),
        get("/bff/login"),
        post("/bff/login").own_page().json("{}"),
        post("/bff/login").own_page().json(r#"{"username":"jo@example.com","password":"no"}"#),
        post("/bff/logout"),
        post("/bff/session").own_page().cookies(&jar),
        post("/bff/logout").own_page().cookies(&jar),
    ] {
        let answer = world.ask(ask).await;
        assert_eq!(answer.all("cache-control"), ["private, no-store"], "{}", answer.status);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.all("vary").join(",").contains("Cookie"));
    }
}
