//! What a page of ECOM, or of a Head, is for, and what the cookies of its response hand over.

use super::{HeldRefresh, Provenance};
use crate::ids::AccessToken;
use crate::model::{Claims, CustomerType, DwCookies, Extras, Grant, RefreshGrant};

/// For how many seconds a renewal proves that the session is the shopper's. A request may be slow on purpose,
/// and the password may be changed on another device meanwhile.
const LONGEST_PROOF: i64 = 5;

/// What a page of ECOM is for, as far as it matters for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EcomPage {
    /// Anything else.
    Ordinary,
    /// Shoppers log in or register there.
    Login,
    /// A registered shopper changes the password there, which ends every token. SLAS has renewed the
    /// tokens of the session for this very request, so it was still the shopper's; afterwards its DW
    /// session vouches for the shopper, once. Apart from that, it is like a login page.
    Password,
    /// A form was answered by a redirect: shoppers may log in or out there.
    Redirected,
    /// Shoppers log out there.
    Logout,
    /// The page ended the DW session of its request on purpose: ECOM set another one, and that of the
    /// request was known to be alive.
    Ended,
}

/// The pages of ECOM that change the shopper, as the operator lists them: each by its controller (the
/// last segment of the path) or by its whole path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EcomPages {
    /// Where shoppers log in or register.
    pub login: Vec<String>,
    /// Where shoppers log out.
    pub logout: Vec<String>,
    /// Where registered shoppers change their password.
    pub password: Vec<String>,
}

impl EcomPages {
    /// The page at `path`. Of several lists that name it, the one that changes most counts.
    #[must_use]
    pub fn find(&self, path: &str) -> EcomPage {
        let controller = path.rsplit('/').next().unwrap_or_default();
        let named = |names: &[String]| names.iter().any(|name| name == controller || name == path);
        if named(&self.logout) {
            EcomPage::Logout
        } else if named(&self.password) {
            EcomPage::Password
        } else if named(&self.login) {
            EcomPage::Login
        } else {
            EcomPage::Ordinary
        }
    }
}

/// Whether a controller that no list names is one for logging out, by its name. A form that any other
/// controller answers in another session tells only that the DW session is lost.
#[must_use]
pub fn names_logout(path: &str) -> bool {
    const WORDS: [&str; 4] = ["logout", "logoff", "signout", "signoff"];
    let controller = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let letters: String = controller.chars().filter(char::is_ascii_alphanumeric).collect();
    WORDS.iter().any(|word| letters.contains(word))
}

impl EcomPage {
    /// What the page is for if SLAS renewed the tokens for this very request `age` seconds before
    /// the page responded; `None` if it did not. Without a recent renewal nothing proves that the session was
    /// still the shopper's: a password page is no more than a login page then.
    #[must_use]
    pub fn with_renewal(self, age: Option<i64>) -> Self {
        match self {
            Self::Password if age.is_none_or(|age| age > LONGEST_PROOF) => Self::Login,
            other => other,
        }
    }
}

/// What a response states about the shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageResponse {
    /// Who responded: [`Provenance::Ecom`] or [`Provenance::Head`].
    pub by: Provenance,
    /// The response deletes the cookie of the refresh token in hand.
    pub deletes_refresh: bool,
    /// The tokens that the response hands over.
    pub handoff: Option<Handoff>,
    /// The DW session that the response sets, if it is another one than that of the request.
    pub dw: Option<DwCookies>,
    /// What the page is for.
    pub page: EcomPage,
}

impl PageResponse {
    /// Whether it changes nothing: it hands over no credentials, the page cannot have changed the
    /// shopper, and this site ignores a DW session that it sets.
    #[must_use]
    pub fn is_irrelevant(&self, adopts_other_sessions: bool) -> bool {
        let other_dw = self.dw.is_some() && adopts_other_sessions && self.by != Provenance::Head;
        self.handoff.is_none() && self.page == EcomPage::Ordinary && !other_dw
    }
}

/// What a page hands over to identify the shopper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handoff {
    /// An access token, and perhaps a refresh token.
    Grant(Box<Grant>),
    /// A refresh token alone. `None`: the page states that the one in hand is to be used.
    Refresh(Option<HeldRefresh>),
    /// An access token whose signature cannot be verified.
    Unverifiable,
    /// No refresh token: the response deletes it, or states that there is none.
    LoggedOut,
}

/// The access token among the cookies of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageAccess {
    /// None.
    None,
    /// The value `refresh`: the access token is to be obtained anew.
    Refresh,
    /// A token of this site with a valid signature.
    Verified(AccessToken, Claims),
    /// Any other token.
    Unverifiable,
}

/// The cookies of a response that state who the shopper is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCookies {
    /// Who responded.
    pub by: Provenance,
    /// The access token.
    pub access: PageAccess,
    /// The refresh token: which cookie it came in, the token, and its lifetime in seconds.
    pub refresh: Option<(CustomerType, RefreshGrant)>,
    /// The refresh cookies that are deleted.
    pub deleted: Vec<CustomerType>,
}

impl PageCookies {
    /// Whether the cookies state nothing about tokens: they hand over and delete none, whatever the
    /// browser holds.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.access == PageAccess::None && self.refresh.is_none() && self.deleted.is_empty()
    }

    /// Whether the response deletes the refresh token in hand.
    #[must_use]
    pub fn deletes(&self, held: Option<&HeldRefresh>) -> bool {
        held.is_some_and(|held| self.deleted.contains(&held.kind))
    }

    /// What the cookies hand over to a browser that holds the refresh token `held` for
    /// `held_expires_in` seconds more.
    #[must_use]
    pub fn handoff(&self, held: Option<&HeldRefresh>, held_expires_in: i64) -> Option<Handoff> {
        let kept = held.filter(|_| !self.deletes(held));
        let page_token = self.page_token();
        match (&self.access, page_token) {
            (PageAccess::Verified(token, claims), _) => {
                let grant = self.grant(token, claims, kept, held_expires_in);
                Some(Handoff::Grant(Box::new(grant)))
            }
            (PageAccess::Unverifiable | PageAccess::Refresh, Some(token)) => {
                Some(Handoff::Refresh(Some(token)))
            }
            (PageAccess::Unverifiable, None) => Some(Handoff::Unverifiable),
            (PageAccess::Refresh, None) if kept.is_some() => Some(Handoff::Refresh(None)),
            (PageAccess::Refresh, None) => Some(Handoff::LoggedOut),
            (PageAccess::None, token) => self.handoff_by_refresh(token, held),
        }
    }

    /// The handoff without an access token: another refresh token, or the deletion of the one in
    /// hand.
    fn handoff_by_refresh(
        &self,
        page_token: Option<HeldRefresh>,
        held: Option<&HeldRefresh>,
    ) -> Option<Handoff> {
        match page_token {
            Some(token) if !held.is_some_and(|held| is_same(&token, held)) => {
                Some(Handoff::Refresh(Some(token)))
            }
            None if self.deletes(held) => Some(Handoff::LoggedOut),
            _ => None,
        }
    }

    fn page_token(&self) -> Option<HeldRefresh> {
        self.refresh.as_ref().map(|(kind, refresh)| HeldRefresh {
            kind: *kind,
            token: refresh.token.clone(),
            provenance: self.by,
        })
    }

    /// The tokens handed over. A refresh token of the other kind belongs to another shopper.
    fn grant(
        &self,
        token: &AccessToken,
        claims: &Claims,
        kept: Option<&HeldRefresh>,
        kept_expires_in: i64,
    ) -> Grant {
        let kind = claims.customer.kind;
        let own = self.refresh.as_ref().filter(|(of, _)| *of == kind);
        let kept = kept.filter(|held| held.kind == kind);
        let refresh = own.map(|(_, refresh)| refresh.clone()).or_else(|| {
            kept.map(|held| RefreshGrant { token: held.token.clone(), expires_in: kept_expires_in })
        });
        let (access, claims) = (token.clone(), claims.clone());
        Grant { access, claims, refresh, dw: None, extras: Extras::default(), other_dnt: false }
    }
}

fn is_same(one: &HeldRefresh, other: &HeldRefresh) -> bool {
    (one.kind, &one.token) == (other.kind, &other.token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_40_a_controller_for_logging_out_is_known_by_its_name() {
        for path in
            ["/x/Account-Logout", "/x/Shop-QuickLogOut", "/x/Session-SignOff", "/my/sign-out"]
        {
            assert!(names_logout(path), "{path}");
        }
        for path in ["/x/Cart-SubmitForm", "/logout/Home-Show", "/x/Account-Login", ""] {
            assert!(!names_logout(path), "{path}");
        }
    }
}
