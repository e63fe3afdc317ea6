//! Tests promises 1 and 13 against another host of the same domain that sets cookies at any time. The
//! jar implements `Domain` and `Path`. The sequences of visits, logins, logouts and plants are random.

use cookie_store::CookieStore;
use proptest::prelude::*;
use proptest::sample::select;
use tandem::cookies::facts::{self, SiteFacts};
use tandem::cookies::key_ring::KeyRing;
use tandem::cookies::ownership::{self, Layout, Writers};
use tandem::cookies::profiles::CookieNames;
use tandem::cookies::request_cookies::RequestCookies;
use tandem::cookies::sealed_state::SealedState;
use tandem::cookies::set_cookie::{CookieContext, CookieLife, StrayCookies};
use tandem::flow::{
    Access, BridgeMode, BridgeTime, Decision, DwChange, GuestBasket, HeldAccess, Intent,
    LogoutScope, Outcome, Policy, TokenChange, decide,
};
use tandem::ids::{AccessToken, Dwsid, RefreshToken, Tag};
use tandem::model::Customer;
use tandem::timestamp::Timestamp;
use url::Url;

use crate::browser::{names, site};
use crate::facts::{NOW, Registered};
use crate::platform::{ACCESS_LIFE, Platform, owner_of};

const SHOP: &str = "www.shop.example";
const CONTROLLER: &str = "/on/demandware.store/Account-Show";

/// An action of the browser, or of another host on its cookies.
#[derive(Clone, Debug)]
enum Event {
    /// The browser sends a request of that kind to that path.
    Visits(Intent, &'static str),
    LogsIn,
    LogsOut,
    /// Another host sets the cookie with these attributes.
    IsPlanted(&'static str, &'static str),
    /// The access token of the browser expires, and with it its cookie.
    Waits,
    /// The browser deletes one of our cookies.
    Loses(&'static str),
}

fn event() -> impl Strategy<Value = Event> {
    let intents = vec![Intent::Head, Intent::Ecom, Intent::Renew, Intent::Api];
    let scopes = vec![
        "Domain=shop.example; Path=/",
        "Domain=www.shop.example; Path=/",
        "Domain=shop.example; Path=/on",
        "Domain=shop.example; Path=/on/demandware.store",
    ];
    prop_oneof![
        6 => (select(intents), select(vec!["/", CONTROLLER, "/bff/session"]))
            .prop_map(|(intent, path)| Event::Visits(intent, path)),
        1 => Just(Event::LogsIn),
        1 => Just(Event::LogsOut),
        4 => (select(vec!["token", "cc-nx", "cc-nx-g", "dwsid"]), select(scopes))
            .prop_map(|(name, scope)| Event::IsPlanted(name, scope)),
        3 => Just(Event::Waits),
        1 => select(vec!["token", "dwsid"]).prop_map(Event::Loses),
    ]
}

/// A browser of the shop, and the platform behind it.
struct World {
    jar: CookieStore,
    platform: Platform,
    policy: Policy,
    writers: Writers,
    seal: KeyRing,
    names: CookieNames,
    /// The cookies that the planter sets: credentials of its own account and guest session.
    planted: [(&'static str, String); 4],
    nonce: u8,
}

/// A request as Tandem receives it.
struct Request {
    presented: RequestCookies,
    state: SealedState,
    access: Access,
    strays: Vec<String>,
    /// Fingerprints of every credential presented.
    tags: Vec<Tag>,
}

impl World {
    fn new(mode: BridgeMode, time: BridgeTime, guest_after_logout: bool, writers: Writers) -> Self {
        let mut platform = Platform::new(mode, NOW);
        let account = platform.grant("other-shopper");
        let guest = platform.grant("other-guest");
        let token = |refresh: &Option<tandem::model::RefreshGrant>| {
            refresh.as_ref().expect("a refresh token").token.expose().to_owned()
        };
        let planted = [
            ("token", account.access.expose().to_owned()),
            ("cc-nx", token(&account.refresh)),
            ("cc-nx-g", token(&guest.refresh)),
            ("dwsid", platform.dwsid("other-shopper").expose().to_owned()),
        ];
        let seal = KeyRing::new(&["0123456789abcdef0123456789abcdef"]).expect("a key ring");
        let policy = Policy { mode, time, guest_after_logout };
        let (jar, names) = (CookieStore::default(), names());
        Self { jar, platform, policy, writers, seal, names, planted, nonce: 0 }
    }

    fn layout(&self) -> Layout {
        Layout { tokens: self.writers, dw: self.writers }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.platform.now)
    }

    fn set_cookie(&mut self, line: &str, host: &str, path: &str) {
        let url = Url::parse(&format!("https://{host}{path}")).expect("a URL");
        // The browser may refuse the cookie.
        let _ = self.jar.parse(line, &url);
    }

    fn plant(&mut self, name: &str, scope: &str) {
        let value = self.planted.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let line = format!("{name}={}; {scope}; Secure", value.expect("a planted cookie"));
        self.set_cookie(&line, "evil.shop.example", "/");
    }

    fn request(&self, path: &str) -> Request {
        let url = Url::parse(&format!("https://{SHOP}{path}")).expect("a URL");
        let pairs = self.jar.get_request_values(&url);
        let header: Vec<_> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        let header = header.join("; ");
        let mut presented = RequestCookies::read([header.as_bytes()].into_iter(), &self.names);
        let sealed = presented.seal.as_deref().unwrap_or_default();
        let state = self.seal.open(&self.names.seal, &site(), sealed);
        let tags = tags(&presented);
        let repeated = presented.repeated.clone();
        let rejected =
            ownership::retain_own(&mut presented, &state, self.layout(), &self.names, |_| true);
        let strays = repeated.into_iter().chain(rejected).collect();
        let access = self.access(&mut presented, &state);
        Request { presented, state, access, strays, tags }
    }

    fn access(&self, presented: &mut RequestCookies, state: &SealedState) -> Access {
        let token = facts::effective_access_token(presented, state).cloned();
        let known = token.and_then(|token| Some((token.clone(), self.platform.verify(&token)?)));
        match known {
            Some((token, claims))
                if ownership::is_own(&token, &claims, presented, state, self.writers) =>
            {
                Access::classify(token, claims, self.now())
            }
            _ => {
                presented.access.clear();
                Access::None
            }
        }
    }

    fn handle(&mut self, intent: Intent, path: &str) -> Decision {
        let request = self.request(path);
        let site_facts = SiteFacts {
            policy: self.policy,
            signature: None,
            guest_adoption_retired: false,
            fronts_ecom: self.writers != Writers::Others,
            layout: self.layout(),
        };
        let (presented, state) = (&request.presented, &request.state);
        let access = request.access.clone();
        let facts = facts::derive(presented, state, access, site_facts, self.now());
        let decision = self.platform.run(decide(facts, intent));
        self.respond(&request, &decision, path);
        decision
    }

    fn respond(&mut self, request: &Request, decision: &Decision, path: &str) {
        let held = match &request.access {
            Access::Fresh(held) | Access::Expiring(held) => Some(held),
            Access::Expired(_) | Access::None => None,
        };
        let lines = self.lines(request, decision, held, path);
        for line in lines {
            self.set_cookie(&line, SHOP, path);
        }
    }

    fn lines(
        &mut self,
        request: &Request,
        decision: &Decision,
        held: Option<&HeldAccess>,
        path: &str,
    ) -> Vec<String> {
        let (presented, state) = (&request.presented, &request.state);
        let (names, revoked, now) = (&self.names, &request.tags, self.now());
        let context = CookieContext { names, presented, state, access: held, revoked, now };
        let mut changes = context.changes(decision, Some(CookieLife::Tokens));
        context.delete_strays(
            &StrayCookies { names: &request.strays, host: SHOP, path },
            &mut changes,
        );
        if changes.state != *state {
            self.nonce = self.nonce.wrapping_add(1);
            let seal = self.seal.seal(&names.seal, &site(), &changes.state, [self.nonce; 12]);
            changes.store_state(names, &seal, now);
        }
        let lines = changes.headers(names);
        lines.map(|line| line.to_str().expect("text").to_owned()).collect()
    }

    /// The value of our own cookie of that name.
    fn own(&self, name: &str) -> Option<String> {
        self.jar.get(SHOP, "/", name).map(|cookie| cookie.value().to_owned())
    }

    /// The customers of our tokens and of the DW session.
    fn shoppers(&self) -> (Option<Customer>, Option<Customer>) {
        let owner = |name: &str| self.own(name).map(|text| owner_of(&text));
        let refresh = owner("cc-nx").or_else(|| owner("cc-nx-g"));
        (owner("token").or(refresh), owner("dwsid"))
    }

    fn expire_access(&mut self) {
        self.platform.now += ACCESS_LIFE + 1;
        self.delete("token");
    }

    fn delete(&mut self, name: &str) {
        self.jar.remove(SHOP, "/", name);
    }
}

fn tags(presented: &RequestCookies) -> Vec<Tag> {
    let refresh = presented.refresh_tokens().map(RefreshToken::tag);
    let access = presented.access.iter().map(AccessToken::tag);
    access.chain(refresh).chain(presented.dwsid.iter().map(Dwsid::tag)).collect()
}

fn belongs_to_planter(customer: &Customer) -> bool {
    customer.id.as_str().starts_with("other-")
}

/// Promise 13: no planted cookie changes who the shopper is. Promise 1: one shopper.
fn check_promises(world: &World, decision: Option<&Decision>) -> Result<(), TestCaseError> {
    let (tokens, dw) = world.shoppers();
    for customer in tokens.iter().chain(&dw) {
        prop_assert!(!belongs_to_planter(customer), "{:?} belongs to the planter", customer);
    }
    if let (Some(tokens), Some(dw)) = (&tokens, &dw) {
        prop_assert_eq!(tokens, dw, "the two sessions belong to two shoppers");
    }
    let Some(decision) = decision else { return Ok(()) };
    if let TokenChange::Set(grant) = &decision.tokens {
        prop_assert!(!belongs_to_planter(&grant.claims.customer), "{:?}", grant.claims.customer);
    }
    if let DwChange::Set { owner: Some(owner), .. } | DwChange::Confirm(Some(owner)) = &decision.dw
    {
        prop_assert!(!belongs_to_planter(owner), "{owner:?}");
    }
    let expired =
        decision.session_expired && !matches!(decision.outcome, Outcome::LoggedOut { .. });
    prop_assert!(!expired, "no session has expired");
    Ok(())
}

fn apply(world: &mut World, event: &Event) -> Result<(), TestCaseError> {
    let decision = match event {
        Event::Visits(intent, path) => Some(world.handle(*intent, path)),
        Event::LogsIn => Some(world.handle(Intent::Login(GuestBasket::Unknown), "/bff/login")),
        Event::LogsOut => {
            Some(world.handle(Intent::Logout(LogoutScope::ThisDevice), "/bff/logout"))
        }
        Event::IsPlanted(name, scope) => {
            world.plant(name, scope);
            None
        }
        Event::Waits => {
            world.expire_access();
            None
        }
        Event::Loses(name) => {
            world.delete(name);
            None
        }
    };
    check_promises(world, decision.as_ref())
}

fn policies() -> impl Strategy<Value = (BridgeMode, BridgeTime, bool)> {
    let modes = vec![BridgeMode::Classic, BridgeMode::HybridAuth, BridgeMode::None];
    let times = vec![BridgeTime::Landing, BridgeTime::OnDemand];
    (select(modes), select(times), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn promise_13_with_only_tandem_writing_no_visitor_gets_a_planted_account(
        (mode, time, guest_after_logout) in policies(),
        planted in proptest::collection::vec(select(vec!["token", "cc-nx", "cc-nx-g", "dwsid"]), 1..5),
        events in proptest::collection::vec(event(), 1..10),
    ) {
        let mut world = World::new(mode, time, guest_after_logout, Writers::OnlyTandem);
        for name in planted {
            world.plant(name, "Domain=shop.example; Path=/");
        }
        for event in &events {
            apply(&mut world, event)?;
        }
    }

    #[test]
    fn promise_13_another_host_of_the_domain_never_changes_the_shopper(
        (mode, time, guest_after_logout) in policies(),
        registered in any::<bool>(),
        events in proptest::collection::vec(event(), 1..14),
    ) {
        let mut world = World::new(mode, time, guest_after_logout, Writers::Tandem);
        apply(&mut world, &Event::Visits(Intent::Head, "/"))?;
        if registered {
            apply(&mut world, &Event::LogsIn)?;
        }
        for event in &events {
            apply(&mut world, event)?;
        }
    }

    #[test]
    fn promise_13_beside_ecom_planted_tokens_do_not_replace_our_own(
        (mode, time, _) in policies(),
        registered in any::<bool>(),
        events in proptest::collection::vec(event(), 1..14),
    ) {
        let mut world = World::new(mode, time, true, Writers::Others);
        apply(&mut world, &Event::Visits(Intent::Head, "/"))?;
        if registered {
            apply(&mut world, &Event::LogsIn)?;
        }
        // ECOM beside us may create another DW session whenever ours is gone.
        let loses_dwsid = |event: &Event| matches!(event, Event::Loses("dwsid"));
        let plants_dwsid = |event: &Event| matches!(event, Event::IsPlanted("dwsid", _));
        for event in events.iter().filter(|event| !loses_dwsid(event) && !plants_dwsid(event)) {
            apply(&mut world, event)?;
        }
    }

    #[test]
    fn kind_5_a_planted_cookie_is_deleted_by_the_next_page_below_its_path(
        (mode, time, guest_after_logout) in policies(),
        name in select(vec!["cc-nx", "cc-nx-g", "dwsid"]),
        scope in select(vec![
            "Domain=shop.example; Path=/",
            "Domain=www.shop.example; Path=/on",
            "Domain=shop.example; Path=/on/demandware.store",
        ]),
    ) {
        let mut world = World::new(mode, time, guest_after_logout, Writers::Tandem);
        apply(&mut world, &Event::Visits(Intent::Ecom, CONTROLLER))?;
        world.plant(name, scope);
        apply(&mut world, &Event::Visits(Intent::Ecom, CONTROLLER))?;
        let url = Url::parse(&format!("https://{SHOP}{CONTROLLER}")).expect("a URL");
        let values = world.jar.get_request_values(&url).filter(|(known, _)| *known == name);
        let planted = values.filter(|(_, value)| value.contains("other-")).count();
        prop_assert_eq!(planted, 0);
    }
}

#[test]
fn kind_35_a_planted_dw_session_does_not_log_in_a_new_visitor() {
    for mode in [BridgeMode::Classic, BridgeMode::HybridAuth, BridgeMode::None] {
        for intent in [Intent::Head, Intent::Ecom, Intent::Renew, Intent::Api] {
            let mut world = World::new(mode, BridgeTime::Landing, true, Writers::Tandem);
            world.plant("dwsid", "Domain=shop.example; Path=/");
            for intent in [intent, Intent::Head, Intent::Ecom] {
                let decision = world.handle(intent, "/");
                check_promises(&world, Some(&decision)).expect("no shopper is logged in");
            }
            let (tokens, _) = world.shoppers();
            assert!(tokens.is_some_and(|shopper| shopper.kind != Registered));
        }
    }
}
