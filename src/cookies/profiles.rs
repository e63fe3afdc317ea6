//! Names and attributes of the cookies that Tandem writes.
//!
//! The cookies of SLAS tokens, and of what the tokens state, have one table per profile: a Head or
//! a cartridge reads or writes them as well. The others are in no table, because their names do not
//! depend on the profile: `dwsid` and its companions, which the platform names, the guard of
//! `plugin_slas`, the marker of a [preview](super::preview), and Tandem's seals.

mod names;

pub use self::names::{CookieNames, Entry};

use self::Readable::{ByScripts, ByServersOnly};
use super::preview::MARKER;
use crate::model::CustomerType;

/// The cookie that holds the id of the DW session.
pub const DWSID: &str = "dwsid";
/// The cookie of the do-not-track choice, as ECOM and the Heads write it.
pub const DO_NOT_TRACK: &str = "dw_dnt";
/// The companions of `dwsid`: a hash of the site follows each prefix. `dwpersonalization_…` is none: it
/// has the groups of A/B tests that a browser belongs to, whatever its DW session.
const COMPANION_PREFIXES: [&str; 2] = [SECRET_COMPANION_PREFIX, "dwanonymous_"];
/// The companion that holds a credential.
const SECRET_COMPANION_PREFIX: &str = "dwsecuretoken_";
/// The longest hash behind such a prefix, in characters.
const LONGEST_COMPANION_HASH: usize = 64;
/// How many companions of one DW session are read; the platform sets two.
pub(super) const MAX_COMPANIONS: usize = 8;
/// An access token in more pieces than this would not fit a request's headers. A number of a piece
/// has one digit.
pub const MAX_PIECES: usize = 6;

/// Which cookies hold the SLAS tokens, by the software that reads them beside Tandem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The names of PWA Kit v1/v2: for a custom Head, or for one that reads no cookies.
    Classic,
    /// PWA Kit 3.20 in its `HttpOnly` mode: only servers read the tokens. Scripts read from other
    /// cookies when the tokens expire and what kind of shopper they belong to.
    PwaKit,
    /// Storefront Next: scripts read none of its cookies.
    StorefrontNext,
    /// ECOM with the cartridge `plugin_slas`: the access token is in pieces.
    PluginSlas,
}

/// What a cookie of a profile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The access token.
    Access,
    /// When the access token expires, in seconds since 1970.
    AccessExpires,
    /// The do-not-track claim of the access token, `0` or `1`.
    AccessDoNotTrack,
    /// Where the shopper is known from: `slas`, `ecom`, or the name of an identity provider.
    Origin,
    /// The `OpenID` token.
    IdToken,
    /// `guest` or `registered`.
    CustomerType,
    /// The customer id.
    CustomerId,
    /// The refresh token of a guest or of a registered shopper.
    Refresh(CustomerType),
    /// When the refresh token expires, in seconds since 1970.
    RefreshExpires,
    /// The hashed user id.
    EncodedUserId,
    /// The SLAS session id.
    Usid,
    /// Nothing: an earlier version of the Head wrote this cookie, and Tandem only deletes it.
    Obsolete,
}

/// Which profiles add `_{site id}` to their cookie names, so that several sites can share a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SiteSuffix {
    /// Only those whose software expects it: [`Profile::always_suffixed`].
    ProfileDefault,
    /// Every profile.
    Always,
}

/// How browsers reach the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Cookies are `Secure`.
    Https,
    /// On loopback only: a browser would drop `Secure` cookies.
    PlainHttp,
}

impl Transport {
    /// Whether cookies are marked `Secure`.
    #[must_use]
    pub fn is_secure(self) -> bool {
        self == Self::Https
    }
}

/// How long a cookie lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the access token.
    Access,
    /// As long as the refresh token.
    Refresh,
}

/// Who may read a cookie: every server that receives it, and perhaps the scripts of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// Only servers: the cookie is `HttpOnly`.
    ByServersOnly,
    /// Servers and scripts.
    ByScripts,
}

const GUEST_REFRESH: Field = Field::Refresh(CustomerType::Guest);
const REGISTERED_REFRESH: Field = Field::Refresh(CustomerType::Registered);

type Row = (Field, &'static str, Readable, Lifetime);

const CLASSIC: &[Row] = &[
    (GUEST_REFRESH, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED_REFRESH, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (Field::Usid, "usid", ByScripts, Lifetime::Refresh),
    (Field::CustomerId, "cid", ByScripts, Lifetime::Refresh),
    (Field::Access, "token", ByServersOnly, Lifetime::Access),
];

/// In the order of pwa-kit-runtime 3.20.
const PWA_KIT: &[Row] = &[
    (Field::Access, "cc-at", ByServersOnly, Lifetime::Access),
    (Field::AccessExpires, "cc-at-expires", ByScripts, Lifetime::Access),
    (Field::AccessDoNotTrack, "cc-at-dnt", ByScripts, Lifetime::Access),
    (Field::Origin, "uido", ByScripts, Lifetime::Access),
    (Field::IdToken, "id_token", ByScripts, Lifetime::Access),
    (Field::CustomerType, "customer_type", ByScripts, Lifetime::Access),
    (Field::CustomerId, "customer_id", ByScripts, Lifetime::Access),
    (GUEST_REFRESH, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED_REFRESH, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (Field::EncodedUserId, "enc_user_id", ByScripts, Lifetime::Refresh),
    (Field::Usid, "usid", ByScripts, Lifetime::Refresh),
    (Field::RefreshExpires, "cc-nx-expires", ByScripts, Lifetime::Refresh),
];

const STOREFRONT_NEXT: &[Row] = &[
    (GUEST_REFRESH, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED_REFRESH, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (Field::Usid, "usid", ByServersOnly, Lifetime::Refresh),
    (Field::EncodedUserId, "enc_user_id", ByServersOnly, Lifetime::Refresh),
    (Field::IdToken, "id_token", ByServersOnly, Lifetime::Access),
    (Field::Obsolete, "customer_id", ByServersOnly, Lifetime::Refresh),
    (Field::Access, "cc-at", ByServersOnly, Lifetime::Access),
];

const PLUGIN_SLAS: &[Row] = &[
    (GUEST_REFRESH, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED_REFRESH, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (Field::Usid, "usid", ByScripts, Lifetime::Refresh),
    (Field::Access, "cc-at", ByServersOnly, Lifetime::Access),
];

impl Profile {
    fn rows(self) -> &'static [Row] {
        match self {
            Self::Classic => CLASSIC,
            Self::PwaKit => PWA_KIT,
            Self::StorefrontNext => STOREFRONT_NEXT,
            Self::PluginSlas => PLUGIN_SLAS,
        }
    }

    /// Whether the software of the profile expects the site id in every cookie name.
    #[must_use]
    pub fn always_suffixed(self) -> bool {
        matches!(self, Self::PwaKit | Self::StorefrontNext)
    }
}

/// Whether `name` is that of a companion of `dwsid`: a known prefix and a hash.
#[must_use]
pub fn is_dw_companion(name: &str) -> bool {
    let is_hash = |text: &str| {
        (1..=LONGEST_COMPANION_HASH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    COMPANION_PREFIXES.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(is_hash))
}

#[cfg(test)]
mod tests;
