//! Is the access token in a cookie a session here, and whose?
//!
//! A token that our own seal vouches for has been read off the token endpoint by this or another
//! replica: it needs no signature check, and a replica that has just started needs no key. Every
//! other token is checked with the tenant's ES256 keys. Verdicts are remembered by the token's
//! fingerprint, so a warm request costs one hash.

use moka::sync::Cache;

use super::keys::Keys;
use crate::ids::{AccessToken, Tag};
use crate::session::token::{self, Audience, Claims};

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
        let tag = token.tag();
        if let Some(claims) = self.verdicts.get(&tag) {
            return Some(claims);
        }
        let claims = if vouched == Some(tag) {
            token::read_issued(token, &self.audience).ok()?
        } else {
            let kid = token::key_id(token).ok()?;
            let key = self.keys.get(&kid).await?;
            token::verify(token, &key, &self.audience).ok()?
        };
        self.verdicts.insert(tag, claims.clone());
        Some(claims)
    }
}
