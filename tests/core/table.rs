//! The decision table: the combinations a human should have read, each with every answer that
//! makes a difference. A change of the core shows here as a change of lines.

use std::fmt::Write as _;

use tandem::flow::{
    AdoptResponse, BridgeMode, BridgeTime, Dw, Facts, GuestBasket, GuestResponse, Intent,
    RefreshResponse,
};
use tandem::model::Customer;

use crate::describe;
use crate::facts::{
    Guest, Registered, Start, decision, expired, fresh, guest, held_dw, held_refresh, nothing,
    shopper, signature,
};
use crate::responses::Responses;
use crate::walk::{Called, Path, walk};

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
        if path.called.iter().all(is_plausible) && is_worth_reading(path) {
            let (called, decision) =
                (describe::called(path.called), describe::decision(path.decision));
            let _ = writeln!(table, "  {called:<58} -> {decision}");
        }
    });
}

/// Answers that do not fit their question are the walk's business, not a reader's.
fn is_plausible(called: &Called<'_>) -> bool {
    match called {
        Called::Refresh(call, RefreshResponse::Granted(grant)) => {
            grant.claims.customer.kind == call.kind
        }
        Called::Adopt(call, AdoptResponse::Granted(grant)) => {
            Some(&grant.claims.customer) == call.owner.as_ref()
        }
        Called::Guest(call, GuestResponse::UsidTaken) => call.usid.is_some(),
        _ => true,
    }
}

/// What follows a question is the same wherever in a journey it is asked: in the longer ones only
/// one thing goes wrong at a time.
fn is_worth_reading(path: &Path<'_>) -> bool {
    path.called.len() <= 2 || path.count(|called| !describe::is_success(called)) <= 1
}

type Group = (&'static str, Intent, Vec<Facts>);

fn groups() -> Vec<Group> {
    let mut groups = arrivals();
    groups.extend(ecom());
    groups.extend(others());
    groups.extend(sign_ins());
    groups.extend(sign_outs());
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

fn doubtful(owner: Option<Customer>) -> Dw {
    Dw::Unverified { held: held_dw(), owner }
}

/// A browser whose tokens are good.
fn good(mode: BridgeMode, customer: &Customer) -> Facts {
    let kind = customer.kind;
    with(&nothing(mode), |facts| {
        facts.access = fresh(customer.clone());
        facts.refresh = Some(held_refresh(kind));
    })
}

fn each_dw(base: &Facts, own: &Customer, other: &Customer) -> Vec<Facts> {
    let (own, other) = (own.clone(), other.clone());
    let owned = [live(own.clone()), doubtful(Some(own)), doubtful(None), live(other)];
    let mut all = set_dw(base, owned);
    all.extend(set_dw(base, [Dw::Dead, Dw::Absent]));
    all
}

fn set_dw<const N: usize>(base: &Facts, dws: [Dw; N]) -> Vec<Facts> {
    dws.map(|dw| with(base, |facts| facts.dw = dw.clone())).into()
}

fn arrivals() -> Vec<Group> {
    let good_guest = good(BridgeMode::Classic, &guest());
    let dws = [live(guest()), doubtful(Some(guest())), live(shopper()), Dw::Dead, Dw::Absent];
    let mut paired = set_dw(&good_guest, dws);
    paired.push(with(&good_guest, |facts| facts.bridged = true));
    paired.push(with(&good_guest, |facts| facts.bridge_resting = true));
    let good_shopper = good(BridgeMode::Classic, &shopper());
    let dws = [live(shopper()), doubtful(None), live(guest()), Dw::Absent];
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
            facts.access = decision(customer.clone());
            facts.dw = live(customer.clone());
        }));
    }
    all
}

fn landing() -> Vec<Facts> {
    let met_ecom_first = with(&site(), |facts| facts.dw = doubtful(None));
    vec![
        site(),
        with(&site(), |facts| facts.dw = Dw::Dead),
        met_ecom_first.clone(),
        with(&met_ecom_first, |facts| facts.guest_adoption_retired = true),
        with(&met_ecom_first, |facts| {
            facts.guest_adoption_retired = true;
            facts.signature = Some(signature());
        }),
        with(&site(), |facts| facts.access = expired(guest())),
        with(&site(), |facts| {
            facts.access = expired(guest());
            facts.dw = live(guest());
        }),
        with(&site(), |facts| facts.access = expired(shopper())),
        with(&site(), |facts| facts.access = decision(guest())),
    ]
}

fn ecom() -> Vec<Group> {
    let good_guest = good(BridgeMode::Classic, &guest());
    let dws = [live(guest()), doubtful(None), live(shopper()), Dw::Absent];
    let mut bound = set_dw(&good_guest, dws);
    bound.push(with(&good_guest, |facts| facts.bridge_resting = true));
    bound.push(with(&good_guest, |facts| facts.bridged = true));
    bound.push(with(&good_guest, |facts| {
        facts.bridged = true;
        facts.refresh = None;
    }));
    let patient = with(&good_guest, |facts| facts.policy.time = BridgeTime::OnDemand);
    vec![
        ("On the way to ECOM", Intent::Ecom, bound),
        (
            "The Head, with a good access token",
            Intent::Head,
            each_dw(&patient, &guest(), &shopper()),
        ),
        ("On the way to ECOM", Intent::Ecom, vec![patient]),
    ]
}

fn others() -> Vec<Group> {
    let renewed = vec![
        site(),
        with(&site(), |facts| facts.dw = doubtful(None)),
        with(&site(), |facts| facts.access = expired(guest())),
        with(&site(), |facts| facts.refresh = Some(held_refresh(Registered))),
    ];
    let hybrid = good(BridgeMode::HybridAuth, &shopper());
    let hybrid_dws = [live(shopper()), doubtful(None), live(guest()), Dw::Absent];
    let alone = good(BridgeMode::None, &shopper());
    vec![
        ("Renewing only", Intent::Renew, renewed),
        ("The Head", Intent::Head, each_dw(&hybrid, &shopper(), &guest())),
        ("On the way to ECOM", Intent::Ecom, set_dw(&hybrid, hybrid_dws)),
        ("The Head", Intent::Head, each_dw(&alone, &shopper(), &guest())),
    ]
}

fn sign_ins() -> Vec<Group> {
    let with_session = with(&good(BridgeMode::Classic, &guest()), |facts| facts.dw = live(guest()));
    let returning = with(&site(), |facts| facts.refresh = Some(held_refresh(Guest)));
    let unknown = vec![with_session.clone(), returning.clone(), site()];
    let again = vec![with_session.clone(), good(BridgeMode::Classic, &shopper())];
    let basket = Intent::Login;
    vec![
        ("Login, basket unknown", basket(GuestBasket::Unknown), unknown),
        ("Login, basket empty", basket(GuestBasket::Empty), again),
        ("Login, basket has items", basket(GuestBasket::HasItems), vec![with_session]),
    ]
}

fn sign_outs() -> Vec<Group> {
    let all = |guest_after_logout| {
        let site = with(&site(), |facts| facts.policy.guest_after_logout = guest_after_logout);
        let good = with(&good(BridgeMode::Classic, &shopper()), |facts| facts.policy = site.policy);
        vec![
            with(&good, |facts| facts.dw = live(shopper())),
            with(&good, |facts| facts.access = expired(shopper())),
            with(&good, |facts| facts.access = fresh(guest())),
            with(&good, |facts| facts.refresh = None),
            with(&site, |facts| facts.access = fresh(guest())),
        ]
    };
    let leaves = Intent::Logout { all_devices: false };
    vec![("Logout", leaves, all(true)), ("Logout", leaves, all(false))]
}
