//! Generates random browsers and decisions. They need not fit each other, because the cookie writer
//! must also be right for combinations that the core never produces.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tandem::cookies::sealed_state::{SealedDw, SealedState};
use tandem::flow::{Decision, DwChange, Outcome, TokenChange};
use tandem::ids::{Dwsid, RefreshToken};
use tandem::model::{Customer, DwCookies, Grant, RefreshGrant};

use crate::browser::{Jar, now};
use crate::facts::{self, claims};
use crate::responses::{FAILURES, dw_cookies, granted};

/// A jar with any of our cookies, with foreign ones, and with malformed values under our names.
pub(crate) fn jar() -> impl Strategy<Value = Jar> {
    let names = [
        "token",
        "cc-nx",
        "cc-nx-g",
        "usid",
        "cid",
        "dwsid",
        "dwsecuretoken_0",
        "dwanonymous_0",
        // Of ECOM, but no companion of `dwsid`.
        "dwpersonalization_0",
        "__Host-tandem",
        "other",
        "dw_dnt",
    ];
    let value = prop_oneof![
        4 => select(vec!["old", "1", "a%3D=b", "sealed-tandem"]).prop_map(str::to_owned),
        1 => select(vec![String::new(), "a\"b".to_owned(), "x".repeat(4_500)]),
    ];
    proptest::collection::btree_map(select(names.to_vec()), value, 0..12).prop_map(|cookies| {
        Jar(cookies.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

pub(crate) fn state() -> impl Strategy<Value = SealedState> {
    let tag = || option::of(Just(RefreshToken::parse("old").expect("a token").tag()));
    let time = || option::of((-100_i64..100_000).prop_map(|after| now().plus(after)));
    (tag(), tag(), time(), any::<bool>(), sealed_dw(), tag(), time(), time()).prop_map(
        |(access, refresh, expires, forget, dw, bridged, bridge_after, expired)| SealedState {
            access,
            refresh,
            refresh_expires_at: expires,
            forget_on_close: forget,
            dw,
            bridged,
            bridge_after,
            dnt: None,
            session_expired_at: expired,
            ..SealedState::default()
        },
    )
}

fn sealed_dw() -> impl Strategy<Value = Option<SealedDw>> {
    option::of((customer(), select(vec!["old", "gone"])).prop_map(|(owner, dwsid)| SealedDw {
        dwsid: Dwsid::parse(dwsid).expect("a dwsid").tag(),
        owner: Some(owner),
        created_at: now(),
        used_at: now(),
    }))
}

fn customer() -> impl Strategy<Value = Customer> {
    select(vec![facts::guest(), facts::other_guest(), facts::shopper(), facts::other_shopper()])
}

pub(crate) fn decision() -> impl Strategy<Value = Decision> {
    (outcome(), tokens(), dw(), any::<bool>(), any::<bool>()).prop_map(
        |(outcome, tokens, dw, session_expired, guest_adoption_refused)| Decision {
            outcome,
            tokens,
            dw,
            session_expired,
            guest_adoption_refused,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let mut all = vec![Outcome::Ready, Outcome::BadCredentials, Outcome::LoginConflict];
    for flag in [true, false] {
        all.push(Outcome::LoggedIn { basket_lost: flag });
        all.push(Outcome::LoggedOut { revoked: flag });
    }
    for failure in FAILURES {
        all.push(Outcome::Unavailable(failure));
        all.push(Outcome::NoDwSession(failure));
    }
    select(all)
}

fn tokens() -> impl Strategy<Value = TokenChange> {
    prop_oneof![
        Just(TokenChange::Keep),
        Just(TokenChange::Drop),
        grant().prop_map(|grant| TokenChange::Set(Box::new(grant))),
    ]
}

fn grant() -> impl Strategy<Value = Grant> {
    let refresh = (1_i64..8_000_000).prop_map(|expires_in| RefreshGrant {
        token: RefreshToken::parse("fresh").expect("a token"),
        expires_in,
    });
    (customer(), 1_i64..1_800, option::of(refresh)).prop_map(|(customer, left, refresh)| Grant {
        claims: claims(customer.clone(), left),
        refresh,
        ..*granted("generated", customer)
    })
}

fn dw() -> impl Strategy<Value = DwChange> {
    let cookies = prop_oneof![
        Just(dw_cookies("fresh")),
        Just(DwCookies { companions: Vec::new(), ..dw_cookies("fresh") }),
        Just(deleting_companion()),
    ];
    prop_oneof![
        Just(DwChange::Keep),
        Just(DwChange::Drop),
        select(FAILURES.to_vec()).prop_map(DwChange::Failed),
        option::of(customer()).prop_map(DwChange::Confirm),
        Just(DwChange::Recheck),
        (cookies, option::of(customer()))
            .prop_map(|(cookies, owner)| DwChange::Set { cookies, owner }),
    ]
}

/// A session whose response deletes the companion of the old one.
fn deleting_companion() -> DwCookies {
    let mut cookies = dw_cookies("fresh");
    for companion in &mut cookies.companions {
        companion.value = None;
    }
    cookies
}
