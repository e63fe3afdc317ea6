//! A headless Chromium with a profile of its own, driven by `chromedriver`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use serde_json::json;
use tandem::clock::random;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const MISSING: &str = "this test drives a real browser, and `{}` is not installed. \
                       On Debian: apt-get update && apt-get install -y chromium chromium-driver";

/// A browser and its driver. [`close`](Self::close) ends both; dropping it kills the driver.
pub(crate) struct Chromium {
    pub(crate) client: Client,
    profile: PathBuf,
    _driver: Child,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let browser = installed("chromium", &["/usr/bin/chromium", "/usr/bin/chromium-browser"]);
        installed("chromedriver", &["/usr/bin/chromedriver"]);
        let (driver, port) = drive().await;
        let unique = format!("browser-{:016x}", u64::from_be_bytes(random()));
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
        let options = json!({"binary": browser, "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--window-size=1280,900",
            format!("--user-data-dir={}", profile.display()),
        ]});
        let capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let client = ClientBuilder::rustls()
            .expect("TLS roots")
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        Self { client, profile, _driver: driver }
    }

    /// What the browser shows, as a file for the reader of the failure.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{name}.png"));
        if let Ok(picture) = self.client.screenshot().await {
            let _ = std::fs::write(&file, picture);
        }
        file
    }

    pub(crate) async fn close(self) {
        let _ = self.client.close().await;
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Where a program is; the test fails here if it is nowhere.
fn installed(name: &str, places: &[&'static str]) -> &'static str {
    let found = places.iter().find(|place| Path::new(place).exists());
    found.unwrap_or_else(|| panic!("{}", MISSING.replace("{}", name)))
}

/// How often a driver is started. It chooses a port that is free for IPv4 and then needs the same one
/// for IPv6, which another program may have: it ends in that case.
const ATTEMPTS: usize = 5;

/// Starts the driver on a port of its own choice.
async fn drive() -> (Child, u16) {
    for _ in 0..ATTEMPTS {
        if let Some(driver) = try_drive().await {
            return driver;
        }
    }
    panic!("chromedriver ended {ATTEMPTS} times without a port");
}

async fn try_drive() -> Option<(Child, u16)> {
    let mut driver = Command::new("/usr/bin/chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver starts");
    let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
    let announced = async {
        while let Ok(Some(line)) = lines.next_line().await {
            let port = line.split("successfully on port ").nth(1);
            if let Some(Ok(port)) = port.map(|port| port.trim_end_matches('.').parse()) {
                return Some(port);
            }
        }
        None
    };
    let port = timeout(Duration::from_secs(30), announced).await.expect("a port in time")?;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some((driver, port))
}
