//! The headers that an upstream receives, and those of its response that reach the browser
//! (attacks 50, 53 to 58, 66).

use tandem_sandbox::Upstream;
use testkit::{FixedHead, Head, RawRequest, Scenario, get};

use crate::support::CART;

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Headers by which a client claims to be another client or request.
const FORGED: [&str; 34] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "Forwarded",
    "X-Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "X-Upstream",
    "X-Original-URL",
    "X-Rewrite-URL",
    "sfdc_dwsid",
    "sfdc_refresh_token",
    "_sfdc_client_auth",
    "x-slas-client-auth",
    "x-grant-type",
    "X-BFF-Customer-Id",
    "X-Auth-Request-User",
    "x-middleware-subrequest",
    "X-HTTP-Method-Override",
    "x-dw-http-method-override",
    "X_Forwarded_For",
    "X.Forwarded.For",
    "X_BFF",
    "x.bff",
    "Content_Length",
    "X_Auth_Request_User",
    "sfdc-dwsid",
    "Proxy",
];

fn forged(request: RawRequest) -> RawRequest {
    FORGED.iter().fold(request, |request, name| request.header(name, "6.6.6.6"))
}

#[tokio::test]
async fn kind_7_upstreams_get_the_configured_host() {
    for (setting, expected) in [
        ("public", Some("shop.test")),
        ("www.shop.example", Some("www.shop.example")),
        ("upstream", None),
    ] {
        let (head, ecom) = (FixedHead::responding(EMPTY).await, FixedHead::responding(EMPTY).await);
        let lines = format!(
            "routes.head_host = \"{setting}\"\nroutes.ecom_host = \"{setting}\"\n\
             routes.ecom = \"{}\"",
            ecom.origin()
        );
        let world = Scenario::default().with_head(head.origin()).site(&lines).start().await;
        let jar = world.guest_cookies().await;
        for path in ["/page", "/assets/app.js", CART] {
            world.send(get(path).document().cookies(&jar)).await.expect(200);
        }
        for upstream in [&head, &ecom] {
            let own = upstream.address.to_string();
            let requests = upstream.requests();
            assert!(!requests.is_empty(), "{setting}");
            for (request, _) in requests {
                assert_eq!(request.header("host"), Some(expected.unwrap_or(&own)), "{setting}");
                assert_eq!(request.header("x-forwarded-host"), Some("shop.test"));
            }
        }
    }
}

#[tokio::test]
async fn attacks_50_53_and_55_to_58_forged_headers_are_not_forwarded() {
    let (head, evil) = (FixedHead::responding(EMPTY).await, Head::bind().await);
    let world = Scenario::default().with_head(head.origin()).start().await;
    let jar = world.guest_cookies().await;
    for path in ["/page", "/assets/app.js"] {
        let request = forged(get(path).same_origin_fetch().cookies(&jar));
        let request = ["x-upstream", "x-forwarded-server", "x-original-url", "x-rewrite-url"]
            .iter()
            .fold(request, |request, name| {
                request.header(name, &format!("http://{}/evil", evil.address))
            });
        world.send(request).await.expect(200);
        let requests = head.requests();
        let (headers, _) = requests.last().unwrap();
        assert_eq!(headers.first, format!("GET {path} HTTP/1.1"));
        assert_eq!(headers.all("host"), [head.address.to_string()]);
        assert_eq!(headers.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(headers.all("x-forwarded-proto"), ["https"]);
        assert_eq!(headers.all("x-forwarded-host"), ["shop.test"]);
        let ours = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        for name in FORGED.map(str::to_lowercase) {
            let forwarded = !ours.contains(&name.as_str()) && headers.header(&name).is_some();
            assert!(!forwarded, "{name} reaches the Head");
        }
    }
    evil.expect_no_connection().await;
}

#[tokio::test]
async fn attack_54_the_right_most_untrusted_address_is_the_client() {
    let head = FixedHead::responding(EMPTY).await;
    let trusted = "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
    let world = Scenario::default().server(trusted).with_head(head.origin()).start().await;
    let request = get("/page").same_origin_fetch();
    for (request, chain) in [
        (request.clone(), "127.0.0.1"),
        (
            request.clone().header("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.0.0.2"),
            "203.0.113.7, 10.0.0.2, 127.0.0.1",
        ),
        (
            request
                .clone()
                .header("x-forwarded-for", "6.6.6.6")
                .header("x-forwarded-for", "203.0.113.7, 10.0.0.2"),
            "203.0.113.7, 10.0.0.2, 127.0.0.1",
        ),
        (request.header("forwarded", "for=6.6.6.6").header("x-real-ip", "6.6.6.6"), "127.0.0.1"),
    ] {
        world.send(request).await.expect(200);
        let requests = head.requests();
        assert_eq!(requests.last().unwrap().0.all("x-forwarded-for"), [chain]);
    }
}

#[tokio::test]
async fn attack_50_the_client_ip_header_is_always_ours() {
    for (name, line) in [
        ("x-client-ip", ""),
        ("x-shopper-ip", "ocapi.client_ip_header = \"x-shopper-ip\""),
        (
            "x-shopper-ip",
            "ocapi.client_ip_header = \"x-shopper-ip\"\nbridge.mode = \"hybrid-auth\"",
        ),
    ] {
        let ecom = FixedHead::responding(EMPTY).await;
        let trusted = "trusted_proxies = [\"127.0.0.0/8\"]";
        let world = Scenario::default()
            .server(trusted)
            .with_ecom_at(ecom.origin())
            .site(line)
            .start()
            .await;
        let forged = [(name, "6.6.6.6"), ("x_shopper.ip", "6.6.6.6"), ("connection", name)];
        let request = |path: &str| {
            let request = get(path).same_origin_fetch().headers(&forged);
            request.header("x-forwarded-for", "203.0.113.7")
        };
        // A page, and a file.
        for path in [CART, "/on/demandware.static/app.js"] {
            world.send(request(path)).await.expect(200);
            let requests = ecom.requests();
            let (headers, _) = requests.last().unwrap();
            assert_eq!(headers.all(name), ["203.0.113.7"], "{line} {path}");
            assert_eq!(headers.header("x_shopper.ip").filter(|_| name != "x-client-ip"), None);
        }
        let jar = world.guest_cookies().await;
        world.forget_calls();
        let products = "/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/products/brompton";
        world.send(request(products).cookies(&jar)).await;
        let calls = world.control().calls();
        let ocapi = calls.iter().find(|call| call.operation.upstream() == Upstream::Ocapi);
        assert_eq!(ocapi.unwrap().header(name), Some("203.0.113.7"), "{line}");
    }
}

#[tokio::test]
async fn attack_50_a_disabled_client_ip_header_is_removed() {
    let ecom = FixedHead::responding(EMPTY).await;
    let off = "ocapi.client_ip_header = \"\"";
    let world = Scenario::default().with_ecom_at(ecom.origin()).site(off).start().await;
    world.send(get(CART).same_origin_fetch().header("x-client-ip", "6.6.6.6")).await.expect(200);
    assert_eq!(ecom.requests().last().unwrap().0.header("x-client-ip"), None);
}

#[tokio::test]
async fn a_location_at_the_upstream_is_rewritten() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let at = head.address;
    for (location, seen) in [
        (format!("http://{at}/a%2Fb/?x=//y#z"), "https://shop.test/a%2Fb/?x=//y#z"),
        (format!("https://{at}/"), "https://shop.test/"),
        (format!("//{at}/x"), "https://shop.test/x"),
        ("/local".to_owned(), "/local"),
        ("https://login.example/x".to_owned(), "https://login.example/x"),
        (format!("http://{at}@evil.test/"), &*format!("http://{at}@evil.test/")),
    ] {
        let mut connection = world.begin(&get("/page").same_origin_fetch()).await;
        let (mut upstream, _) = head.receive().await;
        let response = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\nlocation: ";
        upstream.write(format!("{response}{location}\r\n\r\n")).await;
        assert_eq!(connection.response("GET").await.expect(302).header("location"), Some(seen));
    }
}

#[tokio::test]
async fn attack_66_reserved_and_domain_cookies_are_filtered() {
    let head = FixedHead::responding(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\
         set-cookie: __Host-tandem=evil; Path=/; Secure\r\n\
         set-cookie: =__Host-tandem=evil\r\n\
         set-cookie: a=1; Domain=.test; Path=/; Priority=High\r\n\
         set-cookie: b=2; domain=evil.test\r\n\
         set-cookie: c=3;Domain=shop.test;  HttpOnly\r\n\
         set-cookie: d=4; Expires=Thu, 01-Jan-1970 00:00:10 GMT\r\n\r\n",
    )
    .await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    for path in ["/page", "/assets/app.js"] {
        let response = world.send(get(path).same_origin_fetch()).await;
        assert_eq!(
            response.expect(200).all("set-cookie"),
            [
                "a=1; Path=/; Priority=High",
                "b=2",
                "c=3;Domain=shop.test;  HttpOnly",
                "d=4; Expires=Thu, 01-Jan-1970 00:00:10 GMT",
            ],
            "{path}"
        );
    }
    let metrics = world.metrics().await;
    for line in [
        "tandem_upstream_cookies_filtered_total{reason=\"sealed_name\"} 2",
        "tandem_upstream_cookies_filtered_total{reason=\"no_name\"} 2",
        "tandem_upstream_cookies_filtered_total{reason=\"foreign_domain\"} 4",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}
