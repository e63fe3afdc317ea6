//! The token cookies of ECOM's side: their names, and the lines that set and delete them.

use super::turn::Turn;
use crate::cookies;
use crate::ids;
use crate::options::{CookieNames, Options};

/// The name of a token cookie; the site, where it is part of the name, comes before the number of
/// a chunk: `cc-at_{site}_2`.
pub(super) fn name(options: &Options, base: &str) -> String {
    match options.token_cookies {
        CookieNames::Plain => base.to_owned(),
        CookieNames::Suffixed => format!("{base}_{}", options.site_id),
    }
}

impl Turn<'_> {
    /// The value of a token cookie that the browser sent.
    pub(super) fn token_cookie(&self, base: &str) -> Option<String> {
        self.ask.cookie(&name(&self.platform.options, base)).filter(|value| !value.is_empty())
    }

    /// The refresh token that the browser sent; a registered shopper's is preferred.
    pub(super) fn refresh_cookie(&self) -> Option<String> {
        self.token_cookie("cc-nx").or_else(|| self.token_cookie("cc-nx-g"))
    }

    /// The usid that the browser sent, if it is one.
    pub(super) fn usid_cookie(&self) -> Option<String> {
        self.token_cookie("usid").filter(|usid| ids::is_uuid(usid))
    }

    /// What `dw_dnt` says, if it was sent.
    pub(super) fn do_not_track(&self) -> Option<bool> {
        self.ask.cookie("dw_dnt").map(|value| value == "1")
    }

    /// Sets a token cookie for so many seconds, with further attributes such as `; HttpOnly`.
    pub(super) fn set_token_cookie(&mut self, base: &str, value: &str, life: i64, more: &str) {
        let name = name(&self.platform.options, base);
        self.set_line(format!("{name}={value}; Max-Age={life}; Path=/; Secure{more}"));
    }

    /// Deletes a token cookie.
    pub(super) fn drop_token_cookie(&mut self, base: &str, more: &str) {
        self.set_token_cookie(base, "", 0, more);
    }

    pub(super) fn set_line(&mut self, line: String) {
        cookies::set(&mut self.set_cookies, line);
    }
}
