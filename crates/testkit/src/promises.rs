//! What a browser checks after every response, and what a test expects of it.

use cookie::Cookie;
use tandem_sandbox::CustomerKind;

use crate::browser::Browser;
use crate::config::SITE;
use crate::page::Page;
use crate::scenario::DwSession;

/// Cookies that only servers may read, by the name without the site.
const SECRETS: [&str; 11] = [
    "token",
    "id_token",
    "cc-nx",
    "cc-nx-g",
    "dwsid",
    "__Host-tandem",
    "__Host-tandem-nx",
    "__Host-tandem-dw",
    "tandem",
    "tandem-nx",
    "tandem-dw",
];
/// A value this long occurs in no text by chance.
const LONG: usize = 16;

/// Whether the value of a cookie is a secret, with any addition of the profile to its name.
fn is_secret(name: &str) -> bool {
    let name = name.replacen(&format!("_{SITE}"), "", 1);
    let is_piece = |rest: &str| rest.is_empty() || rest.starts_with(['_', '.']);
    SECRETS.contains(&name.as_str())
        || name.strip_prefix("token").is_some_and(is_piece)
        || name.strip_prefix("cc-at").is_some_and(is_piece)
        || name.starts_with("dwsecuretoken_")
}

/// Whether `text` contains the secret. A short one counts only as a word of its own.
fn discloses(text: &str, secret: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    text.match_indices(secret).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + secret.len()..]);
        secret.len() >= LONG || !(before.ends_with(is_part) || after.starts_with(is_part))
    })
}

/// After every response.
impl Browser {
    pub(crate) fn check_promises(&self, page: &Page, path: &str) {
        if !self.is_stale {
            self.check_one_shopper(page);
        }
        check_order(page);
        if path.starts_with("/bff/") || path.starts_with("/mobify/") {
            self.check_secrets(page);
        }
    }

    /// Promise 1: the cookies name one shopper, or there is no `dwsid`.
    fn check_one_shopper(&self, page: &Page) {
        let control = &self.environment.control;
        let (guest, registered) = (self.cookie("cc-nx-g"), self.cookie("cc-nx"));
        assert!(
            guest.is_none() || registered.is_none(),
            "two refresh tokens after {}",
            page.request
        );
        let refresh = guest.or(registered).and_then(|token| control.refresh_token(&token));
        let slas: Vec<(&str, String)> = [
            ("token", self.customer_id()),
            ("refresh token", refresh.map(|view| view.customer_id)),
            ("cid", self.cookie("cid")),
        ]
        .into_iter()
        .filter_map(|(name, customer)| Some((name, customer?)))
        .collect();
        // A browser without tokens has no shopper to compare. `check_loss` and `World` see to it
        // that this is not the way in which every check passes.
        let Some((_, shopper)) = slas.first() else { return };
        assert!(slas.iter().all(|(_, id)| id == shopper), "{slas:?} after {}", page.request);
        if let Some(dwsid) = self.cookie("dwsid").filter(|_| self.environment.bridges) {
            let ecom = control.dw_session(&dwsid).map(|session| session.customer_id);
            assert_eq!(ecom.as_ref(), Some(shopper), "two customers after {}", page.request);
        }
    }

    /// Promise 8: no body and no `Location` of ours contains a secret.
    fn check_secrets(&self, page: &Page) {
        let readable = self.script_readable_cookies();
        let mut secrets = self.cookies();
        secrets.retain(|(name, value)| {
            is_secret(name) && !value.is_empty() && !readable.contains(name)
        });
        for (name, value) in secrets {
            let disclosed = discloses(&page.text, &value) || discloses(page.location(), &value);
            assert!(!disclosed, "{} discloses {name}", page.request);
        }
    }

    /// Whether there is an access or refresh token in the jar.
    pub(crate) fn has_tokens(&self) -> bool {
        let refresh = ["cc-nx", "cc-nx-g"].iter().any(|name| self.cookie(name).is_some());
        refresh || self.token().is_some()
    }
}

/// Promise 2: a response that deletes the last token belongs to a logout or has a problem code.
pub(crate) fn check_loss(page: &Page, path: &str) {
    let is_logout = path.to_ascii_lowercase().contains("logout");
    let codes = ["session_expired", "invalid refresh_token"];
    let explained =
        codes.iter().any(|code| page.text.contains(code) || page.location().contains(code));
    assert!(is_logout || explained, "{} deletes the tokens without a problem code", page.request);
}

/// Promise 7: what sets a cookie is not stored, and deletions come before writes.
fn check_order(page: &Page) {
    let cookies = page.set_cookies();
    if cookies.is_empty() {
        return;
    }
    let stored = !page.cache_control().contains("no-store");
    assert!(!stored, "{} sets cookies with {:?}", page.request, page.cache_control());
    // The Head sets one of its own beside those of the session.
    let of_session = cookies.iter().filter(|line| !line.starts_with("cc-auth-recover"));
    let deletions: Vec<bool> = of_session.map(|line| is_deletion(line)).collect();
    let sorted = deletions.windows(2).all(|pair| pair[0] || !pair[1]);
    assert!(sorted, "a write before a deletion in {}:\n{}", page.request, page.cookie_attributes());
}

fn is_deletion(line: &str) -> bool {
    let cookie = Cookie::parse(line.to_owned()).expect("a cookie");
    cookie.max_age().is_some_and(|age| age.whole_seconds() <= 0)
        || cookie.expires_datetime().is_some_and(|date| date.unix_timestamp() < 86_400)
}

/// What a test expects.
impl Browser {
    /// The shopper is a guest, with that DW session. Returns the customer id.
    #[track_caller]
    pub fn expect_guest(&self, dw_session: DwSession) -> String {
        self.expect_customer(CustomerKind::Guest, dw_session)
    }

    /// The shopper is registered under that login, with that DW session. Returns the customer id.
    #[track_caller]
    pub fn expect_registered(&self, login: &str, dw_session: DwSession) -> String {
        let id = self.expect_customer(CustomerKind::Registered, dw_session);
        assert_eq!(self.environment.control.customer_id_of(login).as_ref(), Some(&id));
        id
    }

    #[track_caller]
    fn expect_customer(&self, kind: CustomerKind, dw_session: DwSession) -> String {
        let claims = self.token().unwrap_or_else(|| panic!("no token: {:?}", self.names()));
        let name = &self.environment.name;
        assert_eq!(claims.registered, kind == CustomerKind::Registered, "in {name}");
        assert_eq!(self.cookie("usid"), Some(claims.usid), "in {name}");
        let id = self.cookie("cid");
        assert!(id.is_none_or(|id| id == claims.customer_id), "in {name}");
        let refresh = if claims.registered { "cc-nx" } else { "cc-nx-g" };
        assert!(self.cookie(refresh).is_some(), "no {refresh} in {name}: {:?}", self.names());
        let dwsid = self.cookie("dwsid");
        assert_eq!(DwSession::live_if(dwsid.is_some()), dw_session, "dwsid in {name}");
        if let Some(session) = dwsid.and_then(|dwsid| self.environment.control.dw_session(&dwsid)) {
            assert!(session.live, "a dead dwsid in {name}");
            assert_eq!(session.customer_id, claims.customer_id, "in {name}");
        }
        claims.customer_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_every_name_they_may_have() {
        for name in ["token", "cc-at_RefArch", "cc-at_3", "cc-at_RefArch_2", "__Host-tandem-nx"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["usid_RefArch", "cc-at-expires_RefArch", "cc-nx-expires", "dwanonymous_x"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_short_secret_counts_as_a_word_of_its_own() {
        assert!(discloses("{\"leak\":\"abc\"}", "abc"));
        assert!(!discloses("an abcd of words", "abc"));
        assert!(discloses("xxxabcdefghijklmnopxxx", "abcdefghijklmnop"));
    }
}
