//! Every answer a question can get.

use tandem::flow::{
    AdoptAnswer, BasketAnswer, BridgeAnswer, Cause, GuestAnswer, ProbeAnswer, RefreshAnswer,
    SignInAnswer, SignOutAnswer, Trouble,
};
use tandem::ids::{DwValue, Dwsid};
use tandem::model::{Customer, DwCompanion, DwCookies, Extras, Grant, RefreshGrant};

use crate::facts::{self, FRESH, Guest, Registered};

/// The answers to walk with.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) refresh: Vec<RefreshAnswer>,
    pub(crate) guest: Vec<GuestAnswer>,
    pub(crate) probe: Vec<ProbeAnswer>,
    pub(crate) adopt: Vec<AdoptAnswer>,
    pub(crate) bridge: Vec<BridgeAnswer>,
    pub(crate) sign_in: Vec<SignInAnswer>,
    pub(crate) basket: Vec<BasketAnswer>,
    pub(crate) sign_out: Vec<SignOutAnswer>,
}

impl Answers {
    /// Every answer that differs in anything the core may look at, sensible or not.
    pub(crate) fn every() -> Self {
        let (guest, shopper) = (facts::guest(), facts::shopper());
        Self {
            refresh: with_troubles(
                vec![
                    RefreshAnswer::Granted(granted("refreshed", guest.clone())),
                    RefreshAnswer::Granted(granted("refreshed", shopper.clone())),
                    RefreshAnswer::Granted(granted("refreshed", facts::other_guest())),
                    RefreshAnswer::Granted(granted("refreshed", facts::other_shopper())),
                    RefreshAnswer::Granted(without_refresh(granted("short", guest.clone()))),
                    RefreshAnswer::Granted(without_refresh(granted("short", shopper.clone()))),
                    RefreshAnswer::Granted(with_dw(granted("paired", guest.clone()))),
                    RefreshAnswer::Granted(with_dw(granted("paired", shopper.clone()))),
                    RefreshAnswer::Refused,
                ],
                RefreshAnswer::Unavailable,
            ),
            guest: with_troubles(
                vec![
                    GuestAnswer::Granted(granted("new", guest.clone())),
                    GuestAnswer::Granted(granted("new", facts::other_guest())),
                    GuestAnswer::Granted(with_dw(granted("new-paired", facts::other_guest()))),
                    GuestAnswer::Granted(granted("new", shopper.clone())),
                    GuestAnswer::UsidTaken,
                ],
                GuestAnswer::Unavailable,
            ),
            probe: with_troubles(
                vec![
                    alive(guest.clone(), None),
                    alive(facts::other_guest(), None),
                    alive(shopper.clone(), Some("jo")),
                    alive(shopper.clone(), None),
                    alive(facts::other_shopper(), Some("al")),
                    ProbeAnswer::Dead,
                ],
                ProbeAnswer::Unavailable,
            ),
            adopt: with_troubles(
                vec![
                    AdoptAnswer::Granted(granted("adopted", guest.clone())),
                    AdoptAnswer::Granted(granted("adopted", facts::other_guest())),
                    AdoptAnswer::Granted(granted("adopted", shopper.clone())),
                    AdoptAnswer::Granted(granted("adopted", facts::other_shopper())),
                    AdoptAnswer::Refused,
                    AdoptAnswer::NotPermitted,
                ],
                AdoptAnswer::Unavailable,
            ),
            bridge: with_troubles(
                vec![BridgeAnswer::Bridged(dw_cookies("bridged")), BridgeAnswer::TokenRefused],
                BridgeAnswer::Unavailable,
            ),
            sign_in: with_troubles(
                vec![
                    SignInAnswer::Granted(granted("signed-in", shopper.clone())),
                    SignInAnswer::Granted(with_dw(granted("signed-in-paired", shopper))),
                    SignInAnswer::Granted(granted("signed-in", facts::other_shopper())),
                    SignInAnswer::Granted(granted("signed-in", guest)),
                    SignInAnswer::BadCredentials,
                    SignInAnswer::Conflict,
                ],
                SignInAnswer::Unavailable,
            ),
            basket: vec![BasketAnswer::Yes, BasketAnswer::No, BasketAnswer::Failed],
            sign_out: vec![SignOutAnswer::Revoked, SignOutAnswer::Failed],
        }
    }

    /// Of [`every`](Self::every) answer, one of each kind, for a reader.
    pub(crate) fn typical() -> Self {
        let mut answers = Self::every();
        answers.refresh.retain(|answer| match answer {
            RefreshAnswer::Granted(grant) => is_plain(grant),
            RefreshAnswer::Refused => true,
            RefreshAnswer::Unavailable(trouble) => is_outage(*trouble),
        });
        answers.guest.retain(|answer| match answer {
            GuestAnswer::Granted(grant) => {
                is_plain(grant) && grant.claims.customer == facts::guest()
            }
            GuestAnswer::UsidTaken => true,
            GuestAnswer::Unavailable(trouble) => is_outage(*trouble),
        });
        answers.probe.retain(|answer| match answer {
            ProbeAnswer::Alive { owner, login } => {
                is_one_of_two(owner) && login.is_some() == (owner.kind == Registered)
            }
            ProbeAnswer::Dead => true,
            ProbeAnswer::Unavailable(trouble) => trouble.cause != Cause::Throttled,
        });
        answers.adopt.retain(|answer| match answer {
            AdoptAnswer::Granted(grant) => is_plain(grant),
            AdoptAnswer::Refused => true,
            // The same as a refusal, but for the word.
            AdoptAnswer::NotPermitted => false,
            AdoptAnswer::Unavailable(trouble) => is_outage(*trouble),
        });
        answers.bridge.retain(|answer| match answer {
            BridgeAnswer::Unavailable(trouble) => is_outage(*trouble),
            BridgeAnswer::Bridged(_) | BridgeAnswer::TokenRefused => true,
        });
        answers.sign_in.retain(|answer| match answer {
            SignInAnswer::Granted(grant) => {
                is_plain(grant) && grant.claims.customer.kind == Registered
            }
            SignInAnswer::BadCredentials | SignInAnswer::Conflict => true,
            SignInAnswer::Unavailable(trouble) => is_outage(*trouble),
        });
        answers
    }

    /// As [`typical`](Self::typical), for a tenant whose token answers bring a DW session.
    pub(crate) fn typical_of_hybrid_auth() -> Self {
        let (every, mut answers) = (Self::every(), Self::typical());
        let paired = every
            .refresh
            .into_iter()
            .filter(|answer| matches!(answer, RefreshAnswer::Granted(grant) if grant.dw.is_some()));
        answers.refresh.splice(..0, paired);
        answers
    }
}

fn is_plain(grant: &Grant) -> bool {
    grant.dw.is_none() && grant.refresh.is_some() && is_one_of_two(&grant.claims.customer)
}

fn is_one_of_two(customer: &Customer) -> bool {
    [facts::guest(), facts::shopper()].contains(customer)
}

fn is_outage(trouble: Trouble) -> bool {
    trouble.cause == Cause::Unavailable
}

fn with_troubles<T>(mut answers: Vec<T>, unavailable: impl Fn(Trouble) -> T) -> Vec<T> {
    answers.extend(TROUBLES.map(unavailable));
    answers
}

/// One trouble of every cause.
pub(crate) const TROUBLES: [Trouble; 3] = [
    Trouble { cause: Cause::Unavailable, retry_after: None },
    Trouble { cause: Cause::Throttled, retry_after: Some(7) },
    Trouble { cause: Cause::Misconfigured, retry_after: None },
];

fn alive(owner: Customer, login: Option<&str>) -> ProbeAnswer {
    ProbeAnswer::Alive { owner, login: login.map(str::to_owned) }
}

/// The tokens that question `how` brings for `customer`.
pub(crate) fn granted(how: &str, customer: Customer) -> Box<Grant> {
    let refresh = facts::refresh_token(&format!("{how}-refresh-{}", customer.id));
    let days = if customer.kind == Guest { 30 } else { 90 };
    Box::new(Grant {
        access: facts::access_token(&format!("{how}.{}.x", customer.id)),
        claims: facts::claims(customer, FRESH),
        refresh: Some(RefreshGrant { token: refresh, expires_in: days * 24 * 60 * 60 }),
        dw: None,
        extras: Extras::default(),
    })
}

pub(crate) fn without_refresh(mut grant: Box<Grant>) -> Box<Grant> {
    grant.refresh = None;
    grant
}

pub(crate) fn with_dw(mut grant: Box<Grant>) -> Box<Grant> {
    grant.dw = Some(dw_cookies("granted"));
    grant
}

/// A DW session as the platform hands it out: the session, a secret companion, a readable one.
pub(crate) fn dw_cookies(how: &str) -> DwCookies {
    let companion = |name: &str, value: &str, max_age| DwCompanion {
        name: name.to_owned(),
        value: DwValue::parse(value),
        max_age,
    };
    DwCookies {
        dwsid: Dwsid::parse(&format!("{how}-dwsid")).expect("a dwsid"),
        companions: vec![
            companion("dwsecuretoken_0", &format!("{how}-secure"), None),
            companion("dwanonymous_0", "anonymous", Some(180 * 24 * 60 * 60)),
        ],
    }
}
