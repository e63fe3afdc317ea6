//! The shopper, the tokens and the DW session, as types that every layer shares.

use crate::ids::{AccessToken, CustomerId, DwValue, Dwsid, IdToken, RefreshToken, Tag, Usid, Word};
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Whether a shopper has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CustomerType {
    /// An anonymous shopper.
    Guest,
    /// A shopper who has signed in.
    Registered,
}

/// The shopper both worlds must agree on.
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
    /// As SLAS and the heads write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Registered => "registered",
        }
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
    /// Do-not-track, where the token says.
    pub dnt: Option<bool>,
    /// Who vouched for the shopper (`uido`): `slas`, `ecom`, or an identity provider.
    pub origin: Option<Word>,
}

/// SLAS tokens fresh from the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The access token.
    pub access: AccessToken,
    /// What the access token says.
    pub claims: Claims,
    /// The refresh token, where the grant has one.
    pub refresh: Option<RefreshGrant>,
    /// The DW session that a Hybrid Auth tenant sets on token answers.
    pub dw: Option<DwCookies>,
    /// What some heads want beside.
    pub extras: Extras,
}

/// What a token answer says beyond the tokens.
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

    /// The bytes it holds on the heap, near enough.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let refresh = self.refresh.as_ref().map_or(0, |refresh| refresh.token.expose().len());
        let id_token = self.extras.id_token.as_ref().map_or(0, |token| token.expose().len());
        let dw = self.dw.as_ref().map_or(0, DwCookies::heap_bytes);
        // Ids, the login, and what each allocation costs.
        let claims = 512;
        size_of::<Self>() + self.access.expose().len() + refresh + id_token + dw + claims
    }
}

/// A refresh token and the seconds it still lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshGrant {
    /// The token.
    pub token: RefreshToken,
    /// Seconds until it dies, as SLAS said.
    pub expires_in: i64,
}

/// The cookies of one DW session: `dwsid` and its companions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwCookies {
    /// The session itself.
    pub dwsid: Dwsid,
    /// `dwsecuretoken_…`, `dwanonymous_…` and the like, in the order they came.
    pub companions: Vec<DwCompanion>,
}

impl DwCookies {
    /// A fingerprint of the session.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.dwsid.tag()
    }

    /// The bytes it holds on the heap, near enough.
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
    /// Its whole name, hash included.
    pub name: String,
    /// Its value; none asks the browser to forget it (the platform's `""` with an epoch expiry).
    pub value: Option<DwValue>,
    /// Seconds it lives; none for the life of the browser session.
    pub max_age: Option<i64>,
}
