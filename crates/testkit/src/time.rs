//! Tokio's clock in the hands of the test: a time limit ends when the test says so, however slow the
//! machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Real time after which a test that waits for the stopped clock gets it back, and fails.
const TOO_LONG: Duration = Duration::from_secs(60);
/// Turns of the scheduler after which everything that can happen at one moment has happened. A
/// timer that ends, the bytes that follow from it and their arrival on loopback take fewer than ten.
const TURNS: usize = 100;

/// The stopped clock of the runtime of a test. It runs again when this value is dropped.
pub struct StoppedTime {
    _running: Sender<()>,
    was_waited_for: Arc<AtomicBool>,
}

/// Stops the clock until the test ends.
pub fn stop_time() -> StoppedTime {
    tokio::time::pause();
    let (running, ended) = channel();
    let was_waited_for = Arc::<AtomicBool>::default();
    let waited = Arc::clone(&was_waited_for);
    // As long as a blocking task runs, tokio does not move a stopped clock by itself.
    tokio::task::spawn_blocking(move || {
        let ended = ended.recv_timeout(TOO_LONG);
        waited.store(ended == Err(RecvTimeoutError::Timeout), Ordering::Relaxed);
    });
    StoppedTime { _running: running, was_waited_for }
}

impl StoppedTime {
    /// Moves the clock, and runs everything that follows.
    pub async fn passes(&self, time: Duration) {
        settle().await;
        tokio::time::advance(time).await;
        settle().await;
    }
}

impl Drop for StoppedTime {
    fn drop(&mut self) {
        let was_waited_for = self.was_waited_for.load(Ordering::Relaxed);
        assert!(
            !was_waited_for || std::thread::panicking(),
            "nothing happened when the clock was moved; the test waited for it to run again"
        );
    }
}

/// Runs everything that can run at this moment.
pub async fn settle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}
