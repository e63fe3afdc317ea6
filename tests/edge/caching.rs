//! A response with cookies of ours belongs to one browser (attacks 71 and 72).

use testkit::{Cookies, FixedHead, Scenario, World, get, post, request};

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
            let response = format!("{hint}HTTP/1.1 {status}\r\n{SHARED}{rest}\r\n");
            let head = FixedHead::responding(&response).await;
            let world = Scenario::default().with_head(head.origin()).start().await;
            for method in ["GET", "HEAD"] {
                let first = world.send(request(method, "/").document()).await;
                assert!(!first.all("set-cookie").is_empty(), "{status}");
                assert_eq!(first.all("cache-control"), ["private, no-store"], "{status}");
                for name in ["surrogate-control", "cdn-cache-control", "expires"] {
                    assert_eq!(first.header(name), None, "{name} of {status}");
                }
                let mut jar = Cookies::default();
                jar.take(&first);
                let warm = world.send(request(method, "/").document().cookies(&jar)).await;
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
    let jar = world.registered_cookies().await;
    for request in [
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
        let response = world.send(request).await;
        assert_eq!(response.all("cache-control"), ["private, no-store"], "{}", response.status);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert!(response.all("vary").join(",").contains("Cookie"));
    }
}

/// Web cache deception: a person is made to open `/account/x.css`, where a Head that ignores what
/// follows shows the account, and a shared cache takes it for a file.
#[tokio::test]
async fn kind_21_a_file_is_asked_for_without_the_shoppers_credentials() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let mut jar = world.registered_cookies().await;
    jar.0.insert("theme".to_owned(), "dark".to_owned());
    for path in ["/account/x.css", "/x.svg", "/checkout/a.js"] {
        world.send(get(path).document().cookies(&jar)).await.expect(200);
        let requests = head.requests();
        let (headers, _) = requests.last().unwrap();
        assert_eq!(headers.header("cookie"), Some("theme=dark"), "{path}");
    }
    for gateway in crate::support::GATEWAYS {
        let world = gateway.shop().start().await;
        let mut jar = world.registered_cookies().await;
        jar.0.insert("theme".to_owned(), "dark".to_owned());
        let response =
            world.send(gateway.subrequest("GET", "/account/x.css").document().cookies(&jar));
        assert_eq!(response.await.header("cookie"), Some("theme=dark"));
    }
}

/// A page's data (`/_next/data/….json`) looks like a file, and is the shopper's.
#[tokio::test]
async fn kind_21_data_of_a_page_has_the_shopper_and_is_kept_by_one_browser() {
    let response = format!("HTTP/1.1 200 OK\r\n{SHARED}content-length: 0\r\n\r\n");
    let head = FixedHead::responding(&response).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.registered_cookies().await;
    let data = "/_next/data/build/account.json";
    let response = world.send(get(data).own_page().cookies(&jar)).await;
    assert!(head.requests().last().unwrap().0.header("cookie").unwrap().contains("token="));
    assert_eq!(response.expect(200).all("cache-control"), ["private"]);
    for name in ["surrogate-control", "cdn-cache-control", "expires"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    // Without a shopper, and among the files, it is everybody's.
    for request in [get(data).own_page(), get("/assets/en.json").own_page().cookies(&jar)] {
        let response = world.send(request).await;
        assert_eq!(response.header("cache-control"), Some("public, s-maxage=31536000"));
    }
}

#[tokio::test]
async fn kind_21_a_page_that_a_cache_may_take_for_a_file_is_kept_by_none() {
    let page =
        format!("HTTP/1.1 200 OK\r\n{SHARED}content-type: text/html\r\ncontent-length: 0\r\n\r\n");
    let picture = page.replace("text/html", "image/png");
    let (page, picture) =
        (FixedHead::responding(&page).await, FixedHead::responding(&picture).await);
    for (upstream, kept) in [(&page, false), (&picture, true)] {
        let scenario =
            Scenario::default().with_head(upstream.origin()).with_ecom_at(upstream.origin());
        let world = scenario.start().await;
        let jar = world.guest_cookies().await;
        for path in [
            "/account/x.CSS",
            "/account;x.css",
            "/account%2Fx.css",
            "/account%3B.png",
            "/on/demandware.store/Sites-RefArch-Site/en_US/Account-Show/x.png",
        ] {
            let response = world.send(get(path).own_page().cookies(&jar)).await;
            let said = response.expect(200).all("cache-control");
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
        let response = format!("HTTP/1.1 200 OK\r\n{SHARED}{rest}content-length: 0\r\n\r\n");
        let head = FixedHead::responding(&response).await;
        let world = Scenario::default().with_head(head.origin()).start().await;
        let path = if rest.contains("sid") { "/assets/account" } else { "/account/x.css" };
        let response = world.send(get(path).document()).await;
        let said = response.expect(200).all("cache-control");
        if kept {
            assert_eq!(said, ["public, s-maxage=31536000"], "{rest}");
        } else {
            assert_eq!(said, ["private, no-store"], "{rest}");
            assert_eq!(response.header("surrogate-control"), None, "{rest}");
        }
    }
}
