//! The warm decision: `Cookie` header → request cookies → facts → decision, with the verified
//! claims of the token in the cache. Tandem adds this time to every page of a shopper whose tokens are valid.
//!
//! `cargo bench --bench decide`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use moka::sync::Cache;

use tandem::cookies::facts::{self, SiteFacts};
use tandem::cookies::key_ring::KeyRing;
use tandem::cookies::ownership::{self, Layout, Writers};
use tandem::cookies::profiles::{CookieNames, SiteSuffix, Transport};
use tandem::cookies::request_cookies::RequestCookies;
use tandem::cookies::sealed_state::{SealedDw, SealedState};
use tandem::flow::{self, BridgeMode, BridgeTime, Intent, Outcome, Policy, Step};
use tandem::ids::{AccessToken, CustomerId, Dwsid, RefreshToken, SiteId, Tag, Usid};
use tandem::model::{Claims, Customer, CustomerType};
use tandem::timestamp::Timestamp;

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const SITE: SiteFacts = SiteFacts {
    policy: Policy {
        mode: BridgeMode::Classic,
        time: BridgeTime::Landing,
        guest_after_logout: true,
    },
    signature: None,
    guest_adoption_retired: false,
    fronts_ecom: false,
    layout: Layout { tokens: Writers::Tandem, dw: Writers::Tandem },
};

/// A shopper with valid tokens of the usual length, a DW session and the usual foreign cookies.
struct Warm {
    site: SiteId,
    names: CookieNames,
    seal: KeyRing,
    verified: Cache<Tag, Claims>,
    header: String,
}

impl Warm {
    fn new() -> Option<Self> {
        let site = SiteId::parse("RefArch")?;
        let names = CookieNames::classic(&site, SiteSuffix::ProfileDefault, Transport::Https);
        let seal = KeyRing::new(&["k".repeat(32)])?;
        let access = AccessToken::parse(&"eyJ2ZXIiOiIxLjAifQ".repeat(125))?;
        let refresh = RefreshToken::parse(&format!("{0}.{0}", "r".repeat(43)))?;
        let dwsid = Dwsid::parse(&format!("{}==", "d".repeat(86)))?;
        let owner = Customer {
            kind: CustomerType::Guest,
            id: CustomerId::parse("abkXsYlHdGmKwRlHg3mqYYkewY")?,
        };
        let state = SealedState {
            access: Some(access.tag()),
            refresh: Some(refresh.tag()),
            refresh_expires_at: Some(NOW.plus(86_400)),
            bridged: Some(access.tag()),
            dw: Some(SealedDw {
                dwsid: dwsid.tag(),
                owner: Some(owner.clone()),
                created_at: NOW.plus(-60),
                used_at: NOW.plus(-60),
            }),
            ..SealedState::default()
        };
        let sealed = seal.seal(&names.seal, &site, &state, [7; 12]);
        let claims = Claims {
            customer: owner,
            usid: Usid::parse("0f5b0f52-6a1e-4c2b-9a4e-0b9f3c1d2e3f")?,
            login_id: None,
            issued_at: NOW.plus(-60),
            expires_at: NOW.plus(1740),
            dnt: Some(false),
            origin: None,
        };
        let verified = Cache::new(1000);
        verified.insert(access.tag(), claims);
        let header = format!(
            "_ga=GA1.2.{}; dwac_x={}; cc-nx-g={}; token={}; dwsid={}; usid=u; cid=c; {}={sealed}",
            "9".repeat(20),
            "x".repeat(60),
            refresh.expose(),
            access.expose(),
            dwsid.expose(),
            names.seal,
        );
        Some(Self { site, names, seal, verified, header })
    }

    fn decide(&self) -> Step {
        let mut presented = RequestCookies::read([self.header.as_bytes()].into_iter(), &self.names);
        let sealed = presented.seal.as_deref().unwrap_or_default();
        let state = self.seal.open(&self.names.seal, &self.site, sealed);
        ownership::retain_own(&mut presented, &state, SITE.layout, &self.names, |_| true);
        let known = facts::effective_access_token(&presented, &state)
            .and_then(|token| Some((token.clone(), self.verified.get(&token.tag())?)));
        let access = known.map_or(flow::Access::None, |(token, claims)| {
            flow::Access::classify(token, claims, NOW)
        });
        let facts = facts::derive(&presented, &state, access, SITE, NOW);
        flow::decide(facts, Intent::Head)
    }
}

fn warm_decision(criterion: &mut Criterion) {
    let Some(warm) = Warm::new() else { return };
    let ready =
        |step: &Step| matches!(step, Step::Done(decision) if decision.outcome == Outcome::Ready);
    assert!(ready(&warm.decide()), "a warm shopper costs no call");
    criterion.bench_function("warm decision", |bencher| {
        bencher.iter(|| black_box(warm.decide()));
    });
}

criterion_group!(benches, warm_decision);
criterion_main!(benches);
