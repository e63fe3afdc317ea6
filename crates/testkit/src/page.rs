//! A response as a browser received it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A response.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    /// The request, for messages.
    pub(crate) request: String,
}

impl Page {
    /// The response has that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let text: String = self.text.chars().take(400).collect();
        assert_eq!(self.status.as_u16(), status, "{}: {text}", self.request);
        self
    }

    /// A problem with that code, as JSON or as an HTML page.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.request, self.text);
        let named = self.text.contains(&format!("\"code\":\"{code}\""))
            || (self.header("content-type").starts_with("text/html") && self.text.contains(code));
        assert!(named, "{}: no {code} in {}", self.request, self.text);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.request, self.text))
    }

    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `Location`; empty where there is none.
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// `Cache-Control`; empty where there is none.
    pub fn cache_control(&self) -> &str {
        self.header(CACHE_CONTROL.as_str())
    }

    /// `Retry-After` in seconds.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        let text = self.header("retry-after");
        text.parse().unwrap_or_else(|_| panic!("{}: Retry-After {text:?}", self.request))
    }

    /// The `Set-Cookie` lines in order.
    pub fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(SET_COOKIE).iter();
        lines.filter_map(|line| line.to_str().ok()).collect()
    }

    /// The response sets and deletes no cookie.
    #[track_caller]
    pub fn expect_no_cookies(&self) -> &Self {
        assert_eq!(self.set_cookies(), Vec::<&str>::new(), "{}", self.request);
        self
    }

    /// The customer for whom the controller page was rendered: type and id.
    #[track_caller]
    pub fn ecom_customer(&self) -> (String, String) {
        let attribute = |name: &str| {
            let (_, rest) = self.text.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let kind = attribute("data-customer-type");
        let both = kind.zip(attribute("data-customer-id"));
        both.unwrap_or_else(|| panic!("{}: no controller page: {}", self.request, self.text))
    }

    /// The value of the hidden field that a controller's form carries.
    #[track_caller]
    pub fn csrf_token(&self) -> String {
        let field = self.text.split_once("name=\"csrf_token\" value=\"");
        let token = field.and_then(|(_, rest)| rest.split_once('"')).map(|(token, _)| token);
        token.unwrap_or_else(|| panic!("{}: no form: {}", self.request, self.text)).to_owned()
    }

    /// Every cookie that the response sets or deletes, one per line, without values and with
    /// lifetimes rounded up to ten seconds: for snapshots.
    pub fn cookie_attributes(&self) -> String {
        let line = |line: &&str| {
            let (pair, attributes) = line.split_once("; ").unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = name
                .split_once('_')
                .filter(|_| name.starts_with("dw"))
                .map_or_else(|| name.to_owned(), |(companion, _)| format!("{companion}_…"));
            let value = if value.is_empty() { "" } else { "…" };
            let attributes: Vec<String> = attributes.split("; ").map(rounded).collect();
            format!("{name}={value}; {}", attributes.join("; "))
        };
        self.set_cookies().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The simulator may read the clock twice, a second apart.
fn rounded(attribute: &str) -> String {
    let age = attribute.strip_prefix("Max-Age=").and_then(|age| age.parse::<i64>().ok());
    age.map_or_else(|| attribute.to_owned(), |age| format!("Max-Age={}", (age + 9) / 10 * 10))
}

/// The claims of an access token that tests look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// The customer.
    pub customer_id: String,
    /// Whether the customer is registered.
    pub registered: bool,
    /// The SLAS session.
    pub usid: String,
    /// The do-not-track claim, `0` or `1`.
    pub dnt: String,
}

impl TokenClaims {
    /// Reads a token without checking it: the simulator made it.
    pub(crate) fn read(token: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let payload: Value = serde_json::from_slice(&payload).ok()?;
        let pairs = |claim: &str| payload[claim].as_str().unwrap_or_default().to_owned();
        let value = |claim: &str, key: &str| {
            let claim = pairs(claim);
            let mut pairs = claim.split("::").filter_map(|pair| pair.split_once(':'));
            pairs.find(|(known, _)| *known == key).map(|(_, value)| value.to_owned())
        };
        let shopper = value("isb", "rcid");
        Some(Self {
            registered: shopper.is_some(),
            customer_id: shopper.or_else(|| value("isb", "gcid"))?,
            usid: value("sub", "usid")?,
            dnt: pairs("dnt"),
        })
    }
}
