//! What the cookies of a response hand over, and which page of ECOM is for what.

use std::fmt::Write as _;

use tandem::flow::{
    EcomPage, EcomPages, Handoff, HeldRefresh, PageAccess, PageCookies, Provenance,
};
use tandem::model::{CustomerType, RefreshGrant};

use crate::facts::{
    Guest, Registered, access_token, claims, guest, held_refresh, refresh_token, refreshes, shopper,
};

const BY: [Provenance; 2] = [Provenance::Ecom, Provenance::Head];
/// For how many seconds the refresh token in hand is valid.
const HELD_FOR: i64 = 1_000;
/// For how many seconds the refresh token of the page is valid.
const PAGE_FOR: i64 = 2_000;

/// The access tokens of a response, with a description.
fn accesses() -> [(&'static str, PageAccess); 5] {
    let verified = |customer| PageAccess::Verified(access_token("page"), claims(customer, 900));
    [
        ("no access token", PageAccess::None),
        ("a guest's access token", verified(guest())),
        ("a shopper's access token", verified(shopper())),
        ("the value refresh", PageAccess::Refresh),
        ("an unverifiable token", PageAccess::Unverifiable),
    ]
}

/// The refresh tokens of a response to a browser that holds `held`: none, another one of either
/// kind, and the same one again.
fn page_refreshes(held: Option<&HeldRefresh>) -> Vec<Option<(CustomerType, RefreshGrant)>> {
    let page_token = |kind, token| Some((kind, RefreshGrant { token, expires_in: PAGE_FOR }));
    let mut all = vec![None];
    all.extend([Guest, Registered].map(|kind| page_token(kind, refresh_token("page"))));
    all.extend(held.map(|held| page_token(held.kind, held.token.clone())));
    all
}

const DELETED: [&[CustomerType]; 4] = [&[], &[Guest], &[Registered], &[Guest, Registered]];

struct Case {
    access: &'static str,
    cookies: PageCookies,
    held: Option<HeldRefresh>,
}

fn cases(by: Provenance) -> Vec<Case> {
    let mut cases = Vec::new();
    for held in refreshes() {
        for (name, access) in accesses() {
            for refresh in page_refreshes(held.as_ref()) {
                for deleted in DELETED {
                    let (access, deleted) = (access.clone(), deleted.to_vec());
                    let cookies = PageCookies { by, access, refresh: refresh.clone(), deleted };
                    cases.push(Case { access: name, cookies, held: held.clone() });
                }
            }
        }
    }
    cases
}

impl Case {
    fn handoff(&self) -> Option<Handoff> {
        self.cookies.handoff(self.held.as_ref(), HELD_FOR)
    }

    fn describe(&self) -> String {
        let mut words = vec![match &self.held {
            None => "no refresh token".to_owned(),
            Some(held) => format!("{}'s refresh token", owner(held.kind)),
        }];
        words.push(self.access.to_owned());
        if let Some((kind, refresh)) = &self.cookies.refresh {
            let again = self.held.as_ref().is_some_and(|held| held.token == refresh.token);
            let which = if again { "the same" } else { "another" };
            words.push(format!("{which} {} refresh token", kind.as_str()));
        }
        match self.cookies.deleted.as_slice() {
            [] => {}
            [kind] => words.push(format!("deletes {}", kind.as_str())),
            _ => words.push("deletes both".to_owned()),
        }
        format!("{} | {}", words[0], words[1..].join(", "))
    }
}

fn owner(kind: CustomerType) -> &'static str {
    if kind == Guest { "a guest" } else { "a shopper" }
}

fn describe(handoff: Option<&Handoff>) -> String {
    match handoff {
        None => "nothing".to_owned(),
        Some(Handoff::Grant(grant)) => {
            let refresh = match &grant.refresh {
                None => "without a refresh token",
                Some(refresh) if refresh.expires_in == HELD_FOR => "with the refresh token in hand",
                Some(_) => "with the page's refresh token",
            };
            format!("tokens of {} {refresh}", owner(grant.claims.customer.kind))
        }
        Some(Handoff::Refresh(None)) => "refresh with the token in hand".to_owned(),
        Some(Handoff::Refresh(Some(token))) => {
            format!("refresh with the page's {} token", token.kind.as_str())
        }
        Some(Handoff::Unverifiable) => "unverifiable".to_owned(),
        Some(Handoff::LoggedOut) => "logged out".to_owned(),
    }
}

#[test]
fn the_handoff_table_is_as_reviewed() {
    let mut table = String::new();
    let is_worth_reading = |case: &Case| matches!(case.cookies.deleted.len(), 0 | 2);
    for case in cases(Provenance::Ecom).into_iter().filter(is_worth_reading) {
        let handoff = case.handoff();
        let _ = writeln!(table, "{:<88} -> {}", case.describe(), describe(handoff.as_ref()));
    }
    insta::assert_snapshot!("handoffs", table);
}

#[test]
fn silent_cookies_hand_over_and_delete_nothing_whatever_the_browser_holds() {
    let silent = BY.into_iter().flat_map(cases).filter(|case| case.cookies.is_silent());
    let mut compared = 0;
    for case in silent {
        assert_eq!(case.handoff(), None, "{}", case.describe());
        assert!(!case.cookies.deletes(case.held.as_ref()), "{}", case.describe());
        compared += 1;
    }
    // One for each token in hand.
    assert_eq!(compared, BY.len() * refreshes().len());
}

#[test]
fn tokens_of_two_customer_types_are_never_handed_over_together() {
    for case in BY.into_iter().flat_map(cases) {
        let Some(Handoff::Grant(grant)) = case.handoff() else { continue };
        let Some(refresh) = &grant.refresh else { continue };
        let kind = grant.claims.customer.kind;
        let of_page =
            case.cookies.refresh.as_ref().is_some_and(|(of, page)| *of == kind && page == refresh);
        let in_hand =
            case.held.as_ref().is_some_and(|held| held.kind == kind && held.token == refresh.token);
        assert!(of_page || in_hand, "{}", case.describe());
    }
}

#[test]
fn a_deleted_refresh_token_is_not_used_again() {
    for case in BY.into_iter().flat_map(cases) {
        if !case.cookies.deletes(case.held.as_ref()) || case.cookies.refresh.is_some() {
            continue;
        }
        match case.handoff() {
            Some(Handoff::Grant(grant)) => assert_eq!(grant.refresh, None, "{}", case.describe()),
            handoff => assert!(
                matches!(handoff, Some(Handoff::LoggedOut | Handoff::Unverifiable)),
                "{}",
                case.describe()
            ),
        }
    }
}

#[test]
fn a_refresh_token_of_the_page_is_recorded_with_its_source() {
    for by in BY {
        for case in cases(by) {
            if let Some(Handoff::Refresh(Some(token))) = case.handoff() {
                assert_eq!(token.provenance, by, "{}", case.describe());
            }
        }
    }
}

#[test]
fn the_same_refresh_token_alone_changes_nothing() {
    for kind in [Guest, Registered] {
        let held = held_refresh(kind);
        let refresh = RefreshGrant { token: held.token.clone(), expires_in: PAGE_FOR };
        let cookies = PageCookies {
            by: Provenance::Ecom,
            access: PageAccess::None,
            refresh: Some((kind, refresh)),
            deleted: Vec::new(),
        };
        assert_eq!(cookies.handoff(Some(&held), HELD_FOR), None);
    }
}

#[test]
fn a_page_is_known_by_its_controller_or_its_whole_path() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let login = names(&["Account-Login", "/enter"]);
    let logout = names(&["Login-Logout", "/leave", "Both"]);
    let login = [login, names(&["Both", "Reset"])].concat();
    let password = names(&["Account-SavePassword", "Reset", "Both"]);
    let pages = EcomPages { login, logout, password };
    for (path, expected) in [
        ("/on/demandware.store/Sites-RefArch-Site/en_US/Account-Login", EcomPage::Login),
        ("/Account-Login", EcomPage::Login),
        ("Account-Login", EcomPage::Login),
        ("/enter", EcomPage::Login),
        ("/s/Login-Logout", EcomPage::Logout),
        ("/leave", EcomPage::Logout),
        ("/s/Both", EcomPage::Logout),
        ("/s/Account-SavePassword", EcomPage::Password),
        ("/s/Reset", EcomPage::Password),
        ("/en/enter", EcomPage::Ordinary),
        ("/Account-Login/more", EcomPage::Ordinary),
        ("/Account-LoginForm", EcomPage::Ordinary),
        ("/account-login", EcomPage::Ordinary),
        ("/", EcomPage::Ordinary),
        ("", EcomPage::Ordinary),
    ] {
        assert_eq!(pages.find(path), expected, "{path}");
    }
    assert_eq!(EcomPages::default().find("/"), EcomPage::Ordinary);
}
