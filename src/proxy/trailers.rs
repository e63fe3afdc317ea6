//! What may follow the body of a request.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, SizeHint};

use super::header_names::may_trail;

/// `body`, followed by no field that a server might take for a header that we alone may send; by none
/// at all unless `passing`.
pub(super) fn filtered(body: Body, passing: bool) -> Body {
    // With a known length there are none (RFC 9112 section 7.1.2).
    if body.size_hint().exact().is_some() {
        return body;
    }
    Body::new(Filtered { body, passing })
}

struct Filtered {
    body: Body,
    passing: bool,
}

impl hyper::body::Body for Filtered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let passing = self.passing;
        Pin::new(&mut self.body).poll_frame(context).map(|frame| match frame {
            Some(Ok(frame)) if frame.is_trailers() => harmless(frame, passing).map(Ok),
            other => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn harmless(frame: Frame<Bytes>, passing: bool) -> Option<Frame<Bytes>> {
    let mut fields = frame.into_trailers().ok().filter(|_| passing)?;
    let hostile: Vec<_> = fields.keys().filter(|name| !may_trail(name)).cloned().collect();
    for name in hostile {
        fields.remove(name);
    }
    (!fields.is_empty()).then(|| Frame::trailers(fields))
}
