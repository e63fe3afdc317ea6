//! An upstream without manners, which no well-behaved mock can play.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How it treats whoever calls.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Reads the request and resets the connection.
    Resets,
    /// Sends these octets and closes.
    Says(Vec<u8>),
    /// Sends these octets, then sends them again for ever.
    Repeats { head: Vec<u8>, again: Vec<u8> },
}

/// It listens on loopback until dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::default();
        let ear = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(treat(stream, manner.clone(), Arc::clone(&ear)));
            }
        });
        Self { address, heard, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests arrived.
    pub(crate) fn calls(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// The last request, as it stood on the wire.
    pub(crate) fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap();
        String::from_utf8(heard.last().unwrap().clone()).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn treat(mut stream: TcpStream, manner: Manner, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut request = vec![0; 64 * 1024];
    let length = stream.read(&mut request).await.unwrap_or_default();
    request.truncate(length);
    heard.lock().unwrap().push(request);
    match manner {
        Manner::Resets => {
            // Without a linger time, closing sends RST instead of FIN.
            let _ = stream.set_zero_linger();
        }
        Manner::Says(octets) => {
            let _ = stream.write_all(&octets).await;
            let _ = stream.shutdown().await;
        }
        Manner::Repeats { head, again } => {
            let _ = stream.write_all(&head).await;
            while stream.write_all(&again).await.is_ok() {}
        }
    }
}
