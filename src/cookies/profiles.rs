//! Names and attributes of every cookie Tandem writes, as one table per profile.
//!
//! A profile is a set of cookies that a Head or a cartridge reads or writes as well. `dwsid` and
//! its companions are the same in all of them: the platform fixes their names.

use super::preview::MARKER;
use crate::ids::SiteId;
use crate::model::CustomerType;

/// A set of cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The names of PWA Kit v1/v2: for a custom Head, or for one that reads no cookies.
    Classic,
    /// PWA Kit 3.20 in its HttpOnly mode: tokens for servers, their dates and kinds for scripts.
    PwaKit,
    /// Storefront Next: scripts read none of them.
    StorefrontNext,
    /// The `plugin_slas` cartridge on ECOM: the access token in pieces.
    PluginSlas,
}

/// What a cookie holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The access token.
    Access,
    /// When it ends, in seconds since 1970.
    AccessExpires,
    /// Its do-not-track claim, `0` or `1`.
    AccessDoNotTrack,
    /// Who vouched for the shopper: `slas`, `ecom`, or an identity provider (`uido`).
    Origin,
    /// The `OpenID` token.
    IdToken,
    /// `guest` or `registered`.
    CustomerType,
    /// The customer id.
    CustomerId,
    /// The refresh token of a guest or of a registered shopper.
    Refresh(CustomerType),
    /// When it ends, in seconds since 1970.
    RefreshExpires,
    /// The hashed user id.
    EncodedUserId,
    /// The SLAS session id.
    Usid,
    /// Not written, but deleted: an older cookie of the Head.
    Obsolete,
}

/// Whether cookie names carry the site id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suffix {
    /// Only where the profile always has it.
    None,
    /// `_{site}`: several sites share a host.
    SiteId,
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

/// Who in the browser may read a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// `HttpOnly`.
    ByServersOnly,
    /// Scripts too.
    ByScripts,
}

use Field as F;
use Readable::{ByScripts, ByServersOnly};

const GUEST: F = F::Refresh(CustomerType::Guest);
const REGISTERED: F = F::Refresh(CustomerType::Registered);

type Row = (Field, &'static str, Readable, Lifetime);

const CLASSIC: &[Row] = &[
    (GUEST, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (F::Usid, "usid", ByScripts, Lifetime::Refresh),
    (F::CustomerId, "cid", ByScripts, Lifetime::Refresh),
    (F::Access, "token", ByServersOnly, Lifetime::Access),
];

/// In the order of pwa-kit-runtime 3.20.
const PWA_KIT: &[Row] = &[
    (F::Access, "cc-at", ByServersOnly, Lifetime::Access),
    (F::AccessExpires, "cc-at-expires", ByScripts, Lifetime::Access),
    (F::AccessDoNotTrack, "cc-at-dnt", ByScripts, Lifetime::Access),
    (F::Origin, "uido", ByScripts, Lifetime::Access),
    (F::IdToken, "id_token", ByScripts, Lifetime::Access),
    (F::CustomerType, "customer_type", ByScripts, Lifetime::Access),
    (F::CustomerId, "customer_id", ByScripts, Lifetime::Access),
    (GUEST, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (F::EncodedUserId, "enc_user_id", ByScripts, Lifetime::Refresh),
    (F::Usid, "usid", ByScripts, Lifetime::Refresh),
    (F::RefreshExpires, "cc-nx-expires", ByScripts, Lifetime::Refresh),
];

const STOREFRONT_NEXT: &[Row] = &[
    (GUEST, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (F::Usid, "usid", ByServersOnly, Lifetime::Refresh),
    (F::EncodedUserId, "enc_user_id", ByServersOnly, Lifetime::Refresh),
    (F::IdToken, "id_token", ByServersOnly, Lifetime::Access),
    (F::Obsolete, "customer_id", ByServersOnly, Lifetime::Refresh),
    (F::Access, "cc-at", ByServersOnly, Lifetime::Access),
];

const PLUGIN_SLAS: &[Row] = &[
    (GUEST, "cc-nx-g", ByServersOnly, Lifetime::Refresh),
    (REGISTERED, "cc-nx", ByServersOnly, Lifetime::Refresh),
    (F::Usid, "usid", ByScripts, Lifetime::Refresh),
    (F::Access, "cc-at", ByServersOnly, Lifetime::Access),
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

    /// Whether its names always carry the site id.
    #[must_use]
    pub fn always_suffixed(self) -> bool {
        matches!(self, Self::PwaKit | Self::StorefrontNext)
    }
}

/// The cookies of one site.
#[derive(Clone, Debug)]
pub struct CookieNames {
    /// The profile they belong to.
    pub profile: Profile,
    /// Access token; the first piece of it in profile `plugin-slas`.
    pub access: String,
    /// Refresh token of a guest.
    pub guest_refresh: String,
    /// Refresh token of a registered shopper.
    pub registered_refresh: String,
    /// SLAS session id.
    pub usid: String,
    /// The cookie in which ECOM hands over an access token, in pieces.
    pub handoff: String,
    /// The cookie that tells `plugin_slas` that a DW session needs no bridge.
    pub guard: String,
    /// Tandem's own sealed state; `HttpOnly`.
    pub seal: String,
    /// The seal of a registered shopper's tokens, which no response about another shopper touches.
    pub registered_seal: String,
    /// How browsers reach the site.
    pub transport: Transport,
    /// Whether scripts may read the tokens and `dwsid`, for a Head that needs that.
    pub script_readable: bool,
    entries: Vec<Entry>,
}

/// One cookie of the table.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it holds.
    pub field: Field,
    /// Its name.
    pub name: String,
    /// How long it lives.
    pub life: Lifetime,
    readable: Readable,
}

/// The DW session.
pub const DWSID: &str = "dwsid";
/// Do-not-track, as ECOM and the Heads write it.
pub const DO_NOT_TRACK: &str = "dw_dnt";
/// Prefixes of the cookies that belong to a DW session.
pub const DW_COMPANIONS: [&str; 3] = ["dwsecuretoken_", "dwanonymous_", "dwpersonalization_"];
/// The prefix, of these, whose cookie holds a credential.
const DW_SECRET: &str = "dwsecuretoken_";
/// Companions of one DW session that are read; the platform sets three.
pub(super) const MOST_COMPANIONS: usize = 8;
/// An access token in more pieces than this would not fit a request's headers.
pub const MOST_PIECES: usize = 6;

impl CookieNames {
    /// The names of `profile` at `site`.
    #[must_use]
    pub fn new(profile: Profile, site: &SiteId, suffix: Suffix, transport: Transport) -> Self {
        let suffixed = suffix == Suffix::SiteId || profile.always_suffixed();
        let name = |base: &str| if suffixed { format!("{base}_{site}") } else { base.to_owned() };
        // The `__Host-` prefix needs `Secure`.
        let seal = if transport.is_secure() { "__Host-tandem" } else { "tandem" };
        let rows = profile.rows().iter();
        let entries: Vec<Entry> = rows
            .map(|&(field, base, readable, life)| Entry { field, name: name(base), life, readable })
            .collect();
        let access = entries.iter().find(|entry| entry.field == F::Access);
        Self {
            profile,
            access: access.map(|entry| entry.name.clone()).unwrap_or_default(),
            guest_refresh: name("cc-nx-g"),
            registered_refresh: name("cc-nx"),
            usid: name("usid"),
            handoff: name("cc-at"),
            guard: name("cc-sg"),
            seal: name(seal),
            registered_seal: name(&format!("{seal}-nx")),
            transport,
            script_readable: false,
            entries,
        }
    }

    /// The `classic` names.
    #[must_use]
    pub fn classic(site: &SiteId, suffix: Suffix, transport: Transport) -> Self {
        Self::new(Profile::Classic, site, suffix, transport)
    }

    /// The same, but scripts may read the tokens and `dwsid`.
    #[must_use]
    pub fn with_readable_tokens(self) -> Self {
        Self { script_readable: true, ..self }
    }

    /// The refresh cookie of a guest or a registered shopper.
    #[must_use]
    pub fn refresh(&self, kind: CustomerType) -> &str {
        match kind {
            CustomerType::Guest => &self.guest_refresh,
            CustomerType::Registered => &self.registered_refresh,
        }
    }

    /// Every cookie of the profile, in the order they are written.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the access token is written in pieces.
    #[must_use]
    pub fn in_pieces(&self) -> bool {
        self.profile == Profile::PluginSlas
    }

    /// The name of piece `number`, counted from 1, of a handed-over access token.
    #[must_use]
    pub fn piece(&self, number: usize) -> String {
        if number < 2 { self.handoff.clone() } else { format!("{}_{number}", self.handoff) }
    }

    /// Which piece of a handed-over access token the cookie `name` is, counted from 1.
    #[must_use]
    pub fn piece_of(&self, name: &str) -> Option<usize> {
        let rest = name.strip_prefix(self.handoff.as_str())?;
        if rest.is_empty() {
            return Some(1);
        }
        let digits = rest.strip_prefix('_').filter(|digits| digits.len() == 1)?;
        digits.parse().ok().filter(|number| (2..=MOST_PIECES).contains(number))
    }

    /// Whether only the platform and the storefronts that it ships use the cookie `name`, so that
    /// it may be deleted for a whole domain. A cookie `token` may belong to another application
    /// there.
    #[must_use]
    pub fn is_distinctive(&self, name: &str) -> bool {
        name == DWSID
            || name == self.guest_refresh
            || name == self.registered_refresh
            || self.piece_of(name).is_some()
    }

    /// Whether the cookie `name` is one of Tandem's seals, which no upstream receives.
    #[must_use]
    pub fn is_seal(&self, name: &[u8]) -> bool {
        name == self.seal.as_bytes() || name == self.registered_seal.as_bytes()
    }

    /// Whether the cookie `name` is one that only Tandem (or ECOM, in its handoff) may set.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        self.is_seal(name.as_bytes())
            || name == self.guard
            || name == MARKER
            || self.piece_of(name).is_some()
            || self.entries.iter().any(|entry| entry.name == name)
    }

    /// Whether scripts may read the cookie `name`.
    #[must_use]
    pub fn readable(&self, name: &str) -> Readable {
        if self.is_seal(name.as_bytes()) || name == MARKER || name.starts_with(DW_SECRET) {
            return ByServersOnly;
        }
        let entry = self.entries.iter().find(|entry| entry.name == name);
        match entry.map(|entry| entry.readable) {
            Some(ByScripts) => ByScripts,
            _ if self.script_readable || is_dw_companion(name) => ByScripts,
            _ => ByServersOnly,
        }
    }
}

/// Whether `name` is that of a companion of `dwsid`.
#[must_use]
pub fn is_dw_companion(name: &str) -> bool {
    DW_COMPANIONS.iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|hash| {
            !hash.is_empty() && hash.len() <= 64 && hash.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    })
}

#[cfg(test)]
mod tests;
