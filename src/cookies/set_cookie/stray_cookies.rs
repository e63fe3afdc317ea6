//! Deletes stray cookies: cookies that others have set under Tandem's names.
//!
//! A browser deletes a cookie only if the deletion has the same `Domain` and `Path` (RFC 6265
//! section 5.3), and a request does not show these. So Tandem sends a deletion for each scope that
//! a stray cookie of this request probably has: the host and its parent domains as `Domain`, and
//! the beginnings of the request's path as `Path`.
//!
//! Tandem's own cookie has no `Domain` and the `Path` `/`, and no deletion has this scope. One
//! scope is close to it, the *host-wide* one: `Domain` is the host itself and `Path` is `/`.
//! Browsers tell the two apart, but clients that implement RFC 6265 section 5.3 literally do not:
//! they delete Tandem's own cookie. So the response sets that cookie again after the deletions.

use http::HeaderValue;

use super::{CookieChanges, CookieContext};
use crate::cookies::profiles::{DWSID, Transport};
use crate::cookies::sealed_state::SealedState;
use crate::ids::{AccessToken, Dwsid, RefreshToken};
use crate::timestamp::Timestamp;

/// Seconds until the next attempt. A stray cookie that returns with every page must not prevent the
/// caching of every page: a response that deletes a cookie is `no-store`.
const RETRY_AFTER: i64 = 60 * 60;
/// Bytes of all deletions in one response: more would not fit the header buffers of common proxies.
const MAX_BYTES: usize = 2_048;
/// Bytes of the longest `Path` of a deletion.
const LONGEST_PATH: usize = 256;
/// The least labels of a `Domain`: browsers refuse a cookie for a top-level domain.
const MIN_LABELS: usize = 2;

/// Cookies that are not Tandem's, and the request that presents them.
#[derive(Clone, Copy, Debug)]
pub struct StrayCookies<'a> {
    /// Names that the browser sent more than once, or with a value that is not its own.
    pub names: &'a [String],
    /// The host of the request, without its port.
    pub host: &'a str,
    /// The path of the request.
    pub path: &'a str,
}

/// The `Domain`, if any, and the `Path` of a cookie.
type Scope<'a> = (Option<&'a str>, &'a str);

impl CookieContext<'_> {
    /// Adds the deletions of `strays`, unless they were sent a short time ago.
    pub fn delete_strays(&self, strays: &StrayCookies<'_>, changes: &mut CookieChanges) {
        let names = strays.names.iter().map(String::as_str);
        let names: Vec<&str> = names.filter(|name| self.names.is_distinctive(name)).collect();
        if names.is_empty() || !is_due(&changes.state, self.now) {
            return;
        }
        self.add_deletions(&names, strays, &mut changes.strays);
        changes.state.strays_deleted_at = Some(self.now);
        for name in names {
            self.write_own_again(name, changes);
        }
    }

    /// Adds the deletions of the cookies `names` to `lines`, as many as fit [`MAX_BYTES`].
    fn add_deletions(
        &self,
        names: &[&str],
        strays: &StrayCookies<'_>,
        lines: &mut Vec<HeaderValue>,
    ) {
        let mut bytes = 0;
        for scope in strays.scopes() {
            let host_wide = scope == (Some(strays.host), "/");
            for name in names {
                if host_wide && !self.may_delete_host_wide(name) {
                    continue;
                }
                let Some(line) = deletion(name, scope, self.names.transport) else { continue };
                bytes += line.len();
                if bytes > MAX_BYTES {
                    return;
                }
                lines.push(line);
            }
        }
    }

    /// Whether the client may lose Tandem's own cookie `name` with a host-wide stray one: there is
    /// no own cookie, or its value is known, so that this response can set it again.
    fn may_delete_host_wide(&self, name: &str) -> bool {
        !self.presented.has_effective(name, self.names) || self.sealed_value(name).is_some()
    }

    /// Sets Tandem's own cookie `name` again after the deletions, unless the decision has set or
    /// deleted it already.
    fn write_own_again(&self, name: &str, changes: &mut CookieChanges) {
        if changes.cookies.iter().any(|write| write.name() == name) {
            return;
        }
        match self.sealed_value(name) {
            Some(value) => changes.set(name, value, self.max_age(name, &changes.state)),
            // No value counted, so a cookie in Tandem's own scope is of no use either.
            None if !self.presented.has_effective(name, self.names) => changes.delete(name),
            // The value that counts was not written by Tandem: it stays where it is.
            None => {}
        }
    }

    /// The value of Tandem's own cookie `name`: of the presented values, the one that the seal
    /// names. A token in pieces has no single cookie.
    fn sealed_value(&self, name: &str) -> Option<&str> {
        let (names, presented, sealed) = (self.names, self.presented, self.state);
        let refresh = |token: &&RefreshToken| sealed.refresh == Some(token.tag());
        let access = |token: &&AccessToken| sealed.access == Some(token.tag());
        let dwsid = |dwsid: &&Dwsid| sealed.dw.as_ref().is_some_and(|dw| dw.dwsid == dwsid.tag());
        if name == names.registered_refresh {
            presented.registered_refresh.iter().find(refresh).map(RefreshToken::expose)
        } else if name == names.guest_refresh {
            presented.guest_refresh.iter().find(refresh).map(RefreshToken::expose)
        } else if name == DWSID {
            presented.dwsid.iter().find(dwsid).map(Dwsid::expose)
        } else if names.is_access(name) && !names.in_pieces() {
            let token = presented.access.iter().find(access)?;
            let parts = names.parts(token);
            let part = parts.into_iter().find(|(part, _)| part == name).map(|(_, value)| value);
            part.or_else(|| (name == names.access && names.fits(token)).then(|| token.expose()))
        } else {
            None
        }
    }

    /// The seconds that Tandem's own cookie `name` still lives; `None` for a cookie that lives
    /// until the browser closes.
    fn max_age(&self, name: &str, state: &SealedState) -> Option<i64> {
        let expires_at = if name == DWSID || state.forget_on_close {
            None
        } else if self.names.is_access(name) {
            self.access.map(|held| held.claims.expires_at)
        } else {
            state.refresh_expires_at
        };
        expires_at.map(|at| at.since(self.now))
    }
}

fn is_due(state: &SealedState, now: Timestamp) -> bool {
    state.strays_deleted_at.is_none_or(|at| now.since(at) >= RETRY_AFTER)
}

impl StrayCookies<'_> {
    /// The scopes that the stray cookies may have, the most likely ones first: those with `Path=/`,
    /// from the widest domain down to the host, then those of each longer path.
    fn scopes(&self) -> Vec<Scope<'_>> {
        let domains = domains(self.host);
        let roots = domains.iter().rev().map(|domain| (Some(*domain), "/"));
        let hosts = || std::iter::once(None).chain(domains.iter().copied().map(Some));
        let below = paths(self.path).flat_map(|path| hosts().map(move |domain| (domain, path)));
        roots.chain(below).collect()
    }
}

/// Each `Domain` that a cookie for `host` may have: the host, then its parent domains. An address,
/// or a host of one label, can have no cookie with a `Domain`.
fn domains(host: &str) -> Vec<&str> {
    let is_address = host.contains(':') || host.bytes().all(|byte| !byte.is_ascii_alphabetic());
    if is_address {
        return Vec::new();
    }
    let names = std::iter::successors(Some(host), |name| Some(name.split_once('.')?.1));
    names.filter(|name| name.split('.').count() >= MIN_LABELS).collect()
}

/// Each `Path` below `/` that a cookie sent to `path` may have, shortest first: `/de` and
/// `/de/cart` for `/de/cart`. `/de/`, which would fit as well, is not tried.
fn paths(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let ends = ends.chain((path.len() > 1).then_some(path.len()));
    ends.take_while(|end| *end <= LONGEST_PATH).map(move |end| &path[..end])
}

/// The `Set-Cookie` line that deletes the cookie `name` in that scope; `None` if the path cannot be
/// written into the attribute `Path` (RFC 6265 section 4.1.1).
fn deletion(name: &str, (domain, path): Scope<'_>, transport: Transport) -> Option<HeaderValue> {
    if path.contains(';') {
        return None;
    }
    let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let secure = if transport.is_secure() { "; Secure" } else { "" };
    let expired = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    let line = format!("{name}=; SameSite=Lax{secure}; Path={path}{domain}; {expired}");
    HeaderValue::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_5_the_likely_domains_and_paths_but_our_own_are_tried() {
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
