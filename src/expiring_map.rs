//! A map whose entries expire, bounded in bytes.
//!
//! There is no timer and no full scan: an insertion removes a few expired entries and, if the map is
//! full, those that expire first. It never removes the entry it inserts, so a client that fills the
//! map cannot keep other entries out.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::gauge::Gauge;

/// Expired entries that one insertion removes, at most: more than the one it adds.
const REMOVED_AT_ONCE: usize = 8;
/// Bytes of an entry besides its value: two keys and the slots of both tables.
const OVERHEAD: usize = 144;

/// Keys and values, each of which expires.
#[derive(Debug)]
pub(crate) struct ExpiringMap<Key, Value> {
    entries: HashMap<Key, Entry<Value>>,
    by_expiry: BTreeSet<(Instant, Key)>,
    bytes: usize,
    limit: usize,
    gauge: Gauge,
}

#[derive(Debug)]
struct Entry<Value> {
    value: Value,
    until: Instant,
    bytes: usize,
}

impl<Key: Clone + Eq + Hash + Ord, Value> ExpiringMap<Key, Value> {
    /// An empty map of at most `limit` bytes. `gauge` shows the bytes in use; maps may share a gauge,
    /// which then shows their sum.
    pub(crate) fn new(limit: usize, gauge: Gauge) -> Self {
        let (entries, by_expiry) = (HashMap::new(), BTreeSet::new());
        Self { entries, by_expiry, bytes: 0, limit, gauge }
    }

    /// The value of `key`, if it has not expired.
    pub(crate) fn get(&self, key: &Key, now: Instant) -> Option<&Value> {
        self.entries.get(key).filter(|entry| now < entry.until).map(|entry| &entry.value)
    }

    /// Stores `value` under `key` until the time `until`. `bytes` is what the value holds on the
    /// heap. A value larger than the map is not stored.
    pub(crate) fn insert(
        &mut self,
        key: Key,
        value: Value,
        bytes: usize,
        until: Instant,
        now: Instant,
    ) {
        self.remove(&key);
        self.remove_expired(now);
        let bytes = bytes + OVERHEAD + size_of::<Value>();
        if bytes > self.limit {
            return;
        }
        while self.bytes + bytes > self.limit && self.remove_first() {}
        self.bytes += bytes;
        self.gauge.inc_by(as_gauge(bytes));
        self.by_expiry.insert((until, key.clone()));
        self.entries.insert(key, Entry { value, until, bytes });
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
            self.gauge.dec_by(as_gauge(entry.bytes));
            self.by_expiry.remove(&(entry.until, key.clone()));
        }
    }

    fn remove_expired(&mut self, now: Instant) {
        for _ in 0..REMOVED_AT_ONCE {
            match self.by_expiry.first() {
                Some((until, _)) if *until <= now => self.remove_first(),
                _ => return,
            };
        }
    }

    fn remove_first(&mut self) -> bool {
        let first = self.by_expiry.first().map(|(_, key)| key.clone());
        first.as_ref().inspect(|key| self.remove(key)).is_some()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<Key, Value> Drop for ExpiringMap<Key, Value> {
    fn drop(&mut self) {
        self.gauge.dec_by(as_gauge(self.bytes));
    }
}

/// An [`ExpiringMap`] that threads share.
#[derive(Debug)]
pub(crate) struct SharedMap<Key, Value>(Mutex<ExpiringMap<Key, Value>>);

impl<Key: Clone + Eq + Hash + Ord, Value> SharedMap<Key, Value> {
    /// An empty map of at most `limit` bytes. `gauge` shows the bytes in use.
    pub(crate) fn new(limit: usize, gauge: &Gauge) -> Self {
        Self(Mutex::new(ExpiringMap::new(limit, gauge.clone())))
    }

    /// The map, even if another thread panicked while it held the lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ExpiringMap<Key, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn as_gauge(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made otherwise")]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    fn map(entries: usize) -> (ExpiringMap<usize, usize>, Gauge, Instant) {
        let gauge = Gauge::default();
        let limit = entries * (OVERHEAD + size_of::<usize>());
        (ExpiringMap::new(limit, gauge.clone()), gauge, Instant::now())
    }

    #[test]
    fn an_entry_is_returned_until_it_expires() {
        let (mut map, _, now) = map(10);
        map.insert(1, 10, 0, now + LIFE, now);
        assert_eq!(map.get(&1, now + LIFE / 2), Some(&10));
        assert_eq!(map.get(&1, now + LIFE), None);
        map.insert(1, 11, 0, now + 2 * LIFE, now);
        assert_eq!(map.get(&1, now + LIFE), Some(&11), "the newer value has its own expiry");
    }

    #[test]
    fn expired_entries_do_not_accumulate() {
        let (mut map, gauge, now) = map(1_000_000);
        for second in 0..10_000 {
            let now = now + Duration::from_secs(second);
            map.insert(usize::try_from(second).unwrap(), 0, 0, now + LIFE, now);
        }
        assert_eq!(map.len(), 60);
        drop(map);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn kind_22_a_full_map_removes_what_expires_first_and_never_the_newest_entry() {
        let (mut map, gauge, now) = map(3);
        for (key, lifetimes) in [(1, 3), (2, 1), (3, 2)] {
            map.insert(key, key, 0, now + lifetimes * LIFE, now);
        }
        map.insert(4, 4, 0, now + LIFE / 2, now);
        assert_eq!(map.get(&2, now), None, "it expires first");
        assert_eq!(map.get(&4, now), Some(&4), "the newest, although it expires first");
        assert_eq!(map.get(&1, now), Some(&1));
        map.insert(5, 5, usize::MAX / 2, now + LIFE, now);
        assert_eq!(map.get(&5, now), None, "larger than the whole map");
        assert!(usize::try_from(gauge.get()).unwrap() <= 3 * (OVERHEAD + size_of::<usize>()));
    }
}
