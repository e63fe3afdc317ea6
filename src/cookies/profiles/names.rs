//! The names of all cookies at one site.

use super::Readable::{ByScripts, ByServersOnly};
use super::{
    DWSID, Field, GUEST_REFRESH, Lifetime, MARKER, MAX_PIECES, Profile, REGISTERED_REFRESH,
    Readable, Row, SECRET_COMPANION_PREFIX, SiteSuffix, Transport, is_dw_companion,
};
use crate::cookies::token_pieces::PIECE;
use crate::ids::{AccessToken, SiteId};
use crate::model::CustomerType;

/// In every profile, the cookie in which ECOM hands over an access token.
const HANDOFF: &str = "cc-at";
/// The guard of `plugin_slas`.
const GUARD: &str = "cc-sg";
/// The seal. A browser accepts the prefix `__Host-` only with `Secure`.
const SEAL: &str = "__Host-tandem";
/// The seal of a site on plain http.
const INSECURE_SEAL: &str = "tandem";

/// The cookie names of one site.
#[derive(Clone, Debug)]
pub struct CookieNames {
    /// The profile that the names belong to.
    pub profile: Profile,
    /// The access token; in profile `plugin-slas` its first piece.
    pub access: String,
    /// The refresh token of a guest.
    pub guest_refresh: String,
    /// The refresh token of a registered shopper.
    pub registered_refresh: String,
    /// The SLAS session id.
    pub usid: String,
    /// The cookie in which ECOM hands over an access token; a long token continues in more pieces.
    pub handoff: String,
    /// The guard: the cookie by which `plugin_slas` knows that the DW session needs no bridge.
    pub guard: String,
    /// The seal: Tandem's own state, encrypted. Scripts cannot read it.
    pub seal: String,
    /// The seal of a registered shopper's tokens. It is a cookie of its own, so that a late
    /// response about another shopper does not overwrite it.
    pub registered_seal: String,
    /// The seal of the DW session alone, which is sent wherever `dwsid` is. No other host can set it.
    pub dw_seal: String,
    /// Whether browsers send the DW session with requests of other sites (`SameSite=None`).
    pub dw_cross_site: bool,
    /// How browsers reach the site.
    pub transport: Transport,
    /// Whether scripts may read the tokens and `dwsid` (`cookies.readable_tokens`).
    pub readable_tokens: bool,
    entries: Vec<Entry>,
}

/// One cookie of the profile's table.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the cookie holds.
    pub field: Field,
    /// The name of the cookie at the site.
    pub name: String,
    /// How long the cookie lives.
    pub lifetime: Lifetime,
    readable: Readable,
}

impl CookieNames {
    /// The names of `profile` at `site`.
    #[must_use]
    pub fn new(profile: Profile, site: &SiteId, suffix: SiteSuffix, transport: Transport) -> Self {
        let suffixed = suffix == SiteSuffix::Always || profile.always_suffixed();
        let name = |base: &str| if suffixed { format!("{base}_{site}") } else { base.to_owned() };
        let entry = |&(field, base, readable, lifetime): &Row| Entry {
            field,
            name: name(base),
            lifetime,
            readable,
        };
        let entries: Vec<Entry> = profile.rows().iter().map(entry).collect();
        let name_of = |field| {
            let entry = entries.iter().find(|entry| entry.field == field);
            entry.map(|entry| entry.name.clone()).unwrap_or_default()
        };
        let seal = if transport.is_secure() { SEAL } else { INSECURE_SEAL };
        Self {
            profile,
            access: name_of(Field::Access),
            guest_refresh: name_of(GUEST_REFRESH),
            registered_refresh: name_of(REGISTERED_REFRESH),
            usid: name_of(Field::Usid),
            handoff: name(HANDOFF),
            guard: name(GUARD),
            seal: name(seal),
            registered_seal: name(&format!("{seal}-nx")),
            dw_seal: name(&format!("{seal}-dw")),
            dw_cross_site: false,
            transport,
            readable_tokens: false,
            entries,
        }
    }

    /// The names of profile `classic` at `site`.
    #[must_use]
    pub fn classic(site: &SiteId, suffix: SiteSuffix, transport: Transport) -> Self {
        Self::new(Profile::Classic, site, suffix, transport)
    }

    /// These names, with tokens and a `dwsid` that scripts may read.
    #[must_use]
    pub fn with_readable_tokens(self) -> Self {
        Self { readable_tokens: true, ..self }
    }

    /// These names, with a DW session that browsers send with requests of other sites.
    #[must_use]
    pub fn with_cross_site_dw(self) -> Self {
        Self { dw_cross_site: true, ..self }
    }

    /// Whether browsers send the cookie `name` with requests of other sites.
    #[must_use]
    pub fn is_cross_site(&self, name: &str) -> bool {
        self.dw_cross_site && (name == DWSID || name == self.dw_seal || is_dw_companion(name))
    }

    /// The refresh cookie of a guest or a registered shopper.
    #[must_use]
    pub fn refresh(&self, kind: CustomerType) -> &str {
        match kind {
            CustomerType::Guest => &self.guest_refresh,
            CustomerType::Registered => &self.registered_refresh,
        }
    }

    /// Every cookie of the profile's table, in the order in which Tandem writes them.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the access token is written in pieces.
    #[must_use]
    pub fn in_pieces(&self) -> bool {
        self.profile == Profile::PluginSlas
    }

    /// The cookies that hold an access token, as names and values.
    #[must_use]
    pub fn access_pairs(&self, token: &AccessToken) -> Vec<(String, String)> {
        let token = token.expose();
        if !self.in_pieces() {
            return vec![(self.access.clone(), token.to_owned())];
        }
        let pieces = token.as_bytes().chunks(PIECE).enumerate();
        let text = |piece: &[u8]| String::from_utf8_lossy(piece).into_owned();
        pieces.map(|(index, piece)| (self.piece(index + 1), text(piece))).collect()
    }

    /// The name of piece `number`, counted from 1, of a handed-over access token. The name of the
    /// first piece has no number.
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
        // One byte only: `parse` accepts `02` and `+2` too, but those are other cookies.
        let digit = rest.strip_prefix('_').filter(|digits| digits.len() == 1)?;
        digit.parse().ok().filter(|number| (2..=MAX_PIECES).contains(number))
    }

    /// Whether only the platform and its storefronts use the cookie `name`.
    ///
    /// Only such a cookie may be deleted for a whole domain. `token`, `usid` and `cid` are words
    /// that another application of the domain may use as well, and it would lose its cookie.
    #[must_use]
    pub fn is_distinctive(&self, name: &str) -> bool {
        name == DWSID
            || name == self.guest_refresh
            || name == self.registered_refresh
            || self.piece_of(name).is_some()
            || (self.part_of(name).is_some() && self.access == self.handoff)
    }

    /// Whether the cookie `name` is one of Tandem's seals, which no upstream receives.
    #[must_use]
    pub fn is_seal(&self, name: &[u8]) -> bool {
        [&self.seal, &self.registered_seal, &self.dw_seal]
            .iter()
            .any(|seal| name == seal.as_bytes())
    }

    /// Whether the cookie `name` is one that only Tandem (or ECOM, in its handoff) may set. The DW
    /// session's cookies are not among these: ECOM sets them as well.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        self.is_seal(name.as_bytes())
            || name == self.guard
            || name == MARKER
            || self.piece_of(name).is_some()
            || self.part_of(name).is_some()
            || self.entries.iter().any(|entry| entry.name == name)
    }

    /// Who may read the cookie `name`. No setting opens a seal, the marker or `dwsecuretoken_…` to
    /// scripts; the other companions are open to them, as the platform sets them.
    #[must_use]
    pub fn readable(&self, name: &str) -> Readable {
        if self.is_seal(name.as_bytes())
            || name == MARKER
            || name.starts_with(SECRET_COMPANION_PREFIX)
        {
            return ByServersOnly;
        }
        let entry = self.entries.iter().find(|entry| entry.name == name);
        match entry.map(|entry| entry.readable) {
            Some(ByScripts) => ByScripts,
            // Tokens and the cookies in no table, such as `dwsid`.
            _ if self.readable_tokens || is_dw_companion(name) => ByScripts,
            _ => ByServersOnly,
        }
    }
}
