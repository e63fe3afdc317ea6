//! Cookies under our names that others have set, as far as a request shows them.

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

/// Cookies under our names that others have set.
#[derive(Default)]
pub(crate) struct Strays {
    /// Those that came more than once, or with a value that is not this browser's own.
    pub(crate) names: Vec<String>,
    pub(crate) host: String,
    pub(crate) path: String,
}

impl Strays {
    pub(crate) fn of(parts: &Parts, names: Vec<String>) -> Self {
        let authority = parts.uri.authority().map(Authority::as_str);
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = authority.or(host).and_then(|host| host.parse::<Authority>().ok());
        let host = host.map(|host| host.host().to_owned()).unwrap_or_default();
        Self { names, host, path: parts.uri.path().to_owned() }
    }

    /// Of these names something did not count.
    pub(crate) fn add(&mut self, names: Vec<String>) {
        for name in names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }
}
