//! Counts what both ends of a stream have sent and received, and stops the receiver once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::memory::Memory;

/// By then everything between the two ends is full ...
const FILLING: Duration = Duration::from_secs(2);
/// ... and whoever still sends in this time is not held back.
const WATCHING: Duration = Duration::from_secs(1);

/// What is seen while the receiver stands still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled {
    /// Resident memory, in KiB.
    pub(crate) resident: u64,
    /// Octets sent and not received: most of them are in socket buffers of the kernel.
    pub(crate) ahead: u64,
    /// Whether the sender has stopped too.
    pub(crate) stands_still: bool,
}

/// One stream.
pub(crate) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    /// After so many octets, and whose memory is looked at then.
    stall: Option<(u64, u32)>,
    stalled: Mutex<Option<Stalled>>,
}

impl Meter {
    pub(crate) fn without_stall() -> Self {
        let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { sent, received, stall: None, stalled: Mutex::default() }
    }

    /// The receiver stands still once it has `octets`, and the memory of `process` is looked at.
    pub(crate) fn stalling_at(octets: u64, process: u32) -> Self {
        Self { stall: Some((octets, process)), ..Self::without_stall() }
    }

    pub(crate) fn sent(&self, octets: usize) {
        self.sent.fetch_add(octets as u64, Ordering::Relaxed);
    }

    /// Counts what has been received; returns when the receiver may go on.
    pub(crate) async fn received(&self, octets: usize) {
        let before = self.received.fetch_add(octets as u64, Ordering::Relaxed);
        if let Some((at, process)) = self.stall
            && (before..before + octets as u64).contains(&at)
        {
            self.stand_still(process).await;
        }
    }

    async fn stand_still(&self, process: u32) {
        tokio::time::sleep(FILLING).await;
        let filled = self.sent.load(Ordering::Relaxed);
        tokio::time::sleep(WATCHING).await;
        let sent = self.sent.load(Ordering::Relaxed);
        let stalled = Memory::of(process).ok().map(|memory| Stalled {
            resident: memory.resident,
            ahead: sent - self.received.load(Ordering::Relaxed),
            stands_still: sent == filled,
        });
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner) = stalled;
    }

    /// What was seen, if the receiver has stood still.
    pub(crate) fn stalled(&self) -> Option<Stalled> {
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
