//! The real binary, started with `serve --config` and ended by signals.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tandem::clock::random;
use tandem::sandbox::Sandbox;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::world::Plan;

/// A running `tandem serve`. Dropping it kills the process.
pub(crate) struct Server {
    child: Child,
    file: PathBuf,
    log: Option<JoinHandle<Vec<String>>>,
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
        let name = format!("edge-{:016x}.toml", u64::from_be_bytes(random()));
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&file, plan.config(sandbox)).expect("a file in the target directory");
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
        Self { child, file, log, address, admin }
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
        let log = self.log.take().expect("a process ends once");
        (code, log.await.expect("a collector that does not panic"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
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
