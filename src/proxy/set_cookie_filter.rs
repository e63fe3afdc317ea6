//! Which `Set-Cookie` lines of an upstream reach the browser, and what is cut out of them.
//!
//! A line is never parsed and printed again: that would lose attributes we do not know. What must
//! not pass is cut out between its semicolons; everything else stays the same bytes.

use std::borrow::Cow;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::config::Origin;
use crate::metrics::Metrics;

/// Name and value together, in octets: a browser would drop what is longer.
const LONGEST_PAIR: usize = 4096;
/// A whole line, in octets.
const LONGEST_LINE: usize = 8192;
/// Lines in one answer. A DW session and its companions are fewer than ten.
const MOST_LINES: usize = 50;

/// Decides about the cookies of one answer.
pub struct CookieFilter<'a> {
    /// The origin browsers see.
    pub public_origin: &'a Origin,
    /// The name of our own sealed cookie.
    pub seal: &'a str,
    /// Names that this upstream may set for us to read, and that go no further.
    pub absorbed: &'a dyn Fn(&str) -> bool,
    /// Names that are nobody's but ours to set.
    pub refused: &'a dyn Fn(&str) -> bool,
}

/// Why a line, or its `Domain`, does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Too many before it.
    Many,
    /// Too long for a browser.
    Long,
    /// Octets below space, or 127.
    Control,
    /// No name, or one that is not ASCII.
    Nameless,
    /// Our own sealed cookie, or one that looks like it.
    Seal,
    /// A name that only we set.
    Refused,
    /// `Domain` of another host, or of everybody.
    Domain,
}

impl Fault {
    fn word(self) -> &'static str {
        match self {
            Self::Many => "too_many",
            Self::Long => "too_long",
            Self::Control => "control_character",
            Self::Nameless => "no_name",
            Self::Seal => "sealed_name",
            Self::Refused => "reserved_name",
            Self::Domain => "foreign_domain",
        }
    }
}

impl CookieFilter<'_> {
    /// Takes out of `headers` what must not reach the browser. What goes is logged and counted by
    /// its reason alone: names and values of an upstream's cookies belong in no log.
    pub fn apply(&self, headers: &mut HeaderMap, metrics: &Metrics) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let lines: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        let passing = |line: &HeaderValue| {
            let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            !name(pair).is_some_and(|name| (self.absorbed)(name))
        };
        for (at, line) in lines.into_iter().filter(passing).enumerate() {
            let judged =
                if at < MOST_LINES { self.judge(line.as_bytes()) } else { Err(Fault::Many) };
            if let Err(fault) | Ok((_, Some(fault))) = &judged {
                tracing::warn!(reason = fault.word(), "a cookie of an upstream was filtered");
                metrics.upstream_cookie_filtered(fault.word());
            }
            match judged {
                Ok((Cow::Borrowed(_), _)) => {
                    headers.append(SET_COOKIE, line);
                }
                Ok((Cow::Owned(cut), _)) => {
                    if let Ok(cut) = HeaderValue::from_bytes(&cut) {
                        headers.append(SET_COOKIE, cut);
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// The line as it passes, and why something was cut out of it.
    fn judge<'l>(&self, line: &'l [u8]) -> Result<(Cow<'l, [u8]>, Option<Fault>), Fault> {
        let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
        if line.len() > LONGEST_LINE || pair.trim_ascii().len() > LONGEST_PAIR {
            return Err(Fault::Long);
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(Fault::Control);
        }
        let name = name(pair).ok_or(Fault::Nameless)?;
        if name.eq_ignore_ascii_case(self.seal) {
            return Err(Fault::Seal);
        }
        if (self.refused)(name) {
            return Err(Fault::Refused);
        }
        let foreign = |part: &&[u8]| domain(part).is_some_and(|domain| !self.is_ours(domain));
        if !line.split(|byte| *byte == b';').skip(1).any(|part| foreign(&part)) {
            return Ok((Cow::Borrowed(line), None));
        }
        let attributes = line.split(|byte| *byte == b';').skip(1).filter(|part| !foreign(part));
        let kept: Vec<&[u8]> = std::iter::once(pair).chain(attributes).collect();
        Ok((Cow::Owned(kept.join(&b';')), Some(Fault::Domain)))
    }

    /// RFC 6265 section 5.1.3, and never a name without a dot: that would be everybody's.
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

/// The value of an attribute that is a `Domain`; one that is not text is nobody's.
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
        let refused = |name: &str| name == "cc-nx";
        let filter = CookieFilter {
            public_origin: &origin,
            seal: "__Host-tandem",
            absorbed: &|name| name == "cc-at",
            refused: &refused,
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
    fn attack_66_our_own_cookie_and_names_only_we_set_do_not_pass() {
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
    fn what_was_for_us_alone_goes_no_further() {
        assert_eq!(one("cc-at=a.b.c; Path=/"), None);
        assert!(one("cc-at-x=1").is_some());
    }

    #[test]
    fn attack_66_a_domain_that_is_not_ours_is_cut_out_and_nothing_else() {
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
    fn what_is_not_ours_to_judge_passes_octet_for_octet() {
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
    fn too_long_and_too_many_do_not_pass() {
        assert_eq!(one(&format!("a={}", "x".repeat(LONGEST_PAIR))), None);
        assert_eq!(one(&format!("a=1; x={}", "x".repeat(LONGEST_LINE))), None);
        assert!(one(&format!("a={}", "x".repeat(LONGEST_PAIR - 2))).is_some());
        let lines = vec![&b"a=1"[..]; MOST_LINES + 10];
        assert_eq!(filtered("https://www.shop.test", &lines).len(), MOST_LINES);
    }

    proptest! {
        #[test]
        fn what_passes_is_made_of_the_line_and_names_no_foreign_domain(
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
