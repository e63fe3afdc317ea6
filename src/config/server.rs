//! The keys that are not of one site: `[server]`, `[upstream]` and `[cookies]`.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::parse;
use super::section::{Section, read_fields};
use crate::client_ip::TrustedProxies;
use crate::cookies::sealed_state::{KeyRing, SHORTEST_SECRET};

/// Settings of the public listener.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it binds.
    pub listen: SocketAddr,
    /// For a whole request head.
    pub header_read_timeout: Duration,
    /// For an HTTP/2 connection without a request.
    pub idle_timeout: Duration,
    /// For a client that does not read what is written to it.
    pub write_timeout: Duration,
    /// Longest body of our own routes, in octets.
    pub body_limit: usize,
    /// For a whole request to our own routes.
    pub request_timeout: Duration,
    /// From SIGTERM until no more requests are taken.
    pub drain_delay: Duration,
    /// For requests under way after that.
    pub drain_timeout: Duration,
    /// Connections at a time.
    pub connection_limit: usize,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
}

/// Limits of upstream calls.
#[derive(Clone, Debug)]
pub struct UpstreamLimits {
    /// For opening a connection.
    pub connect_timeout: Duration,
    /// For a whole call.
    pub timeout: Duration,
    /// For a whole refresh, which nobody has to wait for.
    pub refresh_timeout: Duration,
    /// Longest answer that is read, in octets.
    pub body_limit: usize,
    /// For the response head of a proxied request.
    pub proxy_timeout: Duration,
    /// For a proxied answer that has begun and does not go on.
    pub proxy_idle: Duration,
    /// Whether upstreams behind TLS may choose HTTP/2.
    pub proxy_http2: bool,
    /// Proxied requests at one upstream at a time.
    pub proxy_concurrency: usize,
    /// For a WebSocket in which nothing moves.
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
        let message = format!("a key must have at least {SHORTEST_SECRET} octets");
        section.error("seal_keys", &message);
    }
    Some(keys)
}
