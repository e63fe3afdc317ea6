//! The real binary, started with `serve --config` and ended by signals.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tandem::clock::random;
use tandem_sandbox::Sandbox;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::world::Plan;

/// Where the output of the process goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Both to one pipe, which is not read until [`Server::read_on`].
    Unread,
    /// Both to one pipe whose reader has gone.
    Broken,
    /// Both closed before the process begins.
    Closed,
    /// Both to a disk that is full.
    Full,
}

/// A running `tandem serve`. Dropping it kills the process.
pub(crate) struct Server {
    child: Child,
    file: PathBuf,
    log: Option<JoinHandle<Vec<String>>>,
    unread: Option<ChildStdout>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Server {
    pub(crate) async fn start(plan: &Plan, sandbox: &Sandbox) -> Self {
        Self::start_trusting(plan, sandbox, None).await
    }

    /// With the certificates of `trusted` in place of the system's.
    pub(crate) async fn start_trusting(
        plan: &Plan,
        sandbox: &Sandbox,
        trusted: Option<&Path>,
    ) -> Self {
        let file = configuration(plan, sandbox);
        let mut child = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .envs(trusted.map(|certificates| ("SSL_CERT_FILE", certificates)))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let serving = timeout(Duration::from_secs(20), next(&mut lines)).await;
        let serving = serving.expect("a line in time");
        let address = |name: &str| -> SocketAddr {
            let text = serving[name].as_str().unwrap_or_else(|| panic!("no {name} in {serving}"));
            text.parse().expect("an address")
        };
        let (address, admin) = (address("public"), address("admin"));
        let log = Some(tokio::spawn(collect(lines)));
        Self { child, file, log, unread: None, address, admin }
    }

    /// With its output there, on ports that are free now. Its addresses cannot be read.
    pub(crate) async fn start_with(output: Output, plan: &Plan, sandbox: &Sandbox) -> Self {
        let file = configuration(plan, sandbox);
        let (address, admin) = (free_port(), free_port());
        let to = match output {
            Output::Unread | Output::Broken => "2>&1",
            Output::Closed => ">&- 2>&-",
            Output::Full => ">/dev/full 2>&1",
        };
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" serve --config \"$1\" {to}")])
            .arg(env!("CARGO_BIN_EXE_tandem"))
            .arg(&file)
            .env("TANDEM__SERVER__LISTEN", address.to_string())
            .env("TANDEM__ADMIN__LISTEN", admin.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let unread = child.stdout.take().filter(|_| output == Output::Unread);
        let began = Instant::now();
        while TcpStream::connect(admin).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "{output:?}: it does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { child, file, log: None, unread, address, admin }
    }

    /// Reads what has not been read of the log, and goes on.
    pub(crate) fn read_on(&mut self) {
        let unread = self.unread.take().expect("a pipe that is not read");
        self.log = Some(tokio::spawn(collect(BufReader::new(unread).lines())));
    }

    /// Sends the process SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().expect("a running process");
        let kill = format!("kill -TERM {id}");
        let sent = std::process::Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success());
    }

    /// The exit code and the log lines after the first, once the process has ended.
    pub(crate) async fn ends(&mut self) -> (Option<i32>, Vec<String>) {
        let ended = timeout(Duration::from_secs(20), self.child.wait()).await;
        let code = ended.expect("the process ends in time").expect("a child").code();
        let Some(log) = self.log.take() else { return (code, Vec::new()) };
        (code, log.await.expect("a collector that does not panic"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The file for this plan, which goes with the server.
fn configuration(plan: &Plan, sandbox: &Sandbox) -> PathBuf {
    let name = format!("edge-{:016x}.toml", u64::from_be_bytes(random()));
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, plan.config(sandbox)).expect("a file in the target directory");
    file
}

/// At an address that no other test binds.
fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.78:0").expect("a loopback port");
    listener.local_addr().expect("a bound socket")
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> serde_json::Value {
    let line = lines.next_line().await.expect("a pipe").expect("a line before the end");
    serde_json::from_str(&line).expect("JSON")
}

async fn collect(mut lines: Lines<BufReader<ChildStdout>>) -> Vec<String> {
    let mut log = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        log.push(line);
    }
    log
}
