//! A browser in front of nginx: it keeps cookies and follows redirects.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::{Connection, Cookies, JO, ORIGIN, RawRequest, RawResponse, get, post};

/// More redirects than this in a row are a loop.
const MOST_REDIRECTS: usize = 6;

pub(crate) struct Shopper {
    nginx: SocketAddr,
    pub(crate) cookies: Cookies,
    keeps_cookies: bool,
}

/// The response at the end of a chain of redirects.
pub(crate) struct Visit {
    pub(crate) response: RawResponse,
    /// The addresses of the chain, the first one included.
    pub(crate) chain: Vec<String>,
}

impl Shopper {
    pub(crate) fn new(nginx: SocketAddr) -> Self {
        Self { nginx, cookies: Cookies::default(), keeps_cookies: true }
    }

    pub(crate) fn without_cookies(nginx: SocketAddr) -> Self {
        Self { keeps_cookies: false, ..Self::new(nginx) }
    }

    /// Sends one request and does not follow redirects.
    pub(crate) async fn sends(&mut self, request: RawRequest) -> RawResponse {
        let request = request.cookies(&self.cookies).header("connection", "close");
        let mut connection = Connection::open(self.nginx).await;
        connection.write(request.bytes()).await;
        let response = connection.response(&request.method).await;
        if self.keeps_cookies {
            self.cookies.take(&response);
        }
        response
    }

    /// Opens a page.
    pub(crate) async fn visits(&mut self, path: &str) -> Visit {
        self.follows(path, RawRequest::document).await
    }

    /// A script of a page sends a GET.
    pub(crate) async fn fetches(&mut self, path: &str) -> Visit {
        self.follows(path, RawRequest::same_origin_fetch).await
    }

    async fn follows(&mut self, path: &str, like: fn(RawRequest) -> RawRequest) -> Visit {
        let mut chain = vec![path.to_owned()];
        while chain.len() <= MOST_REDIRECTS {
            let next = chain.last().cloned().unwrap_or_default();
            let response = self.sends(like(get(&next))).await;
            if !matches!(response.status, 301..=308) {
                return Visit { response, chain };
            }
            let location = response.header("location").expect("a location");
            let local = location.strip_prefix(ORIGIN).unwrap_or(location).to_owned();
            assert!(local.starts_with('/'), "{location}");
            chain.push(local);
        }
        panic!("a redirect loop: {chain:?}");
    }

    /// A script of a page posts JSON.
    pub(crate) async fn posts(&mut self, path: &str, json: &str) -> RawResponse {
        self.sends(post(path).same_origin_fetch().header("origin", ORIGIN).json(json)).await
    }

    /// Jo logs in.
    pub(crate) async fn logs_in(&mut self) {
        let login = post("/bff/login").same_origin_fetch().header("origin", ORIGIN).credentials(JO);
        self.sends(login).await.expect(200);
    }

    /// The body of `/bff/session`.
    pub(crate) async fn session(&mut self) -> Value {
        self.sends(get("/bff/session").same_origin_fetch()).await.expect(200).json()
    }
}

/// The customer for whom a controller page was rendered: type and id.
#[track_caller]
pub(crate) fn ecom_customer(page: &RawResponse) -> (String, String) {
    let text = page.text();
    let attribute = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).expect("a controller page");
        rest.split_once('"').map(|(value, _)| value.to_owned()).expect("a whole attribute")
    };
    (attribute("data-customer-type"), attribute("data-customer-id"))
}
