//! Upstreams behind TLS: HTTP/2 where they agree to it, and their certificate must be trusted.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox};
use testkit::{Connection, HOST, ORIGIN, RawResponse, Scenario, Server, get, start_platform};

use crate::support::{Http2, TANDEM, TlsHead, http2_get};

/// The real binary in front of a Head behind TLS, whose certificate it trusts.
async fn start_server(head: &TlsHead) -> (Server, Sandbox) {
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let scenario = Scenario::default().with_head(head.origin());
    (TANDEM.serve_trusting(&scenario, &sandbox, Some(&head.certificate)).await, sandbox)
}

async fn fetch(server: &Server, path: &str) -> RawResponse {
    let mut connection = Connection::open(server.address).await;
    connection.write(get(path).same_origin_fetch().bytes()).await;
    connection.response("GET").await
}

#[tokio::test]
async fn an_upstream_with_http_2_gets_one_connection() {
    let head = TlsHead::speaking(&["h2", "http/1.1"]).await;
    let (server, _sandbox) = start_server(&head).await;
    for path in ["/a;b/%7Ec?x=%2F&y=//", "/second"] {
        assert_eq!(fetch(&server, path).await.expect(200).text(), "two");
    }
    let requests = head.requests();
    for (received, path) in requests.iter().zip(["/a;b/%7Ec?x=%2F&y=//", "/second"]) {
        assert_eq!(received.version, Version::HTTP_2);
        assert_eq!(received.target, format!("{}{path}", head.origin()));
        assert_eq!(received.headers.get("host"), None);
        assert_eq!(received.headers["x-forwarded-for"], "127.0.0.1");
        assert_eq!(received.connection, 0);
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn kind_7_the_host_of_an_upstream_is_another_than_its_tls_name() {
    let head = TlsHead::speaking(&["h2", "http/1.1"]).await;
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let scenario = Scenario::default().with_head(head.origin());
    let scenario = scenario.site("routes.head_host = \"public\"");
    // The certificate is that of the connection's address.
    let server = TANDEM.serve_trusting(&scenario, &sandbox, Some(&head.certificate)).await;
    fetch(&server, "/page").await.expect(200);
    let request = &head.requests()[0];
    assert_eq!(request.headers["host"], HOST);
    assert_eq!(request.version, Version::HTTP_11);
}

#[tokio::test]
async fn an_upstream_without_http_2_gets_http_1_1() {
    let head = TlsHead::speaking(&["http/1.1"]).await;
    let (server, _sandbox) = start_server(&head).await;
    fetch(&server, "/page").await.expect(200);
    let request = &head.requests()[0];
    assert_eq!(request.version, Version::HTTP_11);
    assert_eq!(request.target, "/page");
    let host = format!("localhost:{}", head.address.port());
    assert_eq!(request.headers["host"], host.as_str());
}

#[tokio::test]
async fn trailers_cross_from_http_2_to_http_2_both_ways() {
    let head = TlsHead::speaking(&["h2"]).await;
    let (server, _sandbox) = start_server(&head).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "111".parse().unwrap());
    let frames = [Frame::data(Bytes::from("one")), Frame::trailers(trailers.clone())];
    let frames = frames.map(Ok::<_, std::convert::Infallible>);
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    let request = http2_get("/upload").method("POST").header("te", "trailers").body(body).unwrap();
    let mut client = Http2::open(server.address).await;
    let response = client.send(request).await.into_body().collect().await.unwrap();
    assert_eq!(response.trailers().unwrap()["x-sum"], "222");
    assert_eq!(response.to_bytes(), "two");
    let request = &head.requests()[0];
    assert_eq!(request.body, "one");
    assert_eq!(request.trailers, Some(trailers));
    assert_eq!(request.headers["te"], "trailers");
}

#[tokio::test]
async fn fault_32_a_reset_upstream_stream_is_visibly_truncated() {
    let head = TlsHead::speaking(&["h2"]).await;
    let (server, _sandbox) = start_server(&head).await;
    let mut connection = Connection::open(server.address).await;
    connection.write(get("/broken").same_origin_fetch().bytes()).await;
    let headers = connection.headers().await.unwrap();
    assert_eq!(headers.first, "HTTP/1.1 200 OK");
    head.break_off();
    let (body, complete) = connection.body(&headers).await;
    assert!(!complete, "{} bytes look complete", body.len());
    let mut client = Http2::open(server.address).await;
    let response = client.send(http2_get("/broken").body(Body::empty()).unwrap()).await;
    head.break_off();
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_websocket_uses_http_1_1_even_with_http_2() {
    let head = TlsHead::speaking(&["h2", "http/1.1"]).await;
    let (server, _sandbox) = start_server(&head).await;
    let request = get("/socket").headers(&[
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("origin", ORIGIN),
    ]);
    let mut connection = Connection::open(server.address).await;
    connection.write(request.bytes()).await;
    connection.response("GET").await.expect(101);
    assert_eq!(connection.rest().await, "hello");
    assert_eq!(head.requests()[0].version, Version::HTTP_11);
}

#[tokio::test]
async fn attack_78_an_untrusted_upstream_receives_nothing() {
    let (known, head) = (TlsHead::speaking(&["h2"]).await, TlsHead::speaking(&["h2"]).await);
    let sandbox = start_platform(Options::default(), &Clock::system()).await;
    let scenario = Scenario::default().with_head(head.origin());
    let server = TANDEM.serve_trusting(&scenario, &sandbox, Some(&known.certificate)).await;
    fetch(&server, "/page").await.expect_problem(502, "upstream_unavailable");
    assert_eq!(head.requests().len(), 0);
}
