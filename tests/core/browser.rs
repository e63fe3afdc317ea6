//! A browser's cookie jar, and the cookies that represent a combination of facts.

use std::collections::BTreeMap;

use cookie::Cookie;
use http::HeaderValue;
use tandem::cookies::facts::{self, SiteFacts};
use tandem::cookies::ownership::Layout;
use tandem::cookies::profiles::{CookieNames, SiteSuffix, Transport};
use tandem::cookies::request_cookies::RequestCookies;
use tandem::cookies::sealed_state::{SealedDw, SealedState, SlasSession};
use tandem::cookies::set_cookie::{CookieContext, CookieLife};
use tandem::flow::{Access, Decision, Dw, Facts, HeldAccess, HeldDw, TokenChange};
use tandem::ids::{AccessToken, SiteId};
use tandem::lifetimes::{DW_IDLE, DW_MAX_AGE};
use tandem::model::{Claims, Customer};
use tandem::timestamp::Timestamp;

use crate::facts::{NOW, Start};

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

pub(crate) fn site() -> SiteId {
    SiteId::parse("RefArch").expect("a site")
}

pub(crate) fn names() -> CookieNames {
    CookieNames::classic(&site(), SiteSuffix::ProfileDefault, Transport::Https)
}

/// The cookies of one origin, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jar(pub(crate) BTreeMap<String, String>);

impl Jar {
    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The `Cookie` header the browser sends.
    pub(crate) fn header(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Applies `Set-Cookie` headers in their order, as a browser does.
    pub(crate) fn store(&mut self, headers: impl Iterator<Item = HeaderValue>) {
        for header in headers {
            let text = header.to_str().expect("a readable header");
            let cookie = Cookie::parse(text).expect("a cookie");
            let deleted = cookie.max_age().is_some_and(|age| age.whole_seconds() <= 0);
            if deleted {
                self.0.remove(cookie.name());
            } else {
                self.put(cookie.name(), cookie.value());
            }
        }
    }

    pub(crate) fn read(&self) -> RequestCookies {
        RequestCookies::read([self.header().as_bytes()].into_iter(), &names())
    }
}

/// A browser: its jar, our sealed state for it, and the verified claims of its access token.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) jar: Jar,
    pub(crate) state: SealedState,
    pub(crate) access: Option<(AccessToken, Claims)>,
}

impl Browser {
    /// The browser whose cookies yield the facts of `start`. An expired access token has no cookie
    /// any more.
    pub(crate) fn of(start: &Start) -> Self {
        let facts = &start.facts;
        let (mut jar, mut state) = (Jar::default(), SealedState::default());
        let access = start.valid().map(|held| (held.token.clone(), held.claims.clone()));
        if let Some((token, _)) = &access {
            jar.put("token", token.expose());
            state.access = Some(token.tag());
            state.bridged = facts.bridged.then(|| token.tag());
            state.session = start.valid().map(|held| SlasSession {
                customer: held.claims.customer.clone(),
                usid: held.claims.usid.tag(),
                lineage: token.tag(),
            });
        }
        if let Some(held) = &facts.refresh {
            jar.put(names().refresh(held.kind), held.token.expose());
            state.refresh = Some(held.token.tag());
            state.refresh_expires_at = Some(now().plus(90_000));
        }
        if facts.dnt_changed {
            jar.put("dw_dnt", "1");
        }
        state.bridge_after = facts.bridge_resting.then(|| now().plus(10));
        state.dw = sealed_dw(&facts.dw, &mut jar);
        Self { jar, state, access }
    }

    /// This browser once the cookies of `decision` have reached it.
    pub(crate) fn after(&self, decision: &Decision) -> Self {
        let names = names();
        let presented = self.jar.read();
        let held = self.access.clone().map(|(token, claims)| HeldAccess { token, claims });
        let context = CookieContext {
            names: &names,
            presented: &presented,
            state: &self.state,
            access: held.as_ref(),
            revoked: &[],
            now: now(),
        };
        let changes = context.changes(decision, Some(CookieLife::Tokens));
        let mut next = self.clone();
        next.jar.store(changes.headers(&names));
        next.state = changes.state;
        match &decision.tokens {
            TokenChange::Keep => {}
            TokenChange::Set(grant) => {
                next.access = Some((grant.access.clone(), grant.claims.clone()));
            }
            TokenChange::Drop => next.access = None,
        }
        next
    }

    /// The facts read from the browser's cookies.
    pub(crate) fn facts(&self, like: &Facts, retired: bool) -> Facts {
        let presented = self.jar.read();
        let effective = facts::effective_access_token(&presented, &self.state);
        let known = self.access.clone().filter(|(token, _)| effective == Some(token));
        let access =
            known.map_or(Access::None, |(token, claims)| Access::classify(token, claims, now()));
        let site_facts = SiteFacts {
            policy: like.policy,
            signature: like.signature.clone(),
            guest_adoption_retired: retired,
            fronts_ecom: false,
            layout: Layout::default(),
        };
        facts::derive(&presented, &self.state, access, site_facts, now())
    }
}

fn sealed_dw(dw: &Dw, jar: &mut Jar) -> Option<SealedDw> {
    let held = crate::facts::held_dw();
    let sealed = |owner: &Customer, age: i64, idle: i64| SealedDw {
        dwsid: held.dwsid.tag(),
        owner: Some(owner.clone()),
        created_at: now().plus(-age),
        used_at: now().plus(-idle),
    };
    if *dw != Dw::Absent {
        put_dw(&held, jar);
    }
    match dw {
        Dw::Absent | Dw::Unverified { owner: None, .. } => None,
        Dw::Dead => Some(sealed(&crate::facts::guest(), DW_MAX_AGE, 0)),
        Dw::Live { owner, .. } => Some(sealed(owner, 100, 100)),
        Dw::Unverified { owner: Some(owner), .. } => Some(sealed(owner, DW_IDLE, DW_IDLE)),
    }
}

fn put_dw(held: &HeldDw, jar: &mut Jar) {
    jar.put("dwsid", held.dwsid.expose());
    for (name, value) in &held.secure_tokens {
        jar.put(name, value.expose());
    }
}
