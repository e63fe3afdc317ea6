//! What the release binary costs before the first request: time from its start to the first response
//! of `/livez`, and resident memory a second later.
//!
//! `cargo bench --bench footprint --no-default-features`

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "support/memory.rs"]
mod memory;
#[path = "support/tandem.rs"]
mod tandem;

use memory::Memory;
use tandem::{BINARY, Folder, Tandem};
use testkit::{ShopConfig, free_address};

const RUNS: usize = 20;

fn main() -> io::Result<()> {
    // `cargo test` runs benchmarks too, once and without wanting figures.
    let runs = if std::env::args().any(|argument| argument == "--bench") { RUNS } else { 1 };
    let folder = Folder::new("footprint")?;
    let config = ShopConfig::minimal("https://127.0.0.1:1");
    let file = folder.write("tandem.toml", &config.text())?;
    let figures: io::Result<Vec<_>> = (0..runs).map(|_| measure(&file)).collect();
    let figures = figures?;
    let started = median(figures.iter().map(|(started, _)| started.as_micros()).collect());
    let memory = median(figures.iter().map(|(_, memory)| memory.resident.into()).collect());
    let highest = median(figures.iter().map(|(_, memory)| memory.highest.into()).collect());
    let line = format!(
        "start-up {}.{} ms, resident memory {memory} KiB, at most {highest} KiB (medians of {runs})\n",
        started / 1000,
        started % 1000 / 100,
    );
    io::stdout().write_all(line.as_bytes())
}

fn measure(config: &Path) -> io::Result<(Duration, Memory)> {
    #[expect(clippy::disallowed_methods, reason = "a stop-watch")]
    let start = Instant::now();
    let tandem = Tandem::start(Command::new(BINARY), free_address(), config, Stdio::null())?;
    let started = start.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    Ok((started, Memory::of(tandem.id())?))
}

fn median(mut figures: Vec<u128>) -> u128 {
    figures.sort_unstable();
    figures[figures.len() / 2]
}
