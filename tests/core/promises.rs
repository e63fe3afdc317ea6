//! Promises 1 and 2 of the design, held against every path: the pair never splits, and nobody is
//! signed out without being told.

use tandem::flow::{
    BridgeMode, BridgeResponse, Dw, DwChange, GuestResponse, Intent, Outcome, ProbeResponse,
    RefreshResponse, TokenChange,
};
use tandem::model::Customer;

use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, Registered, Start, starts};
use crate::walk::{Called, Path, walk_all};

/// What is known about the `dwsid` in the browser.
#[derive(Debug, PartialEq)]
enum Whose {
    /// There is none.
    Nobodys,
    /// There is one, and ECOM knows it no more.
    Dead,
    /// There is one of that customer.
    Of(Customer),
    /// There is one.
    Unknown,
}

/// What the path has found out about the `dwsid` the browser came with.
fn found(path: &Path<'_>) -> Whose {
    let probed = path.called.iter().find_map(|called| match called {
        Called::Probe(_, ProbeResponse::Alive { owner, .. }) => Some(Whose::Of(owner.clone())),
        Called::Probe(_, ProbeResponse::Dead) => Some(Whose::Dead),
        _ => None,
    });
    probed.unwrap_or_else(|| match &path.start.facts.dw {
        Dw::Absent => Whose::Nobodys,
        Dw::Dead => Whose::Dead,
        Dw::Live { owner, .. } | Dw::Unverified { owner: Some(owner), .. } => {
            Whose::Of(owner.clone())
        }
        Dw::Unverified { owner: None, .. } => Whose::Unknown,
    })
}

/// Whose `dwsid` the browser holds after the ending.
fn dw_after(path: &Path<'_>) -> Whose {
    match &path.decision.dw {
        DwChange::Keep => found(path),
        DwChange::Recheck | DwChange::Confirm(None) | DwChange::Set { owner: None, .. } => {
            Whose::Unknown
        }
        DwChange::Confirm(Some(owner)) | DwChange::Set { owner: Some(owner), .. } => {
            Whose::Of(owner.clone())
        }
        DwChange::Drop | DwChange::Failed(_) => Whose::Nobodys,
    }
}

/// Whom the tokens name after the ending; an expired token still names its shopper.
fn customer_after(path: &Path<'_>) -> Option<Customer> {
    match &path.decision.tokens {
        TokenChange::Keep => path.start.claims().map(|claims| claims.customer.clone()),
        TokenChange::Set(grant) => Some(grant.claims.customer.clone()),
        TokenChange::Drop => None,
    }
}

fn nothing_changes(path: &Path<'_>) -> bool {
    path.decision.tokens == TokenChange::Keep && path.decision.dw == DwChange::Keep
}

/// The caller was told that nothing could be done, and nothing was.
fn left_alone(path: &Path<'_>) -> bool {
    let told = matches!(
        path.decision.outcome,
        Outcome::Unavailable(_) | Outcome::BadCredentials | Outcome::LoginConflict
    );
    told && nothing_changes(path)
}

/// A call begins no session: a browser with nothing but a `dwsid` keeps just that.
fn nothing_to_renew(path: &Path<'_>) -> bool {
    let start = path.start;
    // An API does not look for the guest of an expired token.
    let forgotten = start.intent == Intent::Api
        && start.valid().is_none()
        && matches!(found(path), Whose::Unknown);
    let empty = start.facts.refresh.is_none() && (start.claims().is_none() || forgotten);
    matches!(start.intent, Intent::Renew | Intent::Api) && empty && nothing_changes(path)
}

/// Nobody who could tell would say whose the `dwsid` is.
fn could_not_be_asked(path: &Path<'_>) -> bool {
    let silent =
        matches!(path.called.last(), Some(Called::Probe(_, ProbeResponse::Unavailable(_))));
    // A login that failed asks nothing more; the next arrival does.
    let failed =
        path.start.is_login() && !matches!(path.decision.outcome, Outcome::LoggedIn { .. });
    // The platform pairs by itself there, or there is nothing to pair.
    let classic = path.start.facts.policy.mode == BridgeMode::Classic;
    silent || failed || !classic
}

#[test]
fn promise_1_the_cookies_name_one_shopper_or_there_is_no_dwsid() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let paired = match dw_after(path) {
                Whose::Nobodys | Whose::Dead => true,
                Whose::Of(owner) => Some(owner) == customer_after(path),
                Whose::Unknown => could_not_be_asked(path),
            };
            assert!(paired || left_alone(path) || nothing_to_renew(path), "{path}");
        });
    }
}

#[test]
fn promise_1_a_dw_session_that_is_set_or_confirmed_is_that_of_the_tokens() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            if let DwChange::Set { owner: Some(owner), .. } | DwChange::Confirm(Some(owner)) =
                &path.decision.dw
            {
                assert_eq!(Some(owner), customer_after(path).as_ref(), "{path}");
            }
        });
    }
}

#[test]
fn promise_1_without_tokens_no_dwsid_is_left() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let gone = path.decision.tokens == TokenChange::Drop;
            assert!(!gone || path.decision.dw == DwChange::Drop, "{path}");
        });
    }
}

#[test]
fn promise_1_a_guest_nobody_has_been_before_inherits_no_dwsid() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let before = path.start.claims().map(|claims| &claims.customer);
        let new = path.called.iter().rev().find_map(|called| match called {
            Called::Guest(_, GuestResponse::Granted(grant)) => Some(&grant.claims.customer),
            _ => None,
        });
        let stranger = customer_after(path).as_ref() == new && new.is_some() && new != before;
        let inherited = matches!(path.decision.dw, DwChange::Keep | DwChange::Confirm(_));
        assert!(!stranger || !inherited, "{path}");
    });
}

#[test]
fn ready_for_ecom_means_a_dw_session_of_the_same_shopper() {
    let classic =
        starts(&[Intent::Ecom]).filter(|start| start.facts.policy.mode == BridgeMode::Classic);
    walk_all(classic, |path| {
        let ready = path.decision.outcome == Outcome::Ready;
        let paired = customer_after(path).map_or(Whose::Unknown, Whose::Of) == dw_after(path);
        assert!(!ready || paired, "{path}");
    });
}

fn is_registered(customer: Option<&Customer>) -> bool {
    customer.is_some_and(|customer| customer.kind == Registered)
}

#[test]
fn promise_2_a_registered_shopper_never_silently_becomes_a_guest() {
    for intents in [&ENSURE_SESSION[..], &LOGINS] {
        walk_all(starts(intents).filter(Start::is_registered), |path| {
            let kept = path.decision.tokens == TokenChange::Keep;
            let registered = kept || is_registered(customer_after(path).as_ref());
            assert!(registered || path.decision.session_expired, "{path}");
        });
    }
}

#[test]
fn promise_2_a_shopper_logged_in_at_ecom_is_never_silently_replaced_by_a_guest() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let logged_in = matches!(found(path), Whose::Of(owner) if owner.kind == Registered);
        let replaced = path.decision.dw != DwChange::Keep
            && !matches!(dw_after(path), Whose::Of(owner) if owner.kind == Registered)
            && !is_registered(customer_after(path).as_ref());
        assert!(!logged_in || !replaced || path.decision.session_expired, "{path}");
    });
}

#[test]
fn promise_2_nobody_is_told_of_an_end_that_was_none() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let told = path.decision.session_expired;
            let registered = path.start.is_registered()
                || matches!(found(path), Whose::Of(owner) if owner.kind == Registered);
            let over = !nothing_changes(path) && !is_registered(customer_after(path).as_ref());
            assert!(!told || (registered && over), "{path}");
        });
    }
}

/// A refresh token or a session that is known to be over.
fn refused(path: &Path<'_>) -> bool {
    let dead = path.start.valid().is_none()
        && path.start.claims().is_some_and(|claims| claims.customer.kind == Registered)
        && path.start.refresh_kind() != Some(Registered);
    let refused = |called: &Called<'_>| match called {
        Called::Refresh(_, RefreshResponse::Refused) => true,
        Called::Refresh(call, RefreshResponse::Granted(grant)) => {
            call.kind == Registered && grant.claims.customer.kind == Guest
        }
        _ => false,
    };
    dead || path.any(refused)
}

#[test]
fn promise_2_where_nothing_was_refused_an_outage_leaves_the_cookies_alone() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let outage = matches!(path.decision.outcome, Outcome::Unavailable(_));
        assert!(!outage || refused(path) || nothing_changes(path), "{path}");
    });
}

#[test]
fn promise_2_only_a_refusal_takes_tokens_away() {
    for intents in [&ENSURE_SESSION[..], &LOGINS] {
        walk_all(starts(intents), |path| {
            assert!(path.decision.tokens != TokenChange::Drop || refused(path), "{path}");
        });
    }
}

#[test]
fn promise_2_a_still_valid_access_token_keeps_working_while_the_refresh_is_unavailable() {
    let holders =
        starts(&ENSURE_SESSION).filter(|start| start.valid().is_some() && !start.is_outranked());
    walk_all(holders, |path| {
        let outage = path
            .any(|called| matches!(called, Called::Refresh(_, RefreshResponse::Unavailable(_))));
        if outage {
            assert_eq!(path.decision.tokens, TokenChange::Keep, "{path}");
            assert!(!matches!(path.decision.outcome, Outcome::Unavailable(_)), "{path}");
        }
    });
}

#[test]
fn promise_2_a_registered_shopper_is_not_served_as_a_guest_while_the_refresh_is_unavailable() {
    let outranked = starts(&ENSURE_SESSION).filter(Start::is_outranked);
    walk_all(outranked, |path| {
        let outage = path
            .any(|called| matches!(called, Called::Refresh(_, RefreshResponse::Unavailable(_))));
        assert!(!outage || left_alone(path), "{path}");
    });
}

#[test]
fn a_dw_session_comes_from_ocapi_or_where_hybrid_auth_is_on_from_the_last_token_answer() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS[..1]] {
        walk_all(starts(intents), |path| {
            let set = match &path.decision.dw {
                DwChange::Set { cookies, .. } => Some(cookies),
                _ => None,
            };
            let expected = match (path.start.facts.policy.mode, &path.decision.tokens) {
                (BridgeMode::Classic, _) => path.called.last().and_then(|called| match called {
                    Called::Bridge(_, BridgeResponse::Bridged(cookies)) => Some(cookies),
                    _ => None,
                }),
                (BridgeMode::HybridAuth, TokenChange::Set(grant)) => grant.dw.as_ref(),
                _ => None,
            };
            assert_eq!(set, expected, "{path}");
        });
    }
}
