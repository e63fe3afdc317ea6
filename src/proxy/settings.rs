//! How many streams an upstream allows on one HTTP/2 connection, from the first frame it sends.
//!
//! A request beyond that number would wait until another stream of the connection ends, which a
//! client that does not read may delay. The HTTP/2 library does not expose the number, but SETTINGS
//! must be the first frame of a server (RFC 9113 section 3.4).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The length of a frame header in bytes (RFC 9113 section 4.1).
const FRAME_HEADER: usize = 9;
/// The frame type (RFC 9113 section 6.5).
const SETTINGS: u8 = 4;
/// The length of a parameter in bytes: its identifier and its value.
const PARAMETER: usize = 6;
/// The identifier of the parameter (RFC 9113 section 6.5.2).
const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
/// A frame with more bytes is not read to its end.
const LONGEST: usize = 1024;

/// Streams that one upstream allows on one connection; clones share the number.
#[derive(Clone, Debug)]
pub(super) struct Allowed(Arc<AtomicU32>);

impl Default for Allowed {
    /// No limit, until the upstream announces one (RFC 9113 section 6.5.2).
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(u32::MAX)))
    }
}

impl Allowed {
    /// The number of streams.
    pub(super) fn streams(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The beginning of what an upstream sends on one connection.
pub(super) struct Preface {
    received: Vec<u8>,
    allowed: Allowed,
}

impl Preface {
    /// For a connection on which nothing has been read yet.
    pub(super) fn new(allowed: Allowed) -> Self {
        Self { received: Vec::new(), allowed }
    }

    /// Reads the next bytes; true once the first frame is complete or not readable.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        self.received.extend_from_slice(bytes);
        let Some((header, rest)) = self.received.split_at_checked(FRAME_HEADER) else {
            return false;
        };
        let length = [header[0], header[1], header[2]].map(usize::from);
        let length = length[0] << 16 | length[1] << 8 | length[2];
        if header[3] != SETTINGS || length > LONGEST {
            return true;
        }
        let Some(parameters) = rest.get(..length) else { return false };
        // The last value counts (RFC 9113 section 6.5.3); without one there is no limit.
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

    /// The limit in `bytes`, read in chunks of `size`, and whether the preface is complete.
    fn limit(bytes: &[u8], size: usize) -> (u32, bool) {
        let allowed = Allowed::default();
        let mut preface = Preface::new(allowed.clone());
        let done = bytes.chunks(size).any(|chunk| preface.read(chunk));
        (allowed.streams(), done)
    }

    #[test]
    fn kind_24_the_number_of_streams_is_read_however_its_frame_is_split() {
        let frame = b"\0\0\x12\x04\0\0\0\0\0\0\x04\0\x01\0\0\0\x03\0\0\0\x64\0\x03\0\0\0\x0a";
        for size in 1..=frame.len() {
            assert_eq!(limit(frame, size), (10, true), "{size}");
        }
        assert_eq!(limit(&frame[..20], 20), (u32::MAX, false));
    }

    #[test]
    fn without_the_parameter_there_is_no_limit() {
        assert_eq!(limit(b"\0\0\0\x04\0\0\0\0\0", 9), (u32::MAX, true));
        assert_eq!(limit(b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\x01\0\0", 15), (u32::MAX, true));
        for other in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\xff\xff\xff\x04\0\0\0\0\0\0\x03"]
        {
            assert_eq!(limit(other, 4), (u32::MAX, true));
        }
    }
}
