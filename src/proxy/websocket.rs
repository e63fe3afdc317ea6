//! WebSocket handshakes (RFC 6455 section 4) over HTTP/1.1, and the tunnel after them.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HeaderName, ORIGIN, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, copy, split};
use tokio_util::io::InspectReader;

use super::concurrency::Permit;
use super::request_headers::tokens;
use super::stall::Progress;
use crate::config::Origin;
use crate::header_values::{Occurrence, occurrence};
use crate::problem::Problem;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Whether the request is a WebSocket handshake. Any other `Upgrade` is not forwarded.
#[must_use]
pub fn is_handshake(parts: &Parts) -> bool {
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

/// Checks that a page of this origin may open a WebSocket: neither `SameSite` nor CORS prevents
/// other origins from opening one with the shopper's cookies. A program without cookies may omit
/// `Origin`.
pub fn check_origin(
    headers: &HeaderMap,
    public_origin: &Origin,
    allowed: &[Origin],
) -> Result<(), Problem> {
    let is_allowed = |origin: &HeaderValue| {
        let mut all = std::iter::once(public_origin).chain(allowed);
        all.any(|known| known.as_str().as_bytes() == origin.as_bytes())
    };
    match occurrence(headers, ORIGIN) {
        Occurrence::Once(origin) if is_allowed(origin) => Ok(()),
        Occurrence::Absent if !headers.contains_key(COOKIE) => Ok(()),
        _ => Err(Problem::CsrfRejected),
    }
}

/// Adds the headers of a handshake: `Upgrade` is hop-by-hop, so each connection needs its own.
pub(super) fn add_handshake(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
}

/// Opens the tunnel after the upstream has switched protocols, and returns the browser's response.
///
/// # Errors
///
/// When the upstream has switched to another protocol, or the browser's connection cannot switch.
pub(super) fn open_tunnel(
    parts: &Parts,
    mut switched: http::Response<Incoming>,
    permit: Permit,
    idle: Duration,
) -> Result<Response, Problem> {
    let browser = parts.extensions.get::<OnUpgrade>().cloned();
    let Some(browser) = browser.filter(|_| names_websocket(switched.headers())) else {
        tracing::warn!("invalid upstream response: switched to a protocol other than WebSocket");
        return Err(Problem::Unreachable);
    };
    let upstream = hyper::upgrade::on(&mut switched);
    tokio::spawn(async move {
        let result = tunnel(browser, upstream, idle).await;
        tracing::debug!(failed = result.is_err(), "WebSocket closed");
        drop(permit);
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = std::mem::take(switched.headers_mut());
    Ok(response)
}

/// Copies bytes both ways until one side closes, or neither has sent any for `idle`. A WebSocket is
/// never half closed (RFC 6455 section 7.1.1), so the other side is closed as well.
async fn tunnel(browser: OnUpgrade, upstream: OnUpgrade, idle: Duration) -> io::Result<()> {
    let (browser, upstream) = tokio::try_join!(browser, upstream).map_err(io::Error::other)?;
    let progress = Progress::default();
    let (from_browser, mut to_browser) = split(TokioIo::new(browser));
    let (from_upstream, mut to_upstream) = split(TokioIo::new(upstream));
    let mut from_browser = InspectReader::new(from_browser, |_: &[u8]| progress.add(1));
    let mut from_upstream = InspectReader::new(from_upstream, |_: &[u8]| progress.add(1));
    let copied = progress.watch(idle, 1, async {
        tokio::select! {
            up = copy(&mut from_browser, &mut to_upstream) => up,
            down = copy(&mut from_upstream, &mut to_browser) => down,
        }
    });
    let copied = copied.await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
    let close = async { tokio::join!(to_browser.shutdown(), to_upstream.shutdown()) };
    let _ = tokio::time::timeout(idle, close).await;
    copied.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_handshake_of(method: &str, version: Version, headers: &[(&str, &str)]) -> bool {
        let mut request = http::Request::builder().method(method).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_handshake(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_a_plain_get_over_http_1_1_opens_a_websocket() {
        let valid = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        assert!(is_handshake_of("GET", Version::HTTP_11, &valid));
        assert!(!is_handshake_of("POST", Version::HTTP_11, &valid));
        assert!(!is_handshake_of("GET", Version::HTTP_10, &valid));
        assert!(!is_handshake_of("GET", Version::HTTP_2, &valid));
        for headers in [
            &[("connection", "upgrade"), ("upgrade", "h2c")][..],
            &[("connection", "upgrade"), ("upgrade", "websocket, h2c")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c")],
            &[("connection", "keep-alive"), ("upgrade", "websocket")],
            &[("upgrade", "websocket")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("content-length", "0")],
        ] {
            assert!(!is_handshake_of("GET", Version::HTTP_11, headers), "{headers:?}");
        }
    }

    #[test]
    fn attack_30_only_pages_of_known_origins_open_a_websocket_with_cookies() {
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
