//! Requests as the mock received them, and responses for it.

use std::collections::BTreeMap;

use serde_json::Value;
use wiremock::{Request, ResponseTemplate};

/// A request that the mock received.
pub(crate) struct Received(pub(crate) Request);

impl Received {
    /// `METHOD path?query`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.0.method, self.0.url.path())
    }

    pub(crate) fn query(&self) -> BTreeMap<String, String> {
        pairs(self.0.url.query_pairs())
    }

    #[track_caller]
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        assert_eq!(self.header("content-type"), Some("application/x-www-form-urlencoded"));
        pairs(url::form_urlencoded::parse(&self.0.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Names of all headers but those that every call has.
    pub(crate) fn headers(&self) -> Vec<&str> {
        let always = ["accept", "content-length", "content-type", "host", "user-agent"];
        let names = self.0.headers.keys().map(http::HeaderName::as_str);
        let mut names: Vec<_> = names.filter(|name| !always.contains(name)).collect();
        names.sort_unstable();
        names
    }

    /// `Basic`, decoded.
    #[track_caller]
    pub(crate) fn basic(&self) -> String {
        let pair = self.header("authorization").unwrap().strip_prefix("Basic ").unwrap();
        debase64(pair)
    }

    /// `x-slas-client-auth`, decoded: it has no `Basic`.
    #[track_caller]
    pub(crate) fn strict_client(&self) -> String {
        debase64(self.header("x-slas-client-auth").unwrap())
    }

    /// `_sfdc_client_auth`, decoded: it has no `Basic` either.
    #[track_caller]
    pub(crate) fn sfdc_client(&self) -> String {
        debase64(self.header("_sfdc_client_auth").unwrap())
    }
}

#[track_caller]
fn debase64(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Names and values in any order; a repeated name fails the test.
#[track_caller]
pub(crate) fn pairs<K: Into<String>, V: Into<String>>(
    items: impl IntoIterator<Item = (K, V)>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in items {
        let name = name.into();
        assert!(!found.contains_key(&name), "{name} is repeated");
        found.insert(name, value.into());
    }
    found
}

pub(crate) fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

pub(crate) fn json(code: u16, body: &Value) -> ResponseTemplate {
    status(code).set_body_json(body)
}

pub(crate) fn html(code: u16) -> ResponseTemplate {
    let page = "<!doctype html><title>Access Denied</title><p>Reference #18.a1b2";
    status(code).set_body_raw(page, "text/html")
}

pub(crate) fn redirect(location: &str) -> ResponseTemplate {
    status(303).insert_header("location", location)
}
