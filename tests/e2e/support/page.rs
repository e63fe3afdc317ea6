//! An answer as a browser got it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// What was asked, for messages.
    pub(super) asked: String,
}

impl Page {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let Self { asked, text, .. } = &self;
        assert_eq!(self.status.as_u16(), status, "{asked}: {}", &text[..text.len().min(400)]);
        self
    }

    /// The stable word of a problem, for calls and for people.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        let named = self.text.contains(&format!("\"code\":\"{code}\""))
            || (self.header("content-type").starts_with("text/html") && self.text.contains(code));
        assert!(named, "{}: no {code} in {}", self.asked, self.text);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text))
    }

    /// A header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub(crate) fn cache_control(&self) -> &str {
        self.header(CACHE_CONTROL.as_str())
    }

    /// `Retry-After` in seconds.
    #[track_caller]
    pub(crate) fn retry_after(&self) -> u64 {
        let text = self.header("retry-after");
        text.parse().unwrap_or_else(|_| panic!("{}: Retry-After {text:?}", self.asked))
    }

    /// The `Set-Cookie` lines in order.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(SET_COOKIE).iter();
        lines.filter_map(|line| line.to_str().ok()).collect()
    }

    /// The answer leaves the browser's cookies as they are.
    #[track_caller]
    pub(crate) fn sets_nothing(&self) -> &Self {
        assert_eq!(self.set_cookies(), Vec::<&str>::new(), "{}", self.asked);
        self
    }

    /// Whom the controller page takes the shopper for: type and id.
    #[track_caller]
    pub(crate) fn ecom_customer(&self) -> (String, String) {
        let attribute = |name: &str| {
            let (_, rest) = self.text.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let kind = attribute("data-customer-type");
        let both = kind.zip(attribute("data-customer-id"));
        both.unwrap_or_else(|| panic!("{}: no controller page: {}", self.asked, self.text))
    }

    /// The value of the hidden field that a controller's form carries.
    #[track_caller]
    pub(crate) fn csrf_token(&self) -> String {
        let field = self.text.split_once("name=\"csrf_token\" value=\"");
        let token = field.and_then(|(_, rest)| rest.split_once('"')).map(|(token, _)| token);
        token.unwrap_or_else(|| panic!("{}: no form: {}", self.asked, self.text)).to_owned()
    }

    /// Every cookie this answer sets or deletes, one per line, values left out and lifetimes
    /// rounded up to ten seconds: for snapshots.
    pub(crate) fn cookie_attributes(&self) -> String {
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

/// A second may pass between two of the simulator's looks at the clock.
fn rounded(attribute: &str) -> String {
    let age = attribute.strip_prefix("Max-Age=").and_then(|age| age.parse::<i64>().ok());
    age.map_or_else(|| attribute.to_owned(), |age| format!("Max-Age={}", (age + 9) / 10 * 10))
}

/// What the payload of an access token says, by key, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) customer_id: String,
    pub(crate) registered: bool,
    pub(crate) usid: String,
    pub(crate) dnt: String,
}

impl Said {
    /// Reads a token without any check: the simulator made it.
    pub(super) fn by(token: &str) -> Option<Self> {
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
