//! A map that forgets: entries that no longer matter are swept out whenever it has doubled since
//! the last sweep, so that its size follows what matters and no timer is needed. What would make it
//! larger than any honest use does is not taken in.

use std::collections::HashMap;
use std::hash::Hash;

/// Below this size sweeping is not worth the walk.
const SMALL: usize = 1024;
/// More entries than this come from somebody who wants to fill the memory.
const MOST: usize = 500_000;

/// Keys and values, some of which still matter.
#[derive(Debug)]
pub(crate) struct Forgetful<Key, Value> {
    entries: HashMap<Key, Value>,
    sweep_at: usize,
}

impl<Key, Value> Default for Forgetful<Key, Value> {
    fn default() -> Self {
        Self { entries: HashMap::new(), sweep_at: SMALL }
    }
}

impl<Key: Eq + Hash, Value> Forgetful<Key, Value> {
    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key)
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    /// Puts `value` in the place of `key`; forgets what no longer `matters` if it is time to.
    pub(crate) fn insert(&mut self, key: Key, value: Value, matters: impl Fn(&Value) -> bool) {
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(|_, value| matters(value));
            self.sweep_at = (self.entries.len() * 2 + SMALL).min(MOST);
        }
        if self.entries.len() < MOST || self.entries.contains_key(&key) {
            self.entries.insert(key, value);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_longer_matters_does_not_pile_up() {
        let mut map = Forgetful::default();
        for number in 0..100 * SMALL {
            map.insert(number, number, |known| *known > number - 10);
        }
        assert!(map.len() <= 2 * SMALL, "{}", map.len());
        assert!(map.get(&(100 * SMALL - 1)).is_some());
    }
}
