//! Logs: one JSON object per line, on standard output. The line `request` is an interface; the
//! README documents its fields.

use std::io;

use tracing_subscriber::EnvFilter;

/// Sends everything that passes `filter` to standard output. Does nothing if logs already go
/// somewhere (tests).
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(io::stdout)
        .try_init();
}
