//! The tenant's signing keys, cached.
//!
//! SLAS allows 25 fetches a minute for the whole tenant, so an unknown `kid` must not be a way to
//! make us fetch: there is at most one fetch a minute, whatever happens. Keys that cannot be
//! fetched anew go on counting for a while; SLAS rotates them every 30 days.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use tokio::sync::RwLock;

use super::slas::Slas;
use crate::clock::Clock;

/// Least time between two fetches.
const FLOOR: Duration = Duration::from_secs(60);
/// Keys older than this are fetched anew when one is needed.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys older than this count no more.
const STALE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The keys of one tenant.
pub struct Keys(Arc<Inner>);

struct Inner {
    slas: Slas,
    clock: Clock,
    cache: RwLock<Cache>,
}

#[derive(Default)]
struct Cache {
    keys: HashMap<String, DecodingKey>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

impl Keys {
    /// No keys yet; the first one needed fetches them.
    #[must_use]
    pub fn new(slas: Slas, clock: Clock) -> Self {
        Self(Arc::new(Inner { slas, clock, cache: RwLock::default() }))
    }

    /// The key `kid`, if the tenant has one of that name.
    pub async fn get(&self, kid: &str) -> Option<DecodingKey> {
        let now = self.0.clock.monotonic();
        let known = self.0.cache.read().await.find(kid, now);
        match known {
            Found::Fresh(key) => Some(*key),
            Found::Floor(key) => key.map(|key| *key),
            Found::Wanted => {
                // In a task of its own: a client that hangs up must not take the one fetch of this
                // minute with it.
                let (inner, kid) = (Arc::clone(&self.0), kid.to_owned());
                tokio::spawn(async move { inner.fetch(&kid).await }).await.ok().flatten()
            }
        }
    }

    /// The key `kid`, if it is known without asking.
    pub async fn at_hand(&self, kid: &str) -> Option<DecodingKey> {
        self.0.cache.read().await.known(kid, self.0.clock.monotonic()).cloned()
    }
}

impl Inner {
    /// Holding the lock while fetching makes everybody else wait for the same answer.
    async fn fetch(&self, kid: &str) -> Option<DecodingKey> {
        let mut cache = self.cache.write().await;
        let now = self.clock.monotonic();
        match cache.find(kid, now) {
            Found::Fresh(key) => return Some(*key),
            Found::Floor(key) => return key.map(|key| *key),
            Found::Wanted => {}
        }
        cache.tried = Some(now);
        if let Some(keys) = self.slas.keys().await {
            let usable = |jwk: super::slas::Jwk| {
                DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok().map(|key| (jwk.kid, key))
            };
            cache.keys = keys.into_iter().filter_map(usable).collect();
            cache.fetched = Some(now);
        }
        cache.known(kid, now).cloned()
    }
}

enum Found {
    /// Known, and recently confirmed.
    Fresh(Box<DecodingKey>),
    /// Not to be fetched again so soon; perhaps still known from before.
    Floor(Option<Box<DecodingKey>>),
    /// Worth a fetch.
    Wanted,
}

impl Cache {
    fn known(&self, kid: &str, now: Instant) -> Option<&DecodingKey> {
        let age = now.saturating_duration_since(self.fetched?);
        self.keys.get(kid).filter(|_| age < STALE)
    }

    fn find(&self, kid: &str, now: Instant) -> Found {
        let within = |moment: Option<Instant>, limit| {
            moment.is_some_and(|moment| now.saturating_duration_since(moment) < limit)
        };
        let known = self.known(kid, now).cloned().map(Box::new);
        match known {
            Some(key) if within(self.fetched, FRESH) => Found::Fresh(key),
            known if within(self.tried, FLOOR) => Found::Floor(known),
            _ => Found::Wanted,
        }
    }
}
