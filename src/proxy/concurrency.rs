//! How many requests may be at one upstream at a time: a slow one must not take everything down.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::Uri;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::DropGuard;

use super::capacity::Streams;
use super::settings::Allowed;
use super::stall::{Progress, StallTimer};
use crate::config::Origin;

/// A place at an upstream; given back when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Permit(Arc<Taken>);

struct Taken {
    upstream: Arc<Upstream>,
    connection: usize,
    _permit: OwnedSemaphorePermit,
}

impl Permit {
    /// Which of the connections to this upstream the request goes by.
    pub(super) fn connection(&self) -> usize {
        self.0.connection
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(streams) = &self.upstream.streams {
            streams.end(self.connection);
        }
    }
}

/// The places of one upstream.
struct Upstream {
    free: Arc<Semaphore>,
    /// Where it may speak HTTP/2. Over HTTP/1.1 every request has a connection of its own.
    streams: Option<Streams>,
}

/// The places of every upstream. Origins come from the configuration, so there are few.
pub(super) struct ConcurrencyLimit {
    permits: usize,
    http2: bool,
    upstreams: RwLock<HashMap<String, Arc<Upstream>>>,
}

impl ConcurrencyLimit {
    /// So many places at every upstream, some of which may speak HTTP/2.
    pub(super) fn new(permits: usize, http2: bool) -> Self {
        Self { permits, http2, upstreams: RwLock::default() }
    }

    /// A place at `origin`; `None` if all are taken, or all streams that it allows. Nobody queues: whoever waits for an upstream
    /// that does not keep up only makes it worse.
    pub(super) fn take(&self, origin: &Origin) -> Option<Permit> {
        let upstream = self.upstream(origin);
        let permit = Arc::clone(&upstream.free).try_acquire_owned().ok()?;
        let connection = match &upstream.streams {
            Some(streams) => streams.begin()?,
            None => 0,
        };
        Some(Permit(Arc::new(Taken { upstream, connection, _permit: permit })))
    }

    fn upstream(&self, origin: &Origin) -> Arc<Upstream> {
        let known = self.upstreams.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(upstream) = known.get(origin.as_str()) {
            return Arc::clone(upstream);
        }
        drop(known);
        let mut upstreams = self.upstreams.write().unwrap_or_else(PoisonError::into_inner);
        let upstream = upstreams.entry(origin.as_str().to_owned());
        Arc::clone(upstream.or_insert_with(|| Arc::new(self.new_upstream(origin))))
    }

    fn new_upstream(&self, origin: &Origin) -> Upstream {
        // Without TLS there is no HTTP/2.
        let streams = (self.http2 && origin.is_https()).then(|| Streams::new(self.permits));
        Upstream { free: Arc::new(Semaphore::new(self.permits)), streams }
    }

    /// Where to say how many streams the upstream at `to` allows on one connection.
    pub(super) fn allowed(&self, to: &Uri) -> Option<Allowed> {
        let origin = format!("{}://{}", to.scheme_str()?, to.authority()?);
        let known = self.upstreams.read().unwrap_or_else(PoisonError::into_inner);
        Some(known.get(&origin)?.streams.as_ref()?.allowed().clone())
    }
}

/// The body of an answer, which keeps its place until it ends, stands still, or is dropped.
pub(super) struct PermittedBody {
    body: Incoming,
    idle: Duration,
    /// Of the upload: some upstreams begin to answer while it is still on its way.
    progress: Progress,
    /// While the upstream is waited for; a browser that does not read is another's business.
    waiting: Option<StallTimer>,
    _place: Permit,
    /// Tells the upload, if there is one, that the answer is through.
    _upload: Option<DropGuard>,
}

impl PermittedBody {
    /// `body`, which fails once neither it nor the upload has moved for `idle`: whoever reads it
    /// sees that it is cut off.
    pub(super) fn body(
        body: Incoming,
        permit: Permit,
        idle: Duration,
        (progress, upload): (Progress, Option<DropGuard>),
    ) -> Body {
        let waiting = None;
        Body::new(Self { body, idle, progress, waiting, _place: permit, _upload: upload })
    }
}

impl hyper::body::Body for PermittedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let held = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut held.body).poll_frame(context) {
            held.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let begin = || StallTimer::new(held.idle, &held.progress);
        ready!(held.waiting.get_or_insert_with(begin).poll(context));
        tracing::warn!("the upstream's answer stands still and is cut off");
        let error = io::Error::new(io::ErrorKind::TimedOut, "the answer stands still");
        Poll::Ready(Some(Err(axum::Error::new(error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
