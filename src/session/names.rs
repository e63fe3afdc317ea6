//! Names and attributes of every cookie Tandem writes, as one table.
//!
//! Profile `classic`: the names of PWA Kit v1/v2 and `plugin_slas`, unsuffixed unless the site
//! asks for a suffix. `dwsid` and its companions never carry one: the platform fixes their names.

use super::CustomerType;
use crate::ids::SiteId;

/// The cookies of one site.
#[derive(Clone, Debug)]
pub struct CookieNames {
    /// Access token; HttpOnly.
    pub access: String,
    /// Refresh token of a guest; HttpOnly.
    pub guest_refresh: String,
    /// Refresh token of a registered shopper; HttpOnly.
    pub registered_refresh: String,
    /// SLAS session id; readable by scripts (analytics, Einstein).
    pub usid: String,
    /// Customer id; readable by scripts.
    pub customer_id: String,
    /// Our own sealed memory; HttpOnly.
    pub memory: String,
    /// Whether cookies are marked `Secure`; false only for plain http on loopback.
    pub secure: bool,
}

/// The DW session.
pub const DWSID: &str = "dwsid";
/// Do-not-track, as ECOM and the heads write it.
pub const DO_NOT_TRACK: &str = "dw_dnt";
/// Prefixes of the cookies that belong to a DW session.
pub const DW_COMPANIONS: [&str; 3] = ["dwsecuretoken_", "dwanonymous_", "dwpersonalization_"];
/// Of these, the one whose value is a credential.
const DW_SECRET: &str = "dwsecuretoken_";

/// Who in the browser may read a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// `HttpOnly`.
    ByServersOnly,
    /// Scripts too.
    ByScripts,
}

impl CookieNames {
    /// The `classic` names; `suffix` appends `_{site}` where several sites share a host.
    #[must_use]
    pub fn classic(site: &SiteId, suffix: bool, secure: bool) -> Self {
        let name = |base: &str| if suffix { format!("{base}_{site}") } else { base.to_owned() };
        // The `__Host-` prefix needs `Secure`: over plain http a browser would drop the cookie.
        let memory = if secure { "__Host-tandem" } else { "tandem" };
        Self {
            access: name("token"),
            guest_refresh: name("cc-nx-g"),
            registered_refresh: name("cc-nx"),
            usid: name("usid"),
            customer_id: name("cid"),
            memory: name(memory),
            secure,
        }
    }

    /// The refresh cookie of a guest or a registered shopper.
    #[must_use]
    pub fn refresh(&self, kind: CustomerType) -> &str {
        match kind {
            CustomerType::Guest => &self.guest_refresh,
            CustomerType::Registered => &self.registered_refresh,
        }
    }

    /// Whether scripts may read the tokens.
    #[must_use]
    pub fn tokens_are_readable(&self) -> bool {
        self.readable(&self.access) == Readable::ByScripts
    }

    /// Whether scripts may read the cookie `name`.
    #[must_use]
    pub fn readable(&self, name: &str) -> Readable {
        let by_scripts = name == self.usid
            || name == self.customer_id
            || (is_dw_companion(name) && !name.starts_with(DW_SECRET));
        if by_scripts { Readable::ByScripts } else { Readable::ByServersOnly }
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
