//! Which cookies a site writes, and which it takes.

use super::parse::Origin;
use super::section::Section;
use super::site::read_origins;
use crate::cookies::profiles::Profile;

/// Which cookies the browser gets.
#[derive(Clone, Debug)]
pub struct CookieConfig {
    /// For whose eyes.
    pub profile: Profile,
    /// Whether their names carry the site id.
    pub suffix: bool,
    /// Whether scripts may read the tokens.
    pub open: bool,
    /// Whether tokens count that a browser brings without a sealed cookie of ours.
    pub accept_unsealed: bool,
    /// Origins whose pages may show the shop in a frame.
    pub preview_parents: Vec<Origin>,
}

pub(super) fn read(section: &Section<'_>) -> Option<CookieConfig> {
    let profile = section.choice(
        "profile",
        &[
            ("classic", Profile::Classic),
            ("pwa-kit", Profile::PwaKit),
            ("storefront-next", Profile::StorefrontNext),
            ("plugin-slas", Profile::PluginSlas),
        ],
    );
    let suffix = section.boolean("suffix");
    let open = section.boolean("readable_tokens");
    if open == Some(true) && profile.is_some_and(|profile| profile != Profile::PluginSlas) {
        section.problem("readable_tokens", "must be false: only profile \"plugin-slas\" needs it");
    }
    let accept_unsealed = section.boolean("accept_unsealed");
    if open == Some(true) && accept_unsealed == Some(false) {
        section.problem("accept_unsealed", "must be true: with readable_tokens, scripts write too");
    }
    let preview_parents = read_origins(section, "preview_parents");
    section.finish();
    let profile = profile?;
    let suffix = suffix? || profile.always_suffixed();
    Some(CookieConfig {
        profile,
        suffix,
        open: open?,
        accept_unsealed: accept_unsealed?,
        preview_parents,
    })
}
