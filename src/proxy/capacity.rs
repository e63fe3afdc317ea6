//! The resources that one upstream may use: permits, connections, streams per connection, and bytes
//! in flight per stream. The numbers depend on each other, so all of them are here.
//!
//! A client that does not read leaves up to [`STREAM_WINDOW`] bytes of its response on its HTTP/2
//! stream. They count against the connection as well (RFC 9113 section 5.2.1), so a connection has
//! room for [`STREAMS`] full streams, and no connection gets more streams than that: clients that do
//! not read cannot block the stream of another client.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::settings::Allowed;

/// Most streams on one HTTP/2 connection; fewer where the upstream allows fewer. Servers commonly
/// allow a hundred (RFC 9113 section 6.5.2).
const STREAMS: u32 = 64;
/// Most connections to an upstream that allows few streams on each.
const SPARE_CONNECTIONS: usize = 128;
/// Streams on a connection before the next one is opened: few enough that a stalled connection
/// affects few requests, many enough that a page and its resources share one.
const STEP: usize = 16;
/// Bytes an upstream may send on one stream before the client has read any. With a round trip of
/// 50 ms to the upstream this is 2.6 MB/s for one response.
pub(super) const STREAM_WINDOW: u32 = 128 << 10;
/// Bytes an upstream may send on all streams of one connection.
pub(super) const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// Bytes that are buffered: of an upload, per stream, before the upstream reads them; of a response
/// over HTTP/1.1, before the client reads them. Also the longest response head.
pub(super) const BUFFER: u32 = 64 << 10;
/// Most permits per upstream.
const MAX_PERMITS: usize = 1 << 16;

/// The largest window is 2^31 - 1 bytes (RFC 9113 section 6.9.1).
const _: () = assert!(STREAMS as u64 * (STREAM_WINDOW as u64) < 1 << 31);
const _: () = assert!((STREAMS as usize).is_multiple_of(STEP));

/// The configured number of permits, within bounds.
pub(super) fn permits(configured: usize) -> usize {
    configured.clamp(1, MAX_PERMITS)
}

/// Most connections to one upstream: enough for every permit, and for an upstream that allows few
/// streams on each.
pub(super) fn connections(permits: usize) -> usize {
    connections_for(permits, STREAMS).max(permits.min(SPARE_CONNECTIONS))
}

/// The number of connections on which none has more than `streams` when all permits are in use.
fn connections_for(permits: usize, streams: u32) -> usize {
    permits.div_ceil(streams as usize)
}

/// Streams in use on each connection to one upstream.
pub(super) struct Streams {
    used: Mutex<Vec<usize>>,
    permits: usize,
    allowed: Allowed,
}

impl Streams {
    /// No streams in use, for that many permits.
    pub(super) fn new(permits: usize) -> Self {
        let used = Mutex::new(vec![0; connections(permits)]);
        Self { used, permits, allowed: Allowed::default() }
    }

    /// How many streams the upstream allows on one connection; the connector updates it.
    pub(super) fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// The connection for one more stream: the first of those with the fewest, counted in
    /// [`STEP`]s. So a shop with little traffic uses one connection, and a stalled one gets no more
    /// streams. `None` if the upstream allows so few streams that all connections are full.
    pub(super) fn begin(&self) -> Option<usize> {
        let most = self.allowed.streams().clamp(1, STREAMS);
        let connections = connections_for(self.permits, most);
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

    fn receive_settings(streams: &Streams, allowed: u8) {
        let frame = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, allowed];
        assert!(Preface::new(streams.allowed().clone()).read(&frame));
    }

    #[test]
    fn kind_24_a_connection_has_room_for_all_its_streams_when_no_client_reads() {
        assert!(CONNECTION_WINDOW as usize >= STREAMS as usize * STREAM_WINDOW as usize);
        assert!((64 << 10..=256 << 10).contains(&STREAM_WINDOW));
        for configured in [0, 1, 16, 63, 64, 65, 1000, usize::MAX] {
            let permits = permits(configured);
            assert!(connections(permits) * STREAMS as usize >= permits, "{configured}");
        }
    }

    #[test]
    fn a_few_concurrent_requests_share_one_connection() {
        let streams = Streams::new(1000);
        let begun: Vec<_> = (0..2 * STEP).map(|_| streams.begin()).collect();
        assert_eq!(begun, [[Some(0); STEP], [Some(1); STEP]].concat());
        streams.end(0);
        assert_eq!(streams.begin(), Some(0));
    }

    #[test]
    fn kind_24_an_upstream_that_allows_few_streams_gets_more_connections_up_to_a_limit() {
        let streams = Streams::new(1000);
        receive_settings(&streams, 10);
        for _ in 0..1000 {
            assert!(streams.begin().is_some());
        }
        assert!(streams.lock().iter().all(|used| *used <= 10));
        let streams = Streams::new(1000);
        receive_settings(&streams, 1);
        let begun = std::iter::from_fn(|| streams.begin()).count();
        assert_eq!(begun, SPARE_CONNECTIONS);
        // A server that allows none for now gets one request, which can receive new settings.
        let streams = Streams::new(1000);
        receive_settings(&streams, 0);
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
            receive_settings(&streams, allowed);
            let most = usize::from(allowed).min(STREAMS as usize);
            let mut running = Vec::new();
            for at in moves {
                // Every third time a random stream ends; otherwise one begins.
                if running.len() == permits || (!running.is_empty() && at.index(3) == 0) {
                    streams.end(running.swap_remove(at.index(running.len())));
                } else {
                    let begun = streams.begin();
                    prop_assert!(begun.is_some());
                    running.extend(begun);
                }
                prop_assert!(streams.lock().iter().all(|used| *used <= most));
                prop_assert_eq!(streams.lock().iter().sum::<usize>(), running.len());
            }
        }
    }
}
