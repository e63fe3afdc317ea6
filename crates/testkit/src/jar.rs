//! A cookie jar by RFC 6265bis, for one origin that counts as secure.

use cookie::time::OffsetDateTime;
use cookie::{Cookie, SameSite};

/// The host the jar belongs to.
pub(crate) use crate::config::HOST;

/// Browsers refuse a cookie whose name and value are longer together.
const LONGEST: usize = 4096;

/// A cookie as the browser stores it.
#[derive(Clone, Debug)]
pub(crate) struct StoredCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) http_only: bool,
    path: String,
    /// Whether it was set with `Domain`.
    for_siblings: bool,
    /// Unix seconds; none for a session cookie.
    pub(crate) expires: Option<i64>,
}

/// The cookies of one browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(Vec<StoredCookie>);

impl Jar {
    /// Applies one `Set-Cookie` line of a response to `path`, as far as a browser would.
    pub(crate) fn absorb(&mut self, line: &str, path: &str, now: i64) {
        let Ok(cookie) = Cookie::parse(line) else { return };
        let Some(stored) = store(&cookie, path, now) else { return };
        let same = |other: &StoredCookie| {
            (&other.name, &other.path, other.for_siblings)
                == (&stored.name, &stored.path, stored.for_siblings)
        };
        let place = self.0.iter().position(same);
        match place {
            Some(at) if stored.is_over(now) => drop(self.0.remove(at)),
            Some(at) => self.0[at] = stored,
            None if stored.is_over(now) => {}
            None => self.0.push(stored),
        }
    }

    /// The cookies that go with a request to `path`: longer paths first, then older ones.
    pub(crate) fn sent(&self, path: &str, now: i64) -> Vec<&StoredCookie> {
        let fits =
            |stored: &&StoredCookie| !stored.is_over(now) && path_matches(path, &stored.path);
        let mut sent: Vec<&StoredCookie> = self.0.iter().filter(fits).collect();
        sent.sort_by_key(|stored| std::cmp::Reverse(stored.path.len()));
        sent
    }

    /// The browser closes: session cookies go.
    pub(crate) fn close(&mut self) {
        self.0.retain(|stored| stored.expires.is_some());
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|stored| stored.name != name);
    }
}

impl StoredCookie {
    /// Whether it has the scope of what Tandem writes: this host alone, every path.
    pub(crate) fn is_tandems(&self) -> bool {
        !self.for_siblings && self.path == "/"
    }

    fn is_over(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

fn store(cookie: &Cookie<'_>, path: &str, now: i64) -> Option<StoredCookie> {
    let (name, value) = (cookie.name(), cookie.value());
    let secure = cookie.secure() == Some(true);
    let host_prefix = name.starts_with("__Host-");
    let host_rules = secure && cookie.path() == Some("/") && cookie.domain().is_none();
    // A domain of one label is a public suffix.
    let domain = cookie.domain().map(|domain| domain.trim_start_matches('.'));
    let refused = name.len() + value.len() > LONGEST
        || (host_prefix && !host_rules)
        || (name.starts_with("__Secure-") && !secure)
        || (cookie.same_site() == Some(SameSite::None) && !secure)
        || domain.is_some_and(|domain| domain != HOST);
    let age = cookie.max_age().map(|age| now.saturating_add(age.whole_seconds()));
    let date = || cookie.expires_datetime().map(OffsetDateTime::unix_timestamp);
    (!refused).then(|| StoredCookie {
        name: name.to_owned(),
        value: value.to_owned(),
        http_only: cookie.http_only() == Some(true),
        path: cookie
            .path()
            .filter(|path| path.starts_with('/'))
            .map_or_else(|| default_path(path), ToOwned::to_owned),
        for_siblings: domain.is_some(),
        expires: age.or_else(date),
    })
}

/// RFC 6265 section 5.1.4.
fn default_path(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

fn path_matches(path: &str, cookie_path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(lines: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for line in lines {
            jar.absorb(line, "/a/b?c", 1000);
        }
        jar
    }

    fn sent(jar: &Jar, path: &str, now: i64) -> Vec<String> {
        jar.sent(path, now)
            .iter()
            .map(|stored| format!("{}={}", stored.name, stored.value))
            .collect()
    }

    #[test]
    fn the_jar_treats_paths_ages_and_prefixes_as_a_browser_does() {
        let jar = jar(&[
            "a=1; Path=/",
            "a=2",
            "b=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
            "__Host-c=1; Path=/",
            "__Host-d=1; Path=/; Secure",
            "e=1; Domain=test; Path=/",
            "f=1; SameSite=None; Path=/",
        ]);
        assert_eq!(sent(&jar, "/a/x", 1005), ["a=2", "a=1", "b=1", "__Host-d=1"]);
        assert_eq!(sent(&jar, "/ab", 1010), ["a=1", "__Host-d=1"]);
    }

    #[test]
    fn a_deletion_removes_only_the_exact_cookie() {
        let mut jar = jar(&["a=1; Path=/", "a=2; Path=/a"]);
        jar.absorb("a=; Max-Age=0; Path=/", "/", 1000);
        assert_eq!(sent(&jar, "/a", 1000), ["a=2"]);
        jar.close();
        assert!(sent(&jar, "/a", 1000).is_empty());
    }
}
