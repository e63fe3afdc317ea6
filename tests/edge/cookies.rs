//! Planted, repeated and forged cookies, and the attributes of our own (attacks 7–18).

use std::collections::BTreeSet;

use http::header::{COOKIE, HOST};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tandem_sandbox::{CustomerKind, Operation, TokenSignature, TokenSpec};
use testkit::{Cookies, JO, RawResponse, World, get, post};

const SEALED: &str = "__Host-tandem";

/// A guest's cookies, in which only the sealed state shows that the DW session is live.
async fn live_guest(world: &World) -> Cookies {
    let jar = world.guest_cookies().await;
    assert_eq!(world.session(&jar).await["dw_session"], "live");
    jar
}

#[tokio::test]
async fn attack_7_two_sealed_states_in_one_header_are_ignored() {
    let world = World::start().await;
    let jar = live_guest(&world).await;
    let other = world.guest_cookies().await;
    for repeated in [
        format!("{}; {SEALED}={}", jar.header(), other.value(SEALED)),
        format!("{SEALED}=x; {}", jar.header()),
    ] {
        let response =
            world.send(get("/bff/session").same_origin_fetch().header("cookie", &repeated)).await;
        assert_eq!(response.expect(200).json()["dw_session"], "unknown");
    }
}

#[tokio::test]
async fn attack_7_two_sealed_states_in_two_headers_are_ignored() {
    let world = World::start().await;
    let jar = live_guest(&world).await;
    let both = [jar.header(), format!("{SEALED}={}", world.guest_cookies().await.value(SEALED))];
    for (headers, state) in [(&both[..1], "live"), (&both[..], "unknown")] {
        let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let mut request = http::Request::get("https://shop.test/bff/session");
        for header in headers {
            request = request.header(COOKIE, header);
        }
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = client.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let session: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(session["dw_session"], state);
    }
}

#[tokio::test]
async fn attack_43_http2_with_two_host_names_is_rejected() {
    let world = World::start().await;
    let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://shop.test/bff/session").header(HOST, "other.test");
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 400);
}

#[tokio::test]
async fn attack_8_a_similar_cookie_name_is_not_the_sealed_state() {
    let world = World::start().await;
    let jar = live_guest(&world).await;
    let sealed = jar.value(SEALED).to_owned();
    let rest = jar.without(SEALED).header();
    for trick in [
        format!("__host-tandem={sealed}"),
        format!("__HOST-tandem={sealed}"),
        format!("{SEALED}=\"{sealed}\""),
        format!("$Version=1; ={SEALED}={sealed}"),
        format!("={SEALED}={sealed}"),
        format!("\t{SEALED}={sealed}"),
        format!("{SEALED}\t={sealed}"),
        // Characters that some parsers treat as white space. A browser does not, so a sibling host
        // could plant a cookie of that name in spite of the `__Host-` rule.
        format!("\u{a0}{SEALED}={sealed}"),
        format!("\u{2000}{SEALED}={sealed}"),
        format!("{SEALED}\u{3000}={sealed}"),
        format!("\u{85}{SEALED}={sealed}"),
    ] {
        let cookies = format!("{rest}; {trick}");
        let response =
            world.send(get("/bff/session").same_origin_fetch().header("cookie", &cookies)).await;
        assert_eq!(response.expect(200).json()["dw_session"], "unknown", "{trick:?}");
    }
    let cookies = format!("{rest}; {SEALED}={sealed}");
    let response =
        world.send(get("/bff/session").same_origin_fetch().header("cookie", &cookies)).await;
    assert_eq!(response.json()["dw_session"], "live", "for comparison");
}

#[tokio::test]
async fn attack_13_a_planted_dw_session_never_becomes_the_shoppers() {
    let world = World::start().await;
    let planted = world.control().new_ecom_visitor();
    let mut jar = Cookies::of(&[("dwsid", &planted)]);
    jar.take(world.send(get("/").document().cookies(&jar)).await.expect(200));
    let login = post("/bff/login").same_origin_fetch().cookies(&jar);
    jar.take(world.send(login.credentials(JO)).await.expect(200));
    assert_ne!(jar.value("dwsid"), planted);
    let planted_session = world.control().dw_session(&planted).unwrap();
    assert_eq!(
        planted_session.customer_type,
        CustomerKind::Guest,
        "the attacker's session is upgraded"
    );
    let own_session = world.control().dw_session(jar.value("dwsid")).unwrap();
    assert_eq!(own_session.login.as_deref(), Some("jo@example.com"));
}

#[tokio::test]
async fn attack_14_a_planted_usid_is_ignored() {
    let world = World::start().await;
    let victim = world.guest_cookies().await.value("usid").to_owned();
    let planted = Cookies::of(&[("usid", &victim)]);
    let requests = [
        get(&format!("/?usid={victim}")).document().cookies(&planted),
        get(&format!("/bff/go?to=/&usid={victim}")).document().cookies(&planted),
        post(&format!("/bff/session?usid={victim}")).same_origin_fetch().cookies(&planted),
    ];
    for request in requests {
        let mut jar = planted.clone();
        jar.take(&world.send(request).await);
        assert_ne!(jar.value("usid"), victim);
    }
    let login = post(&format!("/bff/login?usid={victim}")).same_origin_fetch().cookies(&planted);
    let login = login.json(&format!(
        r#"{{"username":"jo@example.com","password":"Tandem-2026","usid":"{victim}"}}"#
    ));
    let mut jar = planted.clone();
    jar.take(world.send(login).await.expect(200));
    assert_ne!(jar.value("usid"), victim);
}

#[tokio::test]
async fn attack_16_a_forged_token_is_no_session() {
    let world = World::start().await;
    let customer = world.control().customer_id_of("jo@example.com");
    let spec = TokenSpec { customer_id: customer, ..TokenSpec::default() };
    let forged = [
        TokenSpec { signature: TokenSignature::None, ..spec.clone() },
        TokenSpec { signature: TokenSignature::UnknownKey, ..spec.clone() },
        TokenSpec { signature: TokenSignature::Forged, ..spec.clone() },
        TokenSpec { tenant: Some("zzzz_001".to_owned()), ..spec.clone() },
        TokenSpec { client_id: Some("another-client".to_owned()), ..spec.clone() },
        TokenSpec { expires_in: Some(-10), ..spec.clone() },
    ];
    let tokens = forged.iter().map(|spec| world.control().forge_token(spec));
    let odd = ["x".repeat(4000), "a.b.c".to_owned(), "....".to_owned(), "e30.e30.".to_owned()];
    for token in tokens.chain(odd) {
        let jar = Cookies::of(&[("token", &token)]);
        // A call and a document both read it; neither accepts it.
        for request in [post("/bff/session").same_origin_fetch(), get("/").document()] {
            let response = world.send(request.cookies(&jar)).await;
            // A genuine but expired token only shows that a shopper had logged in.
            assert!(matches!(response.status, 200 | 401), "{}", response.status);
            let mut after = jar.clone();
            after.take(&response);
            assert_eq!(world.session(&after).await["customer_type"], "guest");
            assert_ne!(after.0.get("token"), Some(&token));
        }
        let bearer = get("/bff/session").header("authorization", &format!("Bearer {token}"));
        assert_eq!(world.send(bearer).await.expect(200).json()["customer_type"], "none");
    }
    assert!(world.count(Operation::Jwks) <= 1, "a forged token has fetched keys");
    let good = world.control().forge_token(&spec);
    let response = world
        .send(post("/bff/session").same_origin_fetch().cookies(&Cookies::of(&[("token", &good)])));
    assert_eq!(response.await.expect(200).json()["customer_type"], "registered", "for comparison");
}

#[tokio::test]
async fn attack_17_a_thousand_unknown_keys_cost_one_fetch_a_minute() {
    let world = World::start().await;
    world.guest_cookies().await;
    world.seconds_pass(61);
    world.forget_calls();
    let spec = TokenSpec { signature: TokenSignature::UnknownKey, ..TokenSpec::default() };
    let mut connection = world.connect().await;
    for _ in 0..1000 {
        let jar = Cookies::of(&[("token", &world.control().forge_token(&spec))]);
        connection.write(get("/api/products").same_origin_fetch().cookies(&jar).bytes()).await;
        assert_eq!(connection.response("GET").await.status, 200);
    }
    assert_eq!(world.count(Operation::Jwks), 1);
}

#[tokio::test]
async fn attack_18_our_cookies_have_their_attributes_on_every_route() {
    let world = World::start().await;
    let mut shapes = BTreeSet::new();
    let mut note = |response: &RawResponse| {
        for line in response.all("set-cookie") {
            shapes.insert(shape(line));
        }
    };
    note(&world.send(post("/bff/session").same_origin_fetch()).await);
    note(&world.send(get("/bff/go?to=/cart").document()).await);
    let landing = world.send(get("/").document()).await;
    note(&landing);
    let mut jar = Cookies::default();
    jar.take(&landing);
    let response =
        world.send(post("/bff/login").same_origin_fetch().cookies(&jar).credentials(JO)).await;
    note(&response);
    jar.take(&response);
    note(&world.send(post("/bff/logout").same_origin_fetch().cookies(&jar)).await);
    let shapes: Vec<_> = shapes.into_iter().collect();
    insta::assert_snapshot!(shapes.join("\n"), @r"
    __Host-tandem-nx=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT
    __Host-tandem-nx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=90 d
    __Host-tandem=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=30 d
    __Host-tandem=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=90 d
    cc-nx-g=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT
    cc-nx-g=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=30 d
    cc-nx=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT
    cc-nx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=90 d
    cid=…; SameSite=Lax; Secure; Path=/; Max-Age=30 d
    cid=…; SameSite=Lax; Secure; Path=/; Max-Age=90 d
    dwanonymous_{hash}=…; SameSite=Lax; Secure; Path=/; Max-Age=180 d
    dwsid=…; HttpOnly; SameSite=Lax; Secure; Path=/
    token=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=30 min
    usid=…; SameSite=Lax; Secure; Path=/; Max-Age=30 d
    usid=…; SameSite=Lax; Secure; Path=/; Max-Age=90 d
    ");
}

/// A `Set-Cookie` line without the parts that differ each time.
fn shape(line: &str) -> String {
    let mut parts = line.split("; ");
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
    let name = name.strip_prefix("dwanonymous_").map_or(name, |_| "dwanonymous_{hash}");
    let attributes: Vec<String> = parts
        .map(|part| match part.strip_prefix("Max-Age=").map(str::parse::<u64>) {
            Some(Ok(seconds @ 1..)) => format!("Max-Age={}", round(seconds)),
            _ => part.to_owned(),
        })
        .collect();
    let value = if value.is_empty() { "" } else { "…" };
    format!("{name}={value}; {}", attributes.join("; "))
}

/// Rounded, so that seconds that have passed do not matter.
fn round(seconds: u64) -> String {
    match seconds {
        0..=3600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} d", seconds.div_ceil(24 * 3600)),
    }
}
