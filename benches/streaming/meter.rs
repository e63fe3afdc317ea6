//! Counts the bytes that both ends of a stream have sent and received; stalls the receiver once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::memory::Memory;

/// After this time every buffer between the two ends is full ...
const FILLING: Duration = Duration::from_secs(2);
/// ... and a sender that still sends in this time has no backpressure.
const WATCHING: Duration = Duration::from_secs(1);

/// Figures taken while the receiver is stalled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled {
    /// Resident memory, in KiB.
    pub(crate) resident: u64,
    /// Bytes sent and not received: most of them are in socket buffers of the kernel.
    pub(crate) ahead: u64,
    /// Whether the sender has stopped too.
    pub(crate) sender_waits: bool,
}

/// One stream.
pub(crate) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    /// The position of the stall in bytes, and the process whose memory is read then.
    stall: Option<(u64, u32)>,
    stalled: Mutex<Option<Stalled>>,
}

impl Meter {
    pub(crate) fn without_stall() -> Self {
        let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { sent, received, stall: None, stalled: Mutex::default() }
    }

    /// The receiver stalls once it has `bytes`, and the memory of `process` is read.
    pub(crate) fn stalling_at(bytes: u64, process: u32) -> Self {
        Self { stall: Some((bytes, process)), ..Self::without_stall() }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts received bytes; returns when the receiver may continue.
    pub(crate) async fn received(&self, bytes: usize) {
        let before = self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some((at, process)) = self.stall
            && (before..before + bytes as u64).contains(&at)
        {
            self.stall_receiver(process).await;
        }
    }

    async fn stall_receiver(&self, process: u32) {
        tokio::time::sleep(FILLING).await;
        let filled = self.sent.load(Ordering::Relaxed);
        tokio::time::sleep(WATCHING).await;
        let sent = self.sent.load(Ordering::Relaxed);
        let stalled = Memory::of(process).ok().map(|memory| Stalled {
            resident: memory.resident,
            ahead: sent - self.received.load(Ordering::Relaxed),
            sender_waits: sent == filled,
        });
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner) = stalled;
    }

    /// The figures, if the receiver has stalled.
    pub(crate) fn stalled(&self) -> Option<Stalled> {
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
