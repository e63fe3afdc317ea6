//! Identifiers and secrets as types, checked when they are parsed.
//!
//! All of them are valid cookie values: their text consists of the characters that RFC 6265 section
//! 4.1.1 allows there, so no value from a browser or an upstream can inject a `;` and with it an
//! attribute. Secrets do not print.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether `text` consists only of the characters that a cookie value may have (RFC 6265).
#[must_use]
pub fn is_cookie_text(text: &str) -> bool {
    // To the end, without a branch: the compiler can then check many bytes in one step, and nearly
    // every text is a valid token of two kilobytes.
    text.bytes().fold(true, |all, byte| {
        all & matches!(byte, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x5B | 0x5D..=0x7E)
    })
}

fn fits(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && is_cookie_text(text)
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, longest $longest:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts a text that is not empty, not too long, and valid in a cookie.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                fits(text, $longest).then(|| Self(text.into()))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text)
                    .ok_or_else(|| serde::de::Error::custom(concat!("not a ", stringify!($name))))
            }
        }
    };
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, longest $longest:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<Secret>);

        impl $name {
            /// The most characters.
            pub const LONGEST: usize = $longest;

            /// Accepts a text that is not empty, not too long, and valid in a cookie.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                fits(text, $longest).then(|| Self(Arc::new(Secret::new(text))))
            }

            /// The secret itself, to be sent only to its upstream or to its owner.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.text.expose_secret()
            }

            /// A fingerprint, which identifies the secret but does not reveal it.
            #[must_use]
            pub fn tag(&self) -> Tag {
                *self.0.tag.get_or_init(|| Tag::of(self.expose()))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose() == other.expose()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

/// A secret and its fingerprint, which is computed at its first use: a warm request uses that of its
/// access token several times, and hashing two kilobytes is most of its cost.
struct Secret {
    text: SecretString,
    tag: OnceLock<Tag>,
}

impl Secret {
    fn new(text: &str) -> Self {
        Self { text: SecretString::from(text), tag: OnceLock::new() }
    }
}

identifier! {
    /// The B2C Commerce site, which SLAS calls the channel. At most 100 bytes (SLAS `OpenAPI`).
    SiteId, longest 100
}
identifier! {
    /// The SLAS shopper session id, a UUID v4 in practice. At most 128 bytes (SLAS `/login`).
    Usid, longest 128
}
identifier! {
    /// A B2C Commerce customer id, 26 bytes in practice: `gcid` of a guest, `rcid` of a
    /// registered shopper.
    CustomerId, longest 128
}
identifier! {
    /// Any other value of SLAS that is written into a cookie, such as an identity provider's name.
    Word, longest 128
}
secret! {
    /// An `OpenID` token, which SLAS returns with its own tokens. Name and value of a cookie may have
    /// 4096 bytes together, hence the limit.
    IdToken, longest 4000
}
secret! {
    /// A SLAS access token (JWT). A longer one would not fit a request's headers beside the other
    /// cookies: the servers of many Heads accept 8 or 16 kB.
    AccessToken, longest 7194
}
secret! {
    /// A SLAS refresh token. SLAS accepts at most 256 bytes in a request.
    RefreshToken, longest 256
}
secret! {
    /// The value of a `dwsid` cookie: 88 bytes in practice.
    Dwsid, longest 512
}
secret! {
    /// The value of a companion of `dwsid`, such as `dwsecuretoken_…`.
    DwValue, longest 1024
}
secret! {
    /// `dwsgst` or `dwsrst`: a DW session signed by script code on the instance.
    DwSignature, longest 4000
}

impl Usid {
    /// A fingerprint of the SLAS session.
    #[must_use]
    pub fn tag(&self) -> Tag {
        Tag::of(self.as_str())
    }
}

/// The first 128 bits of a secret's SHA-256: they identify the secret but do not reveal it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; 16]);

impl Tag {
    fn of(text: &str) -> Self {
        let mut tag = [0; 16];
        tag.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        Self(tag)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tag(…)")
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(serde::de::Error::custom)?;
        let tag = bytes.try_into().map_err(|_| serde::de::Error::custom("not 16 bytes"))?;
        Ok(Self(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_invalid_in_a_cookie_is_rejected() {
        for hostile in ["", "a;b", "a b", "a,b", "a\"b", "a\\b", "a\r\nb", "é", "a\0"] {
            assert!(Usid::parse(hostile).is_none(), "{hostile:?}");
            assert!(Dwsid::parse(hostile).is_none(), "{hostile:?}");
        }
        assert!(RefreshToken::parse(&"x".repeat(257)).is_none());
        assert!(Dwsid::parse("Vx3-_abc==").is_some());
    }

    #[test]
    fn a_secret_does_not_print() {
        let token = RefreshToken::parse("CANARY").unwrap();
        assert_eq!(format!("{token:?} {:?}", token.tag()), "RefreshToken(…) Tag(…)");
    }
}
