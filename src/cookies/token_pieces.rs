//! An access token in several cookies.
//!
//! ECOM cannot write long cookies, so `plugin_slas` splits tokens into pieces of [`PIECE`]
//! characters and does not mark the last one. A shorter piece is the last one: pieces after it are
//! left over from a longer token. A piece with two different values makes several tokens possible.
//!
//! Tandem does the same, with longer *parts* under names of its own, where a token does not fit one
//! cookie of a browser and the profile has no pieces. No upstream sees a part: it receives the whole
//! token in one cookie, because the limit is the browser's.

use super::profiles::{CookieNames, MAX_PIECES};
use super::request_cookies::{RequestHandoff, candidate};
use crate::ids::AccessToken;

/// Ways to join the pieces of a token that are tried, at most: more are not sent by
/// accident.
const MAX_JOINED: usize = 8;
/// The longest value that `plugin_slas` puts into one cookie, in characters.
pub(super) const PIECE: usize = 1199;
/// In how many parts Tandem splits an access token that does not fit one cookie.
const MAX_PARTS: usize = 2;
/// Name and value of a cookie together, in bytes: browsers drop longer ones.
const LONGEST_COOKIE: usize = 4096;
/// The length of a part, in characters. All parts hold a token as long as the longest in pieces.
pub(super) const PART: usize = PIECE * MAX_PIECES / MAX_PARTS;

const _: () = assert!(PART * MAX_PARTS == AccessToken::LONGEST);

/// The pieces, by number.
pub(super) struct Pieces {
    slots: Vec<Vec<String>>,
    size: usize,
}

impl Pieces {
    /// Pieces as `plugin_slas` writes them.
    pub(super) fn of_handoff() -> Self {
        Self { slots: vec![Vec::new(); MAX_PIECES], size: PIECE }
    }

    /// Parts as Tandem writes them.
    pub(super) fn of_long_token() -> Self {
        Self { slots: vec![Vec::new(); MAX_PARTS], size: PART }
    }

    /// Adds the value of piece `number`, counted from 1.
    pub(super) fn take(&mut self, number: Option<usize>, value: &str) {
        if let Some(slot) = number.and_then(|number| self.slots.get_mut(number - 1)) {
            candidate(slot, Some(value.to_owned()));
        }
    }

    /// What is handed over, if the pieces are unambiguous.
    pub(super) fn joined(&self) -> Option<RequestHandoff> {
        if self.slots.iter().any(|slot| slot.len() > 1) {
            return None;
        }
        if self.slots[0].first().is_some_and(|first| first == "refresh") {
            return Some(RequestHandoff::Refresh);
        }
        self.tokens().pop().map(RequestHandoff::Token)
    }

    /// Every token that the pieces may form, within the limit.
    pub(super) fn tokens(&self) -> Vec<AccessToken> {
        let (mut tokens, mut begun) = (Vec::new(), vec![String::new()]);
        // A token whose last piece is a full one ends where there is no next piece.
        for slot in self.slots.iter().take_while(|slot| !slot.is_empty()) {
            let longer = begun.iter().flat_map(|head| slot.iter().map(move |piece| (head, piece)));
            let longer: Vec<_> = longer.take(MAX_JOINED).collect();
            let (full, last): (Vec<_>, Vec<_>) =
                longer.into_iter().partition(|(_, piece)| piece.len() == self.size);
            let join = |(head, piece): (&String, &String)| format!("{head}{piece}");
            tokens.extend(last.into_iter().map(join));
            begun = full.into_iter().map(join).collect();
        }
        tokens.extend(begun);
        // A text that is truncated, or not a JWT at all, is left out.
        let is_jwt = |text: &String| text.matches('.').count() == 2;
        tokens
            .iter()
            .filter(|text| is_jwt(text))
            .filter_map(|text| AccessToken::parse(text))
            .collect()
    }
}

impl CookieNames {
    /// Whether the access cookie can hold `token`.
    #[must_use]
    pub fn fits(&self, token: &AccessToken) -> bool {
        self.access.len() + token.expose().len() <= LONGEST_COOKIE
    }

    /// The name of part `number`, counted from 1, of an access token that does not fit one cookie.
    /// Only Tandem reads these cookies. A site id has no dot.
    #[must_use]
    pub(super) fn part(&self, number: usize) -> String {
        format!("{}.{number}", self.access)
    }

    /// The names of all parts.
    pub(super) fn part_names(&self) -> impl Iterator<Item = String> {
        let parts = if self.in_pieces() { 0 } else { MAX_PARTS };
        (1..=parts).map(|number| self.part(number))
    }

    /// Which part of a long access token the cookie `name` is, counted from 1.
    #[must_use]
    pub(super) fn part_of(&self, name: &str) -> Option<usize> {
        let digit = name.strip_prefix(self.access.as_str())?.strip_prefix('.')?;
        let number = digit.parse().ok().filter(|number| (1..=MAX_PARTS).contains(number));
        number.filter(|_| digit.len() == 1 && !self.in_pieces())
    }

    /// Whether the cookie `name` holds the access token or a part of it.
    #[must_use]
    pub(super) fn is_access(&self, name: &str) -> bool {
        name == self.access || self.part_of(name).is_some()
    }

    /// The cookies of `token` in parts, in order; none if it fits the access cookie.
    pub(super) fn parts<'t>(&self, token: &'t AccessToken) -> Vec<(String, &'t str)> {
        if self.in_pieces() || self.fits(token) {
            return Vec::new();
        }
        // A token is ASCII.
        let token = token.expose();
        let starts = (0..token.len()).step_by(PART);
        let values = starts.map(|start| &token[start..token.len().min(start + PART)]);
        values.enumerate().map(|(at, value)| (self.part(at + 1), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profiles::{Profile, SiteSuffix, Transport};
    use super::super::request_cookies::RequestCookies;
    use super::super::sealed_state::SealedState;
    use super::super::{facts, ownership};
    use super::*;
    use crate::ids::SiteId;

    fn names(profile: Profile) -> CookieNames {
        let site = SiteId::parse("R").unwrap();
        CookieNames::new(profile, &site, SiteSuffix::ProfileDefault, Transport::Https)
    }

    fn token(length: usize) -> AccessToken {
        AccessToken::parse(&format!("a.{}.c", "b".repeat(length - 4))).unwrap()
    }

    fn read(profile: Profile, pairs: &[(String, &str)]) -> RequestCookies {
        let header: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        RequestCookies::read([header.join("; ").as_bytes()].into_iter(), &names(profile))
    }

    #[test]
    fn kind_39_every_length_is_read_as_it_was_split() {
        for profile in [Profile::Classic, Profile::PwaKit, Profile::StorefrontNext] {
            for length in [4_092, 4_200, AccessToken::LONGEST - 1, AccessToken::LONGEST] {
                let token = token(length);
                let names = names(profile);
                let parts = names.parts(&token);
                assert_eq!(parts.len(), MAX_PARTS);
                assert!(parts.iter().all(|(name, _)| names.owns(name)));
                assert_eq!(read(profile, &parts).access, std::slice::from_ref(&token));
                assert_eq!(read(profile, &parts[..1]).access, [], "the rest is missing");
                assert_eq!(read(profile, &parts[1..]).access, []);
            }
        }
    }

    #[test]
    fn kind_39_a_token_of_full_pieces_only_is_read() {
        let names = names(Profile::PluginSlas);
        for count in 1..=MAX_PIECES {
            let token = token(count * PIECE);
            let piece = |at: usize| &token.expose()[at * PIECE..(at + 1) * PIECE];
            let pieces: Vec<_> = (0..count).map(|at| (names.piece(at + 1), piece(at))).collect();
            assert_eq!(
                read(Profile::PluginSlas, &pieces).access,
                std::slice::from_ref(&token),
                "{count}"
            );
        }
    }

    #[test]
    fn kind_39_what_ecom_writes_beside_a_long_token_is_a_handoff() {
        let (long, names) = (token(5_000), names(Profile::PwaKit));
        let mut pairs = names.parts(&long);
        pairs.push((names.access.clone(), "x.y.z"));
        let presented = read(Profile::PwaKit, &pairs);
        assert_eq!(presented.access, std::slice::from_ref(&long));
        let handoff_token = || AccessToken::parse("x.y.z").unwrap();
        assert_eq!(presented.handoff, Some(RequestHandoff::Token(handoff_token())));
        // Unless the seal names it: then the parts were planted.
        let tag = handoff_token().tag();
        let state = SealedState { access: Some(tag), ..SealedState::default() };
        let mut settled = presented.clone();
        ownership::settle_handoff(&mut settled, &state, &names);
        assert_eq!(facts::effective_access_token(&settled, &state), Some(&handoff_token()));
        assert_eq!(settled.handoff, None);
        pairs.last_mut().unwrap().1 = "refresh";
        let presented = read(Profile::PwaKit, &pairs);
        assert_eq!((presented.access, presented.handoff), (vec![], Some(RequestHandoff::Refresh)));
    }
}
