//! Faults, over real connections where the fault closes the connection.

use std::time::Duration;

use axum::http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::clock::MovableClock;
use super::world::{pair, world};
use crate::{Fault, Operation, Options, RefreshTokenState, Sandbox, Times, Upstream};

/// Sends a refresh over a new connection and reads until the simulator closes it.
async fn refresh(sandbox: &Sandbox, token: &str) -> String {
    let options = Options::default();
    let client = pair(&options.private_client.id, &options.private_client.secret);
    post(sandbox, &client, &format!("grant_type=refresh_token&refresh_token={token}")).await
}

async fn post(sandbox: &Sandbox, client: &str, body: &str) -> String {
    let body = format!("{body}&channel_id=RefArch");
    let mut stream = TcpStream::connect(sandbox.api()).await.unwrap();
    let head = format!(
        "POST /shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\nAuthorization: Basic {client}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut response = String::new();
    let _ = stream.read_to_string(&mut response).await;
    response
}

#[tokio::test]
async fn a_reset_loses_the_response_of_a_processed_call() {
    let sandbox = Sandbox::start(Options::default(), MovableClock::default()).await.unwrap();
    let client =
        pair(&Options::default().private_client.id, &Options::default().private_client.secret);
    let guest = post(&sandbox, &client, "grant_type=client_credentials").await;
    let (_, rest) = guest.split_once("\"refresh_token\":\"").unwrap();
    let token = rest.split('"').next().unwrap();
    sandbox.control().inject_fault(Operation::TokenRefresh, Fault::Reset, 1);
    assert_eq!(refresh(&sandbox, token).await, "");
    assert_eq!(sandbox.control().refresh_token(token).unwrap().exchanges, 1);
    assert!(refresh(&sandbox, token).await.starts_with("HTTP/1.1 200"));
    assert_eq!(sandbox.control().calls().iter().filter(|call| call.status.is_none()).count(), 1);
}

#[tokio::test]
async fn the_listeners_stop_with_the_sandbox() {
    let sandbox = Sandbox::start(Options::default(), MovableClock::default()).await.unwrap();
    let address = sandbox.head();
    TcpStream::connect(address).await.unwrap();
    drop(sandbox);
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), closed).await.unwrap();
}

#[tokio::test]
async fn a_fault_applies_to_as_many_calls_as_planned_with_retry_after() {
    let world = world();
    world.control.inject_fault(Upstream::Slas, Fault::Status(429, Some(7)), 2);
    let call = || world.slas(Method::GET, "jwks").send();
    assert_eq!(call().await.expect(429).header("retry-after"), Some("7"));
    call().await.expect(429);
    call().await.expect(200);
    world.control.inject_fault(Operation::Jwks, Fault::Body(200, "{".to_owned()), Times::Always);
    assert_eq!(call().await.expect(200).text, "{");
    world.control.clear_faults();
    let cookie = Fault::ExtraHeader("set-cookie", "dwsid=second".to_owned());
    world.control.inject_fault(Operation::Jwks, cookie, 1);
    assert_eq!(call().await.expect(200).cookie("dwsid").as_deref(), Some("second"));
    assert!(call().await.json()["keys"].is_array());
}

#[tokio::test]
async fn a_late_response_still_consumes_the_token() {
    let world = world();
    let token = world.public_guest().await.member("refresh_token");
    world.control.inject_fault(
        Operation::TokenRefresh,
        Fault::DelayAfter(Duration::from_secs(60)),
        1,
    );
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let call = world.public_token_call(&fields).send();
    assert!(timeout(Duration::from_millis(50), call).await.is_err());
    assert_eq!(world.control.refresh_token(&token).unwrap().state, RefreshTokenState::Used);
}

#[tokio::test]
async fn a_delayed_call_is_processed_after_its_client_disconnected() {
    let world = world();
    let token = world.public_guest().await.member("refresh_token");
    world.control.inject_fault(Operation::TokenRefresh, Fault::Delay(Duration::from_millis(40)), 1);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let call = world.public_token_call(&fields).send();
    assert!(timeout(Duration::from_millis(10), call).await.is_err());
    assert_eq!(world.control.refresh_token(&token).unwrap().state, RefreshTokenState::Live);
    let used = async {
        while world.control.refresh_token(&token).unwrap().state == RefreshTokenState::Live {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), used).await.unwrap();
}
