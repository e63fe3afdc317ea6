//! What a warm request costs, compared with Debian's nginx as a plain proxy, in the same run and by
//! turns: a 60 KB page of a shopper who has all it takes, and a 20 KB answer of an API that Tandem
//! gives the Bearer from the cookie. Both proxies have one core, load and upstream the other one.
//!
//! `cargo bench --bench load --no-default-features`, with `-- 3` for three rounds. Needs nginx
//! (`apt-get install nginx-light`) and taskset.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

#[path = "load/browsers.rs"]
mod browsers;
#[path = "load/nginx.rs"]
mod nginx;
#[path = "load/platform.rs"]
mod platform;
#[path = "support/tandem.rs"]
mod tandem;

use nginx::Nginx;
use tandem::{BINARY, Folder, Tandem};
use testkit::{ShopConfig, free_address};

const ROUNDS: usize = 9;
/// Requests of one kind in one turn.
const REQUESTS: usize = 20_000;
/// Requests before the first turn, for pools and caches.
const WARM_UP: usize = 2_000;
const PROXY_CORE: &str = "0";
const OTHER_CORE: &str = "1";
/// Ticks of `/proc/{id}/stat` in a second: a fixed part of Linux's interface (`USER_HZ`).
const TICKS: f64 = 100.0;

/// One proxy.
struct Subject {
    name: &'static str,
    address: SocketAddr,
    processes: Vec<u32>,
}

/// One kind of request.
struct Work {
    name: &'static str,
    request: Vec<u8>,
    size: usize,
}

/// What one turn came to.
#[derive(Clone, Copy)]
struct Turn {
    took: Duration,
    /// Seconds of CPU.
    cpu: f64,
}

fn main() -> io::Result<()> {
    stay_on_other_core()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare())
}

/// Before there is a second thread: those that follow stay there too.
fn stay_on_other_core() -> io::Result<()> {
    let id = std::process::id().to_string();
    let pinned =
        Command::new("taskset").args(["-cp", OTHER_CORE, &id]).stdout(Stdio::null()).status();
    match pinned {
        Ok(status) if status.success() => Ok(()),
        _ => Err(io::Error::other("this needs taskset (apt-get install util-linux) and two cores")),
    }
}

fn on_proxy_core(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", PROXY_CORE, program]);
    command
}

async fn compare() -> io::Result<()> {
    let (rounds, requests) = amount();
    let folder = Folder::new("load")?;
    let platform = platform::start().await?;
    let nginx = nginx(&folder, platform)?;
    let config = ShopConfig::minimal(&format!("http://{platform}"));
    let config = config.site("slas.client_secret = \"secret\"");
    let config = folder.write("tandem.toml", &config.text())?;
    let log = Stdio::from(File::create(folder.path("tandem.log"))?);
    let address = free_address();
    let tandem = Tandem::start(on_proxy_core(BINARY), address, &config, log)?;
    let cookies = browsers::visit(address).await?;
    let works = [
        Work {
            name: "page, 60 KB",
            request: browsers::request(browsers::PAGE, &cookies),
            size: platform::PAGE,
        },
        Work {
            name: "API, 20 KB",
            request: browsers::request(browsers::CALL, &cookies),
            size: platform::API_ANSWER,
        },
    ];
    for work in &works {
        if !browsers::is_warm(address, &work.request).await? {
            return Err(io::Error::other("the browser of this benchmark is not warm"));
        }
    }
    let subjects = [
        Subject { name: "nginx", address: nginx.address, processes: nginx.ids()? },
        Subject { name: "tandem", address, processes: vec![tandem.id()] },
    ];
    for work in &works {
        report(work, &take_turns(&subjects, work, rounds, requests).await?)?;
    }
    Ok(())
}

/// Rounds, and requests in one turn. `cargo test` runs benchmarks too, once and without wanting
/// figures.
fn amount() -> (usize, usize) {
    let given = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let wanted = std::env::args().any(|argument| argument == "--bench");
    if wanted { (given.unwrap_or(ROUNDS), REQUESTS) } else { (1, 200) }
}

fn nginx(folder: &Folder, platform: SocketAddr) -> io::Result<Nginx> {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        return Err(io::Error::other("this needs nginx: apt-get install nginx-light"));
    }
    Nginx::start(on_proxy_core("nginx"), folder, platform)
}

/// Every round, both have a turn; who is first changes with every round.
async fn take_turns(
    subjects: &[Subject; 2],
    work: &Work,
    rounds: usize,
    requests: usize,
) -> io::Result<Vec<[Turn; 2]>> {
    for subject in subjects {
        browsers::ask(subject.address, &work.request, work.size, WARM_UP.min(requests)).await?;
    }
    let mut turns = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let [first, second] = subjects;
        turns.push(if round % 2 == 0 {
            let first = turn(first, work, requests).await?;
            [first, turn(second, work, requests).await?]
        } else {
            let second = turn(second, work, requests).await?;
            [turn(first, work, requests).await?, second]
        });
    }
    let names = subjects.iter().map(|subject| subject.name).collect::<Vec<_>>().join(" and ");
    print(&format!("{}: {names} by turns, {rounds} rounds of {requests} requests\n", work.name))?;
    Ok(turns)
}

async fn turn(subject: &Subject, work: &Work, requests: usize) -> io::Result<Turn> {
    let before = cpu(&subject.processes)?;
    let took = browsers::ask(subject.address, &work.request, work.size, requests).await?;
    let cpu = cpu(&subject.processes)? - before;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let per_ten_thousand = 10_000.0 / requests as f64;
    Ok(Turn { took: took.mul_f64(per_ten_thousand), cpu: cpu * per_ten_thousand })
}

/// Seconds of CPU that the processes have used: `utime` and `stime` of `/proc/{id}/stat`.
fn cpu(processes: &[u32]) -> io::Result<f64> {
    let mut ticks = 0.0;
    for process in processes {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The second field is the program's name in brackets, and may contain anything.
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        ticks += fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(ticks / TICKS)
}

fn report(work: &Work, turns: &[[Turn; 2]]) -> io::Result<()> {
    let of = |figure: &dyn Fn(&[Turn; 2]) -> f64| median(turns.iter().map(figure).collect());
    let rate = |turn: &Turn| 10_000.0 / turn.took.as_secs_f64();
    let [cpu_ratio, rate_ratio] = [
        of(&|[nginx, tandem]| tandem.cpu / nginx.cpu),
        of(&|[nginx, tandem]| rate(tandem) / rate(nginx)),
    ];
    let mut lines =
        vec![format!("{:<12} {:>12} {:>28}", work.name, "requests/s", "CPU s per 10 000 requests")];
    for (at, name) in ["nginx", "tandem"].into_iter().enumerate() {
        let (rate, cpu) = (of(&|turns| rate(&turns[at])), of(&|turns| turns[at].cpu));
        lines.push(format!("{name:<12} {rate:>12.0} {cpu:>28.3}"));
    }
    lines.push(format!("{:<12} {rate_ratio:>12.2} {cpu_ratio:>28.2}\n\n", "ratio"));
    print(&lines.join("\n"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}
