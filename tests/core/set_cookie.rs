//! The cookies written for any decision in any browser, on randomly generated cases.

use std::collections::BTreeSet;

use cookie::{Cookie, SameSite};
use proptest::prelude::*;
use tandem::cookies::key_ring::KeyRing;
use tandem::cookies::logged_out::LoggedOut;
use tandem::cookies::sealed_state::{SealedDw, SealedState, SlasSession};
use tandem::cookies::set_cookie::CookieLife::{self, BrowserSession};
use tandem::cookies::set_cookie::{CookieChanges, CookieContext};
use tandem::flow::{Decision, HeldAccess, TokenChange};
use tandem::ids::{AccessToken, CustomerId, RefreshToken, SiteId};
use tandem::model::{Customer, Grant};

use crate::browser::{Jar, names, now, site};
use crate::facts::{FRESH, Registered, claims, guest};
use crate::generators::{decision, jar, state};

/// Our cookies that scripts may read; all others are `HttpOnly`.
const READABLE: [&str; 3] = ["usid", "cid", "dwanonymous_0"];
const SEAL: &str = "__Host-tandem";

/// One generated case: a browser, its sealed state, a decision, and the choice at a login.
#[derive(Debug)]
struct Case {
    jar: Jar,
    state: SealedState,
    decision: Decision,
    life: Option<CookieLife>,
}

fn case() -> impl Strategy<Value = Case> {
    let life = prop::option::of(prop::sample::select(&[CookieLife::Tokens, BrowserSession][..]));
    (jar(), state(), decision(), life).prop_map(|(jar, state, decision, life)| Case {
        jar,
        state,
        decision,
        life,
    })
}

impl Case {
    /// The changes with our sealed state as the last cookie, as a response has them.
    fn changes(&self) -> CookieChanges {
        let mut changes = self.unsealed();
        let sealed = seal(&changes.state);
        changes.store_state(&names(), &sealed, now());
        changes
    }

    fn unsealed(&self) -> CookieChanges {
        let (names, presented) = (names(), self.jar.read());
        let token = presented.access.first().cloned();
        let held = token.map(|token| HeldAccess { token, claims: claims(guest(), FRESH) });
        let context = CookieContext {
            names: &names,
            presented: &presented,
            state: &self.state,
            access: held.as_ref(),
            revoked: &[],
            now: now(),
        };
        context.changes(&self.decision, self.life)
    }

    fn grant(&self) -> Option<&Grant> {
        match &self.decision.tokens {
            TokenChange::Set(grant) => Some(grant),
            TokenChange::Keep | TokenChange::Drop => None,
        }
    }
}

fn seal(state: &SealedState) -> String {
    let ring = KeyRing::new(&["0123456789abcdef0123456789abcdef"]).expect("a key ring");
    ring.seal(SEAL, &site(), state, [7; 12])
}

/// The headers of `changes`, as a browser reads them.
fn cookies(changes: &CookieChanges) -> Vec<Cookie<'static>> {
    let names = names();
    let parse = |header: http::HeaderValue| {
        let text = header.to_str().expect("a readable header").to_owned();
        Cookie::parse(text).expect("a cookie")
    };
    changes.headers(&names).map(parse).collect()
}

fn is_deletion(cookie: &Cookie<'_>) -> bool {
    cookie.max_age().is_some_and(cookie::time::Duration::is_zero)
}

fn max_age(cookie: &Cookie<'_>) -> Option<i64> {
    cookie.max_age().map(cookie::time::Duration::whole_seconds)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn promise_7_deletions_come_before_writes(case in case()) {
        let deletions: Vec<_> = cookies(&case.changes()).iter().map(is_deletion).collect();
        prop_assert!(deletions.is_sorted_by(|first, second| first >= second), "{deletions:?}");
    }

    #[test]
    fn promise_7_no_name_is_written_twice_or_both_deleted_and_written(case in case()) {
        let cookies = cookies(&case.changes());
        let distinct: BTreeSet<_> = cookies.iter().map(Cookie::name).collect();
        prop_assert_eq!(distinct.len(), cookies.len());
    }

    /// Each name has one set of attributes, for writes and for deletions: a browser deletes a cookie
    /// only if they match.
    #[test]
    fn promise_7_a_deletion_repeats_the_attributes_of_the_write(case in case()) {
        for cookie in cookies(&case.changes()) {
            prop_assert_eq!(cookie.path(), Some("/"));
            prop_assert_eq!(cookie.same_site(), Some(SameSite::Lax));
            prop_assert_eq!(cookie.secure(), Some(true));
            prop_assert_eq!(cookie.domain(), None);
            prop_assert_eq!(cookie.partitioned(), None);
            let http_only = cookie.http_only().unwrap_or(false);
            prop_assert_eq!(http_only, !READABLE.contains(&cookie.name()), "{}", cookie.name());
        }
    }

    #[test]
    fn a_deletion_has_an_empty_value_max_age_zero_and_a_past_expiry(case in case()) {
        for cookie in cookies(&case.changes()).iter().filter(|cookie| is_deletion(cookie)) {
            prop_assert_eq!(cookie.value(), "");
            let epoch = cookie::time::OffsetDateTime::UNIX_EPOCH;
            prop_assert_eq!(cookie.expires_datetime(), Some(epoch));
        }
    }

    #[test]
    fn no_token_cookie_outlives_its_token(case in case()) {
        let changes = case.changes();
        let grant = case.grant();
        let refresh_life = grant.and_then(|grant| grant.refresh.as_ref()).map(|it| it.expires_in);
        let access_life = grant.map(|grant| grant.claims.expires_at.since(now()));
        let brief = changes.state.forget_on_close && refresh_life.is_some();
        for cookie in cookies(&changes).iter().filter(|cookie| !is_deletion(cookie)) {
            let expected = match cookie.name() {
                "token" if changes.state.forget_on_close => None,
                "token" => access_life,
                "cc-nx" | "cc-nx-g" | "usid" | "cid" if brief => None,
                "cc-nx" | "cc-nx-g" | "usid" | "cid" => refresh_life.or(access_life),
                "dwsid" | "dwsecuretoken_0" => None,
                SEAL => {
                    let expires = changes.state.refresh_expires_at;
                    let left = expires.filter(|_| !changes.state.forget_on_close);
                    left.map(|expires| expires.since(now()).max(1))
                }
                _ => continue,
            };
            prop_assert_eq!(max_age(cookie), expected, "{}", cookie.name());
        }
    }

    #[test]
    fn only_registered_shoppers_can_have_cookies_that_end_with_the_browser(case in case()) {
        use tandem::flow::Outcome::LoggedIn;
        let forgets = case.changes().state.forget_on_close;
        let kept = case.decision.tokens == TokenChange::Keep;
        let registered =
            case.grant().map_or(kept, |grant| grant.claims.customer.kind == Registered);
        let life = case.life.filter(|_| matches!(case.decision.outcome, LoggedIn { .. }));
        let forget = life.map_or(case.state.forget_on_close, |life| life == BrowserSession);
        prop_assert_eq!(forgets, registered && forget);
    }

    #[test]
    fn forwarded_cookies_equal_those_the_browser_sends_after_the_response(case in case()) {
        let (changes, names) = (case.changes(), names());
        let mut after = case.jar.clone();
        after.store(changes.headers(&names));
        after.0.remove(SEAL);
        let header = case.jar.header();
        let forwarded = changes.request_header([header.as_bytes()].into_iter(), &names);
        let mut sent = Jar::default();
        for pair in String::from_utf8(forwarded.unwrap_or_default()).unwrap().split("; ") {
            if let Some((name, value)) = pair.split_once('=') {
                prop_assert!(!sent.0.contains_key(name), "{name} twice");
                sent.put(name, value);
            }
        }
        prop_assert_eq!(sent, after);
    }

    #[test]
    fn promise_8_the_sealed_state_is_never_forwarded(case in case()) {
        let header = case.jar.header();
        for changes in [case.changes(), case.unsealed(), CookieChanges::default()] {
            let forwarded = changes.request_header([header.as_bytes()].into_iter(), &names());
            let forwarded = String::from_utf8(forwarded.unwrap_or_default()).unwrap();
            let sealed = forwarded.split("; ").any(|pair| pair.starts_with(SEAL));
            prop_assert!(!sealed, "{forwarded}");
        }
    }

    #[test]
    fn after_new_tokens_the_browser_holds_exactly_their_refresh_token(case in case()) {
        let changes = case.changes();
        let mut after = case.jar.clone();
        after.store(changes.headers(&names()));
        let held: Vec<_> = ["cc-nx", "cc-nx-g"].iter().filter_map(|name| after.0.get(*name)).collect();
        match (&case.decision.tokens, case.grant()) {
            (TokenChange::Set(_), Some(grant)) => {
                let refresh = grant.refresh.as_ref().map(|refresh| refresh.token.expose());
                let held: Vec<&str> = held.into_iter().map(String::as_str).collect();
                prop_assert_eq!(held, refresh.into_iter().collect::<Vec<_>>());
                prop_assert_eq!(after.0["token"].as_str(), grant.access.expose());
                prop_assert_eq!(after.0["usid"].as_str(), grant.claims.usid.as_str());
            }
            (TokenChange::Drop, _) => {
                let left = ["token", "usid", "cid"].iter().any(|name| after.0.contains_key(*name));
                prop_assert!(held.is_empty() && !left);
            }
            _ => prop_assert_eq!(
                after.0.get("token"), case.jar.0.get("token"), "kept tokens changed"
            ),
        }
    }

    #[test]
    fn promise_1_a_secret_companion_never_outlives_its_dw_session(case in case()) {
        use tandem::flow::DwChange;
        let mut after = case.jar.clone();
        after.store(case.changes().headers(&names()));
        let before = &case.jar.0;
        let gone = matches!(case.decision.dw, DwChange::Drop | DwChange::Failed(_));
        prop_assert!(!gone || !after.0.contains_key("dwsid"));
        let replaced = gone || matches!(case.decision.dw, DwChange::Set { .. });
        let old = before.get("dwsecuretoken_0").filter(|_| replaced);
        prop_assert!(old.is_none() || after.0.get("dwsecuretoken_0") != old);
    }

    #[test]
    fn a_foreign_cookie_never_changes(case in case()) {
        let mut after = case.jar.clone();
        after.store(case.changes().headers(&names()));
        for name in ["other", "dw_dnt"] {
            prop_assert_eq!(after.0.get(name), case.jar.0.get(name));
        }
    }
}

/// The largest possible state fits into a cookie, with a margin.
#[test]
fn the_sealed_state_fits_into_a_cookie() {
    let longest = "x".repeat(128);
    let tag = RefreshToken::parse("any").unwrap().tag();
    let customer = Customer { kind: Registered, id: CustomerId::parse(&longest).expect("an id") };
    let mut logged_out = LoggedOut::default();
    let ended = (0..99).map(|number| RefreshToken::parse(&number.to_string()).unwrap().tag());
    logged_out.add(ended, now());
    let state = SealedState {
        access: Some(tag),
        refresh: Some(tag),
        refresh_expires_at: Some(now()),
        forget_on_close: true,
        dw: Some(SealedDw {
            dwsid: tag,
            owner: Some(customer.clone()),
            created_at: now(),
            used_at: now(),
        }),
        bridged: Some(tag),
        bridge_after: Some(now()),
        dnt: Some(true),
        stated_dnt: Some(true),
        dnt_not_applied: true,
        session_expired_at: Some(now()),
        session: Some(SlasSession { customer, usid: tag, lineage: tag }),
        logged_out,
        dw_checked_at: Some(now()),
        strays_deleted_at: Some(now()),
    };
    let name = format!("{SEAL}_{}", SiteId::parse(&"s".repeat(100)).unwrap());
    let sealed = seal(&state);
    assert!(name.len() + sealed.len() < 2_000, "{}", sealed.len());
}

#[test]
fn promise_5_a_decision_that_keeps_everything_writes_no_cookie() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let kept = case().prop_map(|mut case| {
        case.decision.tokens = TokenChange::Keep;
        case.decision.dw = tandem::flow::DwChange::Keep;
        case.decision.outcome = tandem::flow::Outcome::Ready;
        case.decision.session_expired = false;
        // The seal already names the token.
        let token = case.jar.read().access.first().map(AccessToken::tag);
        case.state.access = token.or(case.state.access);
        case
    });
    let outcome = runner.run(&kept, |case| {
        let changes = case.unsealed();
        prop_assert!(changes.cookies.is_empty());
        prop_assert_eq!(changes.state, case.state);
        Ok(())
    });
    outcome.expect("no cookie is written");
}
