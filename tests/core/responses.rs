//! Every response that a call can get.

use tandem::flow::{
    AdoptResponse, BridgeResponse, Cause, CheckBasketResponse, GuestResponse, LoginResponse,
    LogoutResponse, ProbeResponse, RefreshResponse, TransferBasketResponse, UpstreamFailure,
};
use tandem::ids::{DwValue, Dwsid};
use tandem::model::{Customer, DwCompanion, DwCookies, Extras, Grant, RefreshGrant};

use crate::facts::{self, FRESH, Guest, Registered};

/// The responses for a walk.
#[derive(Debug)]
pub(crate) struct Responses {
    pub(crate) refresh: Vec<RefreshResponse>,
    pub(crate) guest: Vec<GuestResponse>,
    pub(crate) probe: Vec<ProbeResponse>,
    pub(crate) adopt: Vec<AdoptResponse>,
    pub(crate) bridge: Vec<BridgeResponse>,
    pub(crate) login: Vec<LoginResponse>,
    pub(crate) check_basket: Vec<CheckBasketResponse>,
    pub(crate) transfer_basket: Vec<TransferBasketResponse>,
    pub(crate) logout: Vec<LogoutResponse>,
}

impl Responses {
    /// Every response that differs in anything the core may read, plausible or not.
    pub(crate) fn every() -> Self {
        let (guest, shopper) = (facts::guest(), facts::shopper());
        Self {
            refresh: with_failures(
                vec![
                    RefreshResponse::Granted(granted("refreshed", guest.clone())),
                    RefreshResponse::Granted(granted("refreshed", shopper.clone())),
                    RefreshResponse::Granted(granted("refreshed", facts::other_guest())),
                    RefreshResponse::Granted(granted("refreshed", facts::other_shopper())),
                    RefreshResponse::Granted(without_refresh(granted("short", guest.clone()))),
                    RefreshResponse::Granted(without_refresh(granted("short", shopper.clone()))),
                    RefreshResponse::Granted(with_dw(granted("paired", guest.clone()))),
                    RefreshResponse::Granted(with_dw(granted("paired", shopper.clone()))),
                    RefreshResponse::Refused,
                    RefreshResponse::Doubtful(UpstreamFailure::UNAVAILABLE),
                ],
                RefreshResponse::Failed,
            ),
            guest: with_failures(
                vec![
                    GuestResponse::Granted(granted("new", guest.clone())),
                    GuestResponse::Granted(granted("new", facts::other_guest())),
                    GuestResponse::Granted(with_dw(granted("new-paired", facts::other_guest()))),
                    GuestResponse::Granted(granted("new", shopper.clone())),
                    GuestResponse::UsidTaken,
                ],
                GuestResponse::Failed,
            ),
            probe: with_failures(
                vec![
                    alive(guest.clone(), None),
                    alive(facts::other_guest(), None),
                    alive(shopper.clone(), Some("jo")),
                    alive(shopper.clone(), None),
                    alive(facts::other_shopper(), Some("al")),
                    ProbeResponse::Dead,
                ],
                ProbeResponse::Failed,
            ),
            adopt: with_failures(
                vec![
                    AdoptResponse::Granted(granted("adopted", guest.clone())),
                    AdoptResponse::Granted(granted("adopted", facts::other_guest())),
                    AdoptResponse::Granted(granted("adopted", shopper.clone())),
                    AdoptResponse::Granted(granted("adopted", facts::other_shopper())),
                    AdoptResponse::Refused,
                    AdoptResponse::NotPermitted,
                ],
                AdoptResponse::Failed,
            ),
            bridge: with_failures(
                vec![BridgeResponse::Bridged(dw_cookies("bridged")), BridgeResponse::TokenRefused],
                BridgeResponse::Failed,
            ),
            login: with_failures(
                vec![
                    LoginResponse::Granted(granted("logged-in", shopper.clone())),
                    LoginResponse::Granted(with_dw(granted("logged-in-paired", shopper))),
                    LoginResponse::Granted(granted("logged-in", facts::other_shopper())),
                    LoginResponse::Granted(granted("logged-in", guest)),
                    LoginResponse::BadCredentials,
                    LoginResponse::Conflict,
                ],
                LoginResponse::Failed,
            ),
            check_basket: vec![
                CheckBasketResponse::HasItems,
                CheckBasketResponse::Empty,
                CheckBasketResponse::Failed,
            ],
            transfer_basket: vec![
                TransferBasketResponse::Moved,
                TransferBasketResponse::NothingToMove,
                TransferBasketResponse::Failed,
            ],
            logout: vec![
                LogoutResponse::Revoked,
                LogoutResponse::NothingToRevoke,
                LogoutResponse::AccessRefused,
                LogoutResponse::Failed,
            ],
        }
    }

    /// One response of each kind out of [`every`](Self::every), for a reader.
    pub(crate) fn typical() -> Self {
        let mut responses = Self::every();
        responses.refresh.retain(|response| match response {
            RefreshResponse::Granted(grant) => is_plain(grant),
            RefreshResponse::Refused | RefreshResponse::Doubtful(_) => true,
            RefreshResponse::Failed(failure) => is_outage(*failure),
        });
        responses.guest.retain(|response| match response {
            GuestResponse::Granted(grant) => {
                is_plain(grant) && grant.claims.customer == facts::guest()
            }
            GuestResponse::UsidTaken => true,
            GuestResponse::Failed(failure) => is_outage(*failure),
        });
        responses.probe.retain(|response| match response {
            ProbeResponse::Alive { owner, login } => {
                is_one_of_two(owner) && login.is_some() == (owner.kind == Registered)
            }
            ProbeResponse::Dead => true,
            ProbeResponse::Failed(failure) => failure.cause != Cause::Throttled,
        });
        responses.adopt.retain(|response| match response {
            AdoptResponse::Granted(grant) => is_plain(grant),
            AdoptResponse::Refused => true,
            // The same as a refusal, except for its name.
            AdoptResponse::NotPermitted => false,
            AdoptResponse::Failed(failure) => is_outage(*failure),
        });
        responses.bridge.retain(|response| match response {
            BridgeResponse::Failed(failure) => is_outage(*failure),
            BridgeResponse::Bridged(_) | BridgeResponse::TokenRefused => true,
        });
        responses.login.retain(|response| match response {
            LoginResponse::Granted(grant) => {
                is_plain(grant) && grant.claims.customer.kind == Registered
            }
            LoginResponse::BadCredentials | LoginResponse::Conflict => true,
            LoginResponse::Failed(failure) => is_outage(*failure),
        });
        responses
    }

    /// As [`typical`](Self::typical), for a tenant whose token responses set a DW session.
    pub(crate) fn typical_of_hybrid_auth() -> Self {
        let (every, mut responses) = (Self::every(), Self::typical());
        let paired = every.refresh.into_iter().filter(
            |response| matches!(response, RefreshResponse::Granted(grant) if grant.dw.is_some()),
        );
        responses.refresh.splice(..0, paired);
        responses
    }
}

fn is_plain(grant: &Grant) -> bool {
    grant.dw.is_none() && grant.refresh.is_some() && is_one_of_two(&grant.claims.customer)
}

fn is_one_of_two(customer: &Customer) -> bool {
    [facts::guest(), facts::shopper()].contains(customer)
}

fn is_outage(failure: UpstreamFailure) -> bool {
    failure.cause == Cause::Unavailable
}

fn with_failures<T>(mut responses: Vec<T>, unavailable: impl Fn(UpstreamFailure) -> T) -> Vec<T> {
    responses.extend(FAILURES.map(unavailable));
    responses
}

/// One failure of every cause.
pub(crate) const FAILURES: [UpstreamFailure; 3] = [
    UpstreamFailure { cause: Cause::Unavailable, retry_after: None },
    UpstreamFailure { cause: Cause::Throttled, retry_after: Some(7) },
    UpstreamFailure { cause: Cause::Misconfigured, retry_after: None },
];

fn alive(owner: Customer, login: Option<&str>) -> ProbeResponse {
    ProbeResponse::Alive { owner, login: login.map(str::to_owned) }
}

/// The tokens that the call `how` brings for `customer`.
pub(crate) fn granted(how: &str, customer: Customer) -> Box<Grant> {
    let refresh = facts::refresh_token(&format!("{how}-refresh-{}", customer.id));
    let days = if customer.kind == Guest { 30 } else { 90 };
    Box::new(Grant {
        access: facts::access_token(&format!("{how}.{}.x", customer.id)),
        claims: facts::claims(customer, FRESH),
        refresh: Some(RefreshGrant { token: refresh, expires_in: days * 24 * 60 * 60 }),
        dw: None,
        extras: Extras::default(),
        other_dnt: false,
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

/// A DW session as the platform sets it: `dwsid`, a secret companion and a readable one.
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
