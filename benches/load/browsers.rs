//! Many browsers that hold the cookies of one visit and repeat one request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::platform::{end_of_head, length};

/// Connections, each with one request at a time.
const BROWSERS: usize = 16;
/// Headers of every browser.
const COMMON_HEADERS: &str = "Host: shop.test\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
    Sec-Fetch-Site: same-origin\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n";
/// Cookies of other parties.
const FOREIGN_COOKIES: &str =
    "_ga=GA1.1.1234567890.1700000000; _gid=GA1.1.987654321.1700000000; consent=accepted";

/// A request for a page, as a click on a link sends it.
pub(crate) const PAGE: &str = "GET /women/clothing?lang=en-US HTTP/1.1\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\n\
    Upgrade-Insecure-Requests: 1\r\n";
/// A call of an API, as a script of the page sends it.
pub(crate) const CALL: &str = "GET /mobify/proxy/api/product/shopper-products/v1/organizations/\
    f_ecom_zzte_053/products?ids=25518447M,25518704M&siteId=RefArch HTTP/1.1\r\n\
    Accept: application/json\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n\
    Referer: https://shop.test/women/clothing\r\n";

/// The whole request, with the cookies of a visit.
pub(crate) fn request(start: &str, cookies: &str) -> Vec<u8> {
    let separator = if cookies.is_empty() { "" } else { "; " };
    format!("{start}{COMMON_HEADERS}Cookie: {FOREIGN_COOKIES}{separator}{cookies}\r\n\r\n")
        .into_bytes()
}

/// The cookies that a new browser has after its first page.
pub(crate) async fn visit(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&request(PAGE, "")).await?;
    let mut response = Vec::new();
    let end = read_head(&mut stream, &mut response).await?;
    let head = String::from_utf8_lossy(&response[..end]).into_owned();
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let live = set.filter(|(_, cookie)| !cookie.contains("Max-Age=0"));
    let pairs: Vec<&str> = live.filter_map(|(_, cookie)| cookie.split(';').next()).collect();
    Ok(pairs.join("; "))
}

/// Whether the response to a browser with these cookies sets none: then the browser is warm.
pub(crate) async fn is_warm(address: SocketAddr, request: &[u8]) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut response = Vec::new();
    let end = read_head(&mut stream, &mut response).await?;
    let head = String::from_utf8_lossy(&response[..end]).to_ascii_lowercase();
    Ok(head.starts_with("http/1.1 200") && !head.contains("set-cookie"))
}

/// Sends `request` `count` times in total, expects bodies of `size` bytes, and returns the time it
/// took.
pub(crate) async fn send_all(
    address: SocketAddr,
    request: &[u8],
    size: usize,
    count: usize,
) -> io::Result<Duration> {
    let request: Arc<[u8]> = request.into();
    let left = Arc::new(AtomicUsize::new(count));
    let mut browsers = JoinSet::new();
    #[expect(clippy::disallowed_methods, reason = "a stopwatch")]
    let start = Instant::now();
    for _ in 0..BROWSERS {
        browsers.spawn(browse(address, Arc::clone(&request), size, Arc::clone(&left)));
    }
    while let Some(browser) = browsers.join_next().await {
        browser.map_err(io::Error::other)??;
    }
    Ok(start.elapsed())
}

async fn browse(
    address: SocketAddr,
    request: Arc<[u8]>,
    size: usize,
    left: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut response = Vec::with_capacity(128 * 1024);
    while take_one(&left) {
        stream.write_all(&request).await?;
        response.clear();
        let end = read_head(&mut stream, &mut response).await?;
        let whole = response.starts_with(b"HTTP/1.1 200") && length(&response[..end]) == size;
        if !whole {
            let head = String::from_utf8_lossy(&response[..end]).into_owned();
            return Err(io::Error::other(format!("unexpected response: {head}")));
        }
        while response.len() < end + size {
            more(&mut stream, &mut response).await?;
        }
    }
    Ok(())
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

async fn read_head(stream: &mut TcpStream, response: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        more(stream, response).await?;
        if let Some(end) = end_of_head(response) {
            return Ok(end);
        }
    }
}

async fn more(stream: &mut TcpStream, response: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(response).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
