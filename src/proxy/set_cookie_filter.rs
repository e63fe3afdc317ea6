//! Filters the `Set-Cookie` lines of an upstream.
//!
//! A line is never parsed and written again: that would lose unknown attributes. What must not pass
//! is cut out between its semicolons; everything else stays the same bytes.

use std::borrow::Cow;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::config::Origin;
use crate::metrics::Metrics;

/// The limit on name and value together, in bytes: browsers drop longer cookies.
const LONGEST_PAIR: usize = 4096;
/// The limit on a line, in bytes.
const LONGEST_LINE: usize = 8192;
/// The limit on lines in a response. A DW session and its companions have fewer than ten.
const MAX_LINES: usize = 50;

/// Filters the cookies of one response.
pub struct CookieFilter<'a> {
    /// The origin browsers see.
    pub public_origin: &'a Origin,
    /// The name of our own sealed cookie.
    pub seal: &'a str,
    /// Names that this upstream may set for Tandem to read, and that are not forwarded.
    pub absorbed: &'a dyn Fn(&str) -> bool,
    /// Names that only Tandem may set.
    pub reserved: &'a dyn Fn(&str) -> bool,
}

/// Why a line, or its `Domain`, is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Beyond the limit on lines.
    TooMany,
    /// Too long for a browser.
    TooLong,
    /// A control character.
    Control,
    /// No name, or one that is not ASCII.
    NoName,
    /// Our own sealed cookie, or a similar name.
    Seal,
    /// A name that only Tandem may set.
    Reserved,
    /// A `Domain` that is not the public host or a parent domain of it.
    Domain,
}

impl Fault {
    /// The label `reason` in metrics and logs.
    fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::TooLong => "too_long",
            Self::Control => "control_character",
            Self::NoName => "no_name",
            Self::Seal => "sealed_name",
            Self::Reserved => "reserved_name",
            Self::Domain => "foreign_domain",
        }
    }
}

impl CookieFilter<'_> {
    /// Removes from `headers` what must not reach the browser. Logs and metrics get only the reason:
    /// names and values of an upstream's cookies are not logged.
    pub fn apply(&self, headers: &mut HeaderMap, metrics: &Metrics) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let lines: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        let is_forwarded = |line: &HeaderValue| {
            let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            !name(pair).is_some_and(|name| (self.absorbed)(name))
        };
        for (at, line) in lines.into_iter().filter(is_forwarded).enumerate() {
            let filtered =
                if at < MAX_LINES { self.filter(line.as_bytes()) } else { Err(Fault::TooMany) };
            if let Err(fault) | Ok((_, Some(fault))) = &filtered {
                tracing::warn!(reason = fault.as_str(), "invalid upstream cookie filtered");
                metrics.upstream_cookie_filtered(fault.as_str());
            }
            match filtered {
                Ok((Cow::Borrowed(_), _)) => {
                    headers.append(SET_COOKIE, line);
                }
                Ok((Cow::Owned(changed), _)) => {
                    if let Ok(changed) = HeaderValue::from_bytes(&changed) {
                        headers.append(SET_COOKIE, changed);
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// The line to forward, and why something was cut out of it.
    fn filter<'l>(&self, line: &'l [u8]) -> Result<(Cow<'l, [u8]>, Option<Fault>), Fault> {
        let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
        if line.len() > LONGEST_LINE || pair.trim_ascii().len() > LONGEST_PAIR {
            return Err(Fault::TooLong);
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(Fault::Control);
        }
        let name = name(pair).ok_or(Fault::NoName)?;
        if name.eq_ignore_ascii_case(self.seal) {
            return Err(Fault::Seal);
        }
        if (self.reserved)(name) {
            return Err(Fault::Reserved);
        }
        let foreign = |part: &&[u8]| domain(part).is_some_and(|domain| !self.is_ours(domain));
        if !line.split(|byte| *byte == b';').skip(1).any(|part| foreign(&part)) {
            return Ok((Cow::Borrowed(line), None));
        }
        let attributes = line.split(|byte| *byte == b';').skip(1).filter(|part| !foreign(part));
        let kept: Vec<&[u8]> = std::iter::once(pair).chain(attributes).collect();
        Ok((Cow::Owned(kept.join(&b';')), Some(Fault::Domain)))
    }

    /// RFC 6265 section 5.1.3, and never a name without a dot: a top-level domain.
    fn is_ours(&self, domain: &str) -> bool {
        let host = self.public_origin.host();
        let domain = domain.strip_prefix('.').unwrap_or(domain);
        if host.eq_ignore_ascii_case(domain) {
            return true;
        }
        let is_name = host.parse::<std::net::IpAddr>().is_err();
        let parent = host.len().checked_sub(domain.len() + 1).and_then(|at| host.get(at..));
        is_name
            && domain.contains('.')
            && parent.is_some_and(|parent| {
                parent.starts_with('.') && parent[1..].eq_ignore_ascii_case(domain)
            })
    }
}

/// The name before the first `=`.
fn name(pair: &[u8]) -> Option<&str> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(pair[..equals].trim_ascii()).ok()?;
    (!name.is_empty() && name.is_ascii()).then_some(name)
}

/// The value of a `Domain` attribute; empty, and so never ours, if it is not UTF-8.
fn domain(attribute: &[u8]) -> Option<&str> {
    let equals = attribute.iter().position(|byte| *byte == b'=')?;
    let is_domain = attribute[..equals].trim_ascii().eq_ignore_ascii_case(b"domain");
    is_domain.then(|| std::str::from_utf8(attribute[equals + 1..].trim_ascii()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filtered(origin: &str, lines: &[&[u8]]) -> Vec<Vec<u8>> {
        let origin = Origin::parse(origin).unwrap();
        let filter = CookieFilter {
            public_origin: &origin,
            seal: "__Host-tandem",
            absorbed: &|name| name == "cc-at",
            reserved: &|name| name == "cc-nx",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        filter.apply(&mut headers, &Metrics::default());
        headers.get_all(SET_COOKIE).iter().map(|line| line.as_bytes().to_vec()).collect()
    }

    fn one(line: &str) -> Option<String> {
        let mut passed = filtered("https://www.shop.test", &[line.as_bytes()]);
        passed.pop().map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn attack_66_the_sealed_cookie_and_reserved_names_do_not_pass() {
        for line in [
            "__Host-tandem=evil",
            " __Host-tandem =evil; Path=/",
            "__host-TANDEM=evil",
            "cc-nx=CANARY; Path=/",
            "=__Host-tandem=evil",
            "__Host-tandem",
            "",
            "; Path=/",
            "\u{e9}=1",
            "a=1\t; Path=/",
        ] {
            assert_eq!(one(line), None, "{line}");
        }
    }

    #[test]
    fn absorbed_cookies_are_not_forwarded() {
        assert_eq!(one("cc-at=a.b.c; Path=/"), None);
        assert!(one("cc-at-x=1").is_some());
    }

    #[test]
    fn attack_66_only_a_foreign_domain_is_cut_out() {
        for (line, passed) in [
            ("a=1; Domain=evil.test; Path=/x", "a=1; Path=/x"),
            ("a=1; Domain=.test", "a=1"),
            ("a=1;domain=test;HttpOnly", "a=1;HttpOnly"),
            ("a=1; DOMAIN = xshop.test ; Priority=High", "a=1; Priority=High"),
            ("a=1; Domain=www.shop.test.evil.test", "a=1"),
            ("a=1; Domain=sub.www.shop.test; Domain=shop.test", "a=1; Domain=shop.test"),
            ("a=1; Domain=", "a=1"),
            ("a=1; Domain=ecom.instance.example; Secure", "a=1; Secure"),
        ] {
            assert_eq!(one(line).as_deref(), Some(passed), "{line}");
        }
        let ip = filtered("http://127.0.0.1:8080", &[b"a=1; Domain=0.0.1"]);
        assert_eq!(ip, [b"a=1".to_vec()]);
    }

    #[test]
    fn other_lines_pass_byte_for_byte() {
        for line in [
            "dwsid=eXv5R3FZ==; Path=/; HttpOnly; Secure; SameSite=None",
            "dwsecuretoken_a=\"\"; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/",
            "a=1;  Domain=.Shop.test;PARTITIONED ; Priority=High;;",
            "a=1; Domain=www.shop.test",
            "a=domain=evil.test",
            "a=\u{e9}; Path=/",
        ] {
            assert_eq!(one(line).as_deref(), Some(line), "{line}");
        }
    }

    #[test]
    fn too_long_and_too_many_lines_do_not_pass() {
        assert_eq!(one(&format!("a={}", "x".repeat(LONGEST_PAIR))), None);
        assert_eq!(one(&format!("a=1; x={}", "x".repeat(LONGEST_LINE))), None);
        assert!(one(&format!("a={}", "x".repeat(LONGEST_PAIR - 2))).is_some());
        let lines = vec![&b"a=1"[..]; MAX_LINES + 10];
        assert_eq!(filtered("https://www.shop.test", &lines).len(), MAX_LINES);
    }

    proptest! {
        #[test]
        fn what_passes_is_part_of_the_line_and_has_no_foreign_domain(
            line in "[a-z=; ]{0,20}(; ?[Dd]omain ?= ?[.a-z]{0,12}){0,3}(; Path=/)?"
        ) {
            if let Some(passed) = one(&line) {
                let parts: Vec<_> = line.split(';').collect();
                prop_assert!(passed.split(';').all(|part| parts.contains(&part)));
                let domains = passed.split(';').skip(1).filter_map(|part| domain(part.as_bytes()));
                for domain in domains {
                    let domain = domain.trim_start_matches('.');
                    prop_assert!(["shop.test", "www.shop.test"].contains(&domain), "{}", domain);
                }
            }
        }
    }
}
