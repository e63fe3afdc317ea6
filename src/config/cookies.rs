//! Which cookies a site writes, and which it accepts.

use super::parse::Origin;
use super::section::{Section, read_fields};
use crate::cookies::profiles::{Profile, SiteSuffix};

/// Which cookies a site writes, and which it accepts.
#[derive(Clone, Debug)]
pub struct CookieConfig {
    /// The names and attributes of the token cookies.
    pub profile: Profile,
    /// Which names end in the site id.
    pub suffix: SiteSuffix,
    /// Whether scripts may read the tokens.
    pub readable_tokens: bool,
    /// Whether tokens are accepted that a browser presents without Tandem's seal.
    pub accept_unsealed: bool,
    /// Origins whose pages may show the shop in a frame.
    pub preview_parents: Vec<Origin>,
}

const PROFILES: [(&str, Profile); 4] = [
    ("classic", Profile::Classic),
    ("pwa-kit", Profile::PwaKit),
    ("storefront-next", Profile::StorefrontNext),
    ("plugin-slas", Profile::PluginSlas),
];

pub(super) fn read(section: &Section<'_>) -> Option<CookieConfig> {
    read_fields!(CookieConfig {
        profile: section.choice("profile", &PROFILES),
        suffix: read_suffix(section, profile),
        readable_tokens: read_readable_tokens(section, profile),
        accept_unsealed: read_accept_unsealed(section, readable_tokens),
        preview_parents: Some(section.origins("preview_parents")),
    })
}

fn read_suffix(section: &Section<'_>, profile: Option<Profile>) -> Option<SiteSuffix> {
    let suffixed = section.boolean("suffix")? || profile.is_some_and(Profile::always_suffixed);
    Some(if suffixed { SiteSuffix::Always } else { SiteSuffix::ProfileDefault })
}

fn read_readable_tokens(section: &Section<'_>, profile: Option<Profile>) -> Option<bool> {
    let readable = section.boolean("readable_tokens")?;
    if readable && profile.is_some_and(|profile| profile != Profile::PluginSlas) {
        section.error("readable_tokens", "must be false: only profile \"plugin-slas\" needs it");
    }
    Some(readable)
}

fn read_accept_unsealed(section: &Section<'_>, readable_tokens: Option<bool>) -> Option<bool> {
    let accept = section.boolean("accept_unsealed")?;
    if readable_tokens == Some(true) && !accept {
        section.error(
            "accept_unsealed",
            "must be true: with readable_tokens, scripts write tokens too",
        );
    }
    Some(accept)
}
