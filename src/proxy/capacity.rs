//! How much one upstream may have of ours at a time: places, connections, streams on each of them,
//! and octets that are under way on a stream. Each number follows from the others here, and only
//! here.
//!
//! A client that does not read leaves up to [`STREAM_WINDOW`] octets of its answer on its HTTP/2
//! stream. They count against the connection as well (RFC 9113 section 5.2.1), so a connection has
//! room for [`STREAMS`] full streams, and no connection gets more streams than that: no set of
//! clients that do not read can hold up the stream of another client.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Streams on one HTTP/2 connection at most. Servers commonly allow a hundred (RFC 9113 section
/// 6.5.2); what they do not allow would wait for another stream to end.
const STREAMS: u32 = 64;
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
/// Places at one upstream at most.
const MOST_PLACES: usize = 1 << 16;

/// No window is larger (RFC 9113 section 6.9.1).
const _: () = assert!(STREAMS as u64 * (STREAM_WINDOW as u64) < 1 << 31);
const _: () = assert!((STREAMS as usize).is_multiple_of(STEP));

/// So many of the places that were configured.
pub(super) fn places(configured: usize) -> usize {
    configured.clamp(1, MOST_PLACES)
}

/// Connections over which requests to one upstream are spread: with every place taken, none has
/// more than [`STREAMS`].
pub(super) fn connections(places: usize) -> usize {
    places.div_ceil(STREAMS as usize)
}

/// Streams in use on each connection to one upstream.
pub(super) struct Streams(Mutex<Vec<usize>>);

impl Streams {
    /// None in use, on so many connections.
    pub(super) fn new(connections: usize) -> Self {
        Self(Mutex::new(vec![0; connections.max(1)]))
    }

    /// The connection for one more stream: the first of those with the fewest, counted in
    /// [`STEP`]s. So a quiet shop keeps one connection busy, and one that stands still is left alone.
    pub(super) fn begin(&self) -> usize {
        let mut streams = self.lock();
        let fewest = streams.iter().enumerate().min_by_key(|(at, used)| (**used / STEP, *at));
        let connection = fewest.map(|(at, _)| at).unwrap_or_default();
        streams[connection] += 1;
        connection
    }

    /// A stream on that connection has ended.
    pub(super) fn end(&self, connection: usize) {
        self.lock()[connection] -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kind_24_a_connection_has_room_for_all_its_streams_when_none_is_read() {
        assert!(CONNECTION_WINDOW as usize >= STREAMS as usize * STREAM_WINDOW as usize);
        assert!((64 << 10..=256 << 10).contains(&STREAM_WINDOW));
        for configured in [0, 1, 16, 63, 64, 65, 1000, usize::MAX] {
            let places = places(configured);
            assert!(connections(places) * STREAMS as usize >= places, "{configured}");
        }
    }

    #[test]
    fn a_few_requests_at_a_time_share_one_connection() {
        let streams = Streams::new(connections(1000));
        let begun: Vec<usize> = (0..2 * STEP).map(|_| streams.begin()).collect();
        assert_eq!(begun, [[0; STEP], [1; STEP]].concat());
        streams.end(0);
        assert_eq!(streams.begin(), 0);
    }

    proptest! {
        #[test]
        fn kind_24_no_connection_gets_more_streams_than_its_window_has_room_for(
            places in 1_usize..300,
            moves in prop::collection::vec(any::<prop::sample::Index>(), 0..900),
        ) {
            let streams = Streams::new(connections(places));
            let mut under_way = Vec::new();
            for at in moves {
                // Every other time one ends, which one is chance; the others take a free place.
                if under_way.len() == places || (!under_way.is_empty() && at.index(3) == 0) {
                    streams.end(under_way.swap_remove(at.index(under_way.len())));
                } else {
                    under_way.push(streams.begin());
                }
                prop_assert!(streams.lock().iter().all(|used| *used <= STREAMS as usize));
                prop_assert_eq!(streams.lock().iter().sum::<usize>(), under_way.len());
            }
        }
    }
}
