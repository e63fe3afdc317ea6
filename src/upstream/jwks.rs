//! The tenant's signing keys, cached.
//!
//! SLAS allows 25 fetches per minute for the whole tenant, so a client must not trigger a fetch with
//! every unknown `kid`: there is at most one fetch per minute. Keys remain valid for some time when
//! a new fetch fails; SLAS rotates them every 30 days.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use tokio::sync::RwLock;

use super::slas::Slas;
use crate::clock::Clock;

/// Minimum time between two fetches.
const MIN_INTERVAL: Duration = Duration::from_secs(60);
/// Older keys are fetched again when one is needed.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// Older keys are not used.
const EXPIRED: Duration = Duration::from_secs(14 * 24 * 60 * 60);

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
    /// An empty cache; the first call of [`get`](Self::get) fetches the keys.
    #[must_use]
    pub fn new(slas: Slas, clock: Clock) -> Self {
        Self(Arc::new(Inner { slas, clock, cache: RwLock::default() }))
    }

    /// The tenant's key `kid`, if there is one. Fetches the keys where needed.
    pub async fn get(&self, kid: &str) -> Option<DecodingKey> {
        let now = self.0.clock.monotonic();
        let found = self.0.cache.read().await.find(kid, now);
        match found {
            Found::Fresh(key) => Some(*key),
            Found::NoFetch(key) => key.map(|key| *key),
            Found::Fetch => {
                // In a separate task: a client that disconnects must not cancel the only fetch of
                // this minute.
                let (inner, kid) = (Arc::clone(&self.0), kid.to_owned());
                tokio::spawn(async move { inner.fetch(&kid).await }).await.ok().flatten()
            }
        }
    }

    /// The key `kid`, if it is in the cache.
    pub async fn get_cached(&self, kid: &str) -> Option<DecodingKey> {
        self.0.cache.read().await.get(kid, self.0.clock.monotonic()).cloned()
    }
}

impl Inner {
    /// Holds the lock while it fetches, so that all other callers wait for the same response.
    async fn fetch(&self, kid: &str) -> Option<DecodingKey> {
        let mut cache = self.cache.write().await;
        let now = self.clock.monotonic();
        match cache.find(kid, now) {
            Found::Fresh(key) => return Some(*key),
            Found::NoFetch(key) => return key.map(|key| *key),
            Found::Fetch => {}
        }
        cache.tried = Some(now);
        if let Some(keys) = self.slas.keys().await {
            let usable = |jwk: super::slas::Jwk| {
                DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok().map(|key| (jwk.kid, key))
            };
            cache.keys = keys.into_iter().filter_map(usable).collect();
            cache.fetched = Some(now);
        }
        cache.get(kid, now).cloned()
    }
}

enum Found {
    /// Cached and fresh.
    Fresh(Box<DecodingKey>),
    /// The last fetch was too recent for another one; perhaps an older key is cached.
    NoFetch(Option<Box<DecodingKey>>),
    /// To be fetched.
    Fetch,
}

impl Cache {
    fn get(&self, kid: &str, now: Instant) -> Option<&DecodingKey> {
        let age = now.saturating_duration_since(self.fetched?);
        self.keys.get(kid).filter(|_| age < EXPIRED)
    }

    fn find(&self, kid: &str, now: Instant) -> Found {
        let within = |moment: Option<Instant>, limit| {
            moment.is_some_and(|moment| now.saturating_duration_since(moment) < limit)
        };
        let cached = self.get(kid, now).cloned().map(Box::new);
        match cached {
            Some(key) if within(self.fetched, FRESH) => Found::Fresh(key),
            cached if within(self.tried, MIN_INTERVAL) => Found::NoFetch(cached),
            _ => Found::Fetch,
        }
    }
}
