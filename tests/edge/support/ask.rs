//! A request as it goes over the wire, and the cookies a browser would send with it.

use std::collections::BTreeMap;

use super::wire::Answer;
use super::world::HOST;

/// A request; nothing in it is checked or escaped.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub(crate) fn get(target: &str) -> Ask {
    request("GET", target)
}

pub(crate) fn post(target: &str) -> Ask {
    request("POST", target)
}

pub(crate) fn request(method: &str, target: &str) -> Ask {
    let (method, target) = (method.to_owned(), target.to_owned());
    Ask { method, target, headers: Vec::new(), body: Vec::new() }.header("host", HOST)
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |ask, (name, value)| ask.header(name, value))
    }

    /// With this `Host` in place of the shop's.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.headers.retain(|(name, _)| name != "host");
        self.header("host", host)
    }

    pub(crate) fn cookies(self, jar: &Jar) -> Self {
        if jar.0.is_empty() { self } else { self.header("cookie", &jar.header()) }
    }

    /// As a browser asks for a page.
    pub(crate) fn document(self) -> Self {
        self.headers(&[
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("accept", "text/html,*/*;q=0.8"),
        ])
    }

    /// As a script of one of our own pages calls.
    pub(crate) fn own_page(self) -> Self {
        self.headers(&[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
        ])
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn form(self, body: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
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

/// Cookies by name. That a browser obeys path and lifetime is not the subject here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jar(pub(crate) BTreeMap<String, String>);

impl Jar {
    pub(crate) fn of(cookies: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(cookies.iter().map(owned).collect())
    }

    /// Takes over what an answer sets and deletes.
    pub(crate) fn take(&mut self, answer: &Answer) {
        for line in answer.all("set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if line.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no cookie {name} in {:?}", self.0.keys()))
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    pub(crate) fn header(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}
