//! Everything that is built once and shared by all requests.

use std::sync::Arc;

use http::uri::Authority;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::proxy::Proxy;
use crate::site::{Shared, Site};

/// The application.
pub struct App {
    /// The sites, longest path prefix first.
    pub sites: Vec<Arc<Site>>,
    /// Forwards requests to the upstreams.
    pub proxy: Proxy,
    /// The source of time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Parts of the user agents of crawlers, in lower case.
    pub crawlers: Vec<String>,
    /// Limits of the public listener.
    pub server: config::ServerConfig,
    /// Forward-auth: the gateway whose auth subrequests are answered.
    pub gateway: config::ForwardAuthConfig,
}

impl App {
    /// Builds the application. `None` if the keys of `config` are unusable, which loading it rules
    /// out, or if TLS cannot be set up.
    #[must_use]
    pub fn new(config: Config, clock: Clock) -> Option<Arc<Self>> {
        let shared = Shared::new(&config, clock.clone())?;
        let proxy = Proxy::new(&config.upstream)?;
        let mut sites: Vec<_> =
            config.sites.into_iter().map(|site| Arc::new(Site::new(site, &shared))).collect();
        sites.sort_by_key(|site| std::cmp::Reverse(site.config.path_prefix.len()));
        Some(Arc::new(Self {
            sites,
            proxy,
            clock,
            metrics: shared.metrics,
            crawlers: config.crawlers,
            server: config.server,
            gateway: config.gateway,
        }))
    }

    /// The site of a request to `host` and `path`.
    #[must_use]
    pub fn site(&self, host: &Authority, path: &str) -> Option<&Arc<Site>> {
        self.sites_at(host).find(|site| {
            let below = path.strip_prefix(site.config.path_prefix.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The sites at `host`, longest path prefix first.
    pub fn sites_at(&self, host: &Authority) -> impl Iterator<Item = &Arc<Site>> {
        // Some proxies append the port although it is the default of the scheme.
        let host = host.as_str();
        let host = host.strip_suffix(":443").or(host.strip_suffix(":80")).unwrap_or(host);
        self.sites.iter().filter(move |site| {
            site.config.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        })
    }
}
