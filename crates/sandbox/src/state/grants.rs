//! The state of SLAS: authorization codes, refresh tokens, and the customer of each usid.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ids;
use crate::options::ClientKind;

/// Lifetime of an authorization code, in seconds.
const CODE_LIFE: i64 = 60;
/// The window in which one refresh token can be exchanged [`WINDOW_LIMIT`] times.
const WINDOW: Duration = Duration::from_secs(60);
const WINDOW_LIMIT: usize = 3;

/// Codes, refresh tokens and usids.
#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    refresh: HashMap<String, Grant>,
    /// The refresh tokens of each usid, an index that avoids a search through all grants.
    by_usid: HashMap<String, Vec<String>>,
    usids: HashMap<String, Usid>,
}

impl Grants {
    /// Stores a code and returns its value.
    pub(crate) fn add_code(&mut self, code: Code) -> String {
        let value = ids::opaque();
        self.codes.insert(value.clone(), code);
        value
    }

    /// Removes a code and returns it if it has not expired. A code works once.
    pub(crate) fn consume_code(&mut self, value: &str, now: i64) -> Option<Code> {
        self.codes.remove(value).filter(|code| now < code.made_at.saturating_add(CODE_LIFE))
    }

    /// Stores a grant and returns its refresh token.
    pub(crate) fn add(&mut self, grant: Grant) -> String {
        let token = ids::refresh_token();
        self.by_usid.entry(grant.identity.usid.clone()).or_default().push(token.clone());
        self.refresh.insert(token.clone(), grant);
        token
    }

    pub(crate) fn get(&self, token: &str) -> Option<&Grant> {
        self.refresh.get(token)
    }

    pub(crate) fn get_mut(&mut self, token: &str) -> Option<&mut Grant> {
        self.refresh.get_mut(token)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Grant> {
        self.refresh.values()
    }

    /// Revokes one refresh token.
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(grant) = self.refresh.get_mut(token) {
            grant.state = GrantState::Revoked;
        }
    }

    /// Revokes every refresh token of a customer.
    pub(crate) fn revoke_all_of(&mut self, customer_id: &str) {
        let grants = self.refresh.values_mut();
        for grant in grants.filter(|grant| grant.identity.customer_id == customer_id) {
            grant.state = GrantState::Revoked;
        }
    }

    /// Whether a refresh token of this usid is live.
    pub(crate) fn has_live_usid(&self, usid: &str, now: i64) -> bool {
        let tokens = self.by_usid.get(usid).into_iter().flatten();
        tokens.filter_map(|token| self.refresh.get(token)).any(|grant| grant.is_live(now))
    }

    /// The customer that last held this usid.
    pub(crate) fn usid_holder(&self, usid: &str) -> Option<&str> {
        self.usids.get(usid).map(|usid| usid.customer_id.as_str())
    }

    /// The customer that held this usid before a login.
    pub(crate) fn previous_usid_holder(&self, usid: &str) -> Option<&str> {
        self.usids.get(usid)?.previous.as_deref()
    }

    /// Assigns a usid to a customer. Only a login that sent the usid to `/token` keeps the previous
    /// holder (`remember`); every other grant discards it.
    pub(crate) fn assign_usid(&mut self, usid: &str, customer_id: &str, remember: bool) {
        let before = self.usids.remove(usid).map(|usid| usid.customer_id);
        let previous = before.filter(|before| remember && before != customer_id);
        let holder = Usid { customer_id: customer_id.to_owned(), previous };
        self.usids.insert(usid.to_owned(), holder);
    }
}

struct Usid {
    customer_id: String,
    previous: Option<String>,
}

/// The customer and session that tokens are issued for.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) usid: String,
    /// The registered customer, or the guest.
    pub(crate) customer_id: String,
    /// The guest customer (`gcid`), also of a registered shopper.
    pub(crate) guest_id: String,
    /// The session-bridge hint, if the session bridge issued the tokens.
    pub(crate) bridge: Option<&'static str>,
    pub(crate) do_not_track: bool,
}

/// An authorization code and what it is bound to.
pub(crate) struct Code {
    pub(crate) client: ClientKind,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) usid: String,
    pub(crate) purpose: Purpose,
    pub(crate) made_at: i64,
}

/// What a code may be exchanged for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    Guest,
    /// A login of the registered customer with this id.
    Login(String),
    /// The session bridge, with its hint: `sb-guest` for guests, `sb-user` for registered shoppers.
    Bridge(&'static str),
}

/// The grant of a refresh token.
pub(crate) struct Grant {
    pub(crate) client: ClientKind,
    pub(crate) identity: Identity,
    pub(crate) expires_at: i64,
    state: GrantState,
    exchanges: Vec<Attempt>,
}

/// One attempt to exchange a refresh token.
struct Attempt {
    at: Instant,
    throttled: bool,
}

impl Grant {
    pub(crate) fn new(client: ClientKind, identity: Identity, expires_at: i64) -> Self {
        Self { client, identity, expires_at, state: GrantState::Live, exchanges: Vec::new() }
    }

    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.state_at(now) == GrantState::Live
    }

    pub(crate) fn state_at(&self, now: i64) -> GrantState {
        match self.state {
            GrantState::Live if now >= self.expires_at => GrantState::Expired,
            state => state,
        }
    }

    /// Counts an attempt to exchange this token and checks it against the limit.
    pub(crate) fn attempt(&mut self, at: Instant) -> ExchangeLimit {
        let counted = self.exchanges.iter().filter(|earlier| !earlier.throttled);
        let recent = counted.map(|earlier| earlier.at).filter(|earlier| at - *earlier < WINDOW);
        let recent: Vec<Instant> = recent.collect();
        let over = recent.len().checked_sub(WINDOW_LIMIT);
        self.exchanges.push(Attempt { at, throttled: over.is_some() });
        over.map_or(ExchangeLimit::Allowed, |over| {
            ExchangeLimit::Exceeded(WINDOW.saturating_sub(at - recent[over]))
        })
    }

    /// Marks the token of a public client as used, because it rotates.
    pub(crate) fn mark_used(&mut self) {
        self.state = GrantState::Used;
    }

    /// How often the token was sent in total.
    pub(crate) fn attempts(&self) -> usize {
        self.exchanges.len()
    }

    /// The most attempts within any 60 seconds.
    pub(crate) fn busiest_minute(&self) -> usize {
        let within = |start: &Attempt| {
            let later = self.exchanges.iter().filter(|attempt| attempt.at >= start.at);
            later.filter(|attempt| attempt.at - start.at < WINDOW).count()
        };
        self.exchanges.iter().map(within).max().unwrap_or_default()
    }
}

/// The state of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantState {
    Live,
    /// Exchanged by a public client.
    Used,
    Revoked,
    Expired,
}

/// Whether one more exchange is within the limit.
pub(crate) enum ExchangeLimit {
    Allowed,
    /// The limit is exceeded for this long.
    Exceeded(Duration),
}
