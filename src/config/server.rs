//! The sections that apply to all sites: `[server]`, `[upstream]` and `[cookies]`.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::parse;
use super::section::{Section, read_fields};
use crate::client_ip::TrustedProxies;
use crate::cookies::key_ring::{KeyRing, SHORTEST_SECRET};

/// Settings of the public listener.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address it binds.
    pub listen: SocketAddr,
    /// Time to receive a whole request head.
    pub header_read_timeout: Duration,
    /// Time that an HTTP/2 connection may be without a request.
    pub idle_timeout: Duration,
    /// Time that a client may leave a response unread.
    pub write_timeout: Duration,
    /// Longest request body of our own routes, in bytes.
    pub body_limit: usize,
    /// Time to answer a request to one of our own routes.
    pub request_timeout: Duration,
    /// Time from SIGTERM until no more requests are accepted.
    pub drain_delay: Duration,
    /// Time for requests in progress after that.
    pub drain_timeout: Duration,
    /// Most connections at a time.
    pub connection_limit: usize,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: TrustedProxies,
}

/// Limits of upstream calls.
#[derive(Clone, Debug)]
pub struct UpstreamLimits {
    /// Time to open a connection.
    pub connect_timeout: Duration,
    /// Time for a whole call.
    pub timeout: Duration,
    /// Time for a whole refresh; the request that started it may end sooner.
    pub refresh_timeout: Duration,
    /// Longest response body that is read, in bytes.
    pub body_limit: usize,
    /// Time until the response head of a proxied request.
    pub proxy_timeout: Duration,
    /// Time that a proxied response may stall after its head.
    pub proxy_idle: Duration,
    /// Whether upstreams behind TLS may choose HTTP/2.
    pub proxy_http2: bool,
    /// Most proxied requests to one upstream at a time.
    pub proxy_concurrency: usize,
    /// Time that a WebSocket may be idle.
    pub websocket_idle: Duration,
}

pub(super) fn read_server(section: &Section<'_>) -> Option<ServerConfig> {
    read_fields!(ServerConfig {
        listen: section.parse("listen", parse::address),
        header_read_timeout: section.millis("header_read_timeout_ms", 1),
        idle_timeout: section.millis("idle_timeout_ms", 1),
        write_timeout: section.millis("write_timeout_ms", 1),
        body_limit: section.number("body_limit_bytes", 256),
        request_timeout: section.millis("request_timeout_ms", 1),
        drain_delay: section.millis("drain_delay_ms", 0),
        drain_timeout: section.millis("drain_timeout_ms", 0),
        connection_limit: section.number("connection_limit", 1),
        trusted_proxies: section.networks("trusted_proxies"),
    })
}

pub(super) fn read_upstream(section: &Section<'_>) -> Option<UpstreamLimits> {
    read_fields!(UpstreamLimits {
        connect_timeout: section.millis("connect_timeout_ms", 1),
        timeout: section.millis("timeout_ms", 1),
        refresh_timeout: section.millis("refresh_timeout_ms", 1),
        body_limit: section.number("body_limit_bytes", 4096),
        proxy_timeout: section.millis("proxy_timeout_ms", 1),
        proxy_idle: section.millis("proxy_idle_timeout_ms", 1),
        proxy_http2: section.boolean("proxy_http2"),
        proxy_concurrency: section.number("proxy_concurrency", 1),
        websocket_idle: section.millis("websocket_idle_ms", 1),
    })
}

pub(super) fn read_seal_keys(section: &Section<'_>) -> Option<Vec<SecretString>> {
    let keys = section.secrets("seal_keys")?;
    let bytes: Vec<&[u8]> = keys.iter().map(|key| key.expose_secret().as_bytes()).collect();
    if bytes.is_empty() {
        section.error("seal_keys", "at least one key is needed, the same on every replica");
    } else if KeyRing::new(&bytes).is_none() {
        let message = format!("a key must have at least {SHORTEST_SECRET} bytes");
        section.error("seal_keys", &message);
    }
    Some(keys)
}
