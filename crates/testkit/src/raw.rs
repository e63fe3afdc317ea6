//! A request as bytes, and the cookies that a browser would send with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::HOST;
use crate::connection::Connection;
use crate::response::RawResponse;
use crate::scenario::JO;
use crate::world::World;

/// A request; nothing in it is checked or escaped.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The method.
    pub method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A `GET` request.
pub fn get(target: &str) -> RawRequest {
    request("GET", target)
}

/// A `POST` request.
pub fn post(target: &str) -> RawRequest {
    request("POST", target)
}

/// A request.
pub fn request(method: &str, target: &str) -> RawRequest {
    let (method, target) = (method.to_owned(), target.to_owned());
    RawRequest { method, target, headers: Vec::new(), body: Vec::new() }.header("host", HOST)
}

impl RawRequest {
    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With more headers.
    pub fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// With this `Host` in place of the shop's.
    pub fn host(mut self, host: &str) -> Self {
        self.headers.retain(|(name, _)| name != "host");
        self.header("host", host)
    }

    /// With these cookies.
    pub fn cookies(self, cookies: &Cookies) -> Self {
        if cookies.0.is_empty() { self } else { self.header("cookie", &cookies.header()) }
    }

    /// As a browser navigates to a page.
    pub fn document(self) -> Self {
        self.headers(&[
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("accept", "text/html,*/*;q=0.8"),
        ])
    }

    /// As a script on a page of the shop calls, by `fetch` to its own origin.
    pub fn same_origin_fetch(self) -> Self {
        self.headers(&[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
        ])
    }

    /// With a JSON body.
    pub fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// With the credentials of a shopper as JSON body.
    pub fn credentials(self, (username, password): (&str, &str)) -> Self {
        self.json(&json!({"username": username, "password": password}).to_string())
    }

    /// With a form as body.
    pub fn form(self, body: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// With this body.
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// The whole message. `Content-Length` is added where a body or a `POST` has none.
    pub fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.target)];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        let framed = self.headers.iter().any(|(name, _)| name == "content-length");
        if !framed && (self.method == "POST" || !self.body.is_empty()) {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        let mut bytes = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Cookies by name, without their attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies(pub BTreeMap<String, String>);

impl Cookies {
    /// These cookies.
    pub fn of(cookies: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(cookies.iter().map(owned).collect())
    }

    /// Applies what a response sets and deletes.
    pub fn take(&mut self, response: &RawResponse) {
        for line in response.all("set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if line.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The value of a cookie that must be there.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no cookie {name} in {:?}", self.0.keys()))
    }

    /// The cookies but for that one.
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// The value of the `Cookie` header.
    pub fn header(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// Raw requests.
impl World {
    /// A new connection.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// A new connection on which this request has been sent.
    pub async fn begin(&self, request: &RawRequest) -> Connection {
        let mut connection = self.connect().await;
        connection.write(request.bytes()).await;
        connection
    }

    /// Sends a request on a connection of its own.
    pub async fn send(&self, request: RawRequest) -> RawResponse {
        self.begin(&request).await.response(&request.method).await
    }

    /// Sends bytes on a connection of their own.
    pub async fn send_bytes(&self, bytes: impl AsRef<[u8]>) -> RawResponse {
        let mut connection = self.connect().await;
        connection.write(bytes).await;
        connection.response("GET").await
    }

    /// The cookies of a guest who has just landed.
    pub async fn guest_cookies(&self) -> Cookies {
        let mut cookies = Cookies::default();
        cookies.take(self.send(get("/").document()).await.expect(200));
        cookies
    }

    /// The cookies of a shopper who has just logged in.
    pub async fn registered_cookies(&self) -> Cookies {
        let mut cookies = self.guest_cookies().await;
        let login = post("/bff/login").same_origin_fetch().cookies(&cookies);
        cookies.take(self.send(login.credentials(JO)).await.expect(200));
        cookies
    }

    /// The body of `/bff/session` for a browser with these cookies.
    pub async fn session(&self, cookies: &Cookies) -> Value {
        self.send(get("/bff/session").same_origin_fetch().cookies(cookies)).await.expect(200).json()
    }

    /// The text of `/metrics`.
    pub async fn metrics(&self) -> String {
        let mut connection = Connection::open(self.admin).await;
        connection.write(get("/metrics").bytes()).await;
        connection.response("GET").await.expect(200).text()
    }
}
