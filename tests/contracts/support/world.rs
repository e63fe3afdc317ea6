//! A site whose upstreams are mocks, put to work by the same code as in production.

use std::sync::Arc;

use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::site::{Shared, Site};
use tandem::upstream::CallContext;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::wire::Sent;

pub(crate) const TENANT: &str = "zzte_053";
pub(crate) const ORGANIZATION: &str = "f_ecom_zzte_053";
pub(crate) const SITE: &str = "RefArch";
pub(crate) const CLIENT: &str = "1d0c6a52-93be-4f1a-8d37-5b2f9e6c7a41";
pub(crate) const SECRET: &str = "s3cret-ü";
pub(crate) const USID: &str = "0f5b0f52-6a1e-4c2b-9a4e-0b9f3c1d2e3f";
pub(crate) const REDIRECT: &str = "https://shop.test/callback";

/// What differs from one site to another.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) public_client: bool,
    /// Further lines of the site's table, as dotted keys.
    pub(crate) site: &'static str,
    /// Further tables before the site.
    pub(crate) limits: &'static str,
}

/// A mocked platform and the site that calls it.
pub(crate) struct World {
    pub(crate) server: MockServer,
    pub(crate) clock: Clock,
    pub(crate) site: Arc<Site>,
}

impl World {
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

    /// A world whose site shares what sites of one process share.
    pub(crate) async fn sharing(settings: &Settings, shared: &Shared) -> Self {
        let server = MockServer::start().await;
        let mut config = config(settings, &server.uri());
        let site = Arc::new(Site::new(config.sites.remove(0), shared));
        Self { server, clock: shared.clock.clone(), site }
    }

    /// `answer` to every call of that method and path that nothing else answers.
    pub(crate) async fn answers(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        self.mock(verb, at, answer).mount(&self.server).await;
    }

    /// `answer` to the next call only; what was mounted before answers the ones after.
    pub(crate) async fn answers_once(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        let mock = self.mock(verb, at, answer).up_to_n_times(1).with_priority(1);
        mock.mount(&self.server).await;
    }

    #[expect(clippy::unused_self, reason = "reads as a sentence")]
    fn mock(&self, verb: &str, at: &str, answer: ResponseTemplate) -> Mock {
        Mock::given(method(verb)).and(path(at)).respond_with(answer)
    }

    /// Everything that has arrived, in order.
    pub(crate) async fn sent(&self) -> Vec<Sent> {
        self.server.received_requests().await.unwrap().into_iter().map(Sent).collect()
    }

    /// The only call.
    #[track_caller]
    pub(crate) fn only(sent: Vec<Sent>) -> Sent {
        let mut sent = sent;
        assert_eq!(sent.len(), 1, "{:?}", sent.iter().map(Sent::line).collect::<Vec<_>>());
        sent.remove(0)
    }
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
    let secret = if settings.public_client {
        String::new()
    } else {
        format!("slas.client_secret = \"{SECRET}\"")
    };
    let text = format!(
        "{limits}\n[server]\nlisten = \"127.0.0.1:0\"\ndrain_delay_ms = 0\n\
         [cookies]\nseal_keys = [\"{key}\"]\n[[sites]]\nid = \"{SITE}\"\n\
         hosts = [\"shop.test\"]\npublic_origin = \"https://shop.test\"\n{secret}\n\
         slas.base_url = \"{platform}\"\nslas.organization_id = \"{ORGANIZATION}\"\n\
         slas.client_id = \"{CLIENT}\"\nslas.redirect_uri = \"{REDIRECT}\"\n\
         ocapi.base_url = \"{platform}\"\nroutes.head = \"{platform}\"\n{site}\n",
        key = "k".repeat(32),
        limits = settings.limits,
        site = settings.site,
    );
    Config::from_layers(&Layers::merge("test.toml", &text, []).unwrap()).unwrap()
}

/// What the calls of a request have in common.
pub(crate) fn context() -> CallContext {
    CallContext { correlation_id: "correlation-1".to_owned(), dnt: None, client: None }
}
