//! One call at a time per key, whoever asks, and its answer for those who come a moment late.
//!
//! The work runs in a task of its own: a browser that goes away takes nothing with it, and an
//! answer that comes too late for its asker is still there for the next one. In this process
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
pub struct Flights<Key, Answer> {
    slots: Slots<Key, Answer>,
    clock: Clock,
    weigh: fn(&Answer) -> usize,
}

type Slots<Key, Answer> = Arc<Mutex<ExpiringMap<Key, Slot<Answer>>>>;

enum Slot<Answer> {
    Flying(watch::Receiver<Option<Answer>>),
    Landed(Answer),
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// We made the call.
    Asked,
    /// Somebody else's call was under way.
    Joined,
    /// Somebody else's call had just been answered.
    Remembered,
}

impl<Key, Answer> Flights<Key, Answer>
where
    Key: Clone + Eq + Hash + Ord + Send + Sync + 'static,
    Answer: Clone + Send + Sync + 'static,
{
    /// No calls, no answers. `weigh` says how many bytes an answer holds on the heap, and `gauge`
    /// shows the bytes in use.
    #[must_use]
    pub fn new(clock: Clock, weigh: fn(&Answer) -> usize, gauge: &Gauge) -> Self {
        let slots = Arc::new(Mutex::new(ExpiringMap::new(LIMIT, gauge.clone())));
        Self { slots, clock, weigh }
    }

    /// Joins the call for `key`, or makes it. `serves` says whether an earlier answer is one for
    /// this asker, `keep` how long an answer counts.
    ///
    /// `None` when the call's task died without an answer; the next asker makes a new one.
    pub async fn join<Work>(
        &self,
        key: Key,
        serves: impl FnOnce(&Answer) -> bool + Send,
        work: impl FnOnce() -> Work + Send,
        keep: impl FnOnce(&Answer) -> Duration + Send + 'static,
    ) -> (Source, Option<Answer>)
    where
        Work: Future<Output = Answer> + Send + 'static,
    {
        let (source, mut receiver) = match self.board(&key, serves) {
            Boarding::Remembered(answer) => return (Source::Remembered, Some(answer)),
            Boarding::Joined(receiver) => (Source::Joined, receiver),
            Boarding::Leads(sender, receiver) => {
                self.take_off(key, sender, work(), keep);
                (Source::Asked, receiver)
            }
        };
        let answer = receiver.wait_for(Option::is_some).await;
        (source, answer.ok().and_then(|answer| answer.clone()))
    }

    /// What `look` sees in the answer for `key`, if there is one by now. Every request looks, so
    /// the answer is not copied for it.
    pub fn remembered<T>(&self, key: &Key, look: impl FnOnce(&Answer) -> T) -> Option<T> {
        let now = self.clock.monotonic();
        match lock(&self.slots).get(key, now) {
            Some(Slot::Landed(answer)) => Some(look(answer)),
            _ => None,
        }
    }

    /// The answer of a call for `key` that is under way or has just landed.
    pub async fn current(&self, key: &Key) -> Option<Answer> {
        let now = self.clock.monotonic();
        let flying = match lock(&self.slots).get(key, now) {
            Some(Slot::Flying(receiver)) => Some(receiver.clone()),
            _ => None,
        };
        match flying {
            Some(mut receiver) => {
                let answer = receiver.wait_for(Option::is_some).await;
                answer.ok().and_then(|answer| answer.clone())
            }
            None => self.remembered(key, Answer::clone),
        }
    }

    fn board(&self, key: &Key, serves: impl FnOnce(&Answer) -> bool) -> Boarding<Answer> {
        let now = self.clock.monotonic();
        let mut slots = lock(&self.slots);
        match slots.get(key, now) {
            Some(Slot::Landed(answer)) if serves(answer) => {
                return Boarding::Remembered(answer.clone());
            }
            Some(Slot::Flying(receiver)) => return Boarding::Joined(receiver.clone()),
            _ => {}
        }
        let (sender, receiver) = watch::channel(None);
        slots.insert(key.clone(), Slot::Flying(receiver.clone()), 0, now + LONGEST, now);
        Boarding::Leads(sender, receiver)
    }

    fn take_off(
        &self,
        key: Key,
        sender: watch::Sender<Option<Answer>>,
        work: impl Future<Output = Answer> + Send + 'static,
        keep: impl FnOnce(&Answer) -> Duration + Send + 'static,
    ) {
        let landing = Landing { key: Some(key), slots: Arc::clone(&self.slots) };
        let (clock, weigh) = (self.clock.clone(), self.weigh);
        tokio::spawn(async move {
            let answer = work.await;
            let (now, kept) = (clock.monotonic(), keep(&answer));
            landing.land(answer.clone(), weigh(&answer), now + kept, now);
            sender.send_replace(Some(answer));
        });
    }
}

enum Boarding<Answer> {
    Remembered(Answer),
    Joined(watch::Receiver<Option<Answer>>),
    Leads(watch::Sender<Option<Answer>>, watch::Receiver<Option<Answer>>),
}

/// Clears the slot if the work dies, so that it does not block its key for ever.
struct Landing<Key: Clone + Eq + Hash + Ord, Answer> {
    key: Option<Key>,
    slots: Slots<Key, Answer>,
}

impl<Key: Clone + Eq + Hash + Ord, Answer> Landing<Key, Answer> {
    fn land(mut self, answer: Answer, bytes: usize, until: Instant, now: Instant) {
        if let Some(key) = self.key.take() {
            lock(&self.slots).insert(key, Slot::Landed(answer), bytes, until, now);
        }
    }
}

impl<Key: Clone + Eq + Hash + Ord, Answer> Drop for Landing<Key, Answer> {
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
        flights: Arc<Flights<u8, usize>>,
        clock: Clock,
        calls: Arc<AtomicUsize>,
    }

    impl World {
        fn new() -> Self {
            let clock = Clock::system();
            let flights = Arc::new(Flights::new(clock.clone(), |_| 0, &Gauge::default()));
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
        assert_eq!(world.join().await, (Source::Joined, Some(1)));
        assert_eq!(world.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn fault_3_a_call_that_dies_blocks_nobody() {
        let world = World::new();
        let died = world
            .flights
            .join(1, |_| true, || async { panic!("deliberately") }, |_: &usize| KEPT)
            .await;
        assert_eq!(died, (Source::Asked, None));
        assert_eq!(world.join().await, (Source::Asked, Some(1)));
    }

    #[tokio::test]
    async fn fault_18_a_late_asker_gets_the_answer_until_it_counts_no_more() {
        let world = World::new();
        world.join().await;
        world.clock.advance(KEPT / 2);
        assert_eq!(world.join().await, (Source::Remembered, Some(1)));
        world.clock.advance(KEPT);
        assert_eq!(world.join().await, (Source::Asked, Some(2)));
    }
}
