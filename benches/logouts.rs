//! What a logout costs after a hundred thousand logouts with made-up credentials, and whether it
//! still sticks: CPU of the server, its memory, and what it says it remembers.
//!
//! `cargo bench --bench logouts --no-default-features`

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[path = "support/memory.rs"]
mod memory;
#[path = "load/platform.rs"]
mod platform;
#[path = "support/tandem.rs"]
mod tandem;

use memory::Memory;
use platform::{end_of_head, length};
use tandem::{BINARY, Folder, Tandem};
use testkit::{ShopConfig, free_address};

const IMPOSTORS: usize = 100_000;
const SHOPPERS: usize = 1_000;
const CONNECTIONS: usize = 16;

fn main() -> io::Result<()> {
    // `cargo test` runs benchmarks too, once and without wanting figures.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (impostors, shoppers) = if measured { (IMPOSTORS, SHOPPERS) } else { (160, 16) };
    let folder = Folder::new("logouts")?;
    let platform = format!("http://{}", platform()?);
    let config = ShopConfig::minimal(&platform)
        .site("slas.client_secret = \"secret\"\nsession.after_logout = \"none\"")
        .site(&format!("routes.ecom = \"{platform}\""));
    let config = folder.write("tandem.toml", &config.text())?;
    let address = free_address();
    let tandem = Tandem::start(Command::new(BINARY), address, &config, Stdio::null())?;

    let browsers = visits(address, shoppers)?;
    let before = Memory::of(tandem.id())?;
    let made_up = cpu_of(tandem.id(), || leave(address, impostors, &impostor))?;
    let after = Memory::of(tandem.id())?;
    let real = cpu_of(tandem.id(), || leave(address, shoppers, &|at| browsers[at].clone()))?;
    let back = (0..shoppers).filter(|at| is_known(address, &browsers[*at]).unwrap_or(true)).count();

    let each = |cpu: Duration, count: usize| cpu.as_micros() / count.max(1) as u128;
    let report = format!(
        "{impostors} logouts with 16 made-up credentials: {} us of CPU each, resident memory \
         {} -> {} KiB, at most {}\n{shoppers} logouts of shoppers after them: {} us of CPU each, {back} of \
         them are known by their old cookies\n",
        each(made_up, impostors),
        before.resident,
        after.resident,
        after.highest,
        each(real, shoppers),
    );
    io::stdout().write_all(report.as_bytes())?;
    if back == 0 { Ok(()) } else { Err(io::Error::other("a logout did not stick")) }
}

/// The platform, in a thread of its own.
fn platform() -> io::Result<SocketAddr> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build()?;
    // It serves until the process ends.
    Box::leak(Box::new(runtime)).block_on(platform::start())
}

/// The cookies of so many browsers, each after its first page.
fn visits(address: SocketAddr, count: usize) -> io::Result<Vec<String>> {
    const PAGE: &str = "GET / HTTP/1.1\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\
        Sec-Fetch-Dest: document\r\nUser-Agent: Mozilla/5.0 Firefox/150.0\r\n";
    let mut stream = TcpStream::connect(address)?;
    (0..count)
        .map(|_| {
            let head = exchange(&mut stream, PAGE, "")?.0;
            let lines = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
            let pairs: Vec<&str> = lines.filter_map(|line| line.split(';').next()).collect();
            Ok(pairs.join("; "))
        })
        .collect()
}

fn impostor(number: usize) -> String {
    let names = ["cc-nx", "cc-nx-g", "token", "dwsid"];
    let twin = |twin: usize| names.map(|name| format!("{name}=made-up-{number}-{twin}")).join("; ");
    (0..4).map(twin).collect::<Vec<_>>().join("; ")
}

/// So many logouts, over a few connections.
fn leave(
    address: SocketAddr,
    count: usize,
    cookies: &(dyn Fn(usize) -> String + Sync),
) -> io::Result<()> {
    const LOGOUT: &str = "POST /bff/logout HTTP/1.1\r\nX-BFF: 1\r\nContent-Length: 0\r\n";
    thread::scope(|scope| {
        let share = |first: usize| {
            move || -> io::Result<()> {
                let mut stream = TcpStream::connect(address)?;
                for at in (first..count).step_by(CONNECTIONS) {
                    let (head, _) = exchange(&mut stream, LOGOUT, &cookies(at))?;
                    if !head.starts_with("HTTP/1.1 200") {
                        return Err(io::Error::other(head));
                    }
                }
                Ok(())
            }
        };
        let shares: Vec<_> = (0..CONNECTIONS).map(|first| scope.spawn(share(first))).collect();
        shares.into_iter().try_for_each(|share| share.join().expect("a client that does not panic"))
    })
}

/// Whether the cookies of before a logout still name somebody.
fn is_known(address: SocketAddr, cookies: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    let (_, body) = exchange(&mut stream, "GET /bff/session HTTP/1.1\r\n", cookies)?;
    Ok(!body.contains("\"customer_type\":\"none\""))
}

/// Head and body of the response to one request.
fn exchange(stream: &mut TcpStream, what: &str, cookies: &str) -> io::Result<(String, String)> {
    let request = format!("{what}Host: shop.test\r\nCookie: {cookies}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut response, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        response.extend_from_slice(&piece[..count]);
        let Some(end) = end_of_head(&response) else { continue };
        if response.len() >= end + length(&response[..end]) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Ok((text(&response[..end]), text(&response[end..])));
        }
    }
}

/// The time that all threads of `process` have run meanwhile, to the nanosecond.
fn cpu_of(process: u32, work: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let before = cpu(process)?;
    work()?;
    Ok(cpu(process)?.saturating_sub(before))
}

fn cpu(process: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += times.split(' ').next().and_then(|run| run.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}
