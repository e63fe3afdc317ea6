//! SLAS: the calls, byte for byte, and the classification of the responses.

use tandem::flow::{
    Access, AdoptCall, BridgeMode, BridgeTime, Dw, Facts, HeldDw, Intent, Policy, ProbeResponse,
    Provenance, Step,
};
use tandem::ids::{CustomerId, DwSignature, Dwsid, RefreshToken, Usid};
use tandem::model::{Customer, CustomerType};
use tandem::upstream::slas::Credentials;

use testkit::ORGANIZATION;

use crate::support::USID;

mod classification;
mod conflicts;
mod failures;
mod passthrough;
mod requests;

/// The path of a SLAS operation.
pub(crate) fn oauth(operation: &str) -> String {
    format!("/shopper/auth/v1/organizations/{ORGANIZATION}/oauth2/{operation}")
}

pub(crate) fn refresh_token() -> RefreshToken {
    RefreshToken::parse("Qx-refresh.Zp-1").unwrap()
}

pub(crate) fn usid() -> Usid {
    Usid::parse(USID).unwrap()
}

pub(crate) fn credentials() -> Credentials {
    Credentials { username: "jo@example.com".to_owned(), password: "Geheim!ß".to_owned().into() }
}

/// The adoption call of the core for a browser that holds only a DW session of that kind.
pub(crate) fn adopt_call(kind: CustomerType, signature: Option<&str>) -> AdoptCall {
    let policy =
        Policy { mode: BridgeMode::Classic, time: BridgeTime::Landing, guest_after_logout: true };
    let held = HeldDw { dwsid: Dwsid::parse("dwsid-1==").unwrap(), secure_tokens: Vec::new() };
    let facts = Facts {
        policy,
        access: Access::None,
        refresh: None,
        fallbacks: Vec::new(),
        known: None,
        registered_tokens_lost: false,
        dw: Dw::Unverified { held, owner: None },
        dw_provenance: Provenance::Seal,
        bridged: false,
        bridge_resting: false,
        signature: signature.map(|text| DwSignature::parse(text).unwrap()),
        guest_adoption_retired: false,
        dnt_changed: false,
    };
    let owner = Customer { kind, id: CustomerId::parse("abGuest").unwrap() };
    let login = (kind == CustomerType::Registered).then(|| "jo@example.com".to_owned());
    let Step::Probe(call) = tandem::flow::decide(facts, Intent::Head) else {
        panic!("a DW session alone is probed")
    };
    match call.resume(ProbeResponse::Alive { owner, login }) {
        Step::Adopt(call) => call,
        step => panic!("a living DW session alone is adopted, not {step:?}"),
    }
}
