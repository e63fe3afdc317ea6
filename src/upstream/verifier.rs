//! Verifies access tokens and returns their claims.
//!
//! A sealed token came from the token endpoint of SLAS, to this or another replica: it needs no
//! signature check, and a replica that has just started needs no key. Every other token is checked
//! with the tenant's ES256 keys. Claims are cached by the token's fingerprint, so a warm request
//! costs one hash.

use jsonwebtoken::DecodingKey;
use moka::sync::Cache;

use super::jwks::Keys;
use crate::access_token::{self, Audience};
use crate::ids::{AccessToken, Tag};
use crate::model::Claims;

/// The most tokens in the cache. Each has about half a kilobyte.
const MAX_CACHED: u64 = 20_000;

/// Verifies access tokens of one site.
pub struct Verifier {
    keys: Keys,
    audience: Audience,
    verified: Cache<Tag, Claims>,
}

impl Verifier {
    /// A verifier for tokens issued for `audience`.
    #[must_use]
    pub fn new(keys: Keys, audience: Audience) -> Self {
        Self { keys, audience, verified: Cache::new(MAX_CACHED) }
    }

    /// The claims of a genuine token, expired or not; `None` for any other. `sealed` is the token
    /// that the seal names.
    pub async fn verify(&self, token: &AccessToken, sealed: Option<Tag>) -> Option<Claims> {
        match self.without_key(token, sealed) {
            WithoutKey::Verified(claims) => claims,
            WithoutKey::NeedsKey(kid) => self.check(token, &self.keys.get(&kid).await?),
        }
    }

    /// The claims of a genuine token, as far as cached keys can tell: [`verify`](Self::verify)
    /// without a call to SLAS.
    pub async fn verify_cached(&self, token: &AccessToken, sealed: Option<Tag>) -> Option<Claims> {
        match self.without_key(token, sealed) {
            WithoutKey::Verified(claims) => claims,
            WithoutKey::NeedsKey(kid) => self.check(token, &self.keys.get_cached(&kid).await?),
        }
    }

    fn without_key(&self, token: &AccessToken, sealed: Option<Tag>) -> WithoutKey {
        let tag = token.tag();
        if let Some(claims) = self.verified.get(&tag) {
            return WithoutKey::Verified(Some(claims));
        }
        if sealed == Some(tag) {
            let claims = access_token::read_issued(token, &self.audience).ok();
            return WithoutKey::Verified(claims.inspect(|claims| self.cache(tag, claims)));
        }
        access_token::key_id(token).map_or(WithoutKey::Verified(None), WithoutKey::NeedsKey)
    }

    fn cache(&self, tag: Tag, claims: &Claims) {
        self.verified.insert(tag, claims.clone());
    }

    fn check(&self, token: &AccessToken, key: &DecodingKey) -> Option<Claims> {
        let claims = access_token::verify(token, key, &self.audience).ok()?;
        self.cache(token.tag(), &claims);
        Some(claims)
    }
}

/// What can be found out about a token without its key.
enum WithoutKey {
    /// The claims of the token; `None` if the token is not genuine.
    Verified(Option<Claims>),
    /// The id of the key that the signature must be checked with.
    NeedsKey(String),
}
