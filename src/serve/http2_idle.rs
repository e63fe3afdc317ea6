//! What happens on one HTTP/2 connection, so that one on which nothing happens can be ended, and an
//! answer that its client does not read as well.
//!
//! HTTP/1.1 needs none of it: hyper bounds the time between requests, and the socket tells when
//! nobody reads. Over HTTP/2 the socket stays writable while a stream's window is shut.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
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
    /// Of these, those whose answer has begun.
    answers: Mutex<HashMap<usize, Shared>>,
    /// The next key of `answers`.
    next: AtomicUsize,
}

/// An answer, shared between its stream and who sees to it that it moves.
type Shared = Arc<Mutex<Taken>>;

/// How much of an answer has been taken.
struct Taken {
    /// `None` once it has not moved for too long.
    body: Option<Body>,
    /// Whether there is a piece that the client does not take.
    waiting: bool,
    /// Whether a piece has been asked for since this was last looked at.
    moved: bool,
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
        Running(self.clone())
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

    /// Ends every answer of which the client has taken nothing for `limit`, and returns when that
    /// is everything that runs; this is noticed within twice that time.
    ///
    /// An answer that ends gives back what it holds of its upstream, whatever else the connection
    /// carries. Its stream fails when the client reads on.
    pub(super) async fn standstill(&self, limit: Duration) {
        loop {
            tokio::time::sleep(limit).await;
            let running = *self.0.running.borrow();
            if running > 0 && self.end_unread() == running {
                return;
            }
        }
    }

    /// How many answers have ended because they do not move, now or before.
    fn end_unread(&self) -> usize {
        let answers: Vec<Shared> = self.answers().values().cloned().collect();
        answers.iter().filter(|answer| lock(answer).end_if_unread()).count()
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<usize, Shared>> {
        lock(&self.0.answers)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Taken {
    /// Whether it has ended because it does not move.
    fn end_if_unread(&mut self) -> bool {
        let moved = std::mem::take(&mut self.moved);
        if self.waiting && !moved {
            self.body = None;
        }
        self.body.is_none()
    }
}

/// A request that has not been answered to the end.
pub(super) struct Running(Activity);

impl Running {
    /// The answer's body, which ends the request.
    pub(super) fn body(self, body: Body) -> Body {
        let taken = Taken { body: Some(body), waiting: false, moved: true };
        let taken = Arc::new(Mutex::new(taken));
        let key = self.0.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.answers().insert(key, Arc::clone(&taken));
        Body::new(Answer { taken, key, running: self })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.send_modify(|running| *running -= 1);
    }
}

struct Answer {
    taken: Shared,
    key: usize,
    running: Running,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.running.0.answers().remove(&self.key);
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut taken = lock(&self.taken);
        taken.moved = true;
        taken.waiting = false;
        let Some(body) = &mut taken.body else {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the client does not read");
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        // Nothing more is asked for until the client has room for this piece.
        taken.waiting = true;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.taken).body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.taken).body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
