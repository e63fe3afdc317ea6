//! Is the access token in a cookie a session here, and whose?
//!
//! A token that our own seal vouches for has been read off the token endpoint by this or another
//! replica: it needs no signature check, and a replica that has just started needs no key. Every
//! other token is checked with the tenant's ES256 keys. Verdicts are remembered by the token's
//! fingerprint, so a warm request costs one hash.

use jsonwebtoken::DecodingKey;
use moka::sync::Cache;

use super::jwks::Keys;
use crate::access_token::{self, Audience};
use crate::ids::{AccessToken, Tag};
use crate::model::Claims;

/// Remembered verdicts; about half a kilobyte each.
const VERDICTS: u64 = 20_000;

/// Verifies access tokens of one site.
pub struct Verifier {
    keys: Keys,
    audience: Audience,
    verdicts: Cache<Tag, Claims>,
}

impl Verifier {
    /// A verifier for tokens made for `audience`.
    #[must_use]
    pub fn new(keys: Keys, audience: Audience) -> Self {
        Self { keys, audience, verdicts: Cache::new(VERDICTS) }
    }

    /// The claims of a genuine token, dead or alive; `None` for any other.
    pub async fn verify(&self, token: &AccessToken, vouched: Option<Tag>) -> Option<Claims> {
        match self.known(token, vouched) {
            Known::Verdict(claims) => claims,
            Known::Kid(kid) => self.check(token, &self.keys.get(&kid).await?),
        }
    }

    /// As [`verify`](Self::verify), but with the keys at hand only.
    pub async fn recognise(&self, token: &AccessToken, vouched: Option<Tag>) -> Option<Claims> {
        match self.known(token, vouched) {
            Known::Verdict(claims) => claims,
            Known::Kid(kid) => self.check(token, &self.keys.at_hand(&kid).await?),
        }
    }

    fn known(&self, token: &AccessToken, vouched: Option<Tag>) -> Known {
        let tag = token.tag();
        if let Some(claims) = self.verdicts.get(&tag) {
            return Known::Verdict(Some(claims));
        }
        if vouched == Some(tag) {
            let claims = access_token::read_issued(token, &self.audience).ok();
            return Known::Verdict(claims.inspect(|claims| self.remember(tag, claims)));
        }
        access_token::key_id(token).map_or(Known::Verdict(None), Known::Kid)
    }

    fn remember(&self, tag: Tag, claims: &Claims) {
        self.verdicts.insert(tag, claims.clone());
    }

    fn check(&self, token: &AccessToken, key: &DecodingKey) -> Option<Claims> {
        let claims = access_token::verify(token, key, &self.audience).ok()?;
        self.remember(token.tag(), &claims);
        Some(claims)
    }
}

/// What is known about a token without its key.
enum Known {
    /// All there is to know.
    Verdict(Option<Claims>),
    /// The key it must be checked with.
    Kid(String),
}
