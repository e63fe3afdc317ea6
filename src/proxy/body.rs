//! The bodies of a proxied request and of its response, which hold a permit until they end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use super::concurrency::Permit;
use super::stall::{MIN_PROGRESS, Progress, StallTimer};

/// For an upload that does not move by [`MIN_PROGRESS`] bytes after its response is complete.
const LINGER: Duration = Duration::from_secs(2);

type PolledFrame = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// `inner`, read by `poll_frame`; its announced length stays.
pub(super) fn polled<Inner, PollFrame>(inner: Inner, poll_frame: PollFrame) -> Body
where
    Inner: hyper::body::Body + Send + Unpin + 'static,
    PollFrame: FnMut(&mut Inner, &mut Context<'_>) -> PolledFrame + Send + Unpin + 'static,
{
    Body::new(Polled { inner, poll_frame })
}

struct Polled<Inner, PollFrame> {
    inner: Inner,
    poll_frame: PollFrame,
}

impl<Inner, PollFrame> hyper::body::Body for Polled<Inner, PollFrame>
where
    Inner: hyper::body::Body + Unpin,
    PollFrame: FnMut(&mut Inner, &mut Context<'_>) -> PolledFrame + Unpin,
{
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> PolledFrame {
        let Self { inner, poll_frame } = &mut *self;
        poll_frame(inner, context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of a request, which adds its bytes to `progress` and holds the permit until it ends, and
/// a guard to keep until the response is complete.
pub(super) fn of_request(
    body: Body,
    progress: &Progress,
    permit: &Permit,
) -> (Body, Option<DropGuard>) {
    if body.is_end_stream() {
        return (body, None);
    }
    let response_done = CancellationToken::new();
    let mut upload = Upload {
        progress: progress.clone(),
        response_done: Box::pin(response_done.clone().cancelled_owned()),
        lingering: None,
        _permit: permit.clone(),
    };
    let body = polled(body, move |body, context| upload.poll(body, context));
    (body, Some(response_done.drop_guard()))
}

/// The state of a request body. Once the response is complete, the rest of the upload is of no use:
/// it may continue, because many clients read no response before they have sent everything, but it
/// must not stall.
struct Upload {
    progress: Progress,
    response_done: Pin<Box<WaitForCancellationFutureOwned>>,
    lingering: Option<StallTimer>,
    /// The upload, and with it its stream at the upstream, may outlast the response.
    _permit: Permit,
}

impl Upload {
    fn poll(&mut self, body: &mut Body, context: &mut Context<'_>) -> PolledFrame {
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) {
            match &frame {
                Some(Ok(frame)) => self.count(frame, body),
                Some(Err(_)) => {}
                None => self.progress.add(MIN_PROGRESS),
            }
            return Poll::Ready(frame);
        }
        ready!(self.response_done.as_mut().poll(context));
        let start = || StallTimer::new(LINGER, &self.progress);
        ready!(self.lingering.get_or_insert_with(start).poll(context));
        Poll::Ready(Some(Err(timed_out("upload stalled after the response"))))
    }

    fn count(&self, frame: &Frame<Bytes>, body: &Body) {
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.progress.add(u64::try_from(length).unwrap_or(MIN_PROGRESS));
        // The upstream then has its full time for the response, however short the body was.
        if body.is_end_stream() {
            self.progress.add(MIN_PROGRESS);
        }
    }
}

/// The body of a response, which holds the permit until it ends, stalls or is dropped. It fails once
/// neither it nor the upload has moved for `idle`, so that its reader sees that it is incomplete.
pub(super) fn of_response(
    body: Incoming,
    permit: Permit,
    idle: Duration,
    (progress, upload): (Progress, Option<DropGuard>),
) -> Body {
    let mut download = Download { idle, progress, waiting: None, _permit: permit, _upload: upload };
    polled(body, move |body, context| download.poll(body, context))
}

/// The state of a response body.
struct Download {
    idle: Duration,
    /// Of the upload: some upstreams begin to respond before they have received all of it.
    progress: Progress,
    /// While the upstream is awaited; a browser that does not read is not covered here.
    waiting: Option<StallTimer>,
    _permit: Permit,
    /// Tells the upload, if there is one, that the response is complete.
    _upload: Option<DropGuard>,
}

impl Download {
    fn poll(&mut self, body: &mut Incoming, context: &mut Context<'_>) -> PolledFrame {
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let start = || StallTimer::new(self.idle, &self.progress);
        ready!(self.waiting.get_or_insert_with(start).poll(context));
        tracing::warn!("upstream response stalled; connection closed");
        Poll::Ready(Some(Err(timed_out("upstream response stalled"))))
    }
}

fn timed_out(what: &'static str) -> axum::Error {
    axum::Error::new(io::Error::new(io::ErrorKind::TimedOut, what))
}
