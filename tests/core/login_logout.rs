//! Login and logout: what is kept, what is not, and what ends whatever an upstream responds.

use tandem::flow::{
    CheckBasketResponse, DwChange, GuestBasket, Intent, LoginResponse, LogoutResponse, LogoutScope,
    Outcome, RefreshResponse, TokenChange, TransferBasketResponse,
};
use tandem::ids::{AccessToken, Usid};

use crate::facts::{ENSURE_SESSION, Guest, LOGINS, LOGOUTS, Registered, Start, starts};
use crate::walk::{Call, Path, is_access_refused, walk_all};

fn logs_in(call: &Call<'_>) -> bool {
    matches!(call, Call::Login(..))
}

fn is_logged_in(path: &Path<'_>) -> bool {
    matches!(path.decision.outcome, Outcome::LoggedIn { .. })
}

/// The usids that may be sent for this browser: those of verified or granted guest tokens.
fn allowed_usids(path: &Path<'_>) -> Vec<Usid> {
    let held = path.start.claims();
    let granted = path.calls.iter().filter_map(Call::grant).map(|grant| &grant.claims);
    held.into_iter()
        .chain(granted)
        .filter(|claims| claims.customer.kind == Guest)
        .map(|claims| claims.usid.clone())
        .collect()
}

#[test]
fn attack_a_usid_is_sent_only_if_a_verified_guest_token_names_it() {
    for intents in [&ENSURE_SESSION[..], &LOGINS, &LOGOUTS] {
        walk_all(starts(intents), |path| {
            let sent = path.calls.iter().filter_map(|call| match call {
                Call::Guest(call, _) => call.usid.as_ref(),
                Call::Login(call, _) => call.usid.as_ref(),
                _ => None,
            });
            let allowed = allowed_usids(path);
            assert!(sent.into_iter().all(|usid| allowed.contains(usid)), "{path}");
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
fn a_login_ends_with_the_registered_tokens_that_slas_granted() {
    walk_all(starts(&LOGINS), |path| {
        let granted = path.calls.iter().find_map(|call| match call {
            Call::Login(_, LoginResponse::Granted(grant)) => Some(grant),
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
        let refreshed = path.any(|call| {
            matches!(call, Call::Refresh(_, RefreshResponse::Granted(_) | RefreshResponse::Refused))
        });
        let untouched =
            path.decision.tokens == TokenChange::Keep && path.decision.dw == DwChange::Keep;
        assert!(!refused || refreshed || untouched, "{path}");
    });
}

#[test]
fn the_guest_basket_is_transferred_only_if_it_has_or_may_have_items() {
    walk_all(starts(&LOGINS), |path| {
        let checked = path.calls.iter().find_map(|call| match call {
            Call::CheckBasket(_, response) => Some(**response),
            _ => None,
        });
        let Intent::Login(basket) = path.start.intent else { unreachable!("only logins") };
        let has_items = match basket {
            GuestBasket::Unknown => {
                checked.is_some_and(|response| response != CheckBasketResponse::Empty)
            }
            GuestBasket::Empty => false,
            GuestBasket::HasItems => true,
        };
        let as_guest = path.any(|call| matches!(call, Call::Login(call, _) if call.usid.is_some()));
        let transferred = path.any(|call| matches!(call, Call::TransferBasket(..)));
        assert_eq!(transferred, has_items && as_guest && is_logged_in(path), "{path}");
        assert!(checked.is_none() || basket == GuestBasket::Unknown, "{path}");
    });
}

#[test]
fn a_failed_basket_transfer_is_reported_and_fails_no_login() {
    walk_all(starts(&LOGINS), |path| {
        let lost = path
            .any(|call| matches!(call, Call::TransferBasket(_, TransferBasketResponse::Failed)));
        let reported = path.decision.outcome == Outcome::LoggedIn { basket_lost: true };
        assert_eq!(lost, reported, "{path}");
    });
}

#[test]
fn no_token_call_comes_between_login_and_basket_transfer() {
    walk_all(starts(&LOGINS), |path| {
        let Some(at) = path.calls.iter().position(logs_in) else { return };
        let after = &path.calls[at + 1..];
        let transferred = matches!(after, [Call::TransferBasket(..), ..]);
        let rest = &after[usize::from(transferred)..];
        assert!(matches!(rest, [] | [Call::Bridge(..)]), "{path}");
    });
}

#[test]
fn the_password_is_sent_once_unless_a_refresh_is_unavailable() {
    walk_all(starts(&LOGINS), |path| {
        let refresh_failed = path.calls.len() == 1
            && path.any(|call| {
                matches!(
                    call,
                    Call::Refresh(_, RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_))
                )
            });
        assert_eq!(path.count(logs_in), usize::from(!refresh_failed), "{path}");
    });
}

#[test]
fn promise_10_a_logout_always_ends_the_registered_tokens_and_dw_session() {
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
fn promise_10_a_guest_after_logout_has_a_new_usid() {
    walk_all(starts(&LOGOUTS), |path| {
        let guests = path.calls.iter().filter_map(|call| match call {
            Call::Guest(call, _) => Some(call.usid.is_none()),
            _ => None,
        });
        let wanted = usize::from(path.start.facts.policy.guest_after_logout);
        assert!(guests.eq(std::iter::repeat_n(true, wanted)), "{path}");
    });
}

#[test]
fn slas_logout_receives_only_the_tokens_of_the_registered_session() {
    walk_all(starts(&LOGOUTS), |path| {
        for call in path.calls {
            let Call::Logout(call, _) = call else { continue };
            let Intent::Logout(scope) = path.start.intent else { unreachable!() };
            assert_eq!(call.scope, scope, "{path}");
            assert!(registered_access(path).any(|access| access == &call.access), "{path}");
            assert_ne!(call.refresh.expose(), "held-guest-refresh", "{path}");
        }
    });
}

fn registered_access<'p>(path: &'p Path<'_>) -> impl Iterator<Item = &'p AccessToken> {
    let held = path.start.valid().map(|held| (&held.token, &held.claims));
    let granted = path.calls.iter().filter_map(Call::grant);
    held.into_iter()
        .chain(granted.map(|grant| (&grant.access, &grant.claims)))
        .filter(|(_, claims)| claims.customer.kind == Registered)
        .map(|(access, _)| access)
}

#[test]
fn a_guests_logout_makes_no_logout_and_no_refresh_call() {
    let guests = starts(&LOGOUTS).filter(|start: &Start| !start.is_registered());
    walk_all(guests, |path| {
        assert!(!path.any(|call| matches!(call, Call::Logout(..) | Call::Refresh(..))), "{path}");
        assert_eq!(path.decision.outcome, Outcome::LoggedOut { revoked: true }, "{path}");
    });
}

#[test]
fn kind_15_revoked_is_reported_only_if_nothing_that_was_to_end_is_valid_any_more() {
    walk_all(starts(&LOGOUTS).filter(Start::is_registered), |path| {
        let revoked = path.any(|call| matches!(call, Call::Logout(_, LogoutResponse::Revoked)));
        let ended_before = path.any(|call| {
            matches!(
                call,
                Call::Logout(_, LogoutResponse::NothingToRevoke)
                    | Call::Refresh(_, RefreshResponse::Refused)
            )
        });
        let here = path.start.intent == Intent::Logout(LogoutScope::ThisDevice);
        let gone = revoked || (here && ended_before);
        assert_eq!(path.decision.outcome, Outcome::LoggedOut { revoked: gone }, "{path}");
    });
}

#[test]
fn kind_15_a_refused_access_token_is_refreshed_once_and_the_logout_repeated_with_the_new_one() {
    walk_all(starts(&LOGOUTS), |path| {
        let refused = path.calls.iter().position(is_access_refused);
        let Some(refused) = refused else { return };
        let refreshes = |calls: &[Call<'_>]| {
            calls.iter().filter(|call| matches!(call, Call::Refresh(..))).count()
        };
        assert_eq!(refreshes(path.calls), 1, "{path}");
        let (before, after) = path.calls.split_at(refused + 1);
        if refreshes(before) == 1 {
            return;
        }
        let Call::Logout(first, _) = &before[refused] else { unreachable!() };
        let second = after.iter().find_map(|call| match call {
            Call::Logout(call, _) => Some(call),
            _ => None,
        });
        let granted = after.iter().find_map(|call| match call {
            Call::Refresh(_, RefreshResponse::Granted(grant)) => Some(grant),
            _ => None,
        });
        let granted = granted.filter(|grant| grant.claims.customer.kind == Registered);
        let expected = granted.map(|grant| &grant.access);
        let accepted = second.map(|call| &call.access);
        // A grant of another shopper than the seal's is none.
        assert!(accepted == expected || (accepted.is_none() && after.len() > 1), "{path}");
        assert!(accepted != Some(&first.access), "{path}");
    });
}

#[test]
fn the_guest_token_checks_the_basket_and_the_new_token_transfers_it() {
    walk_all(starts(&LOGINS), |path| {
        let granted = |access: &AccessToken, kind| {
            path.calls
                .iter()
                .filter_map(Call::grant)
                .any(|grant| grant.access == *access && grant.claims.customer.kind == kind)
        };
        for call in path.calls {
            match call {
                Call::CheckBasket(call, _) => {
                    let held = path.start.valid().is_some_and(|held| {
                        held.token == call.access && held.claims.customer.id == call.customer
                    });
                    assert!(held || granted(&call.access, Guest), "{path}");
                }
                Call::TransferBasket(call, _) => {
                    assert!(granted(&call.access, Registered), "{path}");
                }
                _ => {}
            }
        }
    });
}
