//! Identities and credentials that a browser claims in headers reach no upstream (kind 21).

use testkit::{FixedHead, Head, RawRequest, Scenario, World, get, post};

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const PRODUCT: &str = crate::support::PRODUCT;

/// Headers by which clouds and gateways name the authenticated user.
const IDENTITIES: [&str; 30] = [
    "x-amzn-oidc-identity",
    "x-amzn-oidc-data",
    "x-amzn-oidc-accesstoken",
    "x-amzn-mtls-clientcert",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-ms-token-aad-access-token",
    "x-goog-iap-jwt-assertion",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-apigateway-api-userinfo",
    "x-endpoint-api-userinfo",
    "x-serverless-authorization",
    "cf-access-jwt-assertion",
    "cf-access-authenticated-user-email",
    "x-forwarded-user",
    "x-pomerium-jwt-assertion",
    "x-authentik-username",
    "x-webauth-user",
    "x-consumer-username",
    "x-userinfo",
    "x-id-token",
    "remote-groups",
    "x-remote-group",
    "oidc_claim_sub",
    "tailscale-user-login",
    "x-ssl-client-cert",
    "x-invoke-path",
    "x-dw-client-id",
];

fn forged(request: RawRequest) -> RawRequest {
    IDENTITIES.iter().fold(request, |request, name| request.header(name, "CANARY"))
}

#[tokio::test]
async fn kind_21_claimed_identities_reach_no_upstream() {
    let upstream = FixedHead::responding(EMPTY).await;
    let world = Scenario::default()
        .with_head(upstream.origin())
        .with_ecom_at(upstream.origin())
        .start()
        .await;
    for path in ["/page", "/a.css", crate::support::CART] {
        world.send(forged(get(path).same_origin_fetch())).await.expect(200);
        let requests = upstream.requests();
        let (headers, _) = requests.last().unwrap();
        let passed: Vec<_> =
            IDENTITIES.iter().filter(|name| headers.header(name).is_some()).collect();
        assert!(passed.is_empty(), "{path}: {passed:?}");
    }
}

#[tokio::test]
async fn kind_21_claimed_identities_do_not_reach_scapi() {
    let world = World::start().await;
    let jar = world.guest_cookies().await;
    world.forget_calls();
    let request = forged(get(PRODUCT).same_origin_fetch().cookies(&jar)).header("trailer", "x-sum");
    world.send(request).await.expect(404);
    let calls = world.control().calls();
    let passed: Vec<_> = IDENTITIES.iter().filter(|name| calls[0].header(name).is_some()).collect();
    assert!(passed.is_empty(), "{passed:?}");
    assert_eq!(calls[0].header("trailer"), None);
}

#[tokio::test]
async fn kind_21_look_alike_header_names_are_dropped() {
    let head = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let names = [
        "transfer_encoding",
        "transfer.encoding",
        "transfer~encoding",
        "transfer+encoding",
        "Transfer_Encoding",
        "content_length",
        "content_encoding",
        "accept_encoding",
        "if_none_match",
        "cache_control",
        "user_agent",
        "x_requested_with",
        "x_csrf_token",
        "authorization_",
        "cookie.",
        "_host",
        "x__forwarded__for",
        "x!forwarded|for",
        "range_",
    ];
    let request = names
        .iter()
        .fold(get("/page").same_origin_fetch(), |request, name| request.header(name, "CANARY"));
    world.send(request.header("my_header", "1").header("x_shop.colour", "2")).await.expect(200);
    let requests = head.requests();
    let (headers, _) = requests.last().unwrap();
    let passed: Vec<_> =
        headers.names().into_iter().filter(|name| headers.all(name) == ["CANARY"]).collect();
    assert!(passed.is_empty(), "{passed:?}");
    // The shop's own header names pass.
    assert_eq!(
        (headers.header("my_header"), headers.header("x_shop.colour")),
        (Some("1"), Some("2"))
    );
}

#[tokio::test]
async fn kind_21_authorization_reaches_the_head_only_by_a_rule() {
    let head = FixedHead::responding(EMPTY).await;
    let rules = "routes.rules = [{ path = \"/staging\", authorization = \"basic\" },\n\
        { path = \"/cms\", authorization = \"any\" }]";
    let world = Scenario::default().with_head(head.origin()).site(rules).start().await;
    for (path, sent, forwarded) in [
        ("/", "Basic c3RhZ2luZzp4", None),
        ("/", "Bearer planted", None),
        ("/a.css", "Bearer planted", None),
        ("/staging", "Basic c3RhZ2luZzp4", Some("Basic c3RhZ2luZzp4")),
        ("/staging/a.css", "basic c3RhZ2luZzp4", Some("Basic c3RhZ2luZzp4")),
        ("/staging", "Bearer planted", None),
        ("/staging", "Basic", None),
        ("/cms", "Bearer own", Some("Bearer own")),
        ("/cms", "Digest username=\"x\"", Some("Digest username=\"x\"")),
        ("/Cms", "Bearer own", None),
    ] {
        world.send(get(path).same_origin_fetch().header("authorization", sent)).await.expect(200);
        let requests = head.requests();
        assert_eq!(requests.last().unwrap().0.header("authorization"), forwarded, "{path} {sent}");
    }
    let twice = get("/staging").same_origin_fetch().header("authorization", "Basic c3RhZ2luZzp4");
    world.send(twice.header("authorization", "Basic eDp5")).await.expect(200);
    assert_eq!(head.requests().last().unwrap().0.header("authorization"), None);
}

/// Instances that are not live require a storefront password, by HTTP Basic.
#[tokio::test]
async fn kind_21_a_storefront_password_reaches_ecom_and_a_bearer_not() {
    let ecom = FixedHead::responding(EMPTY).await;
    let world = Scenario::default().with_ecom_at(ecom.origin()).start().await;
    for path in [crate::support::CART, "/on/demandware.static/Sites-RefArch-Site/-/a.css"] {
        for (sent, forwarded) in
            [("Basic c3RvcmVmcm9udDp4", Some("Basic c3RvcmVmcm9udDp4")), ("Bearer planted", None)]
        {
            world
                .send(get(path).same_origin_fetch().header("authorization", sent))
                .await
                .expect(200);
            let requests = ecom.requests();
            assert_eq!(
                requests.last().unwrap().0.header("authorization"),
                forwarded,
                "{path} {sent}"
            );
        }
    }
}

#[tokio::test]
async fn kind_21_no_trailer_carries_a_reserved_header() {
    let head = Head::bind().await;
    let world = Scenario::default().with_head(head.origin()).start().await;
    let request =
        post("/upload").same_origin_fetch().header("trailer", "authorization, x-sum, x_bff.usid");
    let request = request.header("transfer-encoding", "chunked");
    let mut bytes =
        String::from_utf8(request.bytes()).unwrap().replace("content-length: 0\r\n", "");
    bytes.push_str("5\r\nhello\r\n0\r\nauthorization: CANARY\r\nx-sum: 1\r\nx_bff.usid: x\r\n\r\n");
    let mut connection = world.connect().await;
    connection.write(bytes).await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.header("trailer"), Some("x-sum"));
    assert_eq!(upstream.chunk().await.unwrap(), b"hello");
    let rest = "0\r\nx-sum: 1\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&upstream.take(rest.len()).await), rest);
    upstream.write("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
    connection.response("POST").await.expect(204);
    // Without a body there are no trailers to announce.
    let mut connection =
        world.begin(&get("/page").same_origin_fetch().header("trailer", "x-sum")).await;
    let (mut upstream, headers) = head.receive().await;
    assert_eq!(headers.header("trailer"), None);
    upstream.write(EMPTY).await;
    connection.response("GET").await.expect(200);
}
