//! Deduplicates concurrent calls per key and caches the result briefly.
//!
//! The call runs in a separate task: a browser that disconnects does not cancel it, and a result
//! that arrives too late for one request serves the next one. Within this process only; each
//! replica may make the same call.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::expiring_map::SharedMap;

/// The most memory for the cached results of one kind and site, in bytes.
pub const LIMIT: usize = 32 * 1024 * 1024;
/// No call takes longer: one that is still running by then has been lost.
const LONGEST_CALL: Duration = Duration::from_secs(10 * 60);

/// Running calls and cached results.
pub struct SingleFlight<Key, Value> {
    slots: Slots<Key, Value>,
    clock: Clock,
    heap_bytes: fn(&Value) -> usize,
}

type Slots<Key, Value> = Arc<SharedMap<Key, Slot<Value>>>;

enum Slot<Value> {
    Running(watch::Receiver<Option<Value>>),
    Done(Value),
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This request made the call.
    Leader,
    /// The call of another request was running.
    Shared,
    /// An earlier call had finished.
    Cached,
}

impl<Key, Value> SingleFlight<Key, Value>
where
    Key: Clone + Eq + Hash + Ord + Send + Sync + 'static,
    Value: Clone + Send + Sync + 'static,
{
    /// No calls and no results yet. `heap_bytes` returns the bytes that a value holds on the heap,
    /// and `gauge` shows the bytes in use.
    #[must_use]
    pub fn new(clock: Clock, heap_bytes: fn(&Value) -> usize, gauge: &Gauge) -> Self {
        Self { slots: Arc::new(SharedMap::new(LIMIT, gauge)), clock, heap_bytes }
    }

    /// The cached value for `key`, or that of the running call for it; otherwise makes the call
    /// and caches its value for as long as `keep` returns.
    ///
    /// The value is `None` when the call's task died; the next request makes a new call.
    pub async fn join<Call>(
        &self,
        key: Key,
        call: impl FnOnce() -> Call + Send,
        keep: impl FnOnce(&Value) -> Duration + Send + 'static,
    ) -> (Source, Option<Value>)
    where
        Call: Future<Output = Value> + Send + 'static,
    {
        self.join_if(key, |_| true, call, keep).await
    }

    /// The cached value for `key` if it is `usable`, or that of the running call for it; otherwise
    /// makes the call and caches its value, as [`join`](Self::join) does.
    pub async fn join_if<Call>(
        &self,
        key: Key,
        usable: impl FnOnce(&Value) -> bool + Send,
        call: impl FnOnce() -> Call + Send,
        keep: impl FnOnce(&Value) -> Duration + Send + 'static,
    ) -> (Source, Option<Value>)
    where
        Call: Future<Output = Value> + Send + 'static,
    {
        let (source, mut receiver) = match self.admit(&key, usable) {
            Admission::Cached(value) => return (Source::Cached, Some(value)),
            Admission::Shared(receiver) => (Source::Shared, receiver),
            Admission::Leader(sender, receiver) => {
                self.start(key, sender, call(), keep);
                (Source::Leader, receiver)
            }
        };
        let value = receiver.wait_for(Option::is_some).await;
        (source, value.ok().and_then(|value| value.clone()))
    }

    /// What `read` returns for the cached value of `key`, if there is one. Every request calls it,
    /// so the value is not copied.
    pub fn peek<T>(&self, key: &Key, read: impl FnOnce(&Value) -> T) -> Option<T> {
        let now = self.clock.monotonic();
        match self.slots.lock().get(key, now) {
            Some(Slot::Done(value)) => Some(read(value)),
            _ => None,
        }
    }

    /// The value of the running call for `key`, or the cached one.
    pub async fn current(&self, key: &Key) -> Option<Value> {
        let now = self.clock.monotonic();
        let running = match self.slots.lock().get(key, now) {
            Some(Slot::Running(receiver)) => Some(receiver.clone()),
            _ => None,
        };
        match running {
            Some(mut receiver) => {
                let value = receiver.wait_for(Option::is_some).await;
                value.ok().and_then(|value| value.clone())
            }
            None => self.peek(key, Value::clone),
        }
    }

    fn admit(&self, key: &Key, usable: impl FnOnce(&Value) -> bool) -> Admission<Value> {
        let now = self.clock.monotonic();
        let mut slots = self.slots.lock();
        match slots.get(key, now) {
            Some(Slot::Done(value)) if usable(value) => {
                return Admission::Cached(value.clone());
            }
            Some(Slot::Running(receiver)) => return Admission::Shared(receiver.clone()),
            _ => {}
        }
        let (sender, receiver) = watch::channel(None);
        slots.insert(key.clone(), Slot::Running(receiver.clone()), 0, now + LONGEST_CALL, now);
        Admission::Leader(sender, receiver)
    }

    fn start(
        &self,
        key: Key,
        sender: watch::Sender<Option<Value>>,
        call: impl Future<Output = Value> + Send + 'static,
        keep: impl FnOnce(&Value) -> Duration + Send + 'static,
    ) {
        let completion = Completion { key: Some(key), slots: Arc::clone(&self.slots) };
        let (clock, heap_bytes) = (self.clock.clone(), self.heap_bytes);
        tokio::spawn(async move {
            let value = call.await;
            let (now, lifetime) = (clock.monotonic(), keep(&value));
            completion.finish(value.clone(), heap_bytes(&value), now + lifetime, now);
            sender.send_replace(Some(value));
        });
    }
}

enum Admission<Value> {
    Cached(Value),
    Shared(watch::Receiver<Option<Value>>),
    Leader(watch::Sender<Option<Value>>, watch::Receiver<Option<Value>>),
}

/// Clears the slot if the call's task dies, so that it does not block its key for ever.
struct Completion<Key: Clone + Eq + Hash + Ord, Value> {
    key: Option<Key>,
    slots: Slots<Key, Value>,
}

impl<Key: Clone + Eq + Hash + Ord, Value> Completion<Key, Value> {
    fn finish(mut self, value: Value, bytes: usize, until: Instant, now: Instant) {
        if let Some(key) = self.key.take() {
            self.slots.lock().insert(key, Slot::Done(value), bytes, until, now);
        }
    }
}

impl<Key: Clone + Eq + Hash + Ord, Value> Drop for Completion<Key, Value> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.slots.lock().remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LIFETIME: Duration = Duration::from_secs(60);

    struct World {
        single_flight: Arc<SingleFlight<u8, usize>>,
        clock: Clock,
        calls: Arc<AtomicUsize>,
    }

    impl World {
        fn new() -> Self {
            let clock = Clock::system();
            let single_flight = SingleFlight::new(clock.clone(), |_| 0, &Gauge::default());
            Self { single_flight: Arc::new(single_flight), clock, calls: Arc::default() }
        }

        async fn join(&self) -> (Source, Option<usize>) {
            let calls = Arc::clone(&self.calls);
            let call = || async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                calls.fetch_add(1, Ordering::SeqCst) + 1
            };
            self.single_flight.join(1, call, |_| LIFETIME).await
        }
    }

    #[tokio::test]
    async fn fault_1_five_hundred_concurrent_requests_make_one_call() {
        let world = Arc::new(World::new());
        let requests: Vec<_> = (0..500)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.join().await.1 })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), Some(1));
        }
        assert_eq!(world.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn fault_2_a_leader_that_disconnects_does_not_cancel_the_call() {
        let world = Arc::new(World::new());
        let leader = Arc::clone(&world);
        let cancelled = tokio::time::timeout(Duration::from_millis(5), leader.join()).await;
        assert!(cancelled.is_err());
        assert_eq!(world.join().await, (Source::Shared, Some(1)));
        assert_eq!(world.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn fault_3_a_call_that_panics_does_not_block_later_requests() {
        let world = World::new();
        let call = || async { panic!("deliberately") };
        let failed = world.single_flight.join(1, call, |_: &usize| LIFETIME).await;
        assert_eq!(failed, (Source::Leader, None));
        assert_eq!(world.join().await, (Source::Leader, Some(1)));
    }

    #[tokio::test]
    async fn fault_18_a_late_request_gets_the_cached_value_until_it_expires() {
        let world = World::new();
        world.join().await;
        world.clock.advance(LIFETIME / 2);
        assert_eq!(world.join().await, (Source::Cached, Some(1)));
        world.clock.advance(LIFETIME);
        assert_eq!(world.join().await, (Source::Leader, Some(2)));
    }
}
