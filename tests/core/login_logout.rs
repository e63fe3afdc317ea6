//! Signing in and out: what carries over, what must not, and what goes whatever anybody says.

use tandem::flow::{
    BasketResponse, DwChange, GuestBasket, Intent, LoginResponse, LogoutResponse, Outcome,
    RefreshResponse, TokenChange,
};
use tandem::ids::{AccessToken, Usid};

use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, Registered, Start, starts};
use crate::walk::{Called, Path, walk_all};

fn logs_in(called: &Called<'_>) -> bool {
    matches!(called, Called::Login(..))
}

fn is_logged_in(path: &Path<'_>) -> bool {
    matches!(path.decision.outcome, Outcome::LoggedIn { .. })
}

/// The usids this browser may vouch for: those of guest tokens that were verified or granted.
fn vouched(path: &Path<'_>) -> Vec<Usid> {
    let held = path.start.claims();
    let granted = path.called.iter().filter_map(Called::grant).map(|grant| &grant.claims);
    held.into_iter()
        .chain(granted)
        .filter(|claims| claims.customer.kind == Guest)
        .map(|claims| claims.usid.clone())
        .collect()
}

#[test]
fn attack_a_usid_is_sent_only_when_a_verified_guest_token_carried_it() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let sent = path.called.iter().filter_map(|called| match called {
                Called::Guest(call, _) => call.usid.as_ref(),
                Called::Login(call, _) => call.usid.as_ref(),
                _ => None,
            });
            let vouched = vouched(path);
            assert!(sent.into_iter().all(|usid| vouched.contains(usid)), "{path}");
        });
    }
}

#[test]
fn the_guest_dwsid_never_survives_a_login() {
    walk_all(starts(&LOGINS), |path| {
        let gone = match &path.decision.dw {
            DwChange::Set { owner: Some(owner), .. } => owner.kind == Registered,
            DwChange::Drop | DwChange::Failed(_) => true,
            DwChange::Set { owner: None, .. }
            | DwChange::Keep
            | DwChange::Recheck
            | DwChange::Confirm(_) => false,
        };
        assert!(!is_logged_in(path) || gone, "{path}");
    });
}

#[test]
fn a_login_ends_with_the_registered_tokens_that_slas_gave_for_it() {
    walk_all(starts(&LOGINS), |path| {
        let granted = path.called.iter().find_map(|called| match called {
            Called::Login(_, LoginResponse::Granted(grant)) => Some(grant),
            _ => None,
        });
        let registered = granted.filter(|grant| grant.claims.customer.kind == Registered);
        assert_eq!(is_logged_in(path), registered.is_some(), "{path}");
        if let Some(grant) = registered {
            assert_eq!(path.decision.tokens, TokenChange::Set(grant.clone()), "{path}");
        }
    });
}

#[test]
fn a_refused_login_leaves_the_session_untouched() {
    walk_all(starts(&LOGINS), |path| {
        let refused =
            matches!(path.decision.outcome, Outcome::BadCredentials | Outcome::LoginConflict);
        let refreshed = path.any(|called| {
            matches!(
                called,
                Called::Refresh(_, RefreshResponse::Granted(_) | RefreshResponse::Refused)
            )
        });
        let untouched =
            path.decision.tokens == TokenChange::Keep && path.decision.dw == DwChange::Keep;
        assert!(!refused || refreshed || untouched, "{path}");
    });
}

#[test]
fn the_guest_basket_moves_only_when_it_has_items_or_nobody_knows() {
    walk_all(starts(&LOGINS), |path| {
        let peeked = path.called.iter().find_map(|called| match called {
            Called::CheckBasket(_, response) => Some(**response),
            _ => None,
        });
        let Intent::Login(basket) = path.start.intent else { unreachable!("only logins") };
        let worth = match basket {
            GuestBasket::Unknown => peeked.is_some_and(|response| response != BasketResponse::No),
            GuestBasket::Empty => false,
            GuestBasket::HasItems => true,
        };
        let as_guest =
            path.any(|called| matches!(called, Called::Login(call, _) if call.usid.is_some()));
        let moved = path.any(|called| matches!(called, Called::TransferBasket(..)));
        assert_eq!(moved, worth && as_guest && is_logged_in(path), "{path}");
        assert!(peeked.is_none() || basket == GuestBasket::Unknown, "{path}");
    });
}

#[test]
fn a_basket_left_behind_is_told_and_fails_no_login() {
    walk_all(starts(&LOGINS), |path| {
        let lost =
            path.any(|called| matches!(called, Called::TransferBasket(_, BasketResponse::Failed)));
        let told = path.decision.outcome == Outcome::LoggedIn { basket_lost: true };
        assert_eq!(lost, told, "{path}");
    });
}

#[test]
fn between_login_and_transfer_no_token_call_breaks_the_chain_to_the_guests_basket() {
    walk_all(starts(&LOGINS), |path| {
        let Some(at) = path.called.iter().position(logs_in) else { return };
        let after = &path.called[at + 1..];
        let moved = matches!(after, [Called::TransferBasket(..), ..]);
        let rest = &after[usize::from(moved)..];
        assert!(matches!(rest, [] | [Called::Bridge(..)]), "{path}");
    });
}

#[test]
fn the_password_is_presented_once_even_if_everything_else_fails() {
    walk_all(starts(&LOGINS), |path| {
        let stuck = path.called.len() == 1
            && path.any(|called| {
                matches!(called, Called::Refresh(_, RefreshResponse::Unavailable(_)))
            });
        assert_eq!(path.count(logs_in), usize::from(!stuck), "{path}");
    });
}

#[test]
fn promise_10_a_logout_always_ends_with_the_registered_tokens_and_the_dw_session_gone() {
    walk_all(starts(&LOGOUTS), |path| {
        assert!(matches!(path.decision.outcome, Outcome::LoggedOut { .. }), "{path}");
        match &path.decision.tokens {
            TokenChange::Keep => panic!("the tokens stay: {path}"),
            TokenChange::Set(grant) => assert_eq!(grant.claims.customer.kind, Guest, "{path}"),
            TokenChange::Drop => {}
        }
        let old = matches!(path.decision.dw, DwChange::Keep | DwChange::Confirm(_));
        assert!(!old && !path.decision.session_expired, "{path}");
    });
}

#[test]
fn promise_10_a_new_guest_after_logout_is_really_new() {
    walk_all(starts(&LOGOUTS), |path| {
        let guests = path.called.iter().filter_map(|called| match called {
            Called::Guest(call, _) => Some(call.usid.is_none()),
            _ => None,
        });
        let wanted = usize::from(path.start.facts.policy.guest_after_logout);
        assert!(guests.eq(std::iter::repeat_n(true, wanted)), "{path}");
    });
}

#[test]
fn slas_logout_is_asked_with_both_tokens_of_the_registered_session_and_only_with_them() {
    walk_all(starts(&LOGOUTS), |path| {
        for called in path.called {
            let Called::Logout(call, _) = called else { continue };
            let Intent::Logout { all_devices } = path.start.intent else { unreachable!() };
            assert_eq!(call.all_devices, all_devices, "{path}");
            assert!(registered_access(path).any(|access| access == &call.access), "{path}");
            assert_ne!(call.refresh.expose(), "held-guest-refresh", "{path}");
        }
    });
}

fn registered_access<'p>(path: &'p Path<'_>) -> impl Iterator<Item = &'p AccessToken> {
    let held = path.start.valid().map(|held| (&held.token, &held.claims));
    let granted = path.called.iter().filter_map(Called::grant);
    held.into_iter()
        .chain(granted.map(|grant| (&grant.access, &grant.claims)))
        .filter(|(_, claims)| claims.customer.kind == Registered)
        .map(|(access, _)| access)
}

#[test]
fn a_guest_who_leaves_costs_no_call_to_end_a_session() {
    let guests = starts(&LOGOUTS).filter(|start: &Start| !start.is_registered());
    walk_all(guests, |path| {
        assert!(
            !path.any(|called| matches!(called, Called::Logout(..) | Called::Refresh(..))),
            "{path}"
        );
        assert_eq!(path.decision.outcome, Outcome::LoggedOut { revoked: true }, "{path}");
    });
}

#[test]
fn revoked_is_said_only_when_slas_said_so_or_there_was_nothing_to_revoke() {
    walk_all(starts(&LOGOUTS).filter(Start::is_registered), |path| {
        let gone = path.any(|called| {
            matches!(
                called,
                Called::Logout(_, LogoutResponse::Revoked)
                    | Called::Refresh(_, RefreshResponse::Refused)
            )
        });
        assert_eq!(path.decision.outcome, Outcome::LoggedOut { revoked: gone }, "{path}");
    });
}

#[test]
fn the_guests_basket_is_looked_at_by_the_guest_and_moved_by_the_shopper() {
    walk_all(starts(&LOGINS), |path| {
        let granted = |access: &AccessToken, kind| {
            path.called
                .iter()
                .filter_map(Called::grant)
                .any(|grant| grant.access == *access && grant.claims.customer.kind == kind)
        };
        for called in path.called {
            match called {
                Called::CheckBasket(call, _) => {
                    let held = path.start.valid().is_some_and(|held| {
                        held.token == call.access && held.claims.customer.id == call.customer
                    });
                    assert!(held || granted(&call.access, Guest), "{path}");
                }
                Called::TransferBasket(call, _) => {
                    assert!(granted(&call.access, Registered), "{path}");
                }
                _ => {}
            }
        }
    });
}
