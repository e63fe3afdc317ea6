//! Checks promises 1 and 2 on every path: the session pair always belongs to one shopper, and no
//! registered session ends without notice.

use tandem::flow::{
    AdoptResponse, BridgeMode, BridgeResponse, Dw, DwChange, FormCsrf, GuestResponse, Intent,
    Outcome, ProbeResponse, RefreshResponse, TokenChange,
};
use tandem::model::Customer;

use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, Registered, Start, starts};
use crate::walk::{Call, Path, walk_all};

/// What is known about the `dwsid` in the browser.
#[derive(Debug, PartialEq)]
enum DwsidState {
    /// The browser has none.
    Absent,
    /// ECOM no longer knows its session.
    Dead,
    /// It belongs to that customer.
    Of(Customer),
    /// Its customer is unknown.
    Unknown,
}

/// What the path has found out about the `dwsid` that the browser presented.
fn presented_dwsid(path: &Path<'_>) -> DwsidState {
    let probed = path.calls.iter().find_map(|call| match call {
        Call::Probe(_, ProbeResponse::Alive { owner, .. }) => Some(DwsidState::Of(owner.clone())),
        Call::Probe(_, ProbeResponse::Dead) => Some(DwsidState::Dead),
        _ => None,
    });
    probed.unwrap_or_else(|| match &path.start.facts.dw {
        Dw::Absent => DwsidState::Absent,
        Dw::Dead => DwsidState::Dead,
        Dw::Live { owner, .. } | Dw::Unverified { owner: Some(owner), .. } => {
            DwsidState::Of(owner.clone())
        }
        Dw::Unverified { owner: None, .. } => DwsidState::Unknown,
    })
}

/// The `dwsid` that the browser holds after the decision.
fn dwsid_after(path: &Path<'_>) -> DwsidState {
    match &path.decision.dw {
        DwChange::Keep => presented_dwsid(path),
        DwChange::Recheck | DwChange::Confirm(None) | DwChange::Set { owner: None, .. } => {
            DwsidState::Unknown
        }
        DwChange::Confirm(Some(owner)) | DwChange::Set { owner: Some(owner), .. } => {
            DwsidState::Of(owner.clone())
        }
        DwChange::Drop | DwChange::Failed(_) => DwsidState::Absent,
    }
}

/// The customer of the tokens after the decision; an expired token still names its customer.
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

/// The outcome is a failure, and nothing changes.
fn failed_without_change(path: &Path<'_>) -> bool {
    let failed = matches!(
        path.decision.outcome,
        Outcome::Unavailable(_) | Outcome::BadCredentials | Outcome::LoginConflict
    );
    failed && nothing_changes(path)
}

/// A call begins no session: a browser that has only a `dwsid` keeps only that.
fn nothing_to_renew(path: &Path<'_>) -> bool {
    let start = path.start;
    // An API request does not restore the guest of an expired token.
    let is_lost = start.intent == Intent::Api
        && start.valid().is_none()
        && matches!(presented_dwsid(path), DwsidState::Unknown);
    let empty = start.facts.refresh.is_none() && (start.claims().is_none() || is_lost);
    matches!(start.intent, Intent::Renew | Intent::Api) && empty && nothing_changes(path)
}

/// No call could find out the customer of the `dwsid`.
fn cannot_find_owner(path: &Path<'_>) -> bool {
    let probe_failed = matches!(path.calls.last(), Some(Call::Probe(_, ProbeResponse::Failed(_))));
    // A failed login makes no more calls; the next request does.
    let failed =
        path.start.is_login() && !matches!(path.decision.outcome, Outcome::LoggedIn { .. });
    // In the other modes, the platform pairs the sessions, or there is no pair.
    let classic = path.start.facts.policy.mode == BridgeMode::Classic;
    probe_failed || failed || !classic
}

#[test]
fn promise_1_the_cookies_name_one_shopper_or_there_is_no_dwsid() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let paired = match dwsid_after(path) {
                DwsidState::Absent | DwsidState::Dead => true,
                DwsidState::Of(owner) => Some(owner) == customer_after(path),
                DwsidState::Unknown => cannot_find_owner(path),
            };
            assert!(paired || failed_without_change(path) || nothing_to_renew(path), "{path}");
        });
    }
}

#[test]
fn promise_1_a_set_or_confirmed_dw_session_belongs_to_the_tokens() {
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
fn promise_1_a_new_guest_inherits_no_dwsid() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let before = path.start.claims().map(|claims| &claims.customer);
        let new = path.calls.iter().rev().find_map(|call| match call {
            Call::Guest(_, GuestResponse::Granted(grant)) => Some(&grant.claims.customer),
            _ => None,
        });
        let is_new = customer_after(path).as_ref() == new && new.is_some() && new != before;
        let inherited = matches!(path.decision.dw, DwChange::Keep | DwChange::Confirm(_));
        assert!(!is_new || !inherited, "{path}");
    });
}

#[test]
fn ready_for_ecom_means_a_dw_session_of_the_same_shopper() {
    let classic =
        starts(&[Intent::Ecom]).filter(|start| start.facts.policy.mode == BridgeMode::Classic);
    walk_all(classic, |path| {
        let ready = path.decision.outcome == Outcome::Ready;
        let paired =
            customer_after(path).map_or(DwsidState::Unknown, DwsidState::Of) == dwsid_after(path);
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
fn promise_2_an_ecom_login_is_never_silently_replaced_by_a_guest() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let logged_in =
            matches!(presented_dwsid(path), DwsidState::Of(owner) if owner.kind == Registered);
        let replaced = path.decision.dw != DwChange::Keep
            && !matches!(dwsid_after(path), DwsidState::Of(owner) if owner.kind == Registered)
            && !is_registered(customer_after(path).as_ref());
        assert!(!logged_in || !replaced || path.decision.session_expired, "{path}");
    });
}

#[test]
fn promise_2_session_expired_is_reported_only_if_a_session_ended() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let reported = path.decision.session_expired;
            let registered = path.start.is_registered()
                || matches!(presented_dwsid(path), DwsidState::Of(owner) if owner.kind == Registered);
            let ended = !nothing_changes(path) && !is_registered(customer_after(path).as_ref());
            assert!(!reported || (registered && ended), "{path}");
        });
    }
}

/// SLAS issued tokens on the path: the client works, so a doubtful rejection was about the token.
fn issues_tokens(path: &Path<'_>) -> bool {
    path.any(|call| {
        matches!(
            call,
            Call::Refresh(_, RefreshResponse::Granted(_))
                | Call::Guest(_, GuestResponse::Granted(_))
        )
    })
}

/// SLAS refused a refresh token, or a registered session has no refresh token left.
fn has_ended(path: &Path<'_>) -> bool {
    let dead = path.start.valid().is_none()
        && path.start.claims().is_some_and(|claims| claims.customer.kind == Registered)
        && path.start.refresh_kind() != Some(Registered);
    let refused = |call: &Call<'_>| match call {
        Call::Refresh(_, RefreshResponse::Refused) => true,
        Call::Refresh(_, RefreshResponse::Doubtful(_)) => issues_tokens(path),
        Call::Refresh(call, RefreshResponse::Granted(grant)) => {
            call.kind == Registered && grant.claims.customer.kind == Guest
        }
        _ => false,
    };
    dead || path.any(refused)
}

#[test]
fn promise_2_an_outage_without_a_refusal_changes_no_cookies() {
    walk_all(starts(&ENSURE_SESSION), |path| {
        let outage = matches!(path.decision.outcome, Outcome::Unavailable(_));
        assert!(!outage || has_ended(path) || nothing_changes(path), "{path}");
    });
}

#[test]
fn promise_2_only_a_refusal_deletes_tokens() {
    for intents in [&ENSURE_SESSION[..], &LOGINS] {
        walk_all(starts(intents), |path| {
            assert!(path.decision.tokens != TokenChange::Drop || has_ended(path), "{path}");
        });
    }
}

#[test]
fn promise_2_kind_44_a_doubtful_rejection_ends_a_session_only_if_slas_issues_other_tokens() {
    for intents in [&ENSURE_SESSION[..], &LOGINS] {
        walk_all(starts(intents), |path| {
            let doubtful =
                path.any(|call| matches!(call, Call::Refresh(_, RefreshResponse::Doubtful(_))));
            let refused =
                path.any(|call| matches!(call, Call::Refresh(_, RefreshResponse::Refused)));
            if doubtful && !refused && !issues_tokens(path) {
                assert!(path.decision.tokens != TokenChange::Drop, "{path}");
            }
        });
    }
}

#[test]
fn promise_2_a_valid_access_token_still_counts_if_the_refresh_fails() {
    let holders = starts(&ENSURE_SESSION)
        .filter(|start| start.valid().is_some() && !start.has_better_refresh());
    walk_all(holders, |path| {
        let outage = path.any(|call| matches!(call, Call::Refresh(_, RefreshResponse::Failed(_))));
        if outage {
            assert_eq!(path.decision.tokens, TokenChange::Keep, "{path}");
            assert!(!matches!(path.decision.outcome, Outcome::Unavailable(_)), "{path}");
        }
    });
}

#[test]
fn promise_2_a_failed_refresh_never_serves_a_registered_shopper_as_guest() {
    let candidates = starts(&ENSURE_SESSION).filter(Start::has_better_refresh);
    walk_all(candidates, |path| {
        let outage = path.any(|call| matches!(call, Call::Refresh(_, RefreshResponse::Failed(_))));
        assert!(!outage || failed_without_change(path), "{path}");
    });
}

#[test]
fn a_dw_session_comes_from_ocapi_or_in_hybrid_auth_from_the_tokens() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS[..1]] {
        walk_all(starts(intents), |path| {
            let set = match &path.decision.dw {
                DwChange::Set { cookies, .. } => Some(cookies),
                _ => None,
            };
            let expected = match (path.start.facts.policy.mode, &path.decision.tokens) {
                (BridgeMode::Classic, _) => path.calls.last().and_then(|call| match call {
                    Call::Bridge(_, BridgeResponse::Bridged(cookies)) => Some(cookies),
                    _ => None,
                }),
                (BridgeMode::HybridAuth, TokenChange::Set(grant)) => grant.dw.as_ref(),
                _ => None,
            };
            assert_eq!(set, expected, "{path}");
        });
    }
}

/// No call on the path has failed, and none was answered against the platform's rules.
fn all_calls_work(path: &Path<'_>) -> bool {
    path.calls.iter().all(|call| match call {
        Call::Refresh(call, RefreshResponse::Granted(grant)) => {
            grant.claims.customer.kind == call.kind
        }
        Call::Guest(call, response) => match response {
            GuestResponse::Granted(grant) => grant.claims.customer.kind == Guest,
            GuestResponse::UsidTaken => call.usid.is_some(),
            GuestResponse::Failed(_) => false,
        },
        Call::Refresh(_, RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_))
        | Call::Probe(_, ProbeResponse::Failed(_))
        | Call::Adopt(_, AdoptResponse::Failed(_))
        | Call::Bridge(_, BridgeResponse::Failed(_) | BridgeResponse::TokenRefused) => false,
        _ => true,
    })
}

#[test]
fn promise_17_no_facts_end_worse_than_those_of_a_new_visitor() {
    let pages = [Intent::Head, Intent::Ecom];
    walk_all(starts(&pages), |path| {
        let failed = path.decision.outcome.failure().is_some();
        assert!(!failed || !all_calls_work(path), "{path}");
    });
}

#[test]
fn kind_28_an_outage_ends_no_registered_session() {
    walk_all(starts(&[Intent::Ecom]).filter(Start::is_registered), |path| {
        let refused = path.any(|call| matches!(call, Call::Refresh(_, RefreshResponse::Refused)));
        let failed = path.any(|call| matches!(call, Call::Refresh(_, RefreshResponse::Failed(_))));
        assert!(refused || !failed || !path.decision.session_expired, "{path}");
    });
}

#[test]
fn kind_8_a_form_without_a_csrf_token_stays_with_its_shopper() {
    walk_all(starts(&[Intent::Ecom]), |path| {
        let (Dw::Live { held, .. } | Dw::Unverified { held, .. }) = &path.start.facts.dw else {
            return;
        };
        let presented = [held.dwsid.clone()];
        let may_send = |csrf| path.decision.may_send_form(&path.start.facts, &presented, csrf);
        let replaced = path.decision.dw.replaces(&presented);
        assert_eq!(may_send(FormCsrf::Possible), !replaced, "{path}");
        if replaced && may_send(FormCsrf::None) {
            assert_eq!(dwsid_after(path), DwsidState::Of(customer_after(path).unwrap()), "{path}");
            let facts = &path.start.facts;
            let claims = path.start.claims().map(|claims| &claims.customer);
            let before = facts.dw.owner().or(facts.known.as_ref()).or(claims);
            assert_eq!(before, customer_after(path).as_ref(), "{path}");
        }
    });
}

/// The seal names a registered shopper, and the browser has lost the tokens.
fn with_lost_tokens() -> impl Iterator<Item = Start> {
    starts(&ENSURE_SESSION).filter(|start| !start.is_registered() && start.valid().is_none()).map(
        |mut start| {
            start.facts.registered_tokens_lost = true;
            start
        },
    )
}

#[test]
fn kind_33_a_registered_shopper_whose_tokens_are_lost_is_told_and_not_restored() {
    walk_all(with_lost_tokens(), |path| {
        let restores = path.any(|call| matches!(call, Call::Adopt(..)));
        assert!(!restores, "by the DW session alone: {path}");
        let registered = customer_after(path).is_some_and(|customer| customer.kind == Registered);
        let unchanged = path.decision.tokens == TokenChange::Keep
            && matches!(path.decision.outcome, Outcome::Unavailable(_));
        assert!(path.decision.session_expired || registered || unchanged, "{path}");
    });
}
