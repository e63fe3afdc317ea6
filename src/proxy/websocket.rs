//! WebSocket handshakes (RFC 6455 section 4) over HTTP/1.1, and the tunnel after them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HeaderName, ORIGIN, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy, split};

use super::concurrency::Permit;
use super::request_headers::tokens;
use super::stall::Progress;
use crate::config::Origin;
use crate::problem::Problem;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Whether the browser wants a WebSocket. Every other `Upgrade` is for one hop and ends here.
#[must_use]
pub fn is_wanted(parts: &Parts) -> bool {
    let headers = &parts.headers;
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && !headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(TRANSFER_ENCODING)
        && names_websocket(headers)
}

fn names_websocket(headers: &HeaderMap) -> bool {
    let only = |name: &HeaderName, word: &str| {
        let mut tokens = tokens(headers, name);
        tokens.next().is_some_and(|token| token.eq_ignore_ascii_case(word))
            && tokens.next().is_none()
    };
    let upgrade = |token: &str| token.eq_ignore_ascii_case("upgrade");
    tokens(headers, &CONNECTION).any(upgrade) && only(&UPGRADE, "websocket")
}

/// Whether a page of this origin may open it: no `SameSite` and no CORS keeps other origins from
/// opening a WebSocket with the shopper's cookies. Without cookies a program may leave `Origin` out.
pub fn check_origin(
    headers: &HeaderMap,
    public_origin: &Origin,
    allowed: &[Origin],
) -> Result<(), Problem> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let known = |origin: &HeaderValue| {
        let mut known = std::iter::once(public_origin).chain(allowed);
        known.any(|known| known.as_str().as_bytes() == origin.as_bytes())
    };
    match (origins.next(), origins.next()) {
        (Some(origin), None) if known(origin) => Ok(()),
        (None, _) if !headers.contains_key(COOKIE) => Ok(()),
        _ => Err(Problem::CsrfRejected),
    }
}

/// Makes `headers` those of a handshake again: `Upgrade` is for one hop, and this is the next.
pub(super) fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
}

/// The answer to the browser when the upstream has switched, and the tunnel it opens.
///
/// # Errors
///
/// When the upstream has switched to something else, or the browser's connection cannot.
pub(super) fn open(
    parts: &Parts,
    mut answer: http::Response<Incoming>,
    permit: Permit,
    idle: Duration,
) -> Result<Response, Problem> {
    let browser = parts.extensions.get::<OnUpgrade>().cloned();
    let Some(browser) = browser.filter(|_| names_websocket(answer.headers())) else {
        tracing::warn!("the upstream switches to a protocol nobody asked for");
        return Err(Problem::Unreachable);
    };
    let upstream = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        let ended = tunnel(browser, upstream, idle).await;
        tracing::debug!(failed = ended.is_err(), "a WebSocket has ended");
        drop(permit);
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// Carries octets both ways until one side leaves, or nothing has moved for `idle`. Nobody closes
/// half of a WebSocket (RFC 6455 section 7.1.1), so what one side no longer hears is not waited for.
async fn tunnel(browser: OnUpgrade, upstream: OnUpgrade, idle: Duration) -> io::Result<()> {
    let (browser, upstream) = tokio::try_join!(browser, upstream).map_err(io::Error::other)?;
    let progress = Progress::default();
    let watched = |end| Watched { stream: TokioIo::new(end), progress: progress.clone() };
    let (mut from_browser, mut to_browser) = split(watched(browser));
    let (mut from_upstream, mut to_upstream) = split(watched(upstream));
    let copied = progress.watch(idle, 1, async {
        tokio::select! {
            up = copy(&mut from_browser, &mut to_upstream) => up,
            down = copy(&mut from_upstream, &mut to_browser) => down,
        }
    });
    let copied = copied.await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
    let farewell = async { tokio::join!(to_browser.shutdown(), to_upstream.shutdown()) };
    let _ = tokio::time::timeout(idle, farewell).await;
    copied.map(|_| ())
}

/// One end of a tunnel; what is read from it is progress.
struct Watched {
    stream: TokioIo<Upgraded>,
    progress: Progress,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.progress.add(1);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(method: &str, version: Version, headers: &[(&str, &str)]) -> bool {
        let mut request = http::Request::builder().method(method).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_wanted(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_a_plain_get_over_http_1_1_opens_a_websocket() {
        let asked = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        assert!(wanted("GET", Version::HTTP_11, &asked));
        assert!(!wanted("POST", Version::HTTP_11, &asked));
        assert!(!wanted("GET", Version::HTTP_10, &asked));
        assert!(!wanted("GET", Version::HTTP_2, &asked));
        for headers in [
            &[("connection", "upgrade"), ("upgrade", "h2c")][..],
            &[("connection", "upgrade"), ("upgrade", "websocket, h2c")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c")],
            &[("connection", "keep-alive"), ("upgrade", "websocket")],
            &[("upgrade", "websocket")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("content-length", "0")],
        ] {
            assert!(!wanted("GET", Version::HTTP_11, headers), "{headers:?}");
        }
    }

    #[test]
    fn attack_30_only_pages_of_known_origins_open_one_with_cookies() {
        let [public, other] = ["https://shop.test", "https://admin.shop.test"]
            .map(|origin| Origin::parse(origin).unwrap());
        let allowed = std::slice::from_ref(&other);
        let check = |headers: &[(&'static str, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let mut map = HeaderMap::new();
            map.extend(headers.map(|(name, value)| (Some(name), value)));
            check_origin(&map, &public, allowed).is_ok()
        };
        assert!(check(&[("origin", "https://shop.test"), ("cookie", "a=1")]));
        assert!(check(&[("origin", "https://admin.shop.test"), ("cookie", "a=1")]));
        assert!(check(&[]));
        assert!(!check(&[("cookie", "a=1")]));
        for origin in [
            "https://evil.test",
            "null",
            "http://shop.test",
            "https://shop.test:444",
            "https://shop.test.evil.test",
            "https://evilshop.test",
            "",
        ] {
            assert!(!check(&[("origin", origin)]), "{origin}");
            assert!(!check(&[("origin", origin), ("cookie", "a=1")]), "{origin}");
        }
    }
}
