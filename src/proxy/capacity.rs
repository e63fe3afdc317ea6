//! How much one upstream may have of ours at a time: places, connections, streams on each of them,
//! and octets that are under way on a stream. Each number follows from the others here, and only
//! here.
//!
//! A client that does not read leaves up to [`STREAM_WINDOW`] octets of its answer on its HTTP/2
//! stream. They count against the connection as well (RFC 9113 section 5.2.1), so a connection has
//! room for [`STREAMS`] full streams, and no connection gets more streams than that: no set of
//! clients that do not read can hold up the stream of another client.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::settings::Allowed;

/// Streams on one HTTP/2 connection at most; fewer where the upstream allows fewer. Servers commonly
/// allow a hundred (RFC 9113 section 6.5.2).
const STREAMS: u32 = 64;
/// Connections to an upstream that allows few streams on one.
const SPARE_CONNECTIONS: usize = 128;
/// A connection takes so many streams before the next one is opened: few enough that a connection
/// that stands still costs few requests, many enough that a page and its parts share one.
const STEP: usize = 16;
/// Octets an upstream may send on one stream before the client has taken any. At 50 ms to the
/// upstream and back this is 2.6 MB/s for one answer.
pub(super) const STREAM_WINDOW: u32 = 128 << 10;
/// Octets an upstream may send on all streams of one connection.
pub(super) const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// Octets of an upload that are taken from the client before the upstream takes them, for each
/// stream; and of an answer over HTTP/1.1, before the client takes them. Also the longest head of
/// an answer.
pub(super) const BUFFER: u32 = 64 << 10;
/// Permits at one upstream at most.
const MOST_PLACES: usize = 1 << 16;

/// No window is larger (RFC 9113 section 6.9.1).
const _: () = assert!(STREAMS as u64 * (STREAM_WINDOW as u64) < 1 << 31);
const _: () = assert!((STREAMS as usize).is_multiple_of(STEP));

/// So many of the places that were configured.
pub(super) fn permits(configured: usize) -> usize {
    configured.clamp(1, MOST_PLACES)
}

/// Connections to one upstream at most: enough for every place, and for an upstream that allows few
/// streams on one.
pub(super) fn connections(permits: usize) -> usize {
    connections_of(permits, STREAMS).max(permits.min(SPARE_CONNECTIONS))
}

/// Connections over which requests are spread, so that none has more than `streams` with every
/// place taken.
fn connections_of(permits: usize, streams: u32) -> usize {
    permits.div_ceil(streams as usize)
}

/// Streams in use on each connection to one upstream.
pub(super) struct Streams {
    used: Mutex<Vec<usize>>,
    permits: usize,
    allowed: Allowed,
}

impl Streams {
    /// None in use, for so many places.
    pub(super) fn new(permits: usize) -> Self {
        let used = Mutex::new(vec![0; connections(permits)]);
        Self { used, permits, allowed: Allowed::default() }
    }

    /// Where to say how many streams the upstream allows on one connection.
    pub(super) fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// The connection for one more stream: the first of those with the fewest, counted in
    /// [`STEP`]s. So a quiet shop keeps one connection busy, and one that stands still is left
    /// alone. `None` if the upstream allows so few that all connections are full.
    pub(super) fn begin(&self) -> Option<usize> {
        let most = self.allowed.streams().clamp(1, STREAMS);
        let connections = connections_of(self.permits, most);
        let mut all = self.lock();
        let free = all.iter().take(connections).enumerate();
        let free = free.filter(|(_, used)| **used < most as usize);
        let (connection, _) = free.min_by_key(|(at, used)| (**used / STEP, *at))?;
        all[connection] += 1;
        Some(connection)
    }

    /// A stream on that connection has ended.
    pub(super) fn end(&self, connection: usize) {
        self.lock()[connection] -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::settings::Preface;
    use super::*;

    fn say(streams: &Streams, allowed: u8) {
        let frame = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, allowed];
        assert!(Preface::new(streams.allowed().clone()).read(&frame));
    }

    #[test]
    fn kind_24_a_connection_has_room_for_all_its_streams_when_none_is_read() {
        assert!(CONNECTION_WINDOW as usize >= STREAMS as usize * STREAM_WINDOW as usize);
        assert!((64 << 10..=256 << 10).contains(&STREAM_WINDOW));
        for configured in [0, 1, 16, 63, 64, 65, 1000, usize::MAX] {
            let permits = permits(configured);
            assert!(connections(permits) * STREAMS as usize >= permits, "{configured}");
        }
    }

    #[test]
    fn a_few_requests_at_a_time_share_one_connection() {
        let streams = Streams::new(1000);
        let begun: Vec<_> = (0..2 * STEP).map(|_| streams.begin()).collect();
        assert_eq!(begun, [[Some(0); STEP], [Some(1); STEP]].concat());
        streams.end(0);
        assert_eq!(streams.begin(), Some(0));
    }

    #[test]
    fn kind_24_an_upstream_that_allows_few_streams_has_more_connections_and_then_no_room() {
        let streams = Streams::new(1000);
        say(&streams, 10);
        for _ in 0..1000 {
            assert!(streams.begin().is_some());
        }
        assert!(streams.lock().iter().all(|used| *used <= 10));
        let streams = Streams::new(1000);
        say(&streams, 1);
        let begun = std::iter::from_fn(|| streams.begin()).count();
        assert_eq!(begun, SPARE_CONNECTIONS);
        // A server that allows none for now is asked by one request, which hears what it says.
        let streams = Streams::new(1000);
        say(&streams, 0);
        assert_eq!(streams.begin(), Some(0));
    }

    proptest! {
        #[test]
        fn kind_24_no_connection_gets_more_streams_than_it_has_room_for(
            permits in 1_usize..300,
            allowed in 3_u8..,
            moves in prop::collection::vec(any::<prop::sample::Index>(), 0..900),
        ) {
            let streams = Streams::new(permits);
            say(&streams, allowed);
            let most = usize::from(allowed).min(STREAMS as usize);
            let mut under_way = Vec::new();
            for at in moves {
                // Every third time one ends, which one is chance; the others take a free place.
                if under_way.len() == permits || (!under_way.is_empty() && at.index(3) == 0) {
                    streams.end(under_way.swap_remove(at.index(under_way.len())));
                } else {
                    let begun = streams.begin();
                    prop_assert!(begun.is_some());
                    under_way.extend(begun);
                }
                prop_assert!(streams.lock().iter().all(|used| *used <= most));
                prop_assert_eq!(streams.lock().iter().sum::<usize>(), under_way.len());
            }
        }
    }
}
