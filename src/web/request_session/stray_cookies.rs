//! Cookies with our names that other hosts or applications have set, as a request shows them.

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use crate::header_values::first_text;

/// Cookies with our names that other hosts or applications have set.
#[derive(Default)]
pub(crate) struct Strays {
    /// Names that occur more than once, or with a value that does not belong to this browser.
    pub(crate) names: Vec<String>,
    pub(crate) host: String,
    pub(crate) path: String,
}

impl Strays {
    pub(crate) fn of(parts: &Parts, names: Vec<String>) -> Self {
        let authority = parts.uri.authority().map(Authority::as_str);
        let host = first_text(&parts.headers, HOST);
        let host = authority.or(host).and_then(|host| host.parse::<Authority>().ok());
        let host = host.map(|host| host.host().to_owned()).unwrap_or_default();
        Self { names, host, path: parts.uri.path().to_owned() }
    }

    /// Adds the names of cookies that did not count.
    pub(crate) fn add(&mut self, names: Vec<String>) {
        for name in names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }
}
