//! Signing in and out: what carries over, what must not, and what goes whatever anybody says.

use tandem::flow::{
    BasketAnswer, DwChange, GuestBasket, Intent, Outcome, RefreshAnswer, SignInAnswer,
    SignOutAnswer, TokenChange,
};
use tandem::ids::{AccessToken, Usid};

use crate::facts::{ARRIVALS, Guest, Registered, SIGN_INS, SIGN_OUTS, Start, starts};
use crate::walk::{Asked, Path, walk_all};

fn signs_in(asked: &Asked<'_>) -> bool {
    matches!(asked, Asked::SignIn(..))
}

fn is_signed_in(path: &Path<'_>) -> bool {
    matches!(path.ending.outcome, Outcome::SignedIn { .. })
}

/// The usids this browser may vouch for: those of guest tokens that were verified or granted.
fn vouched(path: &Path<'_>) -> Vec<Usid> {
    let held = path.start.claims();
    let granted = path.asked.iter().filter_map(Asked::grant).map(|grant| &grant.claims);
    held.into_iter()
        .chain(granted)
        .filter(|claims| claims.customer.kind == Guest)
        .map(|claims| claims.usid.clone())
        .collect()
}

#[test]
fn attack_a_usid_is_sent_only_when_a_verified_guest_token_carried_it() {
    for intents in [&ARRIVALS[..], &SIGN_INS, &SIGN_OUTS] {
        walk_all(starts(intents), |path| {
            let sent = path.asked.iter().filter_map(|asked| match asked {
                Asked::Guest(ask, _) => ask.usid.as_ref(),
                Asked::SignIn(ask, _) => ask.usid.as_ref(),
                _ => None,
            });
            let vouched = vouched(path);
            assert!(sent.into_iter().all(|usid| vouched.contains(usid)), "{path}");
        });
    }
}

#[test]
fn the_guest_dwsid_never_survives_a_login() {
    walk_all(starts(&SIGN_INS), |path| {
        let gone = match &path.ending.dw {
            DwChange::Set { owner, .. } => owner.kind == Registered,
            DwChange::Drop | DwChange::Missing(_) => true,
            DwChange::Keep | DwChange::Doubt | DwChange::Confirm(_) => false,
        };
        assert!(!is_signed_in(path) || gone, "{path}");
    });
}

#[test]
fn a_login_ends_with_the_registered_tokens_that_slas_gave_for_it() {
    walk_all(starts(&SIGN_INS), |path| {
        let granted = path.asked.iter().find_map(|asked| match asked {
            Asked::SignIn(_, SignInAnswer::Granted(grant)) => Some(grant),
            _ => None,
        });
        let registered = granted.filter(|grant| grant.claims.customer.kind == Registered);
        assert_eq!(is_signed_in(path), registered.is_some(), "{path}");
        if let Some(grant) = registered {
            assert_eq!(path.ending.tokens, TokenChange::Set(grant.clone()), "{path}");
        }
    });
}

#[test]
fn a_refused_login_leaves_the_session_untouched() {
    walk_all(starts(&SIGN_INS), |path| {
        let refused =
            matches!(path.ending.outcome, Outcome::BadCredentials | Outcome::LoginConflict);
        let refreshed = path.any(|asked| {
            matches!(asked, Asked::Refresh(_, RefreshAnswer::Granted(_) | RefreshAnswer::Refused))
        });
        let untouched = path.ending.tokens == TokenChange::Keep && path.ending.dw == DwChange::Keep;
        assert!(!refused || refreshed || untouched, "{path}");
    });
}

#[test]
fn the_guest_basket_moves_only_when_it_has_items_or_nobody_knows() {
    walk_all(starts(&SIGN_INS), |path| {
        let peeked = path.asked.iter().find_map(|asked| match asked {
            Asked::PeekBasket(_, answer) => Some(**answer),
            _ => None,
        });
        let Intent::SignIn(basket) = path.start.intent else { unreachable!("only logins") };
        let worth = match basket {
            GuestBasket::Unknown => peeked.is_some_and(|answer| answer != BasketAnswer::No),
            GuestBasket::Empty => false,
            GuestBasket::HasItems => true,
        };
        let as_guest =
            path.any(|asked| matches!(asked, Asked::SignIn(ask, _) if ask.usid.is_some()));
        let moved = path.any(|asked| matches!(asked, Asked::TransferBasket(..)));
        assert_eq!(moved, worth && as_guest && is_signed_in(path), "{path}");
        assert!(peeked.is_none() || basket == GuestBasket::Unknown, "{path}");
    });
}

#[test]
fn a_basket_left_behind_is_told_and_fails_no_login() {
    walk_all(starts(&SIGN_INS), |path| {
        let lost =
            path.any(|asked| matches!(asked, Asked::TransferBasket(_, BasketAnswer::Failed)));
        let told = path.ending.outcome == Outcome::SignedIn { basket_lost: true };
        assert_eq!(lost, told, "{path}");
    });
}

#[test]
fn between_login_and_transfer_no_token_call_breaks_the_chain_to_the_guests_basket() {
    walk_all(starts(&SIGN_INS), |path| {
        let Some(at) = path.asked.iter().position(signs_in) else { return };
        let after = &path.asked[at + 1..];
        let moved = matches!(after, [Asked::TransferBasket(..), ..]);
        let rest = &after[usize::from(moved)..];
        assert!(matches!(rest, [] | [Asked::Bridge(..)]), "{path}");
    });
}

#[test]
fn the_password_is_presented_once_even_if_everything_else_fails() {
    walk_all(starts(&SIGN_INS), |path| {
        let stuck = path.asked.len() == 1
            && path.any(|asked| matches!(asked, Asked::Refresh(_, RefreshAnswer::Unavailable(_))));
        assert_eq!(path.count(signs_in), usize::from(!stuck), "{path}");
    });
}

#[test]
fn promise_10_a_logout_always_ends_with_the_registered_tokens_and_the_dw_session_gone() {
    walk_all(starts(&SIGN_OUTS), |path| {
        assert!(matches!(path.ending.outcome, Outcome::SignedOut { .. }), "{path}");
        match &path.ending.tokens {
            TokenChange::Keep => panic!("the tokens stay: {path}"),
            TokenChange::Set(grant) => assert_eq!(grant.claims.customer.kind, Guest, "{path}"),
            TokenChange::Drop => {}
        }
        let old = matches!(path.ending.dw, DwChange::Keep | DwChange::Confirm(_));
        assert!(!old && !path.ending.session_expired, "{path}");
    });
}

#[test]
fn promise_10_a_new_guest_after_logout_is_really_new() {
    walk_all(starts(&SIGN_OUTS), |path| {
        let guests = path.asked.iter().filter_map(|asked| match asked {
            Asked::Guest(ask, _) => Some(ask.usid.is_none()),
            _ => None,
        });
        let wanted = usize::from(path.start.facts.policy.guest_after_logout);
        assert!(guests.eq(std::iter::repeat_n(true, wanted)), "{path}");
    });
}

#[test]
fn slas_logout_is_asked_with_both_tokens_of_the_registered_session_and_only_with_them() {
    walk_all(starts(&SIGN_OUTS), |path| {
        for asked in path.asked {
            let Asked::SignOut(ask, _) = asked else { continue };
            let Intent::SignOut { all_devices } = path.start.intent else { unreachable!() };
            assert_eq!(ask.all_devices, all_devices, "{path}");
            assert!(registered_access(path).any(|access| access == &ask.access), "{path}");
            assert_ne!(ask.refresh.expose(), "held-guest-refresh", "{path}");
        }
    });
}

fn registered_access<'p>(path: &'p Path<'_>) -> impl Iterator<Item = &'p AccessToken> {
    let held = path.start.valid().map(|held| (&held.token, &held.claims));
    let granted = path.asked.iter().filter_map(Asked::grant);
    held.into_iter()
        .chain(granted.map(|grant| (&grant.access, &grant.claims)))
        .filter(|(_, claims)| claims.customer.kind == Registered)
        .map(|(access, _)| access)
}

#[test]
fn a_guest_who_leaves_costs_no_call_to_end_a_session() {
    let guests = starts(&SIGN_OUTS).filter(|start: &Start| !start.is_registered());
    walk_all(guests, |path| {
        assert!(
            !path.any(|asked| matches!(asked, Asked::SignOut(..) | Asked::Refresh(..))),
            "{path}"
        );
        assert_eq!(path.ending.outcome, Outcome::SignedOut { revoked: true }, "{path}");
    });
}

#[test]
fn revoked_is_said_only_when_slas_said_so_or_there_was_nothing_to_revoke() {
    walk_all(starts(&SIGN_OUTS).filter(Start::is_registered), |path| {
        let gone = path.any(|asked| {
            matches!(
                asked,
                Asked::SignOut(_, SignOutAnswer::Revoked)
                    | Asked::Refresh(_, RefreshAnswer::Refused)
            )
        });
        assert_eq!(path.ending.outcome, Outcome::SignedOut { revoked: gone }, "{path}");
    });
}

#[test]
fn the_guests_basket_is_looked_at_by_the_guest_and_moved_by_the_shopper() {
    walk_all(starts(&SIGN_INS), |path| {
        let granted = |access: &AccessToken, kind| {
            path.asked
                .iter()
                .filter_map(Asked::grant)
                .any(|grant| grant.access == *access && grant.claims.customer.kind == kind)
        };
        for asked in path.asked {
            match asked {
                Asked::PeekBasket(ask, _) => {
                    let held = path.start.valid().is_some_and(|held| {
                        held.token == ask.access && held.claims.customer.id == ask.customer
                    });
                    assert!(held || granted(&ask.access, Guest), "{path}");
                }
                Asked::TransferBasket(ask, _) => {
                    assert!(granted(&ask.access, Registered), "{path}");
                }
                _ => {}
            }
        }
    });
}
