//! Limits the concurrent requests per upstream, so that a slow upstream does not exhaust Tandem.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use http::Uri;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::capacity::Streams;
use super::settings::Allowed;
use crate::config::{Origin, UpstreamLimits};

/// The permit of one request to an upstream; released when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Permit(Arc<Held>);

struct Held {
    upstream: Arc<Upstream>,
    connection: usize,
    _permit: OwnedSemaphorePermit,
}

impl Permit {
    /// Which of the connections to this upstream the request uses.
    pub(super) fn connection(&self) -> usize {
        self.0.connection
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(streams) = &self.upstream.streams {
            streams.end(self.connection);
        }
    }
}

/// The permits of one upstream.
struct Upstream {
    free: Arc<Semaphore>,
    /// `None` without HTTP/2: over HTTP/1.1 every request has its own connection.
    streams: Option<Streams>,
}

/// The permits of all upstreams. Origins come from the configuration, so there are few.
pub(super) struct ConcurrencyLimit {
    permits: usize,
    http2: bool,
    upstreams: RwLock<HashMap<String, Arc<Upstream>>>,
}

impl ConcurrencyLimit {
    /// `permits` for every upstream.
    pub(super) fn new(permits: usize, limits: &UpstreamLimits) -> Self {
        Self { permits, http2: limits.proxy_http2, upstreams: RwLock::default() }
    }

    /// A permit for `origin`; `None` if all are in use, or all streams that it allows. Requests do
    /// not queue: that would only add to the load of an upstream that is too slow.
    pub(super) fn acquire(&self, origin: &Origin) -> Option<Permit> {
        let upstream = self.upstream(origin);
        let permit = Arc::clone(&upstream.free).try_acquire_owned().ok()?;
        let connection = match &upstream.streams {
            Some(streams) => streams.begin()?,
            None => 0,
        };
        Some(Permit(Arc::new(Held { upstream, connection, _permit: permit })))
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

    /// Where to store how many streams the upstream at `to` allows on one connection.
    pub(super) fn allowed(&self, to: &Uri) -> Option<Allowed> {
        let origin = format!("{}://{}", to.scheme_str()?, to.authority()?);
        let known = self.upstreams.read().unwrap_or_else(PoisonError::into_inner);
        Some(known.get(&origin)?.streams.as_ref()?.allowed().clone())
    }
}
