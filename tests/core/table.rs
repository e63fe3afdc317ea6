//! The decision table: the combinations that a person has to review, each with every response that
//! makes a difference. A change of the core changes lines of this table.

use std::fmt::Write as _;

use tandem::flow::{
    AdoptResponse, BridgeMode, BridgeTime, Dw, Facts, GuestBasket, GuestResponse, Intent,
    LogoutScope, RefreshResponse,
};
use tandem::model::Customer;

use crate::describe;
use crate::facts::{
    Guest, Registered, Start, expired, expiring, fresh, guest, held_dw, held_refresh, nothing,
    shopper, signature,
};
use crate::responses::Responses;
use crate::walk::{Call, Path, walk};

#[test]
fn the_decision_table_is_as_reviewed() {
    let mut table = String::new();
    for (title, intent, facts) in groups() {
        let _ = writeln!(table, "\n## {title}: {}", describe::policy(&facts[0]));
        for facts in facts {
            describe(&Start { facts, intent }, &mut table);
        }
    }
    insta::assert_snapshot!("decisions", table);
}

fn describe(start: &Start, table: &mut String) {
    let _ = writeln!(table, "\n{}", describe::browser_state(&start.facts));
    let responses = match start.facts.policy.mode {
        BridgeMode::HybridAuth => Responses::typical_of_hybrid_auth(),
        BridgeMode::Classic | BridgeMode::None => Responses::typical(),
    };
    walk(start, &responses, |path| {
        if path.calls.iter().all(is_plausible) && is_worth_reading(path) {
            let (calls, decision) =
                (describe::calls(path.calls), describe::decision(path.decision));
            let _ = writeln!(table, "  {calls:<58} -> {decision}");
        }
    });
}

/// Whether the response fits the call. The walk also tests the others, but a reader needs no line of
/// them.
fn is_plausible(call: &Call<'_>) -> bool {
    match call {
        Call::Refresh(call, RefreshResponse::Granted(grant)) => {
            grant.claims.customer.kind == call.kind
        }
        Call::Adopt(call, AdoptResponse::Granted(grant)) => {
            Some(&grant.claims.customer) == call.owner.as_ref()
        }
        Call::Guest(call, GuestResponse::UsidTaken) => call.usid.is_some(),
        _ => true,
    }
}

/// A call has the same consequences wherever it is in a path, so longer paths are printed only if at
/// most one of their calls fails.
fn is_worth_reading(path: &Path<'_>) -> bool {
    path.calls.len() <= 2 || path.count(|call| !describe::is_success(call)) <= 1
}

type Group = (&'static str, Intent, Vec<Facts>);

fn groups() -> Vec<Group> {
    let mut groups = head_and_api();
    groups.extend(ecom());
    groups.extend(others());
    groups.extend(logins());
    groups.extend(logouts());
    groups
}

fn site() -> Facts {
    nothing(BridgeMode::Classic)
}

fn with(base: &Facts, set: impl Fn(&mut Facts)) -> Facts {
    let mut facts = base.clone();
    set(&mut facts);
    facts
}

fn live(owner: Customer) -> Dw {
    Dw::Live { held: held_dw(), owner }
}

fn unverified(owner: Option<Customer>) -> Dw {
    Dw::Unverified { held: held_dw(), owner }
}

/// A browser with a fresh access token and a refresh token.
fn with_tokens(mode: BridgeMode, customer: &Customer) -> Facts {
    let kind = customer.kind;
    with(&nothing(mode), |facts| {
        facts.access = fresh(customer.clone());
        facts.refresh = Some(held_refresh(kind));
    })
}

fn each_dw(base: &Facts, own: &Customer, other: &Customer) -> Vec<Facts> {
    let (own, other) = (own.clone(), other.clone());
    let owned = [live(own.clone()), unverified(Some(own)), unverified(None), live(other)];
    let mut all = set_dw(base, owned);
    all.extend(set_dw(base, [Dw::Dead, Dw::Absent]));
    all
}

fn set_dw<const N: usize>(base: &Facts, dws: [Dw; N]) -> Vec<Facts> {
    dws.map(|dw| with(base, |facts| facts.dw = dw.clone())).into()
}

fn head_and_api() -> Vec<Group> {
    let good_guest = with_tokens(BridgeMode::Classic, &guest());
    let dws = [live(guest()), unverified(Some(guest())), live(shopper()), Dw::Dead, Dw::Absent];
    let mut paired = set_dw(&good_guest, dws);
    paired.push(with(&good_guest, |facts| facts.bridged = true));
    paired.push(with(&good_guest, |facts| facts.bridge_resting = true));
    let good_shopper = with_tokens(BridgeMode::Classic, &shopper());
    let dws = [live(shopper()), unverified(None), live(guest()), Dw::Absent];
    paired.extend(set_dw(&good_shopper, dws));
    paired.push(with(&good_guest, |facts| facts.refresh = Some(held_refresh(Registered))));
    vec![
        ("The Head, with a good access token", Intent::Head, paired),
        ("The Head, with a refresh token", Intent::Head, returning()),
        ("The Head, with neither", Intent::Head, landing()),
        ("An API, with a refresh token", Intent::Api, returning()),
        ("An API, with neither", Intent::Api, landing()),
    ]
}

fn returning() -> Vec<Facts> {
    let mut all = Vec::new();
    for customer in [guest(), shopper()] {
        let returning = with(&site(), |facts| {
            facts.refresh = Some(held_refresh(customer.kind));
        });
        let dws = [live(customer.clone()), Dw::Absent];
        all.extend(set_dw(&returning, dws));
        all.push(with(&returning, |facts| {
            facts.access = expiring(customer.clone());
            facts.dw = live(customer.clone());
        }));
    }
    all
}

fn landing() -> Vec<Facts> {
    let visited_ecom_first = with(&site(), |facts| facts.dw = unverified(None));
    vec![
        site(),
        with(&site(), |facts| facts.dw = Dw::Dead),
        visited_ecom_first.clone(),
        with(&visited_ecom_first, |facts| facts.guest_adoption_retired = true),
        with(&visited_ecom_first, |facts| {
            facts.guest_adoption_retired = true;
            facts.signature = Some(signature());
        }),
        with(&site(), |facts| facts.access = expired(guest())),
        with(&site(), |facts| {
            facts.access = expired(guest());
            facts.dw = live(guest());
        }),
        with(&site(), |facts| facts.access = expired(shopper())),
        with(&site(), |facts| facts.access = expiring(guest())),
    ]
}

fn ecom() -> Vec<Group> {
    let good_guest = with_tokens(BridgeMode::Classic, &guest());
    let dws = [live(guest()), unverified(None), live(shopper()), Dw::Absent];
    let mut to_ecom = set_dw(&good_guest, dws);
    to_ecom.push(with(&good_guest, |facts| facts.bridge_resting = true));
    to_ecom.push(with(&good_guest, |facts| facts.bridged = true));
    to_ecom.push(with(&good_guest, |facts| {
        facts.bridged = true;
        facts.refresh = None;
    }));
    let on_demand = with(&good_guest, |facts| facts.policy.time = BridgeTime::OnDemand);
    vec![
        ("A request to ECOM", Intent::Ecom, to_ecom),
        (
            "The Head, with a good access token",
            Intent::Head,
            each_dw(&on_demand, &guest(), &shopper()),
        ),
        ("A request to ECOM", Intent::Ecom, vec![on_demand]),
    ]
}

fn others() -> Vec<Group> {
    let renewed = vec![
        site(),
        with(&site(), |facts| facts.dw = unverified(None)),
        with(&site(), |facts| facts.access = expired(guest())),
        with(&site(), |facts| facts.refresh = Some(held_refresh(Registered))),
    ];
    let hybrid = with_tokens(BridgeMode::HybridAuth, &shopper());
    let hybrid_dws = [live(shopper()), unverified(None), live(guest()), Dw::Absent];
    let alone = with_tokens(BridgeMode::None, &shopper());
    vec![
        ("A renewal only", Intent::Renew, renewed),
        ("The Head", Intent::Head, each_dw(&hybrid, &shopper(), &guest())),
        ("A request to ECOM", Intent::Ecom, set_dw(&hybrid, hybrid_dws)),
        ("The Head", Intent::Head, each_dw(&alone, &shopper(), &guest())),
    ]
}

fn logins() -> Vec<Group> {
    let with_session =
        with(&with_tokens(BridgeMode::Classic, &guest()), |facts| facts.dw = live(guest()));
    let returning = with(&site(), |facts| facts.refresh = Some(held_refresh(Guest)));
    let unknown = vec![with_session.clone(), returning.clone(), site()];
    let known = vec![with_session.clone(), with_tokens(BridgeMode::Classic, &shopper())];
    let basket = Intent::Login;
    vec![
        ("Login, basket unknown", basket(GuestBasket::Unknown), unknown),
        ("Login, basket empty", basket(GuestBasket::Empty), known),
        ("Login, basket has items", basket(GuestBasket::HasItems), vec![with_session]),
    ]
}

fn logouts() -> Vec<Group> {
    let all = |guest_after_logout| {
        let site = with(&site(), |facts| facts.policy.guest_after_logout = guest_after_logout);
        let good =
            with(&with_tokens(BridgeMode::Classic, &shopper()), |facts| facts.policy = site.policy);
        vec![
            with(&good, |facts| facts.dw = live(shopper())),
            with(&good, |facts| facts.access = expired(shopper())),
            with(&good, |facts| facts.access = fresh(guest())),
            with(&good, |facts| facts.refresh = None),
            with(&site, |facts| facts.access = fresh(guest())),
        ]
    };
    let logout = Intent::Logout(LogoutScope::ThisDevice);
    vec![("Logout", logout, all(true)), ("Logout", logout, all(false))]
}
