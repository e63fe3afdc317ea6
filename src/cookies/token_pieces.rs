//! A handed-over access token in several cookies.
//!
//! ECOM cannot write long cookies, so `plugin_slas` splits tokens into pieces of [`PIECE`]
//! characters and does not mark the last one. A shorter piece is the last one: pieces after it are
//! left over from a longer token. A piece with two different values makes several tokens possible.

use super::profiles::{CookieNames, MAX_PIECES};
use super::request_cookies::{RequestHandoff, candidate};
use crate::ids::AccessToken;

/// Ways to join the pieces of a token that are tried, at most: more are not sent by
/// accident.
const MAX_JOINED: usize = 8;
/// The longest value that `plugin_slas` puts into one cookie, in characters.
pub(super) const PIECE: usize = 1199;

/// The pieces, by number.
#[derive(Default)]
pub(super) struct Pieces([Vec<String>; MAX_PIECES]);

impl Pieces {
    pub(super) fn take(&mut self, name: &str, value: &str, names: &CookieNames) {
        if let Some(number) = names.piece_of(name) {
            candidate(&mut self.0[number - 1], Some(value.to_owned()));
        }
    }

    /// What is handed over, if the pieces are unambiguous.
    pub(super) fn joined(&self) -> Option<RequestHandoff> {
        if self.0.iter().any(|slot| slot.len() > 1) {
            return None;
        }
        if self.0[0].first().is_some_and(|first| first == "refresh") {
            return Some(RequestHandoff::Refresh);
        }
        self.tokens().pop().map(RequestHandoff::Token)
    }

    /// Every token that the pieces may form, within the limit.
    pub(super) fn tokens(&self) -> Vec<AccessToken> {
        let (mut tokens, mut begun) = (Vec::new(), vec![String::new()]);
        for slot in &self.0 {
            let longer = begun.iter().flat_map(|head| slot.iter().map(move |piece| (head, piece)));
            let longer: Vec<_> = longer.take(MAX_JOINED).collect();
            let (full, last): (Vec<_>, Vec<_>) =
                longer.into_iter().partition(|(_, piece)| piece.len() == PIECE);
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
