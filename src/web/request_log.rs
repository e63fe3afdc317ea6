//! What one request's log line will say beyond method and status.

use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;

/// Filled in by whoever learns something; read when the answer is ready.
#[derive(Clone, Debug, Default)]
pub struct LogFields(Arc<Mutex<Fields>>);

/// What has been noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) route: Option<&'static str>,
    pub(crate) site: Option<String>,
    /// A keyed hash of the usid.
    pub(crate) session: Option<String>,
    pub(crate) outcome: Option<&'static str>,
    /// Of the SLAS proxy.
    pub(crate) operation: Option<&'static str>,
    pub(crate) upstream_calls: u32,
}

impl LogFields {
    pub(crate) fn with(&self, note: impl FnOnce(&mut Fields)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read(&self) -> Fields {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The id by which a request is found in our log and, as `correlation-id`, in the platform's.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The id of a request.
    pub(crate) fn of(parts: &Parts) -> &str {
        parts.extensions.get::<Self>().map(|id| id.0.as_str()).unwrap_or_default()
    }
}
