//! What is expected of a browser: after every answer, and where a test asks.

use cookie::Cookie;

use super::browser::Browser;
use super::page::Page;

/// Cookies that only servers may read, by the name without the site.
const SECRETS: [&str; 7] =
    ["token", "id_token", "cc-nx", "cc-nx-g", "dwsid", "__Host-tandem", "__Host-tandem-nx"];

/// Whether the value of a cookie is a secret, whatever the profile does to its name.
fn is_secret(name: &str) -> bool {
    let name = name.replacen("_RefArch", "", 1);
    let is_piece = |rest: &str| rest.is_empty() || rest.starts_with('_');
    SECRETS.contains(&name.as_str())
        || name.strip_prefix("cc-at").is_some_and(is_piece)
        || name.starts_with("dwsecuretoken_")
}

/// Whether `text` holds the secret. A short one counts only where it stands alone: a few letters
/// occur in any text.
fn tells(text: &str, secret: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    text.match_indices(secret).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + secret.len()..]);
        secret.len() >= 16 || !(before.ends_with(is_part) || after.starts_with(is_part))
    })
}

/// After every answer.
impl Browser {
    pub(super) fn keeps_promises(&self, page: &Page, path: &str) {
        if !self.is_late {
            self.names_one_shopper(page);
        }
        keeps_the_order(page);
        if path.starts_with("/bff/") || path.starts_with("/mobify/") {
            self.tells_no_secret(page);
        }
    }

    /// Promise 1: the cookies name one shopper, or there is no `dwsid`.
    fn names_one_shopper(&self, page: &Page) {
        let control = &self.outside.control;
        let (guest, registered) = (self.cookie("cc-nx-g"), self.cookie("cc-nx"));
        assert!(guest.is_none() || registered.is_none(), "two refresh tokens after {}", page.asked);
        let refresh = guest.or(registered).and_then(|token| control.refresh(&token));
        let slas: Vec<(&str, String)> = [
            ("token", self.token().map(|said| said.customer_id)),
            ("refresh token", refresh.map(|view| view.customer_id)),
            ("cid", self.cookie("cid")),
        ]
        .into_iter()
        .filter_map(|(name, customer)| Some((name, customer?)))
        .collect();
        let Some((_, shopper)) = slas.first() else { return };
        assert!(slas.iter().all(|(_, id)| id == shopper), "{slas:?} after {}", page.asked);
        if let Some(dwsid) = self.cookie("dwsid").filter(|_| self.outside.bridges) {
            let ecom = control.dw_session(&dwsid).map(|session| session.customer_id);
            assert_eq!(ecom.as_ref(), Some(shopper), "the pair is split after {}", page.asked);
        }
    }

    /// Promise 8, as far as an answer of ours goes.
    fn tells_no_secret(&self, page: &Page) {
        let readable = self.script_sees();
        let mut secrets = self.cookies();
        secrets.retain(|(name, value)| {
            is_secret(name) && !value.is_empty() && !readable.contains(name)
        });
        for (name, value) in secrets {
            let told = tells(&page.text, &value) || tells(page.location(), &value);
            assert!(!told, "{} tells {name}", page.asked);
        }
    }

    /// Whether there is anything of SLAS in the jar.
    pub(super) fn has_tokens(&self) -> bool {
        let refresh = ["cc-nx", "cc-nx-g"].iter().any(|name| self.cookie(name).is_some());
        refresh || self.token().is_some()
    }
}

/// Promise 2: tokens go with a logout, or with a response that tells the caller.
pub(super) fn tells_of_the_loss(page: &Page, path: &str) {
    let is_logout = path.to_ascii_lowercase().contains("logout");
    let told = ["session_expired", "invalid refresh_token"];
    let told = told.iter().any(|code| page.text.contains(code) || page.location().contains(code));
    assert!(is_logout || told, "{} takes the tokens away and tells nothing", page.asked);
}

/// Promise 7: what sets a cookie is not stored, and deletions come before writes.
fn keeps_the_order(page: &Page) {
    let cookies = page.set_cookies();
    if cookies.is_empty() {
        return;
    }
    let stored = !page.cache_control().contains("no-store");
    assert!(!stored, "{} sets cookies but says {:?}", page.asked, page.cache_control());
    let deletions: Vec<bool> = cookies.iter().map(|line| is_deletion(line)).collect();
    let sorted = deletions.windows(2).all(|pair| pair[0] || !pair[1]);
    assert!(sorted, "a write before a deletion in {}:\n{}", page.asked, page.cookie_attributes());
}

pub(super) fn is_deletion(line: &str) -> bool {
    let cookie = Cookie::parse(line.to_owned()).expect("a cookie");
    cookie.max_age().is_some_and(|age| age.whole_seconds() <= 0)
        || cookie.expires_datetime().is_some_and(|date| date.unix_timestamp() < 86_400)
}

/// Where a test asks.
impl Browser {
    /// A guest, and where there are DW sessions, with a live one if `bridged`.
    #[track_caller]
    pub(crate) fn is_guest(&self, bridged: bool) -> String {
        self.is("guest", bridged)
    }

    /// The shopper with that login.
    #[track_caller]
    pub(crate) fn is_registered(&self, login: &str, bridged: bool) -> String {
        let id = self.is("registered", bridged);
        assert_eq!(self.outside.control.customer_id_of(login).as_ref(), Some(&id));
        id
    }

    #[track_caller]
    fn is(&self, kind: &str, bridged: bool) -> String {
        let said = self.token().unwrap_or_else(|| panic!("no token: {:?}", self.names()));
        let name = &self.outside.name;
        assert_eq!(said.registered, kind == "registered", "in {name}");
        assert_eq!(self.cookie("usid"), Some(said.usid), "in {name}");
        let id = self.cookie("cid");
        assert!(id.is_none_or(|id| id == said.customer_id), "in {name}");
        let refresh = if said.registered { "cc-nx" } else { "cc-nx-g" };
        assert!(self.cookie(refresh).is_some(), "no {refresh} in {name}: {:?}", self.names());
        let dw = self.cookie("dwsid");
        assert_eq!(dw.is_some(), bridged, "dwsid in {name}");
        if let Some(session) = dw.and_then(|dwsid| self.outside.control.dw_session(&dwsid)) {
            assert!(session.live, "a dead dwsid in {name}");
            assert_eq!(session.customer_id, said.customer_id, "in {name}");
        }
        said.customer_id
    }

    /// The SLAS session the browser is in.
    #[track_caller]
    pub(crate) fn usid(&self) -> String {
        self.token().expect("a token").usid
    }
}
