//! Messages as they were read from a connection.

use serde_json::Value;

/// First line and headers of a request or a response.
#[derive(Clone, Debug)]
pub struct HeaderSection {
    /// The request line or the status line.
    pub first: String,
    headers: Vec<(String, String)>,
}

/// A response with its body.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// The status.
    pub status: u16,
    pub(crate) headers: HeaderSection,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Whether the body ended as its framing announced.
    pub complete: bool,
}

impl HeaderSection {
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self { first, headers: headers.collect() }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// All headers of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The names of all headers, in order.
    pub fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl RawResponse {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.header(name)
    }

    /// All headers of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.all(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// Whether `text` occurs in a header or the body.
    pub fn contains(&self, text: &str) -> bool {
        let in_headers = self.headers.headers.iter().any(|(_, value)| value.contains(text));
        in_headers || self.text().contains(text)
    }

    /// The response has that status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    /// The response is a problem as a script receives it.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("private, no-store"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        self
    }

    /// The response is a problem as a person sees it.
    #[track_caller]
    pub fn expect_problem_page(&self, status: u16, code: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(self.header("cache-control"), Some("private, no-store"));
        assert!(self.text().contains(code), "{}", self.text());
        self
    }

    /// The response sets and deletes no cookie.
    #[track_caller]
    pub fn expect_no_cookies(&self) -> &Self {
        assert_eq!(self.all("set-cookie"), [""; 0]);
        self
    }

    /// The response is a 303 to `location`.
    #[track_caller]
    pub fn expect_location(&self, location: &str) -> &Self {
        self.expect(303);
        assert_eq!(self.header("location"), Some(location));
        self
    }
}
