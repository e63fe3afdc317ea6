//! What happens on one HTTP/2 connection, so that one on which nothing happens can be ended.
//!
//! HTTP/1.1 needs none of it: hyper bounds the time between requests, and the socket tells when
//! nobody reads. Over HTTP/2 the socket stays writable while a stream's window is shut.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;

/// Requests and answers of one connection; clones count together.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// Whether there has been a request at all, over whatever protocol.
    begun: AtomicBool,
    /// Requests not answered to the end.
    running: watch::Sender<usize>,
    /// Of these, those with a piece of the answer that the client does not take.
    waiting: AtomicUsize,
    /// Grows with every piece that is asked for.
    moves: AtomicU64,
}

impl Activity {
    /// A request has come.
    pub(super) fn begin(&self) {
        self.0.begun.store(true, Ordering::Relaxed);
    }

    /// A request over HTTP/2 has come. It runs until what this returns, or the body made by it, is
    /// dropped.
    pub(super) fn request(&self) -> Running {
        self.0.running.send_modify(|running| *running += 1);
        Running { activity: self.clone(), waiting: false }
    }

    /// Returns when no request has come within `limit`. hyper's own timer starts only when it knows
    /// the protocol, so that whoever sends nothing would be waited for for ever.
    pub(super) async fn silence(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        if self.0.begun.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when after the first request none has been running for `limit`.
    pub(super) async fn idleness(&self, limit: Duration) {
        let mut running = self.0.running.subscribe();
        let _ = running.changed().await;
        loop {
            let _ = running.wait_for(|running| *running == 0).await;
            if tokio::time::timeout(limit, running.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Returns when everything that runs has for `limit` been waiting for a client that does not
    /// read; this is noticed within twice that time.
    pub(super) async fn standstill(&self, limit: Duration) {
        let mut before = None;
        loop {
            tokio::time::sleep(limit).await;
            let running = *self.0.running.borrow();
            let all_wait = running > 0 && self.0.waiting.load(Ordering::Relaxed) == running;
            let now = all_wait.then(|| self.0.moves.load(Ordering::Relaxed));
            if now.is_some() && now == before {
                return;
            }
            before = now;
        }
    }
}

/// A request that has not been answered to the end.
pub(super) struct Running {
    activity: Activity,
    waiting: bool,
}

impl Running {
    /// The answer's body, which ends the request.
    pub(super) fn body(self, body: Body) -> Body {
        Body::new(Answer { body, running: self })
    }

    fn wait(&mut self, waiting: bool) {
        let count = &self.activity.0.waiting;
        match (self.waiting, waiting) {
            (false, true) => _ = count.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = count.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
        self.waiting = waiting;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.wait(false);
        self.activity.0.running.send_modify(|running| *running -= 1);
    }
}

struct Answer {
    body: Body,
    running: Running,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.running.activity.0.moves.fetch_add(1, Ordering::Relaxed);
        let frame = Pin::new(&mut self.body).poll_frame(context);
        // Nothing more is asked for until the client has room for this piece.
        self.running.wait(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
