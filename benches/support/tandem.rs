//! The release binary at work, as an operator would start it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testkit::free_address;

/// For a process to come up.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_micros(200);

/// A folder for the files of one run, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(bench: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tandem-{bench}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Writes a file.
    pub(crate) fn write(&self, file: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(file);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends however this run ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running Tandem.
pub(crate) struct Tandem(Running);

impl Tandem {
    /// Starts `tandem serve` at `address` by `command`, and returns once `/livez` answers. Its log
    /// goes to `log`.
    pub(crate) fn start(
        mut command: Command,
        address: SocketAddr,
        config: &Path,
        log: Stdio,
    ) -> io::Result<Self> {
        let admin = free_address();
        let child = command
            .args(["serve", "--config"])
            .arg(config)
            .env("TANDEM__SERVER__LISTEN", address.to_string())
            .env("TANDEM__ADMIN__LISTEN", admin.to_string())
            .stdout(log)
            .spawn()?;
        let process = Running(child);
        wait_until(|| is_alive(admin))?;
        Ok(Self(process))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.0.id()
    }
}

/// The binary that cargo has built for this benchmark.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tandem");

/// Returns when `done`.
pub(crate) fn wait_until(done: impl Fn() -> bool) -> io::Result<()> {
    for _ in 0..PATIENCE.as_micros() / PAUSE.as_micros() {
        if done() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::other("it does not start"))
}

fn is_alive(admin: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
