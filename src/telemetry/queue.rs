//! A bounded queue of log lines for an output that may be slow, blocked or broken.
//!
//! A caller that logs copies its line into the buffer and returns; one thread writes. The thread holds
//! no lock while it writes, and nothing else uses its output. Lines that do not fit or cannot be
//! written are dropped and counted.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::fmt::MakeWriter;

#[cfg(test)]
mod tests;

/// Bytes in the queue, at most: some thousand lines. The thread holds up to as many again.
const CAPACITY: usize = 1 << 20;
/// Time from the first queued line until it is written: lines of this time share one write.
const GATHER: Duration = Duration::from_millis(10);
/// Time between attempts to write to an output that is not ready.
const RETRY: Duration = Duration::from_millis(20);

thread_local! {
    /// Whether this is the thread that writes. It logs how many lines were dropped, at most one line
    /// per write; that line is never dropped.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// The queue; clones share it.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
    capacity: usize,
    dropped: Counter,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    closing: bool,
    closed: bool,
}

impl Queue {
    /// An empty queue that counts dropped lines in `dropped`.
    pub(super) fn new(dropped: Counter) -> Self {
        Self::with_capacity(CAPACITY, dropped)
    }

    fn with_capacity(capacity: usize, dropped: Counter) -> Self {
        let (pending, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { pending, changed, capacity, dropped }))
    }

    /// Queues one whole line, or counts it as dropped. Never waits for the output.
    fn push(&self, line: &[u8]) {
        let mut pending = self.lock();
        let full = pending.lines.len() + line.len() > self.0.capacity && !WRITES.get();
        if pending.closed || full {
            self.0.dropped.inc();
            return;
        }
        let first = pending.lines.is_empty();
        pending.lines.extend_from_slice(line);
        drop(pending);
        if first {
            self.0.changed.notify_all();
        }
    }

    /// Writes to `output`, in a thread, until [`close`](Self::close). When the output works again after
    /// lines were dropped, calls `report` with their number.
    pub(super) fn write_to(
        &self,
        output: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<()> {
        let queue = self.clone();
        let work = move || queue.write(output, report);
        thread::Builder::new().name("log".to_owned()).spawn(work).map(drop)
    }

    /// Accepts no more lines, and waits until all are written, at most for `limit`.
    pub(super) fn close(&self, limit: Duration) {
        let mut pending = self.lock();
        pending.closing = true;
        self.0.changed.notify_all();
        let open = |pending: &mut Pending| !pending.closed;
        drop(self.0.changed.wait_timeout_while(pending, limit, open));
    }

    fn write(&self, output: impl Write, report: impl Fn(u64)) {
        WRITES.set(true);
        let mut output = Output { output, torn: false };
        let (mut lines, mut reported) = (Vec::new(), 0);
        while self.next(&mut lines) {
            let dropped = output.write(&lines);
            lines.clear();
            let before = self.0.dropped.inc_by(dropped);
            if dropped == 0 && before > reported {
                report(before - reported);
                reported = before;
            }
        }
    }

    /// Waits for lines and takes them all; `false` when the queue is closed and empty.
    fn next(&self, lines: &mut Vec<u8>) -> bool {
        let empty = |pending: &mut Pending| pending.lines.is_empty() && !pending.closing;
        let open = |pending: &mut Pending| !pending.closing;
        let changed = &self.0.changed;
        let pending =
            changed.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let gathered = changed.wait_timeout_while(pending, GATHER, open);
        let mut pending = gathered.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut pending.lines, lines);
        pending.closed = lines.is_empty();
        let closed = pending.closed;
        drop(pending);
        if closed {
            changed.notify_all();
        }
        !closed
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The subscriber formats an event in full and writes it at once, so one write is one line.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

struct Output<W> {
    output: W,
    /// Whether the last written line is incomplete.
    torn: bool,
}

impl<W: Write> Output<W> {
    /// Writes whole lines; returns how many were dropped.
    fn write(&mut self, lines: &[u8]) -> u64 {
        if self.torn {
            self.torn = self.write_all(b"\n") > 0;
        }
        let left = if self.torn { lines.len() } else { self.write_all(lines) };
        let (written, left) = lines.split_at(lines.len() - left);
        self.torn |= !left.is_empty() && written.last().is_some_and(|last| *last != b'\n');
        memchr::memchr_iter(b'\n', left).count() as u64
    }

    /// Writes `bytes`; returns how many were left when writing failed.
    fn write_all(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => break,
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(_) => break,
            }
        }
        bytes.len()
    }
}
