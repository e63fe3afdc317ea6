//! `GET /bff/auth` as nginx, Traefik and Envoy send it, on the wire (attacks 94–97).

use tandem::proxy::STRIPPED;
use tandem_sandbox::{Fault, Times, Upstream};
use testkit::{Cookies, RawResponse, World, get};

use crate::support::{
    CART, COPIED, GATEWAYS, Gateway, PRODUCT, expect_no_identity, follow_establish,
};

/// Headers by which a client claims to be another shopper or request.
const SPOOFED: [(&str, &str); 8] = [
    ("authorization", "Bearer CANARY"),
    ("sfdc_dwsid", "CANARY"),
    ("x-dw-client-id", "CANARY"),
    ("x-bff-customer-type", "registered"),
    ("x-bff-customer-id", "CANARY"),
    ("x-bff-usid", "CANARY"),
    ("x-bff-upstream", "scapi"),
    ("x-bff-site", "CANARY"),
];

#[tokio::test]
async fn attack_94_only_a_listed_gateway_may_send_subrequests() {
    for gateway in GATEWAYS {
        let world = gateway.shop_for_peer("192.0.2.1").start().await;
        let jar = world.registered_cookies().await;
        for target in ["/", "/assets/app.js", PRODUCT, CART] {
            let request = gateway.subrequest("GET", target).document().cookies(&jar);
            let response = world.send(request.header("x-forwarded-for", "192.0.2.1")).await;
            expect_no_identity(response.expect(403));
        }
    }
}

#[tokio::test]
async fn attack_94_without_a_gateway_there_are_no_subrequests() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    for gateway in GATEWAYS {
        let request =
            gateway.subrequest("GET", PRODUCT).host("shop.test").same_origin_fetch().cookies(&jar);
        expect_no_identity(world.send(request).await.expect_problem(404, "not_found"));
    }
    let response = world.send(get("/bff/establish?return_to=/").document()).await;
    response.expect_problem_page(404, "not_found");
}

#[tokio::test]
async fn attack_94_a_subrequest_about_a_subrequest_is_rejected() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest_cookies().await;
        for target in ["/bff/auth", "/bff/auth/", "/bff/auth/x", "/bff/auth?x"] {
            let response = world
                .send(gateway.subrequest("GET", target).same_origin_fetch().cookies(&jar))
                .await;
            expect_no_identity(response.expect(403));
        }
    }
}

#[tokio::test]
async fn attack_95_a_subrequest_must_be_about_one_request() {
    let [nginx, traefik] =
        [Gateway::Nginx.shop().start().await, Gateway::Traefik.shop().start().await];
    let about = |names: [&'static str; 2], values: [&'static str; 2]| {
        let request = get("/bff/auth").same_origin_fetch().header("x-forwarded-host", "shop.test");
        names.iter().zip(values).fold(request, |request, (name, value)| request.header(name, value))
    };
    for values in [
        ["GET", "/x#/assets/app.js"],
        ["GET", "http://shop.test/x"],
        ["GET", "x"],
        ["GET", ""],
        ["GET", "/\\evil.test"],
        ["GET", "/a b"],
        ["GET POST", "/x"],
        ["", "/x"],
    ] {
        let request = about(["x-original-method", "x-original-uri"], values);
        expect_no_identity(nginx.send(request).await.expect(403));
        let request = about(["x-forwarded-method", "x-forwarded-uri"], values);
        expect_no_identity(traefik.send(request).await.expect_problem(400, "bad_request"));
    }
    for (gateway, world, uri) in [
        (Gateway::Nginx, &nginx, "x-original-uri"),
        (Gateway::Traefik, &traefik, "x-forwarded-uri"),
    ] {
        let twice =
            gateway.subrequest("GET", "/").same_origin_fetch().header(uri, "/assets/app.js");
        assert!([400, 403].contains(&world.send(twice).await.status));
        let none = get("/bff/auth").same_origin_fetch().header("x-forwarded-host", "shop.test");
        assert!([400, 403].contains(&world.send(none).await.status));
    }
    let mut connection = traefik.connect().await;
    connection
        .write(
            "POST /bff/auth HTTP/1.1\r\nhost: tandem\r\nx-forwarded-method: GET\r\n\
         x-forwarded-uri: /\r\nx-forwarded-host: shop.test\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
    connection.response("POST").await.expect_problem(400, "bad_request");
}

#[tokio::test]
async fn attacks_39_40_and_95_an_ambiguous_path_is_rejected() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest_cookies().await;
        for target in [
            "/x/../on/demandware.store/y",
            "/on%2Fdemandware.store/Sites-RefArch-Site/en_US/Cart-Show",
            "/%6fn/demandware.store/Sites-RefArch-Site/en_US/Cart-Show",
            "/on;x/demandware.store/Sites-RefArch-Site/en_US/Cart-Show",
            "/mobify/%70roxy/api/x",
            "/mobify/proxy;y/api/x",
            "//mobify/proxy/api/x",
            "/%62ff/auth",
            "/bff;x/auth",
            "/bff/../on/demandware.store/x",
            "/assets/..;/on/demandware.store/x",
            "/x%00.png",
        ] {
            let response =
                world.send(gateway.subrequest("GET", target).document().cookies(&jar)).await;
            let refused = if gateway == Gateway::Nginx { 403 } else { 400 };
            assert_eq!(response.status, refused, "{gateway:?} {target}");
            expect_no_identity(&response);
        }
        for target in ["/caf%C3%A9", "/p;y=1?z=;?#".trim_end_matches('#'), "/a%20b?c=../d"] {
            let response =
                world.send(gateway.subrequest("GET", target).document().cookies(&jar)).await;
            gateway.expect_allowed(&response);
        }
    }
}

#[tokio::test]
async fn attack_96_every_error_uses_the_dialect_of_the_gateway() {
    let hang = std::time::Duration::from_secs(60);
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let (guest, registered) = (world.guest_cookies().await, world.registered_cookies().await);
        for (upstream, fault) in
            [(Upstream::Slas, Fault::Delay(hang)), (Upstream::Ocapi, Fault::Status(503, None))]
        {
            world.control().inject_fault(upstream, fault, Times::Always);
            for minutes in [0, 20, 25, 400] {
                world.minutes_pass(minutes);
                for jar in [&Cookies::default(), &guest, &registered] {
                    for target in ["/", PRODUCT, CART, "/assets/app.js", "/bff/auth", "/x/../y"] {
                        for method in ["GET", "POST", "OPTIONS", "TRACE"] {
                            let request =
                                gateway.subrequest(method, target).document().cookies(jar);
                            expect_dialect(gateway, &world.send(request).await);
                            let request =
                                gateway.subrequest(method, target).same_origin_fetch().cookies(jar);
                            expect_dialect(gateway, &world.send(request).await);
                        }
                    }
                }
            }
        }
    }
}

#[track_caller]
fn expect_dialect(gateway: Gateway, response: &RawResponse) {
    let status = response.status;
    match gateway {
        _ if status == gateway.allowing() => gateway.expect_allowed(response),
        Gateway::Nginx => assert!([401, 403].contains(&status), "{status}"),
        Gateway::Traefik | Gateway::Envoy => {
            assert!(status == 303 || (400..500).contains(&status), "{status}");
        }
    }
    if status != gateway.allowing() {
        expect_no_identity(response);
    }
}

#[tokio::test]
async fn attack_96_so_do_long_headers_and_unknown_hosts() {
    let world = Gateway::Nginx.shop().start().await;
    let long = "x".repeat(17_000);
    let subrequest = || Gateway::Nginx.subrequest("GET", "/").document();
    world.send(subrequest().header("x-long", &long)).await.expect(403);
    world.send(subrequest().host("evil.test")).await.expect(403);
    world.send(subrequest().header("host", "shop.test")).await.expect(403);
    let long = format!("/{}", "x".repeat(9000));
    world.send(Gateway::Nginx.subrequest("GET", &long).document()).await.expect(403);
}

#[tokio::test]
async fn attack_97_every_identity_header_is_overwritten() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered_cookies().await;
        let customer = world.control().customer_id_of("jo@example.com").unwrap();
        let cases = [
            ("/cart", "head", "registered"),
            (CART, "ecom", "registered"),
            (PRODUCT, "scapi", ""),
            ("/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/products/brompton", "ocapi", ""),
            ("/assets/app.js", "head", ""),
            ("/bff/session", "tandem", ""),
            ("/mobify/slas/private/shopper/auth/v1/x", "tandem", ""),
        ];
        for (target, upstream, kind) in cases {
            let page = !target.starts_with("/mobify");
            let request = gateway.subrequest("GET", target).headers(&SPOOFED).cookies(&jar);
            let response = world
                .send(if page { request.document() } else { request.same_origin_fetch() })
                .await;
            gateway.expect_allowed(&response);
            assert_eq!(response.header("x-bff-upstream"), Some(upstream), "{target}");
            assert_eq!(response.header("x-bff-customer-type"), Some(kind), "{target}");
            let id = if kind.is_empty() { "" } else { &customer };
            assert_eq!(response.header("x-bff-customer-id"), Some(id), "{target}");
            let usid = if kind.is_empty() { "" } else { jar.value("usid") };
            assert_eq!(response.header("x-bff-usid"), Some(usid), "{target}");
            let api = ["scapi", "ocapi"].contains(&upstream);
            let bearer = format!("Bearer {}", jar.value("token"));
            let authorization = match upstream {
                "scapi" | "ocapi" => bearer.as_str(),
                // Our own routes check for themselves.
                "tandem" => "Bearer CANARY",
                _ => "",
            };
            assert_eq!(response.header("authorization"), Some(authorization), "{target}");
            let client = response.header("x-dw-client-id").unwrap();
            assert_eq!(client.is_empty(), upstream != "ocapi", "{target}");
            let dwsid = if api { jar.value("dwsid") } else { "" };
            assert_eq!(response.header("sfdc_dwsid"), Some(dwsid), "{target}");
            let cookies = response.header("cookie").unwrap();
            assert_eq!(cookies.contains("dwsid="), !api, "{target}");
            assert_eq!(cookies.contains("__Host-tandem="), upstream == "tandem", "{target}");
        }
    }
}

/// At every hour, for every kind of shopper and request, an allowed request sets at most one cookie
/// that fits every gateway, and makes no call.
#[tokio::test]
async fn an_allowed_request_sets_at_most_one_small_cookie() {
    let gateway = Gateway::Envoy;
    for site in ["", "bridge.time = \"on-demand\"", "cookies.profile = \"pwa-kit\""] {
        let world = gateway.shop().site(site).start().await;
        let mut jars = [world.guest_cookies().await, world.registered_cookies().await];
        let mut sealed = 0;
        for minutes in [0, 1, 4, 6, 6, 9, 12, 14, 16, 25, 29, 29, 31, 58, 61, 180, 355, 10, 24 * 60]
        {
            world.minutes_pass(minutes);
            for jar in &mut jars {
                for target in ["/cart", CART, PRODUCT, "/assets/app.js"] {
                    world.forget_calls();
                    let request = gateway.subrequest("GET", target).document().cookies(jar);
                    let response = world.send(request).await;
                    assert_eq!(world.auth_calls(), [""; 0]);
                    if response.status == 303 {
                        gateway.expect_establish(&response, target);
                        assert_eq!(follow_establish(&world, target, jar).await, 2);
                        continue;
                    }
                    gateway.expect_allowed(&response);
                    sealed += response.all("set-cookie").len();
                    jar.take(&response);
                }
            }
        }
        assert!(sealed > 0, "ECOM's idle time is recorded");
    }
}

/// A recipe that misses a header lets the client's own through.
#[test]
fn attack_97_the_recipes_copy_every_header() {
    let traefik = include_str!("../../config/traefik.yaml").to_lowercase();
    let envoy = include_str!("../../config/envoy.yaml");
    let nginx = include_str!("../../config/nginx.conf").to_lowercase();
    let (_, upstream) = envoy.split_once("allowed_upstream_headers:").unwrap();
    let (upstream, _) = upstream.split_once("allowed_client_headers:").unwrap();
    for name in COPIED {
        assert!(traefik.contains(&format!("- {name}\n")), "{name}");
        assert!(upstream.contains(&format!("- exact: {name}\n")), "{name}");
        assert!(nginx.contains(&format!("proxy_set_header {name} ")), "{name}");
        let variable = format!("$upstream_http_{};", name.replace('-', "_"));
        assert!(nginx.contains(&variable), "{name}");
    }
    assert!(traefik.contains("- __host-tandem\n"));
    let (_, allowed) = envoy.split_once("allowed_headers:").unwrap();
    let (allowed, _) = allowed.split_once("http_service:").unwrap();
    for name in ["cookie", "accept", "origin", "referer", "user-agent", "sec-purpose", "x-bff"] {
        assert!(allowed.contains(&format!("- exact: {name}\n")), "{name}");
    }
}

/// A gateway forwards requests itself, so it must strip what the proxy strips.
#[test]
fn attacks_53_and_58_the_recipes_strip_what_the_proxy_strips() {
    let traefik = include_str!("../../config/traefik.yaml").to_lowercase();
    let envoy = include_str!("../../config/envoy.yaml");
    let nginx = include_str!("../../config/nginx.conf").to_lowercase();
    let (_, traefik) = traefik.split_once("    no-overrides:\n").unwrap();
    let (traefik, _) = traefik.split_once("    api:\n").unwrap();
    let (_, envoy) = envoy.split_once("request_headers_to_remove:\n").unwrap();
    let (envoy, _) = envoy.split_once("routes:\n").unwrap();
    let (_, nginx) = nginx.split_once("auth_request /-/auth;").unwrap();
    let (nginx, _) = nginx.split_once("location / {").unwrap();
    for name in STRIPPED {
        assert!(traefik.contains(&format!(" {name}: \"\"\n")), "Traefik: {name}");
        assert!(envoy.contains(&format!("- {name}\n")), "Envoy: {name}");
        assert!(nginx.contains(&format!("proxy_set_header {name} \"\";")), "nginx: {name}");
    }
    // nginx and Envoy drop names with an underscore.
    for name in ["_sfdc_client_auth", "sfdc_refresh_token"] {
        assert!(traefik.contains(&format!(" {name}: \"\"\n")), "Traefik: {name}");
    }
    // Envoy alone would let the client's own pass.
    assert!(envoy.contains("- x-forwarded-host\n"));
}
