//! Configuration: `config/default.toml` < a file < the environment → [`Config`], or every problem
//! with its key and the file (or variable) it came from.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use secrecy::SecretString;

mod cookies;
mod forward_auth;
mod merge;
mod parse;
mod redacted;
mod routes;
mod section;
mod server;
mod site;

pub use cookies::CookieConfig;
pub use forward_auth::{Dialect, ForwardAuthConfig};
pub use merge::Layers;
pub use parse::Origin;
pub use redacted::redacted;
pub use routes::RouteConfig;
pub use server::{ServerConfig, UpstreamLimits};
pub use site::{BasketAction, EcomConfig, OcapiConfig, SessionConfig, SiteConfig, SlasConfig};

use section::{Report, Section};
use server::{check_seal_keys, parse_address, read_server, read_upstream};

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

fn parse_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("is not a log filter: {error}"))
}
