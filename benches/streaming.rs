//! Memory must stay flat while a large body goes to a slow receiver: 2 GiB down and up, over
//! HTTP/1.1 and HTTP/2, to a receiver that stalls for three seconds.
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

use ends::{Direction, Ends, Protocol, Transfer};
use memory::Memory;
use meter::{Meter, Stalled};
use tandem::{BINARY, Folder, Tandem};
use testkit::{ShopConfig, free_address};

const MIB: u64 = 1024 * 1024;
/// Amount of each transfer in MiB, unless the command line has another one.
const AMOUNT: u64 = 2048;
/// Sent before the first memory figure, so that pools and buffers exist, in MiB.
const WARM_UP: u64 = 32;
/// Growth that still counts as flat, in KiB: the allocator's share.
const FLAT: u64 = 4096;
const BETWEEN_SAMPLES: Duration = Duration::from_millis(20);

const TRANSFERS: [Transfer; 4] = [
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
    // Only files are transferred; they need no session and so no platform.
    let config =
        ShopConfig::minimal(&format!("http://{}", ends.head)).site("bridge.mode = \"none\"");
    let config = folder.write("tandem.toml", &config.text())?;
    let address = free_address();
    let tandem = Tandem::start(Command::new(BINARY), address, &config, Stdio::null())?;
    for transfer in TRANSFERS {
        let meter = Arc::new(Meter::without_stall());
        ends.transfer(address, transfer, WARM_UP * MIB, &meter).await?;
    }
    let before = Memory::of(tandem.id())?;
    print(&format!("resident before, warmed up: {} KiB\n", before.resident))?;
    let mut flat = true;
    for transfer in TRANSFERS {
        let figures = measure(&ends, address, tandem.id(), transfer, amount).await?;
        flat &=
            figures.peak.saturating_sub(before.resident) <= FLAT && figures.stalled.sender_waits;
        print(&figures.line(transfer, amount))?;
    }
    let after = Memory::of(tandem.id())?;
    let verdict = if flat { "flat" } else { "NOT flat" };
    print(&format!(
        "resident after: {} KiB, highest ever (VmHWM): {} KiB\n",
        after.resident, after.highest
    ))?;
    print(&format!(
        "{verdict}: the bound is {FLAT} KiB above the first figure, and senders must wait\n"
    ))?;
    if flat { Ok(()) } else { Err(io::Error::other("memory grows with the transferred amount")) }
}

/// From the command line. `cargo test` runs benchmarks too, once and without figures.
fn amount() -> u64 {
    let given = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let measured = std::env::args().any(|argument| argument == "--bench");
    given.unwrap_or(if measured { AMOUNT } else { 16 })
}

struct Figures {
    took: Duration,
    /// The highest resident memory of all samples, in KiB.
    peak: u64,
    stalled: Stalled,
}

impl Figures {
    fn line(&self, (protocol, direction): Transfer, amount: u64) -> String {
        let Stalled { resident, ahead, sender_waits } = self.stalled;
        let mut line = format!("{protocol:?} {direction:?}: {} MiB", amount / MIB);
        let _ = write!(line, " in {:.1} s;", self.took.as_secs_f64());
        let _ = write!(line, " receiver stalled: {resident} KiB,");
        let waits = if sender_waits { "the sender waits" } else { "THE SENDER DOES NOT WAIT" };
        let _ = write!(line, " {waits} {} KiB ahead;", ahead / 1024);
        let _ = writeln!(line, " highest {} KiB", self.peak);
        line
    }
}

async fn measure(
    ends: &Ends,
    address: SocketAddr,
    process: u32,
    transfer: Transfer,
    amount: u64,
) -> io::Result<Figures> {
    let meter = Arc::new(Meter::stalling_at(amount / 4, process));
    let peak = Arc::new(AtomicU64::new(0));
    let sampling = tokio::spawn(sample(process, Arc::clone(&peak)));
    #[expect(clippy::disallowed_methods, reason = "a stopwatch")]
    let start = Instant::now();
    let transferred = ends.transfer(address, transfer, amount, &meter).await;
    let took = start.elapsed();
    sampling.abort();
    transferred?;
    let stalled = meter.stalled().ok_or_else(|| io::Error::other("the receiver did not stall"))?;
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
