//! Everything that is built once and shared by all requests.

use std::collections::HashMap;
use std::sync::Arc;

use http::uri::Authority;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::metrics::Metrics;
use crate::proxy::Proxy;
use crate::site::{Shared, Site, SiteAtHost};
use crate::user_agents::CrawlerRule;

/// The application.
pub struct App {
    /// The sites by host, longest path prefix first.
    hosts: HashMap<String, Vec<Arc<SiteAtHost>>>,
    /// Forwards requests to the upstreams.
    pub proxy: Proxy,
    /// The source of time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Which clients are crawlers.
    pub crawlers: CrawlerRule,
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
        let sites = config.sites.into_iter().map(|site| Arc::new(Site::new(site, &shared)));
        Some(Arc::new(Self {
            hosts: by_host(&sites.collect::<Vec<_>>()),
            proxy,
            clock,
            metrics: shared.metrics,
            crawlers: config.crawlers,
            server: config.server,
            gateway: config.gateway,
        }))
    }

    /// The sites at `host`, longest path prefix first.
    #[must_use]
    pub fn sites_at(&self, host: &Authority) -> &[Arc<SiteAtHost>] {
        // Some proxies append the port although it is the default of the scheme.
        let host = host.as_str();
        let host = host.strip_suffix(":443").or(host.strip_suffix(":80")).unwrap_or(host);
        self.hosts.get(&host.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }
}

fn by_host(sites: &[Arc<Site>]) -> HashMap<String, Vec<Arc<SiteAtHost>>> {
    let mut hosts: HashMap<String, Vec<Arc<SiteAtHost>>> = HashMap::new();
    for site in sites {
        for host in &site.config.hosts {
            let is_neighbour = |other: &&Arc<Site>| {
                !Arc::ptr_eq(other, site)
                    && other.config.hosts.iter().any(|known| known.name == host.name)
            };
            let neighbours = sites.iter().filter(is_neighbour).cloned().collect();
            let public_origin = host.public_origin.clone();
            let site = SiteAtHost { site: Arc::clone(site), public_origin, neighbours };
            hosts.entry(host.name.clone()).or_default().push(Arc::new(site));
        }
    }
    for sites in hosts.values_mut() {
        sites.sort_by_key(|site| std::cmp::Reverse(site.config.path_prefix.len()));
    }
    hosts
}
