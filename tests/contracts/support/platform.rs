//! A site whose upstreams are mocks, made by the same code as in production.

use std::sync::Arc;

use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::site::{Shared, Site};
use tandem::upstream::CallContext;
use testkit::ShopConfig;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::received::Received;

pub(crate) const TENANT: &str = "zzte_053";
pub(crate) const SECRET: &str = "s3cret-ü";
pub(crate) const USID: &str = "0f5b0f52-6a1e-4c2b-9a4e-0b9f3c1d2e3f";

/// What differs from one site to another.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) public_client: bool,
    /// Lines of the site's table, as dotted keys.
    pub(crate) site: &'static str,
    /// Further sections.
    pub(crate) limits: &'static str,
}

/// A mocked platform and the site that calls it.
pub(crate) struct MockPlatform {
    pub(crate) server: MockServer,
    pub(crate) clock: Clock,
    pub(crate) site: Arc<Site>,
}

impl MockPlatform {
    pub(crate) async fn private() -> Self {
        Self::new(Settings::default()).await
    }

    pub(crate) async fn public() -> Self {
        Self::new(Settings { public_client: true, ..Settings::default() }).await
    }

    pub(crate) async fn new(settings: Settings) -> Self {
        let server = MockServer::start().await;
        let clock = Clock::system();
        let site = site(&settings, &server.uri(), &clock);
        Self { server, clock, site }
    }

    /// A platform whose site shares what sites of one process share.
    pub(crate) async fn sharing(settings: &Settings, shared: &Shared) -> Self {
        let server = MockServer::start().await;
        let mut config = config(settings, &server.uri());
        let site = Arc::new(Site::new(config.sites.remove(0), shared));
        Self { server, clock: shared.clock.clone(), site }
    }

    /// `response` to every call of that method and path without another response.
    pub(crate) async fn responds(&self, verb: &str, at: &str, response: ResponseTemplate) {
        mock(verb, at, response).mount(&self.server).await;
    }

    /// `response` to the next call only; what was mounted before responds to the ones after.
    pub(crate) async fn responds_once(&self, verb: &str, at: &str, response: ResponseTemplate) {
        let mock = mock(verb, at, response).up_to_n_times(1).with_priority(1);
        mock.mount(&self.server).await;
    }

    /// Every request so far, in order.
    pub(crate) async fn requests(&self) -> Vec<Received> {
        self.server.received_requests().await.unwrap().into_iter().map(Received).collect()
    }

    /// The only request.
    pub(crate) async fn single_request(&self) -> Received {
        let mut requests = self.requests().await;
        let lines: Vec<_> = requests.iter().map(Received::line).collect();
        assert_eq!(requests.len(), 1, "{lines:?}");
        requests.remove(0)
    }
}

fn mock(verb: &str, at: &str, response: ResponseTemplate) -> Mock {
    Mock::given(method(verb)).and(path(at)).respond_with(response)
}

/// A site that calls `platform` for everything.
pub(crate) fn site(settings: &Settings, platform: &str, clock: &Clock) -> Arc<Site> {
    let mut config = config(settings, platform);
    let shared = Shared::new(&config, clock.clone()).unwrap();
    Arc::new(Site::new(config.sites.remove(0), &shared))
}

/// What sites of one process share.
pub(crate) fn shared() -> Shared {
    let config = config(&Settings::default(), "http://127.0.0.1:1");
    Shared::new(&config, Clock::system()).unwrap()
}

/// One site, `shop.test`, that calls `platform` for everything.
pub(crate) fn config(settings: &Settings, platform: &str) -> Config {
    let shop = ShopConfig::minimal(platform).server("drain_delay_ms = 0");
    let secret = format!("slas.client_secret = \"{SECRET}\"");
    let shop = if settings.public_client { shop } else { shop.site(&secret) };
    let text = shop.site(settings.site).sections(settings.limits).text();
    Config::from_layers(&Layers::merge("test.toml", &text, []).unwrap()).unwrap()
}

/// What the calls of a request have in common.
pub(crate) fn context() -> CallContext {
    CallContext { correlation_id: "correlation-1".to_owned(), dnt: None, client: None }
}
