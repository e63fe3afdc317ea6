//! Whether memory stays flat while much passes through, whoever is slow: 2 GiB down and up, over
//! HTTP/1.1 and HTTP/2, by a receiver that stands still for three seconds on the way.
//!
//! `cargo bench --bench streaming --no-default-features`, with `-- 256` for 256 MiB.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[path = "streaming/ends.rs"]
mod ends;
#[path = "support/memory.rs"]
mod memory;
#[path = "streaming/meter.rs"]
mod meter;
#[path = "support/tandem.rs"]
mod tandem;

use ends::{Direction, Ends, Protocol, Way};
use memory::Memory;
use meter::{Meter, Stalled};
use tandem::{BINARY, Folder, Tandem};
use testkit::{ShopConfig, free_address};

const MIB: u64 = 1024 * 1024;
/// What each way carries, in MiB, unless the command line says otherwise.
const AMOUNT: u64 = 2048;
/// What is sent before the first look at memory, so that pools and buffers are there, in MiB.
const WARM_UP: u64 = 32;
/// Growth that still counts as flat, in KiB: the allocator's, not the stream's.
const FLAT: u64 = 4096;
const BETWEEN_SAMPLES: Duration = Duration::from_millis(20);

const WAYS: [Way; 4] = [
    (Protocol::Http1, Direction::Down),
    (Protocol::Http1, Direction::Up),
    (Protocol::Http2, Direction::Down),
    (Protocol::Http2, Direction::Up),
];

#[tokio::main]
async fn main() -> io::Result<()> {
    let amount = amount() * MIB;
    let folder = Folder::new("streaming")?;
    let ends = Ends::open().await?;
    // Files pass here, which need no session and so no platform.
    let config =
        ShopConfig::minimal(&format!("http://{}", ends.head)).site("bridge.mode = \"none\"");
    let config = folder.write("tandem.toml", &config.text())?;
    let address = free_address();
    let tandem = Tandem::start(Command::new(BINARY), address, &config, Stdio::null())?;
    for way in WAYS {
        let meter = Arc::new(Meter::without_stall());
        ends.carry(address, way, WARM_UP * MIB, &meter).await?;
    }
    let before = Memory::of(tandem.id())?;
    print(&format!("resident before, warmed up: {} KiB\n", before.resident))?;
    let mut flat = true;
    for way in WAYS {
        let figures = measure(&ends, address, tandem.id(), way, amount).await?;
        flat &=
            figures.peak.saturating_sub(before.resident) <= FLAT && figures.stalled.stands_still;
        print(&figures.line(way, amount))?;
    }
    let after = Memory::of(tandem.id())?;
    let verdict = if flat { "flat" } else { "NOT flat" };
    print(&format!(
        "resident after: {} KiB, highest ever (VmHWM): {} KiB\n",
        after.resident, after.highest
    ))?;
    print(&format!(
        "{verdict}: the bound is {FLAT} KiB above the first figure, and senders that wait\n"
    ))?;
    if flat { Ok(()) } else { Err(io::Error::other("memory follows what passes through")) }
}

/// From the command line. `cargo test` runs benchmarks too, once and without wanting figures.
fn amount() -> u64 {
    let given = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let wanted = std::env::args().any(|argument| argument == "--bench");
    given.unwrap_or(if wanted { AMOUNT } else { 16 })
}

struct Figures {
    took: Duration,
    /// The most that was resident at any sample, in KiB.
    peak: u64,
    stalled: Stalled,
}

impl Figures {
    fn line(&self, (protocol, direction): Way, amount: u64) -> String {
        let Stalled { resident, ahead, stands_still } = self.stalled;
        let mut line = format!("{protocol:?} {direction:?}: {} MiB", amount / MIB);
        let _ = write!(line, " in {:.1} s;", self.took.as_secs_f64());
        let _ = write!(line, " receiver stands still: {resident} KiB,");
        let waits = if stands_still { "the sender waits" } else { "THE SENDER GOES ON" };
        let _ = write!(line, " {waits} {} KiB ahead;", ahead / 1024);
        let _ = writeln!(line, " highest {} KiB", self.peak);
        line
    }
}

async fn measure(
    ends: &Ends,
    address: SocketAddr,
    process: u32,
    way: Way,
    amount: u64,
) -> io::Result<Figures> {
    let meter = Arc::new(Meter::stalling_at(amount / 4, process));
    let peak = Arc::new(AtomicU64::new(0));
    let sampling = tokio::spawn(sample(process, Arc::clone(&peak)));
    #[expect(clippy::disallowed_methods, reason = "a stop-watch")]
    let start = Instant::now();
    let carried = ends.carry(address, way, amount, &meter).await;
    let took = start.elapsed();
    sampling.abort();
    carried?;
    let stalled =
        meter.stalled().ok_or_else(|| io::Error::other("the receiver never stood still"))?;
    Ok(Figures { took, peak: peak.load(Ordering::Relaxed).max(stalled.resident), stalled })
}

async fn sample(process: u32, peak: Arc<AtomicU64>) {
    while let Ok(memory) = Memory::of(process) {
        peak.fetch_max(memory.resident, Ordering::Relaxed);
        tokio::time::sleep(BETWEEN_SAMPLES).await;
    }
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}
