//! Finds HTTP/2 connections without requests, and responses that their client does not read.
//!
//! HTTP/1.1 does not need this: hyper limits the time between requests, and the socket is not writable
//! while the client does not read. Over HTTP/2 it stays writable while a stream's window is closed.

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

/// The requests and responses of one connection; clones share them.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// Whether there has been a request, over either protocol.
    begun: AtomicBool,
    /// Requests whose response is not complete.
    running: watch::Sender<usize>,
    /// Responses of these requests that have begun.
    responses: Mutex<HashMap<usize, Shared>>,
    /// The next key of `responses`.
    next: AtomicUsize,
}

/// A response, shared between its stream and the timeout.
type Shared = Arc<Mutex<Progress>>;

/// Whether the client reads a response.
struct Progress {
    /// `None` after the timeout.
    body: Option<Body>,
    /// Whether a frame waits for the client.
    waiting: bool,
    /// Whether a frame has been polled since the last check.
    polled: bool,
}

impl Activity {
    /// Records the first request.
    pub(super) fn begin(&self) {
        self.0.begun.store(true, Ordering::Relaxed);
    }

    /// Counts a request over HTTP/2 as running until the returned value, or the body made from it, is
    /// dropped.
    pub(super) fn request(&self) -> Running {
        self.0.running.send_modify(|running| *running += 1);
        Running(self.clone())
    }

    /// Returns if there is no request within `limit`. hyper's own timer starts only when the protocol
    /// is known, so a client that sends nothing would have no timeout.
    pub(super) async fn no_request(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        if self.0.begun.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when, after the first request, none has been running for `limit`.
    pub(super) async fn idle(&self, limit: Duration) {
        let mut running = self.0.running.subscribe();
        let _ = running.changed().await;
        loop {
            let _ = running.wait_for(|running| *running == 0).await;
            if tokio::time::timeout(limit, running.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Ends every response of which the client has read nothing for `limit`, and returns when all
    /// running requests have ended that way. A stalled response ends within twice the limit.
    ///
    /// It then releases its upstream, whatever else the connection carries. Its stream fails when the
    /// client reads again.
    pub(super) async fn all_stalled(&self, limit: Duration) {
        loop {
            tokio::time::sleep(limit).await;
            let running = *self.0.running.borrow();
            if running > 0 && self.end_unread() == running {
                return;
            }
        }
    }

    /// Ends stalled responses; returns how many have been ended so far.
    fn end_unread(&self) -> usize {
        let responses: Vec<Shared> = self.responses().values().cloned().collect();
        responses.iter().filter(|response| lock(response).end_if_unread()).count()
    }

    fn responses(&self) -> MutexGuard<'_, HashMap<usize, Shared>> {
        lock(&self.0.responses)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// Ends it if it has stalled since the last check; whether it has been ended.
    fn end_if_unread(&mut self) -> bool {
        let polled = std::mem::take(&mut self.polled);
        if self.waiting && !polled {
            self.body = None;
        }
        self.body.is_none()
    }
}

/// A request whose response is not complete.
pub(super) struct Running(Activity);

impl Running {
    /// The response body, which ends the request when it is dropped.
    pub(super) fn body(self, body: Body) -> Body {
        let progress = Progress { body: Some(body), waiting: false, polled: true };
        let progress = Arc::new(Mutex::new(progress));
        let key = self.0.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.responses().insert(key, Arc::clone(&progress));
        Body::new(TrackedBody { progress, key, running: self })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.send_modify(|running| *running -= 1);
    }
}

struct TrackedBody {
    progress: Shared,
    key: usize,
    running: Running,
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.running.0.responses().remove(&self.key);
    }
}

impl hyper::body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut progress = lock(&self.progress);
        progress.polled = true;
        progress.waiting = false;
        let Some(body) = &mut progress.body else {
            let error = io::Error::new(
                io::ErrorKind::TimedOut,
                "response stalled: the client does not read",
            );
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        // The next poll comes when the client has room for this frame.
        progress.waiting = true;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.progress).body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.progress).body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
