//! One call at a time per key, whoever asks, and its value for those who come a moment late.
//!
//! The work runs in a task of its own: a browser that goes away takes nothing with it, and an
//! value that comes too late for its asker is still there for the next one. In this process
//! only; replicas that share no store can each make one call.

use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::expiring_map::ExpiringMap;

/// Most that the answers of one kind and site may take, in bytes.
pub const LIMIT: usize = 32 * 1024 * 1024;
/// No call takes longer: what is still under way by then has been lost.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Calls under way, and answers that still count.
pub struct SingleFlight<Key, Value> {
    slots: Slots<Key, Value>,
    clock: Clock,
    weigh: fn(&Value) -> usize,
}

type Slots<Key, Value> = Arc<Mutex<ExpiringMap<Key, Slot<Value>>>>;

enum Slot<Value> {
    Running(watch::Receiver<Option<Value>>),
    Done(Value),
}

/// Where an value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// We made the call.
    Leader,
    /// Somebody else's call was under way.
    Shared,
    /// Somebody else's call had just been answered.
    Cached,
}

impl<Key, Value> SingleFlight<Key, Value>
where
    Key: Clone + Eq + Hash + Ord + Send + Sync + 'static,
    Value: Clone + Send + Sync + 'static,
{
    /// No calls, no answers. `weigh` says how many bytes an value holds on the heap, and `gauge`
    /// shows the bytes in use.
    #[must_use]
    pub fn new(clock: Clock, weigh: fn(&Value) -> usize, gauge: &Gauge) -> Self {
        let slots = Arc::new(Mutex::new(ExpiringMap::new(LIMIT, gauge.clone())));
        Self { slots, clock, weigh }
    }

    /// Joins the call for `key`, or makes it. `is_usable` says whether an earlier value is one for
    /// this asker, `keep` how long an value counts.
    ///
    /// `None` when the call's task died without an value; the next asker makes a new one.
    pub async fn join<Work>(
        &self,
        key: Key,
        is_usable: impl FnOnce(&Value) -> bool + Send,
        work: impl FnOnce() -> Work + Send,
        keep: impl FnOnce(&Value) -> Duration + Send + 'static,
    ) -> (Source, Option<Value>)
    where
        Work: Future<Output = Value> + Send + 'static,
    {
        let (source, mut receiver) = match self.admit(&key, is_usable) {
            Admission::Cached(value) => return (Source::Cached, Some(value)),
            Admission::Shared(receiver) => (Source::Shared, receiver),
            Admission::Leader(sender, receiver) => {
                self.start(key, sender, work(), keep);
                (Source::Leader, receiver)
            }
        };
        let value = receiver.wait_for(Option::is_some).await;
        (source, value.ok().and_then(|value| value.clone()))
    }

    /// What `look` sees in the value for `key`, if there is one by now. Every request looks, so
    /// the value is not copied for it.
    pub fn peek<T>(&self, key: &Key, look: impl FnOnce(&Value) -> T) -> Option<T> {
        let now = self.clock.monotonic();
        match lock(&self.slots).get(key, now) {
            Some(Slot::Done(value)) => Some(look(value)),
            _ => None,
        }
    }

    /// The value of a call for `key` that is under way or has just landed.
    pub async fn current(&self, key: &Key) -> Option<Value> {
        let now = self.clock.monotonic();
        let running = match lock(&self.slots).get(key, now) {
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

    fn admit(&self, key: &Key, is_usable: impl FnOnce(&Value) -> bool) -> Admission<Value> {
        let now = self.clock.monotonic();
        let mut slots = lock(&self.slots);
        match slots.get(key, now) {
            Some(Slot::Done(value)) if is_usable(value) => {
                return Admission::Cached(value.clone());
            }
            Some(Slot::Running(receiver)) => return Admission::Shared(receiver.clone()),
            _ => {}
        }
        let (sender, receiver) = watch::channel(None);
        slots.insert(key.clone(), Slot::Running(receiver.clone()), 0, now + LONGEST, now);
        Admission::Leader(sender, receiver)
    }

    fn start(
        &self,
        key: Key,
        sender: watch::Sender<Option<Value>>,
        work: impl Future<Output = Value> + Send + 'static,
        keep: impl FnOnce(&Value) -> Duration + Send + 'static,
    ) {
        let completion = Completion { key: Some(key), slots: Arc::clone(&self.slots) };
        let (clock, weigh) = (self.clock.clone(), self.weigh);
        tokio::spawn(async move {
            let value = work.await;
            let (now, kept) = (clock.monotonic(), keep(&value));
            completion.finish(value.clone(), weigh(&value), now + kept, now);
            sender.send_replace(Some(value));
        });
    }
}

enum Admission<Value> {
    Cached(Value),
    Shared(watch::Receiver<Option<Value>>),
    Leader(watch::Sender<Option<Value>>, watch::Receiver<Option<Value>>),
}

/// Clears the slot if the work dies, so that it does not block its key for ever.
struct Completion<Key: Clone + Eq + Hash + Ord, Value> {
    key: Option<Key>,
    slots: Slots<Key, Value>,
}

impl<Key: Clone + Eq + Hash + Ord, Value> Completion<Key, Value> {
    fn finish(mut self, value: Value, bytes: usize, until: Instant, now: Instant) {
        if let Some(key) = self.key.take() {
            lock(&self.slots).insert(key, Slot::Done(value), bytes, until, now);
        }
    }
}

impl<Key: Clone + Eq + Hash + Ord, Value> Drop for Completion<Key, Value> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            lock(&self.slots).remove(&key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const KEPT: Duration = Duration::from_secs(60);

    struct World {
        flights: Arc<SingleFlight<u8, usize>>,
        clock: Clock,
        calls: Arc<AtomicUsize>,
    }

    impl World {
        fn new() -> Self {
            let clock = Clock::system();
            let flights = Arc::new(SingleFlight::new(clock.clone(), |_| 0, &Gauge::default()));
            Self { flights, clock, calls: Arc::default() }
        }

        async fn join(&self) -> (Source, Option<usize>) {
            let calls = Arc::clone(&self.calls);
            let work = || async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                calls.fetch_add(1, Ordering::SeqCst) + 1
            };
            self.flights.join(1, |_| true, work, |_| KEPT).await
        }
    }

    #[tokio::test]
    async fn fault_1_five_hundred_askers_make_one_call() {
        let world = Arc::new(World::new());
        let askers: Vec<_> = (0..500)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.join().await.1 })
            })
            .collect();
        for asker in askers {
            assert_eq!(asker.await.unwrap(), Some(1));
        }
        assert_eq!(world.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn fault_2_a_leader_that_goes_away_takes_nothing_with_it() {
        let world = Arc::new(World::new());
        let leader = Arc::clone(&world);
        let gone = tokio::time::timeout(Duration::from_millis(5), leader.join()).await;
        assert!(gone.is_err());
        assert_eq!(world.join().await, (Source::Shared, Some(1)));
        assert_eq!(world.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn fault_3_a_call_that_dies_blocks_nobody() {
        let world = World::new();
        let died = world
            .flights
            .join(1, |_| true, || async { panic!("deliberately") }, |_: &usize| KEPT)
            .await;
        assert_eq!(died, (Source::Leader, None));
        assert_eq!(world.join().await, (Source::Leader, Some(1)));
    }

    #[tokio::test]
    async fn fault_18_a_late_asker_gets_the_answer_until_it_counts_no_more() {
        let world = World::new();
        world.join().await;
        world.clock.advance(KEPT / 2);
        assert_eq!(world.join().await, (Source::Cached, Some(1)));
        world.clock.advance(KEPT);
        assert_eq!(world.join().await, (Source::Leader, Some(2)));
    }
}
