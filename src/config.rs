//! Configuration: `config/default.toml` < a file < the environment → [`Config`], or all errors, each
//! with its key and the file or variable that it comes from.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use secrecy::SecretString;

mod cookies;
mod forward_auth;
mod merge;
mod notes;
mod parse;
mod redacted;
mod report;
mod routes;
mod secret;
mod section;
mod server;
mod site;

pub use cookies::CookieConfig;
pub use forward_auth::{Dialect, ForwardAuthConfig};
pub use merge::Layers;
pub use parse::Origin;
pub use redacted::redacted;
pub use routes::{RouteConfig, UpstreamHost};
pub use server::{ServerConfig, UpstreamLimits};
pub use site::{
    BasketAction, EcomConfig, OcapiConfig, SessionConfig, SiteConfig, SiteHost, SlasConfig,
    Unavailable,
};

use crate::user_agents::CrawlerRule;
use report::Report;
use section::{Section, read_fields};

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The public listener.
    pub server: ServerConfig,
    /// Where the admin listener binds.
    pub admin_listen: SocketAddr,
    /// Forward-auth: the gateway whose auth subrequests are answered.
    pub gateway: ForwardAuthConfig,
    /// Limits of upstream calls.
    pub upstream: UpstreamLimits,
    /// Secrets the sealing keys are derived from.
    pub seal_keys: Vec<SecretString>,
    /// The log filter.
    pub log_filter: String,
    /// Which clients are crawlers.
    pub crawlers: CrawlerRule,
    /// The sites.
    pub sites: Vec<SiteConfig>,
}

/// One error in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The dotted key.
    pub key: String,
    /// The file or environment variable that set it, or the file that should have.
    pub origin: String,
    /// What is wrong, in a sentence without the value of any secret.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.key, self.message, self.origin)
    }
}

/// All errors in the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl Config {
    /// Reads the defaults, `file`, and the environment.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        Self::from_layers(&Layers::load(file)?)
    }

    /// What a valid configuration leaves open, in sentences: perhaps not what the operator expects.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        notes::notes(&self.sites)
    }

    /// Reads and checks the merged layers.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigErrors> {
        let report = Report::new(layers);
        let root = Section::root(&layers.table, &report);
        let config = Self::read(&root);
        root.finish();
        let errors = report.into_errors();
        match config {
            Some(config) if errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors(errors)),
        }
    }

    fn read(root: &Section<'_>) -> Option<Self> {
        read_fields!(Self {
            server: root.within("server", server::read_server),
            admin_listen: root.within("admin", |admin| admin.parse("listen", parse::address)),
            gateway: root.within("gateway", forward_auth::read),
            upstream: root.within("upstream", server::read_upstream),
            seal_keys: root.within("cookies", server::read_seal_keys),
            log_filter: root.within("log", |log| log.parse("filter", parse::log_filter)),
            crawlers: root.within("crawlers", read_crawlers),
            sites: read_sites(root, gateway.as_ref(), upstream.as_ref()),
        })
    }
}

fn read_crawlers(crawlers: &Section<'_>) -> Option<CrawlerRule> {
    let (words, exceptions) = (crawlers.texts("user_agents"), crawlers.texts("exceptions"));
    let rule = CrawlerRule::new(&words?, &exceptions?);
    rule.ok().or_else(|| crawlers.must_be("user_agents", "a shorter list"))
}

fn read_sites(
    root: &Section<'_>,
    gateway: Option<&ForwardAuthConfig>,
    upstream: Option<&UpstreamLimits>,
) -> Option<Vec<SiteConfig>> {
    // The defaults of sites; `Layers` has already copied them into each site.
    root.section("site");
    let timeout = upstream.map(|limits| limits.proxy_timeout).unwrap_or_default();
    let sites = site::read_all(root, timeout)?;
    if gateway.is_some_and(|gateway| gateway.dialect.is_some())
        && !sites.iter().all(|site| site.cookies.accept_unsealed)
    {
        let why = "behind a gateway every site must have cookies.accept_unsealed = true";
        root.section("gateway").error("dialect", why);
    }
    Some(sites)
}
