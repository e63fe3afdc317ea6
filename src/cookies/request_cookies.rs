//! Reads what the browser presents from its `Cookie` headers.
//!
//! Values are read raw: percent-decoding would damage `dwsid` and JWTs. A name with several
//! different values is kept as several *candidates*; [`facts`](super::facts) uses the one that the
//! seal names, or none. A value that does not parse is left out.

use memchr::memchr_iter;

use super::preview::MARKER;
use super::profiles::{self, CookieNames, MAX_COMPANIONS};
use super::token_pieces::Pieces;
use crate::ids::{AccessToken, DwValue, Dwsid, RefreshToken};

/// Candidates that are kept for one name, at most: more are not sent by accident. The last ones are
/// kept, because browsers send cookies of longer paths first (RFC 6265 section 5.4), and Tandem's
/// have the path `/`.
const MAX_CANDIDATES: usize = 8;
/// Names of companions that are recorded for deletion, at most. Tandem's own names are few and are
/// always recorded: planted companions must not prevent their deletion.
const MAX_COMPANION_NAMES: usize = 16;

/// The cookies of a request that Tandem uses.
#[derive(Clone, Debug, Default)]
pub struct RequestCookies {
    /// Access tokens.
    pub access: Vec<AccessToken>,
    /// Registered refresh tokens.
    pub registered_refresh: Vec<RefreshToken>,
    /// Guest refresh tokens.
    pub guest_refresh: Vec<RefreshToken>,
    /// DW sessions.
    pub dwsid: Vec<Dwsid>,
    /// Companions of the DW session, with their values.
    pub dw_companions: Vec<(String, DwValue)>,
    /// Do-not-track, if the shopper has chosen.
    pub dnt: Option<bool>,
    /// Tandem's sealed state, not yet opened.
    pub seal: Option<String>,
    /// The seal of a registered shopper's tokens, not yet opened.
    pub registered_seal: Option<String>,
    /// The seal of the DW session alone, not yet opened.
    pub dw_seal: Option<String>,
    /// The browser has withheld its `Lax` cookies, so those of the DW session must not count either.
    pub lax_withheld: bool,
    /// The origin of the parent whose preview shows the shop, from the marker cookie.
    pub preview: Option<String>,
    /// What ECOM hands over, unless that is an access token in the access cookie itself.
    pub handoff: Option<RequestHandoff>,
    /// Every name of a Tandem cookie that the browser sent, whatever its value.
    pub names: Vec<String>,
    /// Those names that it sent more than once: at least one cookie of that name was set with a
    /// `Domain` or a `Path` that Tandem does not use, by an older installation or by another host.
    pub repeated: Vec<String>,
}

/// What ECOM leaves for the Head when it has changed who the shopper is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestHandoff {
    /// The shopper's new access token.
    Token(AccessToken),
    /// The value `refresh`: the access token must be obtained anew, for the same shopper or
    /// another.
    Refresh,
}

impl RequestCookies {
    /// Reads the `Cookie` headers of a request (HTTP/2 may send several).
    pub fn read<'a>(headers: impl Iterator<Item = &'a [u8]>, names: &CookieNames) -> Self {
        let mut presented = Self::default();
        let (mut pieces, mut parts) = (Pieces::of_handoff(), Pieces::of_long_token());
        for header in headers {
            // A foreign cookie that is not UTF-8 must not hide the others of its header.
            let pairs = pairs_in(header).filter_map(|pair| std::str::from_utf8(pair).ok());
            for (name, value) in pairs.filter_map(pair_of) {
                presented.take(name, value, names);
                pieces.take(names.piece_of(name), value);
                parts.take(names.part_of(name), value);
            }
        }
        presented.accept_handoff(&pieces, parts.tokens(), names);
        presented
    }

    /// In most profiles ECOM writes to the access cookie itself. Beside a `long` token, which is not
    /// in that cookie, that is a handoff all the same.
    fn accept_handoff(&mut self, pieces: &Pieces, long: Vec<AccessToken>, names: &CookieNames) {
        let is_access = names.access == names.handoff;
        if is_access && names.in_pieces() {
            self.access = pieces.tokens();
        }
        match pieces.joined() {
            Some(RequestHandoff::Token(token)) if is_access && long.is_empty() => {
                self.access = vec![token];
            }
            Some(handoff @ RequestHandoff::Token(_)) if is_access => {
                self.access.clear();
                self.handoff = Some(handoff);
            }
            Some(handoff) => {
                if is_access {
                    self.access.clear();
                }
                self.handoff = Some(handoff);
            }
            None => {}
        }
        if self.handoff != Some(RequestHandoff::Refresh) || !is_access {
            for token in long {
                candidate(&mut self.access, Some(token));
            }
        }
    }

    /// The names of the access cookie and of the parts that the browser sent.
    #[must_use]
    pub fn access_names(&self, names: &CookieNames) -> Vec<String> {
        let parts = names.part_names().filter(|name| self.has(name));
        std::iter::once(names.access.clone()).chain(parts).collect()
    }

    fn take(&mut self, name: &str, value: &str, names: &CookieNames) {
        if name == names.access {
            candidate(&mut self.access, AccessToken::parse(value));
        } else if name == names.registered_refresh {
            candidate(&mut self.registered_refresh, RefreshToken::parse(value));
        } else if name == names.guest_refresh {
            candidate(&mut self.guest_refresh, RefreshToken::parse(value));
        } else if name == profiles::DWSID {
            candidate(&mut self.dwsid, Dwsid::parse(value));
        } else if name == names.seal {
            only(&mut self.seal, value);
        } else if name == names.registered_seal {
            only(&mut self.registered_seal, value);
        } else if name == names.dw_seal {
            only(&mut self.dw_seal, value);
        } else if name == MARKER {
            self.preview = Some(value.to_owned());
        } else if name == profiles::DO_NOT_TRACK {
            self.dnt = match value {
                "1" => Some(true),
                "0" => Some(false),
                _ => self.dnt,
            };
            return;
        } else if profiles::is_dw_companion(name) {
            self.companion(name, value);
        } else if !names.owns(name) {
            return;
        }
        if self.has(name) {
            if !self.repeated.iter().any(|known| known == name) {
                self.repeated.push(name.to_owned());
            }
        } else if self.has_room_for(name) {
            self.names.push(name.to_owned());
        }
    }

    fn has_room_for(&self, name: &str) -> bool {
        let companions = || self.names.iter().filter(|known| profiles::is_dw_companion(known));
        !profiles::is_dw_companion(name) || companions().count() < MAX_COMPANION_NAMES
    }

    fn companion(&mut self, name: &str, value: &str) {
        let known = self.dw_companions.iter().any(|(known, _)| known == name);
        if !known
            && self.dw_companions.len() < MAX_COMPANIONS
            && let Some(value) = DwValue::parse(value)
        {
            self.dw_companions.push((name.to_owned(), value));
        }
    }

    /// The refresh tokens of both cookies.
    pub fn refresh_tokens(&self) -> impl Iterator<Item = &RefreshToken> {
        self.registered_refresh.iter().chain(&self.guest_refresh)
    }

    /// Removes every credential, but keeps the names of their cookies.
    pub fn clear(&mut self) {
        self.access.clear();
        self.registered_refresh.clear();
        self.guest_refresh.clear();
        self.dwsid.clear();
        self.dw_companions.clear();
        self.handoff = None;
    }

    /// Whether a credential in the cookie `name` counts. A cookie that holds none of the shopper's
    /// four credentials is taken to count.
    #[must_use]
    pub fn has_effective(&self, name: &str, names: &CookieNames) -> bool {
        if name == names.registered_refresh {
            !self.registered_refresh.is_empty()
        } else if name == names.guest_refresh {
            !self.guest_refresh.is_empty()
        } else if name == profiles::DWSID {
            !self.dwsid.is_empty()
        } else {
            !names.is_access(name) || !self.access.is_empty()
        }
    }

    /// Whether the browser sent a cookie of that name, usable or not.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether the browser presents no credential of a shopper.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.access.is_empty()
            && self.registered_refresh.is_empty()
            && self.guest_refresh.is_empty()
            && self.dwsid.is_empty()
    }
}

/// The pairs of a `Cookie` header, with the spaces around them.
pub fn pairs_in(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begins = 0;
    let ends = memchr_iter(b';', header).chain(std::iter::once(header.len()));
    ends.map(move |end| &header[std::mem::replace(&mut begins, end + 1)..end])
}

/// One `name=value` of a `Cookie` header.
///
/// Only spaces are trimmed (RFC 6265 section 4.2.1). Trimming all Unicode white space would accept
/// as `__Host-…` a cookie that has another name in the browser, and that any sibling host may set.
#[must_use]
pub fn pair_of(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim_matches(' '), value.trim_matches(' ')))
}

/// Stores the only value. Of two different values neither counts: the prefix `__Host-` excludes
/// that Tandem set both.
fn only(slot: &mut Option<String>, value: &str) {
    *slot = match slot.take() {
        Some(first) if first != value => Some(String::new()),
        _ => Some(value.to_owned()),
    };
}

pub(super) fn candidate<T: PartialEq>(candidates: &mut Vec<T>, found: Option<T>) {
    if let Some(found) = found
        && !candidates.contains(&found)
    {
        if candidates.len() == MAX_CANDIDATES {
            candidates.remove(0);
        }
        candidates.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SiteId;
    use proptest::prelude::*;

    fn names() -> CookieNames {
        CookieNames::classic(
            &SiteId::parse("RefArch").unwrap(),
            profiles::SiteSuffix::ProfileDefault,
            profiles::Transport::Https,
        )
    }

    fn read(headers: &[&str]) -> RequestCookies {
        RequestCookies::read(headers.iter().map(|header| header.as_bytes()), &names())
    }

    #[test]
    fn values_are_read_raw() {
        let presented = read(&["dwsid=a%3D=-_==; token=x.y.z"]);
        assert_eq!(presented.dwsid[0].expose(), "a%3D=-_==");
    }

    #[test]
    fn a_repeated_name_is_kept_as_candidates_over_several_headers() {
        let presented = read(&["cc-nx=a; cc-nx=a", "cc-nx=b"]);
        assert_eq!(presented.registered_refresh.len(), 2);
    }

    #[test]
    fn attack_8_variants_of_the_sealed_cookie_name_are_ignored() {
        for header in [
            "__host-tandem=x",
            "=__Host-tandem=x",
            "$Version=1",
            "a=b;\t__Host-tandem=x",
            "a=b; \u{2000}__Host-tandem=x",
            "__Host-tandem\u{a0}=x",
        ] {
            assert_eq!(read(&[header]).seal, None, "{header}");
        }
    }

    #[test]
    fn attack_7_of_two_different_sealed_cookies_neither_counts() {
        assert_eq!(read(&["__Host-tandem=a", "__Host-tandem=b"]).seal.as_deref(), Some(""));
    }

    #[test]
    fn an_invalid_value_is_left_out_but_its_name_is_recorded() {
        let long = format!("token={}; cc-nx=a\"b; dwsid=", "x".repeat(8000));
        let presented = read(&[&long]);
        assert!(presented.is_empty());
        assert!(presented.has("token") && presented.has("cc-nx") && presented.has("dwsid"));
    }

    #[test]
    fn a_byte_that_is_not_utf8_hides_only_its_own_cookie() {
        let header: &[u8] = b"note=caf\xe9; cc-nx=refresh; dwsid=abc==\xff; token=x.y.z";
        let presented = RequestCookies::read([header].into_iter(), &names());
        assert_eq!(presented.registered_refresh[0].expose(), "refresh");
        assert_eq!(presented.access[0].expose(), "x.y.z");
        assert!(presented.dwsid.is_empty());
    }

    #[test]
    fn planted_companions_do_not_hide_tandems_own_cookies() {
        let planted: Vec<String> = (0..40).map(|n| format!("dwanonymous_{n}=x")).collect();
        let presented = read(&[&planted.join("; "), "dwsid=abc==; cc-nx-g=x; usid=y"]);
        assert!(["dwsid", "cc-nx-g", "usid"].iter().all(|name| presented.has(name)));
    }

    proptest! {
        #[test]
        fn no_bytes_can_panic_or_grow_unbounded(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let presented = RequestCookies::read([bytes.as_slice()].into_iter(), &names());
            prop_assert!(presented.dw_companions.len() <= MAX_COMPANIONS);
            prop_assert!(presented.names.len() <= MAX_COMPANION_NAMES + 32);
        }
    }
}
