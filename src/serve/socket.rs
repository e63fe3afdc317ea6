//! The socket of one connection, with what must end when the connection does.
//!
//! After an upgrade hyper gives the socket away, so the place of the connection and the limit on a
//! client that does not read travel with the socket itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A socket whose writes must move.
pub(super) struct Socket {
    stream: TcpStream,
    limit: Duration,
    /// Ends a write that does not move; counts only while one is waiting.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _slot: OwnedSemaphorePermit,
    _tracked: TaskTrackerToken,
}

impl Socket {
    /// `stream`, which fails when a write does not move for `limit`, and once `cut` is cancelled.
    /// It holds `slot` and `tracked` until it is closed.
    pub(super) fn new(
        stream: TcpStream,
        limit: Duration,
        cut: CancellationToken,
        slot: OwnedSemaphorePermit,
        tracked: TaskTrackerToken,
    ) -> Self {
        // An answer is one write, and what it waits for is us.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            limit,
            timer: Box::pin(tokio::time::sleep(limit)),
            waiting: false,
            cut: Box::pin(cut.cancelled_owned()),
            _slot: slot,
            _tracked: tracked,
        }
    }

    /// `written`, or an error if it has been pending for too long.
    fn in_time<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        if !self.waiting {
            self.waiting = true;
            let limit = self.limit;
            self.timer.as_mut().reset(Instant::now() + limit);
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            return Poll::Ready(read);
        }
        // Only who waits need be woken.
        ready!(self.cut.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
