//! One site with a host per country: the origin of a request is that of its host.

use testkit::{Cookies, FixedHead, Scenario, get, post};

const MOVED: &str =
    "HTTP/1.1 303 See Other\r\nlocation: https://head.internal/next\r\ncontent-length: 0\r\n\r\n";

fn two_countries() -> Scenario {
    Scenario::default()
        .site("hosts = [\"shop.test\", \"shop.fr\"]\ninternal_hosts = [\"probe.internal:8080\"]")
}

/// The header `x-forwarded-host` of the last request that the Head got.
fn forwarded_host(head: &FixedHead) -> String {
    let requests = head.requests();
    let (last, _) = requests.last().expect("a request");
    last.header("x-forwarded-host").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn kind_45_an_upstream_learns_the_host_that_the_browser_uses() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = two_countries().with_head(head.origin()).start().await;
    for (host, forwarded) in [
        ("shop.fr", "shop.fr"),
        ("SHOP.fr:443", "shop.fr"),
        ("shop.test", "shop.test"),
        ("probe.internal:8080", "shop.test"),
    ] {
        world.send(get("/cart").host(host).document()).await.expect(200);
        assert_eq!(forwarded_host(&head), forwarded, "{host}");
    }
    world.send(get("/cart").host("shop.de").document()).await.expect(421);
}

#[tokio::test]
async fn kind_45_an_upstreams_redirect_stays_at_the_host_of_the_request() {
    let head = FixedHead::responding(MOVED).await;
    let own_name = "routes.head_host = \"head.internal\"";
    let world = two_countries().site(own_name).with_head(head.origin()).start().await;
    for host in ["shop.fr", "shop.test"] {
        let response = world.send(get("/cart").host(host).document()).await;
        response.expect_location(&format!("https://{host}/next"));
    }
}

#[tokio::test]
async fn kind_45_a_form_must_come_from_the_host_that_it_is_sent_to() {
    let world = two_countries().start().await;
    let send = |host: &str, origin: &str| {
        world.send(post("/bff/session").host(host).header("origin", origin))
    };
    send("shop.fr", "https://shop.fr").await.expect(200);
    send("shop.test", "https://shop.test").await.expect(200);
    send("probe.internal:8080", "https://shop.test").await.expect(200);
    for (host, origin) in [
        ("shop.fr", "https://shop.test"),
        ("shop.test", "https://shop.fr"),
        ("shop.fr", "http://shop.fr"),
        ("shop.fr", "https://shop.fr.evil.test"),
        ("probe.internal:8080", "https://probe.internal:8080"),
    ] {
        send(host, origin).await.expect_problem(403, "csrf_rejected");
    }
}

#[tokio::test]
async fn kind_45_slas_gets_the_redirect_uri_that_it_knows_whatever_the_host() {
    // The simulator accepts no other one.
    let world = two_countries().with_public_client().start().await;
    let mut jar = Cookies::default();
    jar.take(
        world.send(post("/bff/session").host("shop.fr").same_origin_fetch()).await.expect(200),
    );
    let session = world.send(get("/bff/session").host("shop.fr").cookies(&jar)).await.json();
    assert_eq!(session["customer_type"], "guest");
    let session = world.send(get("/bff/session").cookies(&jar)).await.json();
    assert_eq!(session["customer_type"], "guest");
}
