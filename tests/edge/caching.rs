//! A response with cookies of ours is private to one browser (attacks 71 and 72).

use testkit::{Cookies, FixedHead, Scenario, World, get, post, request};

const SHARED: &str = "cache-control: public, s-maxage=31536000\r\nsurrogate-control: max-age=600\r\n\
                      cdn-cache-control: max-age=600\r\nexpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n";

#[tokio::test]
async fn attacks_71_and_72_a_response_with_our_cookies_is_not_cached() {
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
                assert_eq!(
                    shared,
                    Some("public, s-maxage=31536000"),
                    "the header of the Head is kept"
                );
            }
        }
    }
}

#[tokio::test]
async fn attack_72_every_response_of_our_own_routes_is_private() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    for request in [
        get("/bff/session"),
        get("/bff/session").same_origin_fetch().cookies(&jar),
        get("/bff/go?to=/").document().cookies(&jar),
        get("/bff/nothing"),
        get("/bff/login"),
        post("/bff/login").same_origin_fetch().json("{}"),
        post("/bff/login")
            .same_origin_fetch()
            .json(r#"{"username":"jo@example.com","password":"no"}"#),
        post("/bff/logout"),
        post("/bff/session").same_origin_fetch().cookies(&jar),
        post("/bff/logout").same_origin_fetch().cookies(&jar),
    ] {
        let response = world.send(request).await;
        assert_eq!(response.all("cache-control"), ["private, no-store"], "{}", response.status);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert!(response.all("vary").join(",").contains("Cookie"));
    }
}

/// Web cache deception: an attacker makes a person open `/account/x.css`. A Head that ignores the
/// suffix shows the account, and a shared cache stores it as a file.
#[tokio::test]
async fn kind_21_a_file_is_requested_without_credentials() {
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

/// A page's data (`/_next/data/….json`) looks like a file and belongs to the shopper.
#[tokio::test]
async fn kind_21_page_data_has_credentials_and_is_private() {
    let response = format!("HTTP/1.1 200 OK\r\n{SHARED}content-length: 0\r\n\r\n");
    let head = FixedHead::responding(&response).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.registered_cookies().await;
    let data = "/_next/data/build/account.json";
    let response = world.send(get(data).same_origin_fetch().cookies(&jar)).await;
    assert!(head.requests().last().unwrap().0.header("cookie").unwrap().contains("token="));
    assert_eq!(response.expect(200).all("cache-control"), ["private"]);
    for name in ["surrogate-control", "cdn-cache-control", "expires"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    // Without a shopper, and among the files, it is public.
    for request in
        [get(data).same_origin_fetch(), get("/assets/en.json").same_origin_fetch().cookies(&jar)]
    {
        let response = world.send(request).await;
        assert_eq!(response.header("cache-control"), Some("public, s-maxage=31536000"));
    }
}

#[tokio::test]
async fn kind_21_a_page_that_looks_like_a_file_is_not_cached() {
    let page =
        format!("HTTP/1.1 200 OK\r\n{SHARED}content-type: text/html\r\ncontent-length: 0\r\n\r\n");
    let picture = page.replace("text/html", "image/png");
    let (page, picture) =
        (FixedHead::responding(&page).await, FixedHead::responding(&picture).await);
    for (upstream, is_cached) in [(&page, false), (&picture, true)] {
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
            let response = world.send(get(path).same_origin_fetch().cookies(&jar)).await;
            let header = response.expect(200).all("cache-control");
            let shared = "public, s-maxage=31536000";
            assert_eq!(header, [if is_cached { shared } else { "private, no-store" }], "{path}");
        }
    }
}

#[tokio::test]
async fn kind_21_a_file_path_with_a_page_response_is_not_cached() {
    for (rest, is_cached) in [
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
        let header = response.expect(200).all("cache-control");
        if is_cached {
            assert_eq!(header, ["public, s-maxage=31536000"], "{rest}");
        } else {
            assert_eq!(header, ["private, no-store"], "{rest}");
            assert_eq!(response.header("surrogate-control"), None, "{rest}");
        }
    }
}
