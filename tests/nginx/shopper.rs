//! A browser in front of nginx: it keeps cookies and follows redirects.

use std::net::SocketAddr;

use crate::ask::{Ask, Jar, get, post};
use crate::wire::{Answer, Line};
use crate::world::ORIGIN;

/// More redirects than this in a row are a circle.
const MOST_REDIRECTS: usize = 6;

pub(crate) struct Shopper {
    nginx: SocketAddr,
    pub(crate) jar: Jar,
    keeps_cookies: bool,
}

/// An answer at the end of a chain of redirects.
pub(crate) struct Arrived {
    pub(crate) answer: Answer,
    /// The addresses on the way, the first one included.
    pub(crate) way: Vec<String>,
}

impl Shopper {
    pub(crate) fn new(nginx: SocketAddr) -> Self {
        Self { nginx, jar: Jar::default(), keeps_cookies: true }
    }

    pub(crate) fn without_cookies(nginx: SocketAddr) -> Self {
        Self { keeps_cookies: false, ..Self::new(nginx) }
    }

    /// One request, whatever comes.
    pub(crate) async fn asks(&mut self, ask: Ask) -> Answer {
        let ask = ask.cookies(&self.jar).header("connection", "close");
        let mut line = Line::open(self.nginx).await;
        line.write(ask.bytes()).await;
        let answer = line.answer(&ask.method).await;
        if self.keeps_cookies {
            self.jar.take(&answer);
        }
        answer
    }

    /// Opens a page.
    pub(crate) async fn visits(&mut self, path: &str) -> Arrived {
        self.follows(path, Ask::document).await
    }

    /// A script of a page reads something.
    pub(crate) async fn fetches(&mut self, path: &str) -> Arrived {
        self.follows(path, Ask::own_page).await
    }

    async fn follows(&mut self, path: &str, like: fn(Ask) -> Ask) -> Arrived {
        let mut way = vec![path.to_owned()];
        while way.len() <= MOST_REDIRECTS {
            let next = way.last().cloned().unwrap_or_default();
            let answer = self.asks(like(get(&next))).await;
            if !matches!(answer.status, 301..=308) {
                return Arrived { answer, way };
            }
            let location = answer.header("location").expect("a location");
            let local = location.strip_prefix(ORIGIN).unwrap_or(location).to_owned();
            assert!(local.starts_with('/'), "{location}");
            way.push(local);
        }
        panic!("a circle: {way:?}");
    }

    pub(crate) async fn posts(&mut self, path: &str, json: &str) -> Answer {
        self.asks(post(path).own_page().header("origin", ORIGIN).json(json)).await
    }

    pub(crate) async fn signs_in(&mut self) {
        let login = r#"{"username":"jo@example.com","password":"Tandem-2026"}"#;
        self.posts("/bff/login", login).await.expect(200);
    }

    /// Who the shopper is by our own word.
    pub(crate) async fn session(&mut self) -> serde_json::Value {
        self.asks(get("/bff/session").own_page()).await.expect(200).json()
    }
}

/// Whom a controller page takes the shopper for: type and id.
#[track_caller]
pub(crate) fn ecom_customer(page: &Answer) -> (String, String) {
    let text = page.text();
    let attribute = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).expect("a controller page");
        rest.split_once('"').map(|(value, _)| value.to_owned()).expect("a whole attribute")
    };
    (attribute("data-customer-type"), attribute("data-customer-id"))
}
