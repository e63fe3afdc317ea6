//! Filters the trailers that may follow the body of a request.

use std::pin::Pin;

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame};

use super::body::polled;
use super::header_names::may_be_trailer;

/// Whether a request may have trailers at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trailers {
    /// All but headers that only Tandem may send.
    Filtered,
    /// No trailers.
    Removed,
}

/// `body` with its trailers filtered or removed.
pub(super) fn filter(body: Body, trailers: Trailers) -> Body {
    // A body of known length has none (RFC 9112 section 7.1.2).
    if body.size_hint().exact().is_some() {
        return body;
    }
    polled(body, move |body, context| {
        Pin::new(body).poll_frame(context).map(|frame| match frame {
            Some(Ok(frame)) if frame.is_trailers() => permitted(frame, trailers).map(Ok),
            other => other,
        })
    })
}

fn permitted(frame: Frame<Bytes>, trailers: Trailers) -> Option<Frame<Bytes>> {
    let mut fields = frame.into_trailers().ok().filter(|_| trailers == Trailers::Filtered)?;
    let removed: Vec<_> = fields.keys().filter(|name| !may_be_trailer(name)).cloned().collect();
    for name in removed {
        fields.remove(name);
    }
    (!fields.is_empty()).then(|| Frame::trailers(fields))
}
