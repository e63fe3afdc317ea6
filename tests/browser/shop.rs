//! `tandem sandbox`, as a new user starts it.

use std::process::Stdio;
use std::time::Duration;

use testkit::free_address;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A port that was free a moment ago may be taken by now; then another one is tried.
const ATTEMPTS: usize = 5;

/// A running sandbox. Dropping it kills the process.
pub(crate) struct Shop {
    /// The address that it prints, without a slash at the end.
    pub(crate) origin: String,
    _process: Child,
}

impl Shop {
    pub(crate) async fn open(arguments: &[&str]) -> Self {
        for _ in 0..ATTEMPTS {
            if let Some(shop) = Self::try_open(arguments).await {
                return shop;
            }
        }
        panic!("`tandem sandbox` did not print an address, {ATTEMPTS} times");
    }

    async fn try_open(arguments: &[&str]) -> Option<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["sandbox", "--port", &free_address().port().to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(process.stdout.take()?).lines();
        let printed = timeout(Duration::from_secs(20), address(&mut lines)).await;
        let origin = printed.expect("an address in time")?;
        // The log has more lines; a full pipe would block the process.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { origin, _process: process })
    }
}

/// The address in the line `Shop  http://…/`; `None` if the process ends without one.
async fn address(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.trim().strip_prefix("Shop") {
            return Some(address.trim().trim_end_matches('/').to_owned());
        }
    }
    None
}
