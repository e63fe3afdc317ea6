//! How many requests may be at one upstream at a time: a slow one must not take everything down.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::DropGuard;

use crate::config::Origin;

/// A place at an upstream; given back when dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// The places of every upstream. Origins come from the configuration, so there are few.
pub(super) struct Bound {
    each: usize,
    origins: RwLock<HashMap<String, Arc<Semaphore>>>,
}

impl Bound {
    /// `each` places at every upstream.
    pub(super) fn new(each: usize) -> Self {
        Self { each: each.min(Semaphore::MAX_PERMITS), origins: RwLock::default() }
    }

    /// A place at `origin`; `None` if all are taken. Nobody queues: whoever waits for an upstream
    /// that does not keep up only makes it worse.
    pub(super) fn take(&self, origin: &Origin) -> Option<Place> {
        self.places(origin).try_acquire_owned().ok()
    }

    fn places(&self, origin: &Origin) -> Arc<Semaphore> {
        let known = self.origins.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = known.get(origin.as_str()) {
            return Arc::clone(places);
        }
        drop(known);
        let mut origins = self.origins.write().unwrap_or_else(PoisonError::into_inner);
        let places = origins.entry(origin.as_str().to_owned());
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }
}

/// The body of an answer, which keeps its place until it ends or is dropped.
pub(super) struct Held {
    body: Incoming,
    _place: Place,
    /// Tells the upload, if there is one, that the answer is through.
    _upload: Option<DropGuard>,
}

impl Held {
    pub(super) fn body(body: Incoming, place: Place, upload: Option<DropGuard>) -> Body {
        Body::new(Self { body, _place: place, _upload: upload })
    }
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
