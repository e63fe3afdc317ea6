//! Configuration: `config/default.toml` < a file < the environment → [`Config`], or every problem
//! with its key and the file (or variable) it came from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

mod cookies;
mod forward_auth;
mod merge;
mod parse;
mod redacted;
mod routes;
mod section;
mod site;

pub use cookies::CookieConfig;
pub use forward_auth::{Dialect, ForwardAuthConfig};
pub use merge::Layers;
pub use parse::Origin;
pub use redacted::redacted;
pub use routes::RouteConfig;
pub use site::{BasketAction, EcomConfig, OcapiConfig, SessionConfig, SiteConfig, SlasConfig};

use crate::client_ip::TrustedProxies;
use crate::cookies::sealed_state::{KeyRing, SHORTEST_SECRET};
use section::{Report, Section};

/// Everything the operator decided, checked.
#[derive(Debug)]
pub struct Config {
    /// The public listener.
    pub server: ServerConfig,
    /// Where the admin listener binds.
    pub admin_listen: SocketAddr,
    /// Who may ask about requests that do not come through us.
    pub gateway: ForwardAuthConfig,
    /// Limits of upstream calls.
    pub upstream: UpstreamLimits,
    /// Secrets the sealing keys are derived from.
    pub seal_keys: Vec<SecretString>,
    /// The log filter.
    pub log_filter: String,
    /// User agents that get no session, in lower case.
    pub crawlers: Vec<String>,
    /// The sites.
    pub sites: Vec<SiteConfig>,
}

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

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The dotted key.
    pub key: String,
    /// The file or environment variable that set it, or would have had to.
    pub origin: String,
    /// What is wrong, in a sentence without the value of any secret.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.key, self.message, self.origin)
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl Config {
    /// Reads the defaults, `file`, and the environment.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        Self::from_layers(&Layers::load(file)?)
    }

    /// Checks what the layers came to.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigErrors> {
        let report = Report::new(layers);
        let root = report.root(&layers.table);
        let config = Self::read(&root, &report);
        root.finish();
        let problems = report.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigErrors(problems)),
        }
    }

    fn read(root: &Section<'_>, report: &Report<'_>) -> Option<Self> {
        let server = read_server(&root.section("server"));
        let admin = root.section("admin");
        let admin_listen = admin.parse("listen", parse_address);
        admin.finish();
        let gateway = forward_auth::read(&root.section("gateway"));
        let upstream = read_upstream(&root.section("upstream"));
        let cookies = root.section("cookies");
        let seal_keys = cookies.secrets("seal_keys");
        check_seal_keys(&cookies, seal_keys.as_deref());
        cookies.finish();
        let log = root.section("log");
        let log_filter = log.parse("filter", parse_filter);
        log.finish();
        let crawlers = root.section("crawlers");
        let agents = crawlers.texts("user_agents");
        crawlers.finish();
        root.section("site").ignore();
        let timeout = upstream.as_ref().map(|limits| limits.proxy_timeout).unwrap_or_default();
        let sites = site::read_all(root, report, timeout);
        let unsealed = |site: &SiteConfig| site.cookies.accept_unsealed;
        if gateway.as_ref().is_some_and(|gateway| gateway.dialect.is_some())
            && sites.as_ref().is_some_and(|sites| !sites.iter().all(unsealed))
        {
            let why = "behind a gateway every site must have cookies.accept_unsealed = true";
            root.section("gateway").problem("dialect", why);
        }
        Some(Self {
            server: server?,
            admin_listen: admin_listen?,
            gateway: gateway?,
            upstream: upstream?,
            seal_keys: seal_keys?,
            log_filter: log_filter?,
            crawlers: agents?.iter().map(|agent| agent.to_lowercase()).collect(),
            sites: sites?,
        })
    }
}

fn read_server(section: &Section<'_>) -> Option<ServerConfig> {
    let listen = section.parse("listen", parse_address);
    let header_read_timeout = section.millis("header_read_timeout_ms", 1);
    let idle_timeout = section.millis("idle_timeout_ms", 1);
    let write_timeout = section.millis("write_timeout_ms", 1);
    let body_limit = section.number("body_limit_bytes", 256);
    let request_timeout = section.millis("request_timeout_ms", 1);
    let drain_delay = section.millis("drain_delay_ms", 0);
    let drain_timeout = section.millis("drain_timeout_ms", 0);
    let connection_limit = section.number("connection_limit", 1);
    let trusted_proxies = read_networks(section, "trusted_proxies");
    section.finish();
    Some(ServerConfig {
        listen: listen?,
        header_read_timeout: header_read_timeout?,
        idle_timeout: idle_timeout?,
        write_timeout: write_timeout?,
        body_limit: body_limit?,
        request_timeout: request_timeout?,
        drain_delay: drain_delay?,
        drain_timeout: drain_timeout?,
        connection_limit: connection_limit?,
        trusted_proxies: trusted_proxies?,
    })
}

/// A single address counts as a network of one.
fn read_networks(section: &Section<'_>, name: &str) -> Option<TrustedProxies> {
    let texts = section.texts(name)?;
    let network = |text: &String| {
        let one = text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().map_err(|_| ()).or_else(|()| one.map_err(|_| ()))
    };
    let texts = texts.iter().filter(|text| !text.is_empty());
    let networks = texts.map(network).collect::<Result<Vec<_>, ()>>();
    if networks.is_err() {
        section.problem(name, "must be networks, like 10.0.0.0/8 or fd00::/8");
    }
    networks.ok().map(TrustedProxies::new)
}

fn read_upstream(section: &Section<'_>) -> Option<UpstreamLimits> {
    let connect_timeout = section.millis("connect_timeout_ms", 1);
    let timeout = section.millis("timeout_ms", 1);
    let refresh_timeout = section.millis("refresh_timeout_ms", 1);
    let body_limit = section.number("body_limit_bytes", 4096);
    let proxy_timeout = section.millis("proxy_timeout_ms", 1);
    let proxy_idle = section.millis("proxy_idle_timeout_ms", 1);
    let proxy_http2 = section.boolean("proxy_http2");
    let proxy_concurrency = section.number("proxy_concurrency", 1);
    let websocket_idle = section.millis("websocket_idle_ms", 1);
    section.finish();
    Some(UpstreamLimits {
        connect_timeout: connect_timeout?,
        timeout: timeout?,
        refresh_timeout: refresh_timeout?,
        body_limit: body_limit?,
        proxy_timeout: proxy_timeout?,
        proxy_idle: proxy_idle?,
        proxy_http2: proxy_http2?,
        proxy_concurrency: proxy_concurrency?,
        websocket_idle: websocket_idle?,
    })
}

fn check_seal_keys(section: &Section<'_>, keys: Option<&[SecretString]>) {
    use secrecy::ExposeSecret as _;
    let Some(keys) = keys else { return };
    let bytes: Vec<&[u8]> = keys.iter().map(|key| key.expose_secret().as_bytes()).collect();
    if bytes.is_empty() {
        section.problem("seal_keys", "at least one key is needed, the same on every replica");
    } else if KeyRing::new(&bytes).is_none() {
        let message = format!("a key must have at least {SHORTEST_SECRET} octets");
        section.problem("seal_keys", &message);
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, like 127.0.0.1:8080".to_owned())
}

fn parse_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("is not a log filter: {error}"))
}
