//! Deletes cookies that others have set under Tandem's names.
//!
//! A browser deletes a cookie only if the deletion has the same `Domain` and `Path` (RFC 6265
//! section 5.3), and it does not send these. So Tandem tries all of them: the host and its parent
//! domains, and the paths that a cookie of this request can have. Tandem's own cookie (no `Domain`,
//! `Path=/`) is never among them.

use http::HeaderValue;

use super::{CookieChanges, CookieContext};
use crate::cookies::profiles::{DWSID, Transport};
use crate::cookies::sealed_state::SealedState;
use crate::ids::{Dwsid, RefreshToken};
use crate::timestamp::Timestamp;

/// Seconds until the next attempt: a cookie that returns with every page must not prevent the
/// caching of every page.
const RETRY_AFTER: i64 = 60 * 60;
/// Bytes of these headers in one response: more would not fit the header buffers of common proxies.
const MOST_BYTES: usize = 2_048;
/// A cookie with a longer path than this, in bytes, is not deleted.
const LONGEST_PATH: usize = 256;
/// A parent domain has at least this many labels: browsers refuse a cookie for a public suffix.
const FEWEST_LABELS: usize = 2;

/// Cookies that are not Tandem's, and where they may have been set.
#[derive(Clone, Copy, Debug)]
pub struct StrayCookies<'a> {
    /// Names that the browser sent more than once, or with a value that is not its own.
    pub names: &'a [String],
    /// The host of the request, without its port.
    pub host: &'a str,
    /// Its path.
    pub path: &'a str,
}

/// A `Domain`, if any, and a `Path`.
type Scope<'a> = (Option<&'a str>, &'a str);

impl CookieContext<'_> {
    /// Adds the deletions of `strays`, unless they were sent a short time ago.
    pub fn delete_strays(&self, strays: &StrayCookies<'_>, changes: &mut CookieChanges) {
        let names: Vec<&String> =
            strays.names.iter().filter(|name| self.names.is_distinctive(name)).collect();
        if names.is_empty() || !is_due(&changes.state, self.now) {
            return;
        }
        let mut bytes = 0;
        for scope in strays.scopes() {
            let whole_host = scope == (Some(strays.host), "/");
            let fit = |name: &&&String| !whole_host || self.may_delete_host_wide(name);
            for line in names.iter().filter(fit) {
                let line = deletion(line, scope, self.names.transport);
                bytes += line.as_ref().map_or(0, HeaderValue::len);
                changes.strays.extend(line.filter(|_| bytes <= MOST_BYTES));
            }
        }
        changes.state.strays_deleted_at = Some(self.now);
        for name in names {
            self.rewrite_own(name, changes);
        }
    }

    /// Whether the same response can set or delete Tandem's own cookie `name`. It must, because
    /// clients that implement RFC 6265 section 5.3 literally apply a deletion for the whole host to
    /// that cookie.
    fn may_delete_host_wide(&self, name: &str) -> bool {
        !self.presented.has_effective(name, self.names)
            || self.own_value(name, &SealedState::default()).is_some()
    }

    /// Sets Tandem's own cookie again, or deletes it if there is none.
    fn rewrite_own(&self, name: &str, changes: &mut CookieChanges) {
        if changes.cookies.iter().any(|write| write.name() == name) {
            return;
        }
        match self.own_value(name, &changes.state) {
            Some((value, life)) => changes.set(name, &value, life),
            None if !self.presented.has_effective(name, self.names) => changes.delete(name),
            None => {}
        }
    }

    /// The value of Tandem's own cookie `name`, if the seal names it, and its remaining lifetime in
    /// seconds.
    fn own_value(&self, name: &str, state: &SealedState) -> Option<(String, Option<i64>)> {
        let (presented, sealed) = (self.presented, self.state);
        let kept = |life: Option<i64>| life.filter(|_| !state.forget_on_close);
        let refresh = |tokens: &[RefreshToken]| {
            let life = state.refresh_expires_at.map(|at| at.since(self.now));
            let token = tokens.iter().find(|token| sealed.refresh == Some(token.tag()))?;
            Some((token.expose().to_owned(), kept(life)))
        };
        if name == self.names.registered_refresh {
            refresh(&presented.registered_refresh)
        } else if name == self.names.guest_refresh {
            refresh(&presented.guest_refresh)
        } else if name == DWSID {
            let ours =
                |dwsid: &&Dwsid| sealed.dw.as_ref().is_some_and(|dw| dw.dwsid == dwsid.tag());
            presented.dwsid.iter().find(ours).map(|dwsid| (dwsid.expose().to_owned(), None))
        } else if name == self.names.access && !self.names.in_pieces() {
            let token = presented.access.iter().find(|it| sealed.access == Some(it.tag()))?;
            let life = self.access.map(|held| held.claims.expires_at.since(self.now));
            Some((token.expose().to_owned(), kept(life)))
        } else {
            None
        }
    }
}

fn is_due(state: &SealedState, now: Timestamp) -> bool {
    state.strays_deleted_at.is_none_or(|at| now.since(at) >= RETRY_AFTER)
}

impl StrayCookies<'_> {
    /// The most likely ones first: cookies of the whole domain, then those of a part of the host.
    fn scopes(&self) -> Vec<Scope<'_>> {
        let domains = domains(self.host);
        let hosts = || std::iter::once(None).chain(domains.iter().copied().map(Some));
        let whole = domains.iter().rev().map(|domain| (Some(*domain), "/"));
        let parts = paths(self.path).flat_map(|path| hosts().map(move |domain| (domain, path)));
        whole.chain(parts).collect()
    }
}

/// The host and its parents, as far as a cookie can be set for them.
fn domains(host: &str) -> Vec<&str> {
    let is_address = host.contains(':') || host.bytes().all(|byte| !byte.is_ascii_alphabetic());
    if is_address {
        return Vec::new();
    }
    let parents = std::iter::successors(Some(host), |name| name.split_once('.').map(|it| it.1));
    parents.filter(|name| name.split('.').count() >= FEWEST_LABELS).collect()
}

/// The paths below `/` that a cookie sent to `path` may have, shortest first.
fn paths(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let ends = ends.chain((path.len() > 1).then_some(path.len()));
    ends.take_while(|end| *end <= LONGEST_PATH).map(move |end| &path[..end])
}

fn deletion(name: &str, (domain, path): Scope<'_>, transport: Transport) -> Option<HeaderValue> {
    let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if transport.is_secure() { "; Secure" } else { "" };
    let expired = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    let line = format!("{name}=; SameSite=Lax{secure}; Path={path}{domain}; {expired}");
    // A path that is invalid in a cookie attribute is left out (RFC 6265 section 4.1.1).
    HeaderValue::from_str(&line).ok().filter(|_| !path.contains(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_5_every_possible_domain_and_path_but_our_own_is_tried() {
        let strays = StrayCookies { names: &[], host: "www.shop.example", path: "/de/cart" };
        assert_eq!(
            strays.scopes(),
            [
                (Some("shop.example"), "/"),
                (Some("www.shop.example"), "/"),
                (None, "/de"),
                (Some("www.shop.example"), "/de"),
                (Some("shop.example"), "/de"),
                (None, "/de/cart"),
                (Some("www.shop.example"), "/de/cart"),
                (Some("shop.example"), "/de/cart"),
            ]
        );
    }

    #[test]
    fn a_deletion_names_its_scope_and_an_invalid_path_is_skipped() {
        let line = deletion("cc-nx", (Some("shop.example"), "/de"), Transport::Https).unwrap();
        let expected = "cc-nx=; SameSite=Lax; Secure; Path=/de; Domain=shop.example; Max-Age=0; \
                        Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(line, expected);
        assert_eq!(deletion("cc-nx", (None, "/a;b"), Transport::Https), None);
    }

    #[test]
    fn addresses_and_single_labels_have_no_domain() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            assert!(domains(host).is_empty(), "{host}");
        }
    }
}
