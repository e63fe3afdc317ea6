//! A stand-in for everything behind the proxies: a Head, SCAPI, and as much of SLAS and OCAPI as a
//! guest needs to get a session. It answers from memory, octets that are made once.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::CLIENT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the two measured answers weigh, in octets.
pub(crate) const PAGE: usize = 60 * 1024;
pub(crate) const API_ANSWER: usize = 20 * 1024;

const TENANT: &str = "zzte_053";

struct Answers {
    page: Vec<u8>,
    api: Vec<u8>,
    session: Vec<u8>,
    /// Guests so far: each has tokens and a SLAS session of its own.
    guests: AtomicUsize,
}

/// Serves on loopback for as long as the runtime lives.
pub(crate) async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let answers = Arc::new(Answers::new());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream, Arc::clone(&answers)));
        }
    });
    Ok(address)
}

impl Answers {
    fn new() -> Self {
        let dwsid = format!("set-cookie: dwsid={}==; Path=/; HttpOnly; Secure\r\n", "d".repeat(86));
        let companion = "set-cookie: dwanonymous_0c3f=abGuest0123456789; Path=/; Secure\r\n";
        Self {
            page: answer(
                "text/html; charset=utf-8",
                "vary: Accept-Encoding\r\n",
                &vec![b'p'; PAGE],
            ),
            api: answer(
                "application/json",
                "cache-control: max-age=300\r\n",
                &vec![b'a'; API_ANSWER],
            ),
            session: answer("application/json", &format!("{dwsid}{companion}"), b"{}"),
            guests: AtomicUsize::new(0),
        }
    }

    fn to(&self, head: &[u8]) -> Cow<'_, [u8]> {
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let asks_for = |part: &[u8]| line.windows(part.len()).any(|window| window == part);
        if asks_for(b"/oauth2/token") {
            let tokens = tokens(self.guests.fetch_add(1, Ordering::Relaxed)).to_string();
            answer("application/json", "", tokens.as_bytes()).into()
        } else if asks_for(b"/sessions") {
            self.session.as_slice().into()
        } else if asks_for(b"/shopper-products/") {
            self.api.as_slice().into()
        } else {
            self.page.as_slice().into()
        }
    }
}

fn answer(kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 08:00:00 GMT\r\nserver: stand-in\r\n\
         content-type: {kind}\r\netag: \"5f3a\"\r\n{more}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What SLAS says to the guest `number`. Nobody checks the signature of a token that comes from SLAS itself.
fn tokens(number: usize) -> Value {
    let usid = format!("0f5b0f52-6a1e-4c2b-9a4e-{number:012x}");
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let header = json!({"ver": "1.0", "kid": "k", "typ": "jwt", "alg": "ES256"});
    let claims = json!({
        "aut": "GUID", "ctx": "slas", "ist": 1, "sty": "User", "dnt": "0", "jti": format!("C2C-{number}"),
        "scp": "sfcc.shopper-myaccount.baskets sfcc.shopper-products ".repeat(20),
        "sub": format!("cc-slas::{TENANT}::scid:{CLIENT}::usid:{usid}"),
        "iss": format!("slas/prod/{TENANT}"), "aud": format!("commercecloud/prod/{TENANT}"),
        "isb": "uido:slas::upn:Guest::uidn:Guest User::gcid:abGuest::chid:RefArch",
        "nbf": now - 30, "iat": now, "exp": now + 1800,
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    json!({
        "access_token": format!("{header}.{claims}.{}", "s".repeat(86)), "id_token": "",
        "refresh_token": format!("{number:r>86}"), "expires_in": 1800, "refresh_token_expires_in": 2_592_000,
        "token_type": "Bearer", "usid": usid, "customer_id": "abGuest", "dnt": "false",
    })
}

async fn serve(mut stream: TcpStream, answers: Arc<Answers>) -> io::Result<()> {
    let mut request = Vec::with_capacity(16 * 1024);
    loop {
        request.clear();
        let end = loop {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
            if let Some(end) = end_of_head(&request) {
                break end;
            }
        };
        let (head, body) = request.split_at(end);
        let mut left = length(head).saturating_sub(body.len());
        let answer = answers.to(head);
        let mut rest = Vec::new();
        while left > 0 {
            left = left.saturating_sub(stream.read_buf(&mut rest).await?);
        }
        stream.write_all(&answer).await?;
    }
}

/// Where the head of a message ends.
pub(crate) fn end_of_head(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// `Content-Length`, or 0.
pub(crate) fn length(head: &[u8]) -> usize {
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let mut values = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    values.next().unwrap_or(0)
}
