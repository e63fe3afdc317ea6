//! The real binary, started with `serve --config` and ended by signals.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tandem::clock::random;
use tandem_sandbox::Sandbox;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::scenario::Scenario;

/// For the process to start or to end.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The binary, and where the files of its runs go: only cargo can tell a test target.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// `env!("CARGO_BIN_EXE_tandem")`.
    pub binary: &'static str,
    /// `env!("CARGO_TARGET_TMPDIR")`.
    pub folder: &'static str,
}

/// Where the output of the process goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Both to one pipe, which is not read until [`Server::read_on`].
    Unread,
    /// Both to one pipe whose reader has closed it.
    Broken,
    /// Both closed before the process begins.
    Closed,
    /// Both to a full disk.
    Full,
}

/// A running `tandem serve`. Dropping it kills the process.
pub struct Server {
    child: Child,
    file: PathBuf,
    log: Option<JoinHandle<Vec<String>>>,
    unread: Option<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its admin listener is.
    pub admin: SocketAddr,
}

impl Program {
    /// Starts it before the platform `sandbox`.
    pub async fn serve(self, scenario: &Scenario, sandbox: &Sandbox) -> Server {
        self.serve_trusting(scenario, sandbox, None).await
    }

    /// The same with the certificates of `trusted` in place of the system's.
    pub async fn serve_trusting(
        self,
        scenario: &Scenario,
        sandbox: &Sandbox,
        trusted: Option<&Path>,
    ) -> Server {
        let file = self.write(scenario, sandbox);
        let mut child = Command::new(self.binary)
            .envs(scenario.environment().iter().cloned())
            .envs(trusted.map(|certificates| ("SSL_CERT_FILE", certificates)))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let serving = timeout(TIME_LIMIT, first_line(&mut lines)).await.expect("a line in time");
        let address = |name: &str| -> SocketAddr {
            let text = serving[name].as_str().unwrap_or_else(|| panic!("no {name} in {serving}"));
            text.parse().expect("an address")
        };
        let (address, admin) = (address("public"), address("admin"));
        let log = Some(tokio::spawn(collect(lines)));
        Server { child, file, log, unread: None, address, admin }
    }

    /// Starts it with its output there, on ports that are free now: its addresses cannot be read.
    pub async fn serve_with(
        self,
        output: Output,
        scenario: &Scenario,
        sandbox: &Sandbox,
    ) -> Server {
        let file = self.write(scenario, sandbox);
        let (address, admin) = (separate_address(), separate_address());
        let to = match output {
            Output::Unread | Output::Broken => "2>&1",
            Output::Closed => ">&- 2>&-",
            Output::Full => ">/dev/full 2>&1",
        };
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" serve --config \"$1\" {to}")])
            .arg(self.binary)
            .arg(&file)
            .envs(scenario.environment().iter().cloned())
            .env("TANDEM__SERVER__LISTEN", address.to_string())
            .env("TANDEM__ADMIN__LISTEN", admin.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let unread = child.stdout.take().filter(|_| output == Output::Unread);
        let start = Instant::now();
        while TcpStream::connect(admin).await.is_err() {
            assert!(start.elapsed() < TIME_LIMIT, "{output:?}: it does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Server { child, file, log: None, unread, address, admin }
    }

    /// The configuration file, which is removed with the server.
    fn write(self, scenario: &Scenario, sandbox: &Sandbox) -> PathBuf {
        let name = format!("tandem-{:016x}.toml", u64::from_be_bytes(random()));
        let file = PathBuf::from(self.folder).join(name);
        let text = scenario.config(sandbox).text();
        std::fs::write(&file, text).expect("a file in the target directory");
        file
    }
}

impl Server {
    /// Reads what has not been read of the log, and goes on reading.
    pub fn read_on(&mut self) {
        let unread = self.unread.take().expect("a pipe that is not read");
        self.log = Some(tokio::spawn(collect(BufReader::new(unread).lines())));
    }

    /// Sends the process SIGTERM.
    pub fn terminate(&self) {
        let id = self.child.id().expect("a running process");
        let kill = format!("kill -TERM {id}");
        let sent = std::process::Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success());
    }

    /// The exit code and the log lines after the first, once the process has ended.
    pub async fn ends(&mut self) -> (Option<i32>, Vec<String>) {
        let ended = timeout(TIME_LIMIT, self.child.wait()).await;
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

/// An address of loopback that nothing else here binds.
fn separate_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.78:0").expect("a loopback port");
    listener.local_addr().expect("a bound socket")
}

async fn first_line(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
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
