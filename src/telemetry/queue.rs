//! Lines on their way to an output that may be slow, blocked or broken.
//!
//! Whoever logs copies a line into a bounded buffer and goes on; one thread writes. It holds no
//! lock while it writes, and nothing else uses its output. What finds no room or cannot be written
//! is dropped and counted.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::fmt::MakeWriter;

#[cfg(test)]
mod tests;

/// Octets that wait to be written, at most: some thousand lines. The thread holds as many again.
const CAPACITY: usize = 1 << 20;
/// From the first line that waits until it is written: lines of this time share one write.
const GATHER: Duration = Duration::from_millis(10);
/// Before an output that says it is not ready is tried again.
const RETRY: Duration = Duration::from_millis(20);

thread_local! {
    /// Whether this is the thread that writes. What it logs itself, a line for each write at most,
    /// says how many lines were lost and is not lost.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// The lines; clones share them.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    capacity: usize,
    lost: Counter,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    closing: bool,
    closed: bool,
}

impl Queue {
    /// An empty one that counts the lines it loses in `lost`.
    pub(super) fn new(lost: Counter) -> Self {
        Self::with_capacity(CAPACITY, lost)
    }

    fn with_capacity(capacity: usize, lost: Counter) -> Self {
        let (waiting, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { waiting, changed, capacity, lost }))
    }

    /// Takes one whole line, or counts it as lost. Never waits for the output.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let full = waiting.lines.len() + line.len() > self.0.capacity && !WRITES.get();
        if waiting.closed || full {
            self.0.lost.inc();
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if first {
            self.0.changed.notify_all();
        }
    }

    /// Writes to `output`, in a thread of its own, until [`close`](Self::close). When lines have been
    /// lost and it works again, `report` hears how many.
    pub(super) fn write_to(
        &self,
        output: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<()> {
        let queue = self.clone();
        let work = move || queue.write(output, report);
        thread::Builder::new().name("log".to_owned()).spawn(work).map(drop)
    }

    /// Takes no more lines, and waits until all are written, but not longer than `limit`.
    pub(super) fn close(&self, limit: Duration) {
        let mut waiting = self.lock();
        waiting.closing = true;
        self.0.changed.notify_all();
        let open = |waiting: &mut Waiting| !waiting.closed;
        drop(self.0.changed.wait_timeout_while(waiting, limit, open));
    }

    fn write(&self, output: impl Write, report: impl Fn(u64)) {
        WRITES.set(true);
        let mut output = Output { output, torn: false };
        let (mut lines, mut reported) = (Vec::new(), 0);
        while self.next(&mut lines) {
            let lost = output.write(&lines);
            lines.clear();
            let before = self.0.lost.inc_by(lost);
            if lost == 0 && before > reported {
                report(before - reported);
                reported = before;
            }
        }
    }

    /// Waits for lines and takes them all; false once there are none and there will be none.
    fn next(&self, lines: &mut Vec<u8>) -> bool {
        let empty = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.closing;
        let open = |waiting: &mut Waiting| !waiting.closing;
        let changed = &self.0.changed;
        let waiting =
            changed.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let gathered = changed.wait_timeout_while(waiting, GATHER, open);
        let mut waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::swap(&mut waiting.lines, lines);
        waiting.closed = lines.is_empty();
        let closed = waiting.closed;
        drop(waiting);
        if closed {
            changed.notify_all();
        }
        !closed
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event is formatted in full and then written at once, so that one write is one line.
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
    /// Whether the last line that was written lacks its end.
    torn: bool,
}

impl<W: Write> Output<W> {
    /// Writes whole lines; how many were lost.
    fn write(&mut self, lines: &[u8]) -> u64 {
        if self.torn {
            self.torn = self.write_all(b"\n") > 0;
        }
        let left = if self.torn { lines.len() } else { self.write_all(lines) };
        let (written, left) = lines.split_at(lines.len() - left);
        self.torn |= !left.is_empty() && written.last().is_some_and(|last| *last != b'\n');
        memchr::memchr_iter(b'\n', left).count() as u64
    }

    /// How many octets were left when writing failed.
    fn write_all(&mut self, mut octets: &[u8]) -> usize {
        while !octets.is_empty() {
            match self.output.write(octets) {
                Ok(0) => break,
                Ok(written) => octets = &octets[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(_) => break,
            }
        }
        octets.len()
    }
}
