//! How many streams an upstream allows on one HTTP/2 connection, read off the first frame it sends.
//!
//! A request beyond that number waits until another stream of the connection ends, and clients that
//! do not read decide when that is. The client library keeps the number to itself, but SETTINGS must
//! be the first frame of a server (RFC 9113 section 3.4).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The head of a frame, in octets (RFC 9113 section 4.1).
const FRAME_HEAD: usize = 9;
/// The frame type (RFC 9113 section 6.5).
const SETTINGS: u8 = 4;
/// One parameter: its identifier and its value, in octets.
const PARAMETER: usize = 6;
/// The parameter looked for (RFC 9113 section 6.5.2).
const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
/// A longer frame than this, in octets, is not read to its end.
const LONGEST: usize = 1024;

/// Streams that one upstream allows on one connection; clones share the number.
#[derive(Clone, Debug)]
pub(super) struct Allowed(Arc<AtomicU32>);

impl Default for Allowed {
    /// No limit, which is what holds until one is heard (RFC 9113 section 6.5.2).
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(u32::MAX)))
    }
}

impl Allowed {
    /// How many.
    pub(super) fn streams(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The beginning of what an upstream sends on one connection.
pub(super) struct Preface {
    octets: Vec<u8>,
    allowed: Allowed,
}

impl Preface {
    /// Of a connection on which nothing has been read yet.
    pub(super) fn new(allowed: Allowed) -> Self {
        Self { octets: Vec::new(), allowed }
    }

    /// Looks at the next octets; true once there is nothing more to learn.
    pub(super) fn read(&mut self, octets: &[u8]) -> bool {
        self.octets.extend_from_slice(octets);
        let Some((head, rest)) = self.octets.split_at_checked(FRAME_HEAD) else { return false };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        if head[3] != SETTINGS || length > LONGEST {
            return true;
        }
        let Some(parameters) = rest.get(..length) else { return false };
        // The last one counts (RFC 9113 section 6.5.3); without one there is no limit.
        let streams = parameters.chunks_exact(PARAMETER).filter_map(streams).next_back();
        self.allowed.0.store(streams.unwrap_or(u32::MAX), Ordering::Relaxed);
        true
    }
}

fn streams(parameter: &[u8]) -> Option<u32> {
    let value = parameter.strip_prefix(&MAX_CONCURRENT_STREAMS)?;
    value.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `octets` say, read in pieces of `size`, and whether that was all there is to learn.
    fn heard(octets: &[u8], size: usize) -> (u32, bool) {
        let allowed = Allowed::default();
        let mut preface = Preface::new(allowed.clone());
        let done = octets.chunks(size).any(|piece| preface.read(piece));
        (allowed.streams(), done)
    }

    #[test]
    fn kind_24_the_number_of_streams_is_read_however_its_frame_is_cut() {
        let frame = b"\0\0\x12\x04\0\0\0\0\0\0\x04\0\x01\0\0\0\x03\0\0\0\x64\0\x03\0\0\0\x0a";
        for size in 1..=frame.len() {
            assert_eq!(heard(frame, size), (10, true), "{size}");
        }
        assert_eq!(heard(&frame[..20], 20), (u32::MAX, false));
    }

    #[test]
    fn without_a_number_there_is_no_limit() {
        assert_eq!(heard(b"\0\0\0\x04\0\0\0\0\0", 9), (u32::MAX, true));
        assert_eq!(heard(b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\x01\0\0", 15), (u32::MAX, true));
        for odd in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\xff\xff\xff\x04\0\0\0\0\0\0\x03"] {
            assert_eq!(heard(odd, 4), (u32::MAX, true));
        }
    }
}
