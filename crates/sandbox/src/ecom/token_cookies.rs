//! The token cookies that ECOM reads, sets and deletes.

use super::controller_context::ControllerContext;
use crate::cookies;
use crate::ids;
use crate::options::{CookieNames, Options};

/// The name of a token cookie. A site suffix comes before the number of a piece:
/// `cc-at_{site}_2`.
pub(super) fn name(options: &Options, base: &str) -> String {
    match options.token_cookies {
        CookieNames::Plain => base.to_owned(),
        CookieNames::Suffixed => format!("{base}_{}", options.site_id),
    }
}

impl ControllerContext<'_> {
    /// The value of a token cookie that the browser sent.
    pub(super) fn token_cookie(&self, base: &str) -> Option<String> {
        self.request.cookie(&name(&self.platform.options, base)).filter(|value| !value.is_empty())
    }

    /// The refresh token that the browser sent, a registered shopper's first.
    pub(super) fn refresh_cookie(&self) -> Option<String> {
        self.token_cookie("cc-nx").or_else(|| self.token_cookie("cc-nx-g"))
    }

    /// The usid that the browser sent, if it is valid.
    pub(super) fn usid_cookie(&self) -> Option<String> {
        self.token_cookie("usid").filter(|usid| ids::is_uuid(usid))
    }

    /// The value of `dw_dnt`, if the browser sent it.
    pub(super) fn do_not_track(&self) -> Option<bool> {
        self.request.cookie("dw_dnt").map(|value| value == "1")
    }

    /// Sets a token cookie for `life` seconds, with more attributes such as `; HttpOnly`.
    pub(super) fn set_token_cookie(&mut self, base: &str, value: &str, life: i64, more: &str) {
        let name = name(&self.platform.options, base);
        self.set_line(format!("{name}={value}; Max-Age={life}; Path=/; Secure{more}"));
    }

    /// Deletes a token cookie.
    pub(super) fn delete_token_cookie(&mut self, base: &str, more: &str) {
        self.set_token_cookie(base, "", 0, more);
    }

    pub(super) fn set_line(&mut self, line: String) {
        cookies::set(&mut self.set_cookies, line);
    }
}
