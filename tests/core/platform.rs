//! SLAS and OCAPI as one consistent platform, for walks in which every response must fit the call: a
//! token and a session name their customer in their text `kind.customer.number`.

use std::collections::HashMap;

use tandem::flow::{
    AdoptResponse, BridgeMode, BridgeResponse, CheckBasketResponse, Decision, DwProof,
    GuestResponse, LoginResponse, LogoutResponse, ProbeResponse, RefreshResponse, Step,
    TransferBasketResponse,
};
use tandem::ids::{AccessToken, CustomerId, Dwsid, RefreshToken, Usid};
use tandem::model::{Claims, Customer, CustomerType, DwCookies, Extras, Grant, RefreshGrant};
use tandem::timestamp::Timestamp;

use crate::facts::{Guest, Registered};

/// Seconds from the issue of an access token to its expiry.
pub(crate) const ACCESS_LIFE: i64 = 1_800;
const REFRESH_LIFE: i64 = 30 * 24 * 60 * 60;

/// All credentials that have been issued, and their customers.
#[derive(Debug)]
pub(crate) struct Platform {
    mode: BridgeMode,
    pub(crate) now: i64,
    issued: u32,
    claims: HashMap<String, Claims>,
    revoked: Vec<String>,
}

/// The customer that a token or session belongs to.
pub(crate) fn owner_of(text: &str) -> Customer {
    let id = text.split('.').nth(1).expect("a credential of this platform");
    let kind = if id.contains("shopper") { Registered } else { Guest };
    Customer { kind, id: CustomerId::parse(id).expect("an id") }
}

impl Platform {
    pub(crate) fn new(mode: BridgeMode, now: i64) -> Self {
        Self { mode, now, issued: 0, claims: HashMap::new(), revoked: Vec::new() }
    }

    fn next(&mut self) -> u32 {
        self.issued += 1;
        self.issued
    }

    /// The claims of an access token that this platform has issued, expired or not.
    pub(crate) fn verify(&self, token: &AccessToken) -> Option<Claims> {
        self.claims.get(token.expose()).cloned()
    }

    pub(crate) fn dwsid(&mut self, owner: &str) -> Dwsid {
        let number = self.next();
        Dwsid::parse(&format!("d.{owner}.{number}")).expect("a dwsid")
    }

    /// Tokens of a new SLAS session.
    pub(crate) fn grant(&mut self, customer: &str) -> Box<Grant> {
        let number = self.next();
        let access = AccessToken::parse(&format!("a.{customer}.{number}")).expect("a token");
        let refresh = RefreshToken::parse(&format!("r.{customer}.{number}")).expect("a token");
        let claims = Claims {
            customer: owner_of(access.expose()),
            usid: Usid::parse(&format!("u.{customer}")).expect("a usid"),
            login_id: None,
            issued_at: Timestamp::from_unix(self.now),
            expires_at: Timestamp::from_unix(self.now + ACCESS_LIFE),
            dnt: None,
            origin: None,
        };
        self.claims.insert(access.expose().to_owned(), claims.clone());
        let dw = (self.mode == BridgeMode::HybridAuth).then(|| self.session_of(customer));
        let refresh = Some(RefreshGrant { token: refresh, expires_in: REFRESH_LIFE });
        Box::new(Grant { access, claims, refresh, dw, extras: Extras::default(), other_dnt: false })
    }

    fn session_of(&mut self, customer: &str) -> DwCookies {
        DwCookies { dwsid: self.dwsid(customer), companions: Vec::new() }
    }

    fn new_guest(&mut self) -> Box<Grant> {
        let id = format!("guest-{}", self.issued);
        self.grant(&id)
    }

    /// Runs a flow to its decision and responds to every call. Every login is that of `shopper`.
    pub(crate) fn run(&mut self, mut step: Step) -> Decision {
        for _ in 0..12 {
            step = match step {
                Step::Refresh(call) => {
                    let response = self.refresh(&call.token);
                    call.resume(response)
                }
                Step::Guest(call) => call.resume(GuestResponse::Granted(self.new_guest())),
                Step::Probe(call) => {
                    let owner = owner_of(call.dw.dwsid.expose());
                    let login = (owner.kind == Registered).then(|| owner.id.to_string());
                    call.resume(ProbeResponse::Alive { owner, login })
                }
                Step::Adopt(call) => {
                    let response = self.adopt(&call.proof, call.kind);
                    call.resume(response)
                }
                Step::Bridge(call) => {
                    let customer = owner_of(call.access.expose()).id.to_string();
                    let session = self.session_of(&customer);
                    call.resume(BridgeResponse::Bridged(session))
                }
                Step::Login(call) => call.resume(LoginResponse::Granted(self.grant("shopper"))),
                Step::CheckBasket(call) => call.resume(CheckBasketResponse::HasItems),
                Step::TransferBasket(call) => call.resume(TransferBasketResponse::Moved),
                Step::Logout(call) => {
                    self.revoked.push(call.refresh.expose().to_owned());
                    call.resume(LogoutResponse::Revoked)
                }
                Step::Done(decision) => return *decision,
            };
        }
        panic!("the flow does not end")
    }

    fn refresh(&mut self, token: &RefreshToken) -> RefreshResponse {
        if self.revoked.iter().any(|revoked| revoked == token.expose()) {
            return RefreshResponse::Refused;
        }
        let customer = owner_of(token.expose()).id.to_string();
        RefreshResponse::Granted(self.grant(&customer))
    }

    fn adopt(&mut self, proof: &DwProof, kind: CustomerType) -> AdoptResponse {
        match proof {
            DwProof::Session(dwsid) if owner_of(dwsid.expose()).kind == kind => {
                let customer = owner_of(dwsid.expose()).id.to_string();
                AdoptResponse::Granted(self.grant(&customer))
            }
            DwProof::Session(_) | DwProof::Signature(_) => AdoptResponse::Refused,
        }
    }
}
