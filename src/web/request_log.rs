//! Fields of a request's log line beyond method and status, and the request's id.

use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;
use http::request::Parts;

/// Handlers record into it; the log layer reads it when the response is ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFields(Arc<Mutex<Fields>>);

/// What was recorded.
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
    /// A handler has dropped a session update, whose cookies the response lacks.
    pub(crate) update_lost: bool,
}

impl LogFields {
    /// The fields of a request, by its extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    pub(crate) fn with(&self, record: impl FnOnce(&mut Fields)) {
        record(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read(&self) -> Fields {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Identifies a request in our log and, as `correlation-id`, in those of the platform.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The id of a request.
    pub(crate) fn of(parts: &Parts) -> &str {
        parts.extensions.get::<Self>().map(|id| id.0.as_str()).unwrap_or_default()
    }
}
