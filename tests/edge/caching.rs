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

/// Web cache deception: a person is made to open `/account/x.css`, where a Head that ignores what
/// follows shows the account, and a shared cache takes it for a file.
#[tokio::test]
async fn kind_21_a_file_is_asked_for_without_the_shoppers_credentials() {
    let head = StandIn::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with().head(head.address).start().await;
    let mut jar = world.registered().await;
    jar.0.insert("theme".to_owned(), "dark".to_owned());
    for path in ["/account/x.css", "/x.svg", "/checkout/a.js"] {
        world.ask(get(path).document().cookies(&jar)).await.expect(200);
        let asked = head.asked();
        let (top, _) = asked.last().unwrap();
        assert_eq!(top.header("cookie"), Some("theme=dark"), "{path}");
    }
    for gateway in crate::support::GATEWAYS {
        let world = gateway.shop().start().await;
        let mut jar = world.registered().await;
        jar.0.insert("theme".to_owned(), "dark".to_owned());
        let answer = world.ask(gateway.asks("GET", "/account/x.css").document().cookies(&jar));
        assert_eq!(answer.await.header("cookie"), Some("theme=dark"));
    }
}

/// A page's data (`/_next/data/….json`) looks like a file, and is the shopper's.
#[tokio::test]
async fn kind_21_data_of_a_page_has_the_shopper_and_is_kept_by_one_browser() {
    let answer = format!("HTTP/1.1 200 OK\r\n{SHARED}content-length: 0\r\n\r\n");
    let head = StandIn::answering(&answer).await;
    let world = World::with().head(head.address).start().await;
    let jar = world.registered().await;
    let data = "/_next/data/build/account.json";
    let answer = world.ask(get(data).own_page().cookies(&jar)).await;
    assert!(head.asked().last().unwrap().0.header("cookie").unwrap().contains("token="));
    assert_eq!(answer.expect(200).all("cache-control"), ["private"]);
    for name in ["surrogate-control", "cdn-cache-control", "expires"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    // Without a shopper, and among the files, it is everybody's.
    for ask in [get(data).own_page(), get("/assets/en.json").own_page().cookies(&jar)] {
        let answer = world.ask(ask).await;
        assert_eq!(answer.header("cache-control"), Some("public, s-maxage=31536000"));
    }
}

#[tokio::test]
async fn kind_21_a_page_that_a_cache_may_take_for_a_file_is_kept_by_none() {
    let page =
        format!("HTTP/1.1 200 OK\r\n{SHARED}content-type: text/html\r\ncontent-length: 0\r\n\r\n");
    let picture = page.replace("text/html", "image/png");
    let (page, picture) = (StandIn::answering(&page).await, StandIn::answering(&picture).await);
    for (upstream, kept) in [(&page, false), (&picture, true)] {
        let plan = World::with().head(upstream.address).ecom(upstream.address);
        let world = plan.start().await;
        let jar = world.guest().await;
        for path in [
            "/account/x.CSS",
            "/account;x.css",
            "/account%2Fx.css",
            "/account%3B.png",
            "/on/demandware.store/Sites-RefArch-Site/en_US/Account-Show/x.png",
        ] {
            let answer = world.ask(get(path).own_page().cookies(&jar)).await;
            let said = answer.expect(200).all("cache-control");
            let shared = "public, s-maxage=31536000";
            assert_eq!(said, [if kept { shared } else { "private, no-store" }], "{path}");
        }
    }
}

#[tokio::test]
async fn kind_21_what_is_asked_for_as_a_file_and_is_none_is_kept_by_no_cache() {
    for (rest, kept) in [
        ("content-type: text/html; charset=utf-8\r\n", false),
        ("content-type: Application/XHTML+xml\r\n", false),
        ("content-type: text/css\r\nset-cookie: sid=1\r\n", false),
        ("content-type: text/css\r\n", true),
        ("content-type: image/svg+xml\r\n", true),
        ("", true),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{SHARED}{rest}content-length: 0\r\n\r\n");
        let head = StandIn::answering(&answer).await;
        let world = World::with().head(head.address).start().await;
        let path = if rest.contains("sid") { "/assets/account" } else { "/account/x.css" };
        let answer = world.ask(get(path).document()).await;
        let said = answer.expect(200).all("cache-control");
        if kept {
            assert_eq!(said, ["public, s-maxage=31536000"], "{rest}");
        } else {
            assert_eq!(said, ["private, no-store"], "{rest}");
            assert_eq!(answer.header("surrogate-control"), None, "{rest}");
        }
    }
}
