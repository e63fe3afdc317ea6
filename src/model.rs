//! The shopper, the tokens and the DW session, as types that every layer shares.

use crate::ids::{AccessToken, CustomerId, DwValue, Dwsid, IdToken, RefreshToken, Tag, Usid, Word};
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Whether a shopper has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CustomerType {
    /// An anonymous shopper.
    Guest,
    /// A shopper who has logged in.
    Registered,
}

/// The shopper, who must be the same in SLAS and in the DW session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Customer {
    /// Guest or registered.
    #[serde(rename = "k")]
    pub kind: CustomerType,
    /// `gcid` of a guest, `rcid` of a registered shopper.
    #[serde(rename = "i")]
    pub id: CustomerId,
}

impl CustomerType {
    /// The word that SLAS and the Heads write.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Registered => "registered",
        }
    }

    /// Whether the shopper is anonymous.
    #[must_use]
    pub fn is_guest(self) -> bool {
        self == Self::Guest
    }

    /// Whether it is a shopper who has logged in.
    #[must_use]
    pub fn is_registered(self) -> bool {
        self == Self::Registered
    }
}

impl Customer {
    /// Whether it is an anonymous shopper.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.kind.is_guest()
    }

    /// Whether it is a shopper who has logged in.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.kind.is_registered()
    }
}

/// The claims of an access token that Tandem uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who the shopper is.
    pub customer: Customer,
    /// The SLAS session.
    pub usid: Usid,
    /// `upn` of a registered shopper.
    pub login_id: Option<String>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// Do-not-track, if the token states it.
    pub dnt: Option<bool>,
    /// Who identified the shopper (`uido`): `slas`, `ecom`, or an identity provider.
    pub origin: Option<Word>,
}

/// SLAS tokens as the token endpoint returned them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The access token.
    pub access: AccessToken,
    /// The claims of the access token.
    pub claims: Claims,
    /// The refresh token, if there is one.
    pub refresh: Option<RefreshGrant>,
    /// The DW session that a Hybrid Auth tenant sets on token responses.
    pub dw: Option<DwCookies>,
    /// Further values for some Heads.
    pub extras: Extras,
    /// The tokens were requested for another request of the browser, with another do-not-track choice
    /// than the shopper's: the next request renews them.
    pub other_dnt: bool,
}

/// Further values of a token response, for some Heads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The `OpenID` token.
    pub id_token: Option<IdToken>,
    /// The hashed user id (`enc_user_id`).
    pub encoded_user_id: Option<Word>,
}

impl Grant {
    /// Fingerprints of its tokens.
    #[must_use]
    pub fn tags(&self) -> Vec<Tag> {
        let refresh = self.refresh.as_ref().map(|refresh| refresh.token.tag());
        refresh.into_iter().chain([self.access.tag()]).collect()
    }

    /// The bytes that the grant holds on the heap, approximately: caches limit their sum.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let refresh = self.refresh.as_ref().map_or(0, |refresh| refresh.token.expose().len());
        let id_token = self.extras.id_token.as_ref().map_or(0, |token| token.expose().len());
        let dw = self.dw.as_ref().map_or(0, DwCookies::heap_bytes);
        // Ids, the login, and the overhead of each allocation.
        let claims = 512;
        size_of::<Self>() + self.access.expose().len() + refresh + id_token + dw + claims
    }
}

/// A refresh token and its lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshGrant {
    /// The token.
    pub token: RefreshToken,
    /// Seconds until it expires, according to SLAS.
    pub expires_in: i64,
}

/// The cookies of one DW session: `dwsid` and its companions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwCookies {
    /// The id of the session.
    pub dwsid: Dwsid,
    /// `dwsecuretoken_…`, `dwanonymous_…` and the like, in the order of the response.
    pub companions: Vec<DwCompanion>,
}

impl DwCookies {
    /// A fingerprint of the session.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.dwsid.tag()
    }

    /// The bytes that the cookies hold on the heap, approximately: caches limit their sum.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let length = |value: &DwValue| value.expose().len();
        let companion = |companion: &DwCompanion| {
            let value = companion.value.as_ref().map_or(0, length);
            size_of::<DwCompanion>() + companion.name.len() + value
        };
        self.dwsid.expose().len() + self.companions.iter().map(companion).sum::<usize>()
    }
}

/// A cookie that belongs to a DW session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwCompanion {
    /// The whole name of the cookie, hash included.
    pub name: String,
    /// The value; `None` deletes the cookie in the browser (the platform sends `""` and an expiry of
    /// 1970).
    pub value: Option<DwValue>,
    /// The lifetime in seconds; `None` until the browser is closed.
    pub max_age: Option<i64>,
}
