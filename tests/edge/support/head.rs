//! Heads other than the simulator's: one played by the test itself, and one that always says the
//! same.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::time::settle;
use super::wire::{Line, Top};

/// What was asked: tops and bodies.
type Requests = Arc<Mutex<Vec<(Top, Vec<u8>)>>>;

/// A listener whose connections the test answers by hand.
pub(crate) struct Head {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Head {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("a bound socket");
        Self { listener, address }
    }

    /// The next connection.
    pub(crate) async fn line(&self) -> Line {
        let accepted = timeout(Duration::from_secs(20), self.listener.accept()).await;
        Line::on(accepted.expect("a connection in time").expect("a connection").0)
    }

    /// Nobody has connected: of all who connect, the first is the test itself.
    pub(crate) async fn is_left_alone(&self) {
        settle().await;
        let own = TcpStream::connect(self.address).await.expect("the listener accepts");
        let (_, first) = self.listener.accept().await.expect("a connection");
        assert_eq!(first, own.local_addr().expect("a live socket"), "a connection too many");
    }

    /// The next connection and the top of the request on it.
    pub(crate) async fn asked(&self) -> (Line, Top) {
        let mut line = self.line().await;
        let top = line.top().await.expect("a request");
        (line, top)
    }
}

/// A Head that gives every request the same answer and remembers what it was asked.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    asked: Requests,
    _stop: DropGuard,
}

impl StandIn {
    /// `answer` is a whole answer as bytes; the connection is closed after it.
    pub(crate) async fn answering(answer: &str) -> Self {
        let head = Head::bind().await;
        let (address, answer) = (head.address, answer.to_owned());
        let asked = Requests::default();
        let stop = CancellationToken::new();
        let serving = serve(head, answer, Arc::clone(&asked));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Self { address, asked, _stop: stop.drop_guard() }
    }

    /// Every request so far: its top and its body.
    pub(crate) fn asked(&self) -> Vec<(Top, Vec<u8>)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(head: Head, answer: String, asked: Requests) {
    while let Ok((stream, _)) = head.listener.accept().await {
        let mut line = Line::on(stream);
        let Some(top) = line.top().await else { continue };
        let (body, _) = line.body(&top).await;
        asked.lock().unwrap_or_else(PoisonError::into_inner).push((top, body));
        line.write(&answer).await;
    }
}
