//! What the release binary costs before anybody comes: time from its start to the first answer of
//! `/livez`, and resident memory a second later.
//!
//! `cargo bench --bench footprint --no-default-features`

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 20;

const CONFIG: &str = r#"
[cookies]
seal_keys = ["a key that exists only for this benchmark"]

[[sites]]
id = "RefArch"
hosts = ["shop.test"]
public_origin = "https://shop.test"
slas.base_url = "https://127.0.0.1:1"
slas.organization_id = "f_ecom_zzte_053"
slas.client_id = "client"
slas.redirect_uri = "https://shop.test/callback"
ocapi.base_url = "https://127.0.0.1:1"
routes.head = "http://127.0.0.1:1"
"#;

/// Ends the process however this run ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> io::Result<()> {
    // `cargo test` runs benchmarks too, once and without wanting figures.
    let runs = if std::env::args().any(|argument| argument == "--bench") { RUNS } else { 1 };
    let folder = std::env::temp_dir().join(format!("tandem-footprint-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("tandem.toml");
    std::fs::write(&file, CONFIG)?;
    let figures: io::Result<Vec<_>> = (0..runs).map(|_| measure(&file)).collect();
    std::fs::remove_dir_all(&folder)?;
    let figures = figures?;
    let started = median(figures.iter().map(|(started, _)| started.as_micros()).collect());
    let memory = median(figures.iter().map(|(_, kilobytes)| u128::from(*kilobytes)).collect());
    let line = format!(
        "start-up {}.{} ms, resident memory {} KiB (medians of {runs})\n",
        started / 1000,
        started % 1000 / 100,
        memory
    );
    io::stdout().write_all(line.as_bytes())
}

fn measure(config: &Path) -> io::Result<(Duration, u64)> {
    let [public, admin] = [free_address()?, free_address()?];
    #[expect(clippy::disallowed_methods, reason = "a stop-watch")]
    let start = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["serve", "--config"])
        .arg(config)
        .env("TANDEM__SERVER__LISTEN", public.to_string())
        .env("TANDEM__ADMIN__LISTEN", admin.to_string())
        .stdout(Stdio::null())
        .spawn()?;
    let running = Running(child);
    while !is_alive(admin) {
        if start.elapsed() > Duration::from_secs(10) {
            return Err(io::Error::other("it does not start"));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let started = start.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    Ok((started, resident(running.0.id())?))
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
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

/// `VmRSS` in KiB.
fn resident(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS"))
}

fn median(mut figures: Vec<u128>) -> u128 {
    figures.sort_unstable();
    figures[figures.len() / 2]
}
