//! An upstream that breaks the protocol, which no well-behaved mock can play.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it treats a request.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// Reads the request and resets the connection.
    Resets,
    /// Sends these bytes and closes.
    Sends(Vec<u8>),
    /// Sends `head`, then `piece` without end.
    Repeats { head: Vec<u8>, piece: Vec<u8> },
}

type Requests = Arc<Mutex<Vec<Vec<u8>>>>;

/// It listens on loopback until dropped.
pub(crate) struct MisbehavingUpstream {
    pub(crate) address: SocketAddr,
    requests: Requests,
    task: JoinHandle<()>,
}

impl MisbehavingUpstream {
    pub(crate) async fn start(behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Requests::default();
        let received = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(treat(stream, behavior.clone(), Arc::clone(&received)));
            }
        });
        Self { address, requests, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests arrived.
    pub(crate) fn calls(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The last request, byte for byte.
    pub(crate) fn last_request(&self) -> String {
        let requests = self.requests.lock().unwrap();
        String::from_utf8(requests.last().unwrap().clone()).unwrap()
    }
}

impl Drop for MisbehavingUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn treat(mut stream: TcpStream, behavior: Behavior, requests: Requests) {
    let mut request = vec![0; 64 * 1024];
    let length = stream.read(&mut request).await.unwrap_or_default();
    request.truncate(length);
    requests.lock().unwrap().push(request);
    match behavior {
        Behavior::Resets => {
            // Without a linger time, closing sends RST instead of FIN.
            let _ = stream.set_zero_linger();
        }
        Behavior::Sends(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Behavior::Repeats { head, piece } => {
            let _ = stream.write_all(&head).await;
            while stream.write_all(&piece).await.is_ok() {}
        }
    }
}
