//! Logs: one JSON object per line, on standard output. The line `request` is an interface;
//! `docs/operations.md` lists its fields.
//!
//! Logging never blocks a request: see `telemetry::queue`.

use std::any::Any;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::panic::PanicHookInfo;
use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::EnvFilter;

mod queue;

use queue::Queue;

/// Time to write the last lines when the process ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Counts the lines that were not written because the output was blocked or failed.
#[must_use]
pub(crate) fn dropped_lines() -> Counter {
    DROPPED.clone()
}

/// The log of the process. When it is dropped, the last lines are written, within a second.
#[must_use]
pub(crate) struct Log(Option<Queue>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.close(CLOSE_TIMEOUT);
        }
    }
}

/// Writes the events that pass `filter` to standard output. Does nothing if a subscriber is already
/// set (tests).
pub(crate) fn start(filter: &str) -> Log {
    let queue = Queue::new(dropped_lines());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        // They would go to standard error, with a panic if that is closed.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(queue.clone())
        .try_init();
    if started.is_err() {
        return Log(None);
    }
    std::panic::set_hook(Box::new(log_panic));
    // If the thread cannot be started, all lines are dropped and counted.
    let is_writing = queue.write_to(standard_output(), report).is_ok();
    Log(is_writing.then_some(queue))
}

/// A duplicate of the descriptor: `io::stdout` would hold its lock while a write is blocked.
fn standard_output() -> Box<dyn Write + Send> {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(output) => Box::new(File::from(output)),
        Err(_) => Box::new(&mut [][..]),
    }
}

fn report(lines: u64) {
    tracing::warn!(lines, "log lines dropped");
}

/// Replaces the message on standard error, which may be blocked. A formatted message may contain a
/// secret, so only fixed messages are logged.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let (file, line) = panic.location().map(|at| (at.file(), at.line())).unzip();
    tracing::error!(file, line, reason = reason(panic.payload()), "panic");
}

fn reason(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formatted_panic_message_is_not_logged() {
        let secret = std::hint::black_box("CANARY").to_owned();
        let formatted = std::panic::catch_unwind(|| panic!("no token in {secret}")).unwrap_err();
        assert_eq!(reason(&*formatted), None);
        let fixed = std::panic::catch_unwind(|| panic!("no token")).unwrap_err();
        assert_eq!(reason(&*fixed), Some("no token"));
    }
}
