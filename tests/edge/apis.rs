//! The API proxies and the SLAS proxy, byte for byte: credentials, framing, and broken bodies.

use tandem_sandbox::{Call, Fault, Operation, Times, Upstream};
use testkit::{Cookies, HOST, Head, ORIGIN, Scenario, World, get, post, request};

use crate::support::GATEWAYS;

const CUSTOMERS: &str = "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053/customers";
const BASKETS: &str =
    "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/baskets";
const TOKEN: &str =
    "/mobify/slas/private/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token";

fn missing_basket() -> String {
    format!("{BASKETS}/none?siteId=RefArch")
}

async fn start_with_guest() -> (World, Cookies) {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    world.forget_calls();
    (world, jar)
}

#[track_caller]
fn only_call(world: &World) -> Call {
    let mut calls = world.control().calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}

#[tokio::test]
async fn attack_57_the_cookie_wins_over_every_authorization_header() {
    let (world, jar) = start_with_guest().await;
    for headers in [
        &[("authorization", "Bearer planted")][..],
        &[("authorization", "Bearer planted"), ("authorization", "Bearer other")],
        &[("authorization", "Basic cGxhbnRlZDp4"), ("Authorization", "Bearer planted")],
        &[("authorization", "Bearer planted"), ("connection", "authorization")],
    ] {
        let request = get(&missing_basket()).same_origin_fetch().cookies(&jar).headers(headers);
        assert_eq!(world.send(request).await.status, 404, "{headers:?}");
        let bearer = format!("Bearer {}", jar.value("token"));
        assert_eq!(only_call(&world).header("authorization"), Some(bearer.as_str()));
        world.forget_calls();
    }
}

#[tokio::test]
async fn attacks_55_and_59_our_headers_cannot_be_faked_or_removed() {
    let (world, jar) = start_with_guest().await;
    let request = get(&missing_basket()).same_origin_fetch().cookies(&jar).headers(&[
        ("connection", "correlation-id, sfdc_dwsid, authorization"),
        ("sfdc-dwsid", "planted"),
        ("sfdc.dwsid", "planted"),
        ("x_site_id", "Other"),
        ("x.slas.client.auth", "planted"),
    ]);
    assert_eq!(world.send(request).await.status, 404);
    let call = only_call(&world);
    assert!(call.header("correlation-id").is_some());
    assert_eq!(call.header("sfdc_dwsid"), Some(jar.value("dwsid")));
    for name in ["sfdc-dwsid", "sfdc.dwsid", "x_site_id", "x.slas.client.auth"] {
        assert_eq!(call.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn attacks_39_and_44_ambiguous_paths_reach_no_upstream() {
    let (world, jar) = start_with_guest().await;
    for path in [
        format!("{BASKETS}/../../../../../../shopper/auth/v1/x?siteId=RefArch"),
        format!("{BASKETS}/%2e%2e/x"),
        format!("{BASKETS}%2fx"),
        format!("{BASKETS}/..;/x"),
        format!("{BASKETS}\\x"),
        format!("/mobify/proxy/api/{BASKETS}"),
        format!("{TOKEN}/../trusted-system/token"),
        format!("{TOKEN}%00"),
        format!("{TOKEN}%2f..%2ftrusted-system%2ftoken"),
        TOKEN.replace("/private/", "/private//"),
        TOKEN.replace("token", "%74oken"),
        TOKEN.to_uppercase().replace("/MOBIFY/SLAS/PRIVATE/", "/mobify/slas/private/"),
    ] {
        for request in [get(&path), post(&path).form("grant_type=client_credentials")] {
            let response = world.send(request.same_origin_fetch().cookies(&jar)).await;
            assert!([400, 403].contains(&response.status), "{path}: {}", response.status);
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn a_query_is_forwarded_byte_for_byte() {
    let (world, jar) = start_with_guest().await;
    let path = format!("{BASKETS}/n'%7Eone?siteId=RefArch&x=%2F..%2f&y=a+b'{{}}");
    let request = get(&path).same_origin_fetch().cookies(&jar);
    assert_eq!(world.send(request).await.status, 404);
    assert!(only_call(&world).path.ends_with("/n'%7Eone"), "{}", only_call(&world).path);
}

#[tokio::test]
async fn an_incomplete_body_never_reaches_an_upstream() {
    let (world, jar) = start_with_guest().await;
    for path in [format!("{BASKETS}?siteId=RefArch"), TOKEN.to_owned()] {
        let request = post(&path).same_origin_fetch().cookies(&jar).header("content-length", "100");
        let request = request.header("content-type", "application/json").body("{");
        let mut connection = world.begin(&request).await;
        connection.finish().await;
        let response = connection.try_response(false).await;
        assert!(response.is_none_or(|response| response.status == 400 || response.status == 413));
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attack_85_a_missing_body_times_out() {
    let world = Scenario::default().server("request_timeout_ms = 300").start().await;
    let mut connection = world.connect().await;
    let form = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 100";
    connection.write(format!("POST {TOKEN} HTTP/1.1\r\nhost: {HOST}\r\n{form}\r\n\r\ngrant")).await;
    connection.response("POST").await.expect_problem(503, "upstream_unavailable");
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn a_broken_body_is_not_reported_as_too_long() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    let form = "content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked";
    connection
        .write(format!("POST {TOKEN} HTTP/1.1\r\nhost: {HOST}\r\n{form}\r\n\r\nno chunk\r\n"))
        .await;
    connection.response("POST").await.expect_problem(400, "bad_request");
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn a_rotated_refresh_token_reaches_the_browser_if_the_call_fails() {
    let world = Scenario::default().with_public_client().start().await;
    let mut jar = world.registered_cookies().await;
    world.minutes_pass(31);
    world.control().inject_fault(Operation::SlasOther, Fault::Status(503, None), Times::Always);
    let user =
        TOKEN.replace("private", "public").replace("2/token", "2/userinfo?channel_id=RefArch");
    let request = get(&user).same_origin_fetch().cookies(&jar);
    let response = world.send(request).await;
    response.expect_problem(503, "upstream_unavailable");
    jar.take(&response);
    world.minutes_pass(40);
    let session = world.send(post("/bff/session").same_origin_fetch().cookies(&jar)).await;
    assert_eq!(session.expect(200).json()["customer_type"], "registered");
}

#[tokio::test]
async fn attack_85_a_missing_body_costs_no_refresh_token() {
    let rule = "path = \"/mobify/proxy/api/\", to = \"scapi\", timeout_ms = 300";
    let world = Scenario::default()
        .with_public_client()
        .site(&format!("routes.rules = [{{ {rule} }}]"))
        .start()
        .await;
    let jar = world.registered_cookies().await;
    world.minutes_pass(31);
    world.forget_calls();
    let request = post(&format!("{BASKETS}?siteId=RefArch")).same_origin_fetch().cookies(&jar);
    let request = request.header("content-length", "100").json("{");
    let mut connection = world.begin(&request).await;
    let response = connection.response("POST").await;
    response.expect_problem(503, "upstream_unavailable").expect_no_cookies();
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn attacks_19_to_23_no_link_and_no_image_logs_a_shopper_out() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    world.forget_calls();
    let logout = TOKEN.replace("oauth2/token", "oauth2/logout?hint=all-sessions");
    let own = ("sec-fetch-site", "same-origin");
    for request in [
        // From a mail, or typed in; from a comment on one of our own pages; in an image there.
        get(&logout).document(),
        get(&logout).headers(&[("sec-fetch-site", "none")]),
        get(&logout).headers(&[
            own,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ]),
        get(&logout).headers(&[own, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "object")]),
        get(&logout).headers(&[own, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]),
        // A browser without fetch metadata.
        get(&logout).headers(&[("accept", "text/html"), ("origin", ORIGIN)]),
    ] {
        let response = world.send(request.cookies(&jar)).await;
        response.expect_no_cookies();
        assert_eq!(response.status, 403, "{}", response.text());
    }
    assert_eq!(world.auth_calls(), [""; 0]);
    world.send(get(&logout).same_origin_fetch().cookies(&jar)).await.expect(200);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_streamed() {
    let (world, jar) = start_with_guest().await;
    let mut connection = world.connect().await;
    let cookies = jar.header();
    connection
        .write(format!(
            "POST {BASKETS}?siteId=RefArch HTTP/1.1\r\nhost: {HOST}\r\norigin: {ORIGIN}\r\n\
         cookie: {cookies}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        ))
        .await;
    connection.write("1\r\n{\r\n").await;
    connection.write("1\r\n}\r\n0\r\n\r\n").await;
    assert_eq!(connection.response("POST").await.status, 200);
    assert_eq!(world.count(Operation::ScapiOther), 1);
}

#[tokio::test]
async fn an_api_call_is_never_upgraded() {
    let (world, jar) = start_with_guest().await;
    let request = get(&missing_basket()).same_origin_fetch().cookies(&jar).headers(&[
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("origin", ORIGIN),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]);
    assert_eq!(world.send(request).await.status, 404);
    assert_eq!(only_call(&world).header("upgrade"), None);
}

#[tokio::test]
async fn promise_14_and_attacks_19_to_23_a_foreign_page_changes_nothing() {
    let (world, jar) = start_with_guest().await;
    let logout = TOKEN.replace("oauth2/token", "oauth2/logout?channel_id=RefArch");
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site"), ("origin", "https://pay.shop.test")],
        &[("origin", "https://evil.test")],
        &[("origin", "null")],
        &[("x-bff", "1"), ("sec-fetch-site", "cross-site")],
        &[("x-site-id", "RefArch"), ("origin", "https://evil.test")],
        // Not a browser, but with a browser's cookies and without `X-BFF`.
        &[],
    ] {
        for request in [
            post(&format!("{BASKETS}?siteId=RefArch")).json("{}"),
            post(TOKEN).form("grant_type=client_credentials"),
            get(&logout),
            request("DELETE", &missing_basket()),
        ] {
            let response = world.send(request.headers(headers).cookies(&jar)).await;
            response.expect_problem(403, "csrf_rejected").expect_no_cookies();
        }
    }
    assert_eq!(world.auth_calls(), [""; 0]);
}

#[tokio::test]
async fn a_foreign_page_cannot_make_a_browser_look_like_a_server() {
    let world = World::start().await;
    // A form of another site, sent without cookies: the tokens of the response would log the browser
    // in as another shopper.
    for headers in [
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")][..],
        &[("origin", "https://evil.test")],
    ] {
        let request = post(TOKEN).form("grant_type=client_credentials").headers(headers);
        let response = world.send(request).await;
        assert_eq!(response.status, 403, "{headers:?}");
        response.expect_no_cookies();
    }
    let calls = world.control().calls();
    assert!(calls.iter().all(|call| call.operation.upstream() != Upstream::Slas));
}

#[tokio::test]
async fn a_truncated_401_is_an_outage_and_the_new_tokens_arrive() {
    const PRODUCT: &str = "/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/products/brompton";
    for (status, closes) in [(502, true), (504, false)] {
        let ocapi = Head::bind().await;
        let rule = "bridge.time = \"on-demand\"\n\
            routes.rules = [{ path = \"/mobify/proxy/ocapi/\", to = \"ocapi\", timeout_ms = 500 }]";
        let scenario =
            Scenario::default().with_public_client().with_ocapi(ocapi.origin()).site(rule);
        let world = scenario.start().await;
        let jar = world.guest_cookies().await;
        world.minutes_pass(31);
        let mut connection = world.begin(&get(PRODUCT).same_origin_fetch().cookies(&jar)).await;
        let (mut upstream, _) = ocapi.receive().await;
        upstream.write("HTTP/1.1 401 Unauthorized\r\ncontent-length: 100\r\n\r\n{").await;
        let _open = (!closes).then_some(upstream);
        let response = connection.response("GET").await;
        response.expect_problem(status, "upstream_unavailable");
        let mut refreshed = jar.clone();
        refreshed.take(&response);
        assert_ne!(refreshed.value("cc-nx-g"), jar.value("cc-nx-g"), "the rotated token is lost");
    }
}

#[tokio::test]
async fn kind_4_an_encoded_slash_in_a_name_arrives_octet_for_octet() {
    let world = World::start().await;
    let jar = world.registered_cookies().await;
    let api = "/mobify/proxy/api";
    for name in ["Home%20%2F%20Office", "c%2Fo%20Mum", "back%5Cslash"] {
        let below = format!("{CUSTOMERS}/abc/addresses/{name}");
        let call = request("DELETE", &format!("{api}{below}?siteId=RefArch"));
        world.forget_calls();
        // The simulator has no addresses.
        world.send(call.same_origin_fetch().cookies(&jar)).await.expect(404);
        let calls = world.control().calls();
        assert_eq!(calls.iter().map(|call| call.path.as_str()).collect::<Vec<_>>(), [&below]);
    }
    for path in [
        "/customer%2Fshopper-customers/v1/organizations/f_ecom_zzte_053/customers/abc/addresses/x",
        "/customer/shopper-customers/v1/organizations%5Cf_ecom_zzte_053/customers/abc/addresses/x",
        "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053/customers/..%2Fabc/x",
        "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053/customers/a%5C..%5Cabc/x",
    ] {
        world.forget_calls();
        let call = get(&format!("{api}{path}?siteId=RefArch")).same_origin_fetch().cookies(&jar);
        let response = world.send(call).await;
        assert!(matches!(response.status, 400 | 403), "{path}: {}", response.status);
        assert!(world.control().calls().is_empty(), "{path}");
    }
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered_cookies().await;
        let target = format!("{api}{CUSTOMERS}/abc/addresses/c%2Fo%20Mum?siteId=RefArch");
        let question = gateway.subrequest("DELETE", &target).same_origin_fetch().cookies(&jar);
        gateway.expect_allowed(&world.send(question).await);
    }
}
