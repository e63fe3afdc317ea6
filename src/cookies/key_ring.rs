//! The keys that seal and open Tandem's own cookies, by ChaCha20-Poly1305.
//!
//! A value that fails to open (a flipped bit, an unknown key, another site's cookie, an older
//! format) is an empty state, never an error: the next response seals a new one.

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::sealed_state::SealedState;
use crate::ids::SiteId;

/// The first byte of every sealed value, so that the format can change during a rolling release.
const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 12;
/// A sealed state has under 1,600 bytes; a value longer than this is not decoded.
const LONGEST: usize = 3000;
/// The shortest secret from which a key may be derived, in bytes.
pub const SHORTEST_SECRET: usize = 32;

/// The keys of the seal: the first one seals, all of them open, so that keys can be rotated.
pub struct KeyRing {
    keys: Vec<Key>,
    log_key: hmac::Key,
}

struct Key {
    id: [u8; KEY_ID],
    cipher: LessSafeKey,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyRing({} keys)", self.keys.len())
    }
}

impl KeyRing {
    /// A ring of keys derived from `secrets`, or `None` if there is none or one is shorter than
    /// [`SHORTEST_SECRET`].
    #[must_use]
    pub fn new(secrets: &[impl AsRef<[u8]>]) -> Option<Self> {
        let first = secrets.first()?.as_ref();
        if secrets.iter().any(|secret| secret.as_ref().len() < SHORTEST_SECRET) {
            return None;
        }
        let keys = secrets.iter().map(|secret| Key::derive(secret.as_ref())).collect();
        let log_key = hmac::Key::new(hmac::HMAC_SHA256, &derive::<32>(first, b"log id"));
        Some(Self { keys, log_key })
    }

    /// Seals `state` for the cookie `name` of `site`. A nonce must never be used twice.
    #[must_use]
    pub fn seal(
        &self,
        name: &str,
        site: &SiteId,
        state: &SealedState,
        nonce: [u8; NONCE],
    ) -> String {
        let key = &self.keys[0];
        let mut sealed = serde_json::to_vec(state).unwrap_or_default();
        // Sealing fails only beyond 256 GiB; an empty value would open as an empty state.
        if key
            .cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                context(name, site),
                &mut sealed,
            )
            .is_err()
        {
            return String::new();
        }
        let mut value = Vec::with_capacity(1 + KEY_ID + NONCE + sealed.len());
        value.push(VERSION);
        value.extend_from_slice(&key.id);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(value)
    }

    /// Opens what [`seal`](Self::seal) made for the same cookie of the same site; anything else is
    /// an empty state.
    #[must_use]
    pub fn open(&self, name: &str, site: &SiteId, value: &str) -> SealedState {
        self.try_open(name, site, value).unwrap_or_default()
    }

    fn try_open(&self, name: &str, site: &SiteId, value: &str) -> Option<SealedState> {
        if value.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (head, sealed) = bytes.split_at_checked(1 + KEY_ID + NONCE)?;
        let (version, id, nonce) = (head[0], &head[1..=KEY_ID], &head[1 + KEY_ID..]);
        let key = self.keys.iter().find(|key| version == VERSION && key.id == id)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let opened = key.cipher.open_in_place(nonce, context(name, site), &mut sealed).ok()?;
        serde_json::from_slice(opened).ok()
    }

    /// A keyed hash that distinguishes ids in logs without revealing them; the same on every
    /// replica that has the same first key.
    #[must_use]
    pub fn log_id(&self, text: &str) -> String {
        let tag = hmac::sign(&self.log_key, text.as_bytes());
        URL_SAFE_NO_PAD.encode(&tag.as_ref()[..6])
    }
}

/// What a seal is bound to: the cookie's name and the site, so that no seal can replace another.
fn context(name: &str, site: &SiteId) -> Aad<Vec<u8>> {
    Aad::from([name.as_bytes(), b"\0", site.as_str().as_bytes(), &[0, VERSION]].concat())
}

impl Key {
    fn derive(secret: &[u8]) -> Self {
        let key = derive::<32>(secret, b"seal");
        #[expect(clippy::expect_used, reason = "a ChaCha20 key has 32 bytes, and so has this")]
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("32 bytes");
        debug_assert_eq!(key.algorithm().key_len(), 32);
        Self { id: derive::<KEY_ID>(secret, b"key id"), cipher: LessSafeKey::new(key) }
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256 (RFC 5869) of an operator's secret for one purpose.
fn derive<const N: usize>(secret: &[u8], purpose: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    let purpose = [b"tandem ", purpose];
    let extracted = Salt::new(HKDF_SHA256, b"tandem").extract(secret);
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 yields up to 8160 bytes")]
    extracted
        .expand(&purpose, Length(N))
        .and_then(|expanded| expanded.fill(&mut key))
        .expect("a short key can be derived");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookies::sealed_state::SealedDw;
    use crate::ids::{CustomerId, Dwsid};
    use crate::model::{Customer, CustomerType};
    use crate::timestamp::Timestamp;

    fn ring(letters: &str) -> KeyRing {
        let secrets: Vec<String> = letters.chars().map(|c| c.to_string().repeat(32)).collect();
        KeyRing::new(&secrets).unwrap()
    }

    fn site(id: &str) -> SiteId {
        SiteId::parse(id).unwrap()
    }

    fn state() -> SealedState {
        let customer = CustomerId::parse("abkXsYlHdGmKwRlHg3mqYYkewY").unwrap();
        let tag = Dwsid::parse("x").unwrap().tag();
        SealedState {
            access: Some(tag),
            dw: Some(SealedDw {
                dwsid: tag,
                owner: Some(Customer { kind: CustomerType::Guest, id: customer }),
                created_at: Timestamp::from_unix(1),
                used_at: Timestamp::from_unix(2),
            }),
            ..SealedState::default()
        }
    }

    fn sealed() -> String {
        ring("a").seal("__Host-tandem", &site("A"), &state(), [7; NONCE])
    }

    #[test]
    fn a_sealed_state_opens() {
        assert_eq!(ring("a").open("__Host-tandem", &site("A"), &sealed()), state());
    }

    #[test]
    fn attack_1_every_flipped_bit_is_an_empty_state() {
        let bytes = URL_SAFE_NO_PAD.decode(sealed()).unwrap();
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            let value = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(
                ring("a").open("__Host-tandem", &site("A"), &value),
                SealedState::default(),
                "byte {index}"
            );
        }
    }

    #[test]
    fn attack_2_any_length_and_any_text_is_an_empty_state() {
        let long = "A".repeat(5000);
        for length in 0..64 {
            assert_eq!(ring("a").open("n", &site("A"), &long[..length]), SealedState::default());
        }
        for text in ["%00", "é", "not base64!", long.as_str()] {
            assert_eq!(ring("a").open("n", &site("A"), text), SealedState::default());
        }
    }

    #[test]
    fn attack_3_and_fault_56_a_retired_key_opens_and_an_unknown_one_does_not() {
        assert_eq!(ring("ba").open("__Host-tandem", &site("A"), &sealed()), state());
        assert_eq!(ring("b").open("__Host-tandem", &site("A"), &sealed()), SealedState::default());
    }

    #[test]
    fn attacks_4_and_5_another_cookie_name_or_site_does_not_open() {
        assert_eq!(ring("a").open("tandem", &site("A"), &sealed()), SealedState::default());
        assert_eq!(ring("a").open("__Host-tandem", &site("B"), &sealed()), SealedState::default());
    }

    #[test]
    fn a_short_secret_makes_no_ring() {
        assert!(KeyRing::new(&["short"]).is_none());
        assert!(KeyRing::new(&[] as &[&str]).is_none());
    }
}
