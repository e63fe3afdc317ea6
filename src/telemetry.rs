//! Logs: one JSON object per line, on standard output. The line `request` is an interface;
//! `docs/operations.md` lists its fields.
//!
//! Logging never decides whether a request is answered: see `telemetry::queue`.

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

/// For the last lines to be written when the process ends.
const LAST_LINES: Duration = Duration::from_secs(1);

static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Counts the lines that were not written, because the output was blocked or broken.
#[must_use]
pub fn dropped_lines() -> Counter {
    DROPPED.clone()
}

/// The log of the process. When it is dropped the last lines are written, within a second.
#[must_use]
pub struct Log(Option<Queue>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.close(LAST_LINES);
        }
    }
}

/// Sends everything that passes `filter` to standard output. Does nothing if logs already go
/// somewhere (tests).
pub fn start(filter: &str) -> Log {
    let queue = Queue::new(dropped_lines());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        // It would complain on standard error, and panic where that is closed.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(queue.clone())
        .try_init();
    if started.is_err() {
        return Log(None);
    }
    std::panic::set_hook(Box::new(log_panic));
    // Without a thread to write them all lines are lost, and counted.
    let writes = queue.write_to(standard_output(), report).is_ok();
    Log(writes.then_some(queue))
}

/// A descriptor of our own: `io::stdout` would hold its lock as long as a write is blocked.
fn standard_output() -> Box<dyn Write + Send> {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(output) => Box::new(File::from(output)),
        Err(_) => Box::new(&mut [][..]),
    }
}

fn report(lines: u64) {
    tracing::warn!(lines, "log lines dropped");
}

/// In place of a message on standard error, which may be blocked. What was formatted into a message
/// may be a secret, so only fixed ones are shown.
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
    fn what_was_formatted_into_the_message_of_a_panic_is_not_logged() {
        let secret = std::hint::black_box("CANARY").to_owned();
        let formatted = std::panic::catch_unwind(|| panic!("no token in {secret}")).unwrap_err();
        assert_eq!(reason(&*formatted), None);
        let fixed = std::panic::catch_unwind(|| panic!("no token")).unwrap_err();
        assert_eq!(reason(&*fixed), Some("no token"));
    }
}
